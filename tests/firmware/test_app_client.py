"""Client and firmware together: whole sessions on both links, lossy links, vanished hosts."""

from __future__ import annotations

import random
import shutil
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportError, TransportTimeout
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command, InferOption, Message, encode_message, infer_payload
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import encode_frame
from tests.firmware.host_device import HostDevice, host_library, mailbox_transport, running, serial_transport
from tests.support.waiting import eventually

TIMEOUT_S = 60.0
#: The mailbox's header: what the device has sent, what its host has acknowledged.
D2H_SEQ, D2H_ACK = 0x60000020, 0x60000028
EVERYTHING = InferOption.KEYPOINTS | InferOption.OUTPUTS | InferOption.INTERMEDIATES | InferOption.PROFILE
MakeTransport = Callable[[HostDevice], Transport]


@pytest.fixture(scope="module")
def network(fixtures_dir) -> CompiledNetwork:  # type: ignore[no-untyped-def]
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


@pytest.fixture(scope="module")
def pictures(network: CompiledNetwork) -> tuple[bytes, bytes]:
    rng = np.random.default_rng(3)
    shape = network.description.input_shape
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8).tobytes() for _ in range(2))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def device(network: CompiledNetwork) -> Iterator[HostDevice]:
    with running(network.image) as started:
        yield started


@pytest.fixture(scope="module")
def expected(device: HostDevice, pictures: tuple[bytes, bytes]) -> list[bytes]:
    """The first output of each picture, over an undisturbed mailbox."""
    link = mailbox_transport(device)
    link.open(TIMEOUT_S)
    client = PoseClient(link)
    client.hello()
    results = []
    for data in pictures:
        client.upload(0, data)
        results.append(client.infer(0, zlib.crc32(data), len(data), outputs=True).outputs[0].data.tobytes())
    link.close()
    assert results[0] != results[1]
    return results


@pytest.fixture(params=[serial_transport, mailbox_transport], ids=["serial", "swd"])
def link(request: pytest.FixtureRequest, device: HostDevice) -> Iterator[Transport]:
    transport = request.param(device)
    transport.open(TIMEOUT_S)
    yield transport
    transport.close()


def test_a_session(
    link: Transport, network: CompiledNetwork, pictures: tuple[bytes, bytes], expected: list[bytes]
) -> None:
    client = PoseClient(link)
    hello = client.hello()
    assert (hello.board, hello.backend, hello.kernels, hello.time_source) == ("host", "runtime", "ref", "host")
    assert len(hello.build_id) == 16
    info = client.network_info()
    assert (info.status, info.failed_op, info.name) == (0, -1, network.description.name)
    assert (info.sha256, info.macc) == (network.description.sha256, network.description.macc)
    assert (info.arena_bytes, info.image_bytes) == (network.description.activation_bytes, len(network.image))
    assert client.self_test().passed
    seen: list[int] = []
    client.upload(1, pictures[0], lambda held, total: seen.append(held))
    assert seen[-1] == len(pictures[0]) == sum(np.diff([0, *seen]))
    result = client.infer(1, zlib.crc32(pictures[0]), len(pictures[0]), outputs=True, intermediates=True, profile=True)
    assert result.outputs[0].data.tobytes() == expected[0]
    assert [op for op, _ in result.op_ticks] == [op.index for op in network.program.ops]
    assert sorted(tensor.source for tensor in result.intermediates) == list(network.tensors)
    assert sum(ticks for _, ticks in result.op_ticks) == result.ticks > 0
    assert result.keypoints_norm is not None
    assert result.keypoints_norm.shape == (1, network.description.keypoints, 3)
    assert 0 < client.memory().arena_high_water <= network.description.activation_bytes
    assert (client.stale_answers, client.damaged_answers, client.repeated_requests) == (0, 0, 0)


def test_what_was_not_asked_for_does_not_come(link: Transport, pictures: tuple[bytes, bytes]) -> None:
    client = PoseClient(link)
    client.hello()
    client.upload(0, pictures[0])
    result = client.infer(0, zlib.crc32(pictures[0]), len(pictures[0]), keypoints=False)
    assert (result.keypoints_norm, result.outputs, result.intermediates, result.op_ticks) == (None, (), (), ())


def test_the_next_picture_is_uploaded_while_one_runs(
    link: Transport, pictures: tuple[bytes, bytes], expected: list[bytes]
) -> None:
    client = PoseClient(link)
    client.hello()
    client.upload(0, pictures[0])
    for turn in range(4):
        slot, following = turn % 2, (turn + 1) % 2
        data = pictures[slot]
        client.start_infer(slot, zlib.crc32(data), len(data), InferOption.OUTPUTS)
        client.upload(following, pictures[following])
        assert client.finish_infer(TIMEOUT_S).outputs[0].data.tobytes() == expected[slot]
    assert client.repeated_requests == 0


def test_the_slot_in_use_is_refused_while_the_network_runs(link: Transport, pictures: tuple[bytes, bytes]) -> None:
    """Busy, unless the run was over before the upload arrived; the result is right in both cases."""
    client = PoseClient(link)
    client.hello()
    data = pictures[0]
    client.upload(0, data)
    client.start_infer(0, zlib.crc32(data), len(data), EVERYTHING)
    with pytest.raises(DeviceError, match="running an inference") as caught:
        client.upload(0, data[:100])
    assert caught.value.status == 5
    assert client.finish_infer(TIMEOUT_S).intermediates


@pytest.mark.parametrize(
    ("size", "crc", "slot", "status"),
    [(-1, 0, 0, 2), (0, 1, 0, 7), (0, 0, 1, 6)],
    ids=["length", "crc", "slot not filled"],
)
def test_wrong_inputs_are_refused(
    link: Transport, pictures: tuple[bytes, bytes], size: int, crc: int, slot: int, status: int
) -> None:
    client = PoseClient(link)
    client.hello()
    data = pictures[0]
    client.upload(0, data)
    client.upload(1, data[:5])
    with pytest.raises(DeviceError) as caught:
        client.infer(slot, zlib.crc32(data) ^ crc, len(data) + size)
    assert caught.value.status == status


def test_start_and_finish_come_in_pairs(link: Transport, pictures: tuple[bytes, bytes]) -> None:
    client = PoseClient(link)
    client.hello()
    with pytest.raises(ProtocolError, match="start_infer"):
        client.finish_infer()
    client.upload(0, pictures[0])
    client.start_infer(0, zlib.crc32(pictures[0]), len(pictures[0]), InferOption.KEYPOINTS)
    with pytest.raises(ProtocolError, match="finish_infer"):
        client.start_infer(0, 0, 0, InferOption.KEYPOINTS)
    client.finish_infer(TIMEOUT_S)


def test_reset_restarts_the_device(link: Transport, device: HostDevice) -> None:
    client = PoseClient(link)
    client.hello()
    boots = device.read(0x6000000C, 4)
    assert client.reset().board == "host"
    assert device.read(0x6000000C, 4) != boots
    assert client.memory().arena_high_water == 0


class LossyTransport:
    """Damages every `period`-th message in one direction: drops it, or flips a bit of it."""

    def __init__(self, inner: Transport, period: int, *, upwards: bool, flip: bool) -> None:
        self._inner, self._period, self._upwards, self._flip = inner, period, upwards, flip
        self._rng = random.Random(period)
        self._count = 0
        self.damaged = 0
        self.name, self.window = inner.name, inner.window

    @property
    def max_message(self) -> int:
        return self._inner.max_message

    def open(self, timeout_s: float) -> None:
        self._inner.open(timeout_s)

    def close(self) -> None:
        self._inner.close()

    def send(self, message: bytes, timeout_s: float) -> None:
        spoiled = message if self._upwards else self._spoil(message)
        if spoiled:
            self._inner.send(spoiled, timeout_s)

    def receive(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while True:
            message = self._inner.receive(max(0.0, deadline - time.monotonic()))
            spoiled = self._spoil(message) if self._upwards else message
            if spoiled:
                return spoiled

    def _spoil(self, message: bytes) -> bytes:
        self._count += 1
        if self._count % self._period:
            return message
        self.damaged += 1
        if not self._flip:
            return b""
        bit = self._rng.randrange(8 * len(message))
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)


@pytest.mark.parametrize("flip", [False, True], ids=["dropped", "flipped"])
@pytest.mark.parametrize("upwards", [False, True], ids=["to device", "to host"])
@pytest.mark.parametrize("period", [11, 17])
def test_lost_and_damaged_messages_cost_time_not_the_run(
    device: HostDevice, pictures: tuple[bytes, bytes], expected: list[bytes], period: int, upwards: bool, flip: bool
) -> None:
    transport = LossyTransport(serial_transport(device), period, upwards=upwards, flip=flip)
    with closing(transport):
        transport.open(TIMEOUT_S)
        client = PoseClient(transport, request_timeout_s=0.1, probe_after_s=0.2)
        client.hello()
        for index in (0, 1, 0, 1, 0):
            data = pictures[index]
            client.upload(index, data)
            result = client.infer(index, zlib.crc32(data), len(data), outputs=True, timeout_s=TIMEOUT_S)
            assert result.outputs[0].data.tobytes() == expected[index]
    assert transport.damaged > 0
    assert client.repeated_requests > 0


def test_a_dead_device_is_a_timeout_not_a_hang() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        from pytest_stm32pose.transports.serial import SerialTransport

        transport = SerialTransport(f"socket://127.0.0.1:{server.getsockname()[1]}")
        transport.open(1.0)
        with pytest.raises(TransportTimeout, match=r"did not answer HELLO.*flashed and running"):
            PoseClient(transport, request_timeout_s=0.05).hello()
        transport.close()


def test_stale_answers_do_not_pass(link: Transport) -> None:
    client = PoseClient(link)
    client.hello()
    for nonce in (1, 2):
        link.send(encode_message(Message(Command.NETWORK_INFO, nonce)), TIMEOUT_S)
        if not link.window:
            break
    assert client.memory().arena_bytes > 0
    assert client.stale_answers >= 1


def test_hello_ends_the_run_of_a_host_that_is_gone(
    link: Transport, pictures: tuple[bytes, bytes], expected: list[bytes]
) -> None:
    first = PoseClient(link)
    first.hello()
    first.upload(0, pictures[0])
    first.start_infer(0, zlib.crc32(pictures[0]), len(pictures[0]), EVERYTHING)
    link.close()
    link.open(TIMEOUT_S)
    second = PoseClient(link)
    second.hello()
    second.upload(0, pictures[1])
    result = second.infer(0, zlib.crc32(pictures[1]), len(pictures[1]), outputs=True)
    assert result.outputs[0].data.tobytes() == expected[1]


def test_a_host_that_stops_reading_does_not_block_the_other_link(
    device: HostDevice, pictures: tuple[bytes, bytes], expected: list[bytes]
) -> None:
    """The mailbox's host asks for everything and takes nothing; the serial one says HELLO and goes on."""
    dead = mailbox_transport(device)
    dead.open(TIMEOUT_S)
    client = PoseClient(dead)
    client.hello()
    client.upload(0, pictures[0])
    client.start_infer(0, zlib.crc32(pictures[0]), len(pictures[0]), EVERYTHING)
    eventually(lambda: device.read(D2H_SEQ, 4) != device.read(D2H_ACK, 4))
    alive = serial_transport(device)
    alive.open(TIMEOUT_S)
    second = PoseClient(alive)
    second.hello()  # the board's stall time is ten minutes: the HELLO must have done it
    second.upload(1, pictures[1])
    result = second.infer(1, zlib.crc32(pictures[1]), len(pictures[1]), outputs=True)
    assert result.outputs[0].data.tobytes() == expected[1]
    alive.close()
    dead.open(TIMEOUT_S)
    assert PoseClient(dead).hello().board == "host"
    dead.close()


def test_a_serial_host_that_stops_reading_is_given_up(
    network: CompiledNetwork, pictures: tuple[bytes, bytes], tmp_path: Path
) -> None:
    """Nobody says HELLO: after its stall time the device is there again, and the torn frame harms no one."""
    library = Path(shutil.copy(host_library(), tmp_path))  # whose state is not that of the other device
    with running(network.image, library, patience_s=1.0) as device:
        stop_reading(device, pictures)


def stop_reading(device: HostDevice, pictures: tuple[bytes, bytes]) -> None:
    ours = socket.create_connection(("127.0.0.1", int(device.url.rsplit(":", 1)[1])))
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    data = pictures[0]
    mailbox = mailbox_transport(device)
    mailbox.open(TIMEOUT_S)
    client = PoseClient(mailbox)
    client.hello()
    client.upload(0, data)
    infer = infer_payload(0, EVERYTHING, len(data), zlib.crc32(data))
    ours.sendall(encode_frame(encode_message(Message(Command.INFER, 1, infer))))
    time.sleep(0.2)
    try:
        assert client.memory().arena_bytes > 0
    finally:
        mailbox.close()
        ours.close()


def test_clients_of_both_links_take_turns(
    device: HostDevice, pictures: tuple[bytes, bytes], expected: list[bytes]
) -> None:
    errors: list[BaseException] = []

    def work(make: MakeTransport, slot: int) -> None:
        try:
            transport = make(device)
            transport.open(TIMEOUT_S)
            client = PoseClient(transport)
            client.hello()
            for _ in range(3):
                client.upload(slot, pictures[slot])
                result = client.infer(slot, zlib.crc32(pictures[slot]), len(pictures[slot]), outputs=True)
                assert result.outputs[0].data.tobytes() == expected[slot]
            transport.close()
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(make, slot))
        for slot, make in enumerate((serial_transport, mailbox_transport))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors


def test_a_link_that_dies_is_a_transport_error(device: HostDevice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        from pytest_stm32pose.transports.serial import SerialTransport

        transport = SerialTransport(f"socket://127.0.0.1:{server.getsockname()[1]}")
        transport.open(1.0)
        server.accept()[0].close()
        with pytest.raises(TransportError):
            PoseClient(transport).hello()
        transport.close()
