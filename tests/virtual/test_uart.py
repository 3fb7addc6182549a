"""The UART of a virtual board: QEMU reads ahead for it, no byte is special, and what arrives changes no count."""

from __future__ import annotations

import re
import shutil
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.qemu import machine
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.qemu.qmp import QmpClient
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.transports.serial import SerialTransport
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
#: What QEMU takes from the socket while the core reads nothing: a multiplexer's buffer. Without it, not one byte.
READ_AHEAD = 32
SENT = 40


@pytest.fixture(scope="module", params=["qemu-m55", "qemu-m7"])
def board(request: pytest.FixtureRequest, fixtures_dir: Path) -> Iterator[tuple[PyOcdBoard, CompiledNetwork]]:
    network = compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")
    board = open_board(request.param)
    assert isinstance(board, PyOcdBoard)
    board.open()
    try:
        board.flash_firmware(build_firmware(board.spec.firmware, board.spec.kernels))
        board.flash_network(network.image)
        board.start()
        yield board, network
    finally:
        board.close()


def unread_bytes(port: int) -> int:
    """What a process of this host has not read yet from its end of a TCP connection (proc(5), /proc/net/tcp)."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if state == "01" and int(local.rpartition(":")[2], 16) == port:
            return int(queues.rpartition(":")[2], 16)
    return -1


def unread_after_a_turn(instance: Instance, port: int) -> int:
    """The main loop of a machine that stands still sleeps over what comes; any control command turns it."""
    QmpClient(instance.control_qmp, instance.qemu, 10.0).close()
    return unread_bytes(port)


@pytest.mark.parametrize("name", ["qemu-m55", "qemu-m7"])
def test_qemu_reads_ahead_of_the_core(name: str) -> None:
    """Each byte that the core waits for costs two changes of threads."""
    spec = board_spec(name)
    instance = machine.start(name, spec.machine, spec.target, icount_shift=5)
    try:
        found = re.fullmatch(r"socket://127\.0\.0\.1:(\d+)", instance.serial_url)
        assert found is not None
        port = int(found[1])
        with closing(socket.create_connection(("127.0.0.1", port))) as line:
            line.sendall(bytes(SENT))
            eventually(lambda: unread_after_a_turn(instance, port) == SENT - READ_AHEAD)
    finally:
        machine.stop(instance)


def test_no_byte_is_special(board: tuple[PyOcdBoard, CompiledNetwork]) -> None:
    """A multiplexer's escape character is Ctrl-A at first: with an x behind it, QEMU ends."""
    transport = board[0].transport("serial")
    transport.open(15.0)
    with closing(transport):
        client = PoseClient(transport, request_timeout_s=1.0)
        client.hello(attempts=15)
        assert isinstance(transport, SerialTransport)
        for byte in range(256):
            transport.port.write(bytes([byte]) + b"xcbhst" + bytes([byte, byte, 0]), 15.0)
        client.hello(attempts=15)
        data = bytes(range(256)) * 40
        client.upload(0, data)
        assert client.hello().board == board[0].spec.name


def test_bytes_that_arrive_meanwhile_change_no_count(board: tuple[PyOcdBoard, CompiledNetwork]) -> None:
    """By the mailbox, by the UART, and with an upload over the UART in the middle of the run."""
    device, network = board
    shape = network.description.input_shape
    picture = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8).tobytes()
    counts = set()
    for kind in ("swd", "serial"):
        transport = device.transport(kind)
        transport.open(15.0)
        with closing(transport):
            client = PoseClient(transport, request_timeout_s=10.0)
            client.hello(attempts=3)
            client.upload(0, picture)
            results = [client.infer(0, zlib.crc32(picture), len(picture), profile=True)]
            client.start_infer(0, zlib.crc32(picture), len(picture), InferOption.PROFILE)
            client.upload(1, picture)
            results.append(client.finish_infer())
            counts |= {(result.ticks, result.op_ticks) for result in results}
    assert len(counts) == 1
