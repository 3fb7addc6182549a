"""The image of the STM32H7S78-DK in its RAM, from its first instruction to an inference, on an emulated Cortex-M7.

Registers are those of test_stm32h7rs_registers.py, with the models of the NOR and its controller. There are no caches
and no memory protection; the image is talked to through its mailbox.
"""

from __future__ import annotations

import ctypes
import shutil
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("unicorn", reason="the image runs on unicorn: pip install unicorn")

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.image import read_image
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.transports.swd import MailboxTransport
from pytest_stm32pose.twins.core import Core
from pytest_stm32pose.twins.debug import Debug
from pytest_stm32pose.twins.device import Fault, Region, Serial
from pytest_stm32pose.twins.n6.device import program
from tests.firmware.test_runtime import reference
from tests.firmware.test_stm32h7rs_registers import AHB2ENR, CSR2, NETWORK, SMPS, Board

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")

MODEL = "stick_pose_96_int8.tflite"
SPEC = board_spec("h7s78")
UNIQUE_ID = {0x08FFF800: 0x00780023, 0x08FFF804: 0x31385106, 0x08FFF808: 0x38393432}
REGISTERS = (range(0x40000000, 0x60000000), range(0x08FFF800, 0x08FFF80C))
TIMEOUT_S = 200.0


class Line:
    """Nobody is at the other end of the serial line."""

    def __init__(self) -> None:
        self.sent, self.room = bytearray(), 0

    def receive(self, data: bytes) -> int:
        return len(data)


class Silicon:
    """A twins.device.Device, as a debugger leaves it that has loaded an image and clocked the AHB SRAM."""

    cpu, core, core_port, boot = "cortex-m7", "cortex-m7", 1, 0x24000000
    FAULTS: Mapping[str, str] = {}

    def __init__(self, network: CompiledNetwork, broken: tuple[str, ...]) -> None:
        self.board = Board(reset={**UNIQUE_ID, AHB2ENR: 3 << 29}, broken=broken)
        program(self.board.chip, NETWORK, network.image)
        self.changed, self.port_closed = True, 0
        self.serial: Serial = Line()
        self.irqs: set[int] = set()
        self.wrong: list[str] = []
        ram = [region for region in SPEC.regions if region.kind == "ram"]
        self._ram = [Region(r.name, r.start, r.length, (ctypes.c_uint8 * r.length)()) for r in ram]
        length = 0x100000
        cells = (ctypes.c_uint8 * length)(*network.image, *b"\xff" * (length - len(network.image)))
        self._window = Region("nor", SPEC.network.address, length, cells, writable=False, executable=False)
        for segment in read_image(build_firmware(SPEC.firmware, SPEC.kernels)).segments:
            for region in self._ram:
                at = segment.address - region.start
                if 0 <= at < region.length:
                    region.buffer[at : at + len(segment.data)] = list(segment.data)

    def power_up(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def set_fault(self, name: str, value: str) -> None:
        raise ValueError(name)

    def region_at(self, address: int) -> Region | None:
        shown = [self._window] if self.board.xspi.is_mapped else []
        return next((r for r in (*self._ram, *shown) if r.start <= address < r.start + r.length), None)

    def read(self, address: int, size: int) -> int:
        if not any(address in registers for registers in REGISTERS):
            raise Fault(address)
        return self.board.read_byte(address) if size == 1 else self.board.read(address)

    def write(self, address: int, size: int, value: int) -> None:
        if address not in REGISTERS[0]:
            raise Fault(address)
        was_mapped = self.board.xspi.is_mapped
        (self.board.write_byte if size == 1 else self.board.write)(address, value)
        self.changed = self.changed or was_mapped != self.board.xspi.is_mapped


class Running:
    """The core runs; read() and write() are those of a debug probe."""

    def __init__(self, device: Silicon) -> None:
        self.device, self._core = device, Core(device, SPEC.clock_hz)
        self._core.reset()
        self._debug = Debug(self._core)
        self._thread = threading.Thread(target=self._core.run, daemon=True)
        self._thread.start()
        assert SPEC.mailbox is not None
        mailbox = MailboxTransport(self, SPEC.mailbox.address, lambda: None)
        mailbox.open(TIMEOUT_S)
        self.client = PoseClient(mailbox, request_timeout_s=TIMEOUT_S)

    def read(self, address: int, size: int) -> bytes:
        assert not self._core.failure, self._core.failure
        return self._debug.read(self.device.core_port, address, size)

    def write(self, address: int, data: bytes) -> None:
        self._debug.write(self.device.core_port, address, data)

    def end(self) -> None:
        self._core.end()
        self._thread.join(TIMEOUT_S)


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / MODEL)


@pytest.fixture(params=[()], ids=["whole"])
def running(network: CompiledNetwork, request: pytest.FixtureRequest) -> Iterator[Running]:
    running = Running(Silicon(network, request.param))
    yield running
    running.end()
    assert not running.device.board.chip.wrong


def test_an_inference_from_the_nor_is_the_references(running: Running, fixtures_dir: Path) -> None:
    """Who it says it is, and every element of the output of a picture of noise."""
    client = running.client
    hello = client.hello()
    assert (hello.board, hello.mcu, hello.kernels) == (SPEC.name, SPEC.mcu, SPEC.kernels)
    assert (hello.clock_hz, hello.tick_hz, hello.time_source) == (SPEC.clock_hz, SPEC.clock_hz, "dwt")
    assert hello.unique_id == b"".join(word.to_bytes(4, "little") for word in UNIQUE_ID.values()).hex() + "00000000"
    info = client.network_info()
    assert (info.status, info.name, info.arena_available) == (0, "stick_pose_96_int8", SPEC.arena_bytes)
    assert running.device.board.values[CSR2] == SMPS | 1 << 15
    model = (fixtures_dir / "models" / MODEL).read_bytes()
    picture = np.random.default_rng(78).integers(0, 256, (1, 96, 96, 3), np.uint8)
    data = picture.tobytes()
    client.upload(0, data)
    client.start_infer(0, zlib.crc32(data), len(data), InferOption.KEYPOINTS | InferOption.OUTPUTS)
    [output] = client.finish_infer(TIMEOUT_S).outputs
    np.testing.assert_array_equal(output.data, reference(model, picture)(output.source))


@pytest.mark.parametrize("running", [("pll2",)], ids=["pll2"], indirect=True)
def test_a_clock_that_does_not_come_up_is_told(running: Running, network: CompiledNetwork) -> None:
    assert (running.client.hello().clock_hz, running.client.hello().tick_hz) == (64_000_000, 64_000_000)
    assert running.client.network_info().image_bytes == len(network.image)
