"""The STM32N6 image itself, from its first instruction on: start-up, clocks, NOR, answers in the mailbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.errors import ProtocolError, TransportTimeout
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.transports.framing import FrameDecoder, encode_frame
from pytest_stm32pose.transports.serial import MAX_MESSAGE
from pytest_stm32pose.transports.swd import MailboxTransport
from pytest_stm32pose.twins.n6.device import ISR, OVERRUN, SR, UNIQUE_ID, USART1, Device, program
from pytest_stm32pose.twins.n6.memory import Memory
from pytest_stm32pose.twins.n6.nor import MX25UM51245G, MX66UW1G45G, NorChip
from pytest_stm32pose.twins.n6.psram import Psram
from tests.support.n6_model.probe import Board, plugged

if TYPE_CHECKING:  # it needs unicorn, without which these tests skip
    from tests.firmware.n6_core import Core

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")

NETWORK = 0x01000000
TIMEOUT_S = 120.0  # of a busy machine: an undisturbed start takes two seconds
USART1_IRQ = 159
CHIPS = {"n6": MX66UW1G45G, "n6-nucleo": MX25UM51245G}


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


class Line:
    """The serial line: a transport that hands the USART a few bytes at a time, each time with its interrupt."""

    name = "serial"
    max_message = MAX_MESSAGE
    window = 2

    def __init__(self, core: Core) -> None:
        self._core, self._device = core, core.device
        self._decoder = FrameDecoder(MAX_MESSAGE)
        self._answers: list[bytes | ProtocolError] = []

    def open(self, timeout_s: float) -> None:
        self._core.run()

    def close(self) -> None:
        pass

    def send(self, message: bytes, timeout_s: float) -> None:
        frame = encode_frame(message)
        for at in range(0, len(frame), 8):
            self._device.receive(frame[at : at + 8])
            self._core.interrupt(USART1_IRQ)

    def receive(self, timeout_s: float) -> bytes:
        self._core.run()
        self._answers += self._decoder.feed(bytes(self._device.sent))
        self._device.sent.clear()
        if not self._answers:
            raise TransportTimeout("Nothing came.")
        answer = self._answers.pop(0)
        assert isinstance(answer, bytes), answer
        return answer


def load(board: str, chip: NorChip, image: bytes, stuck: dict[int, int] | None = None) -> Core:
    from tests.firmware.n6_core import WINDOW, Core

    device = Device(chip, Memory(chip, Psram() if board == "n6" else None))
    device.stuck |= stuck or {}
    return Core(device, build_firmware(board_spec(board).firmware, "ref"), (WINDOW + NETWORK, image))


def start(board: str, chip: NorChip, image: bytes, stuck: dict[int, int] | None = None) -> tuple[Device, PoseClient]:
    """The device, and a client in its mailbox."""
    spec = board_spec(board)
    assert spec.mailbox is not None
    core = load(board, chip, image, stuck)
    mailbox = MailboxTransport(core, spec.mailbox.address, lambda: None)
    mailbox.open(TIMEOUT_S)
    return core.device, PoseClient(mailbox, request_timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("board", ["n6", "n6-nucleo"])
def test_boots_and_knows_its_network(board: str, network: CompiledNetwork) -> None:
    chip = NorChip(*CHIPS[board])
    program(chip, NETWORK, network.image)
    chip.mode = "dtr"  # as a program before left it
    device, client = start(board, chip, network.image)
    spec, hello = board_spec(board), client.hello()
    assert (hello.board, hello.mcu, hello.kernels) == (board, spec.mcu, "ref")
    assert (hello.clock_hz, hello.tick_hz, hello.time_source) == (600_000_000, 600_000_000, "dwt")
    assert hello.unique_id == b"".join(word.to_bytes(4, "little") for word in UNIQUE_ID.values()).hex() + "00000000"
    info = client.network_info()
    assert (info.status, info.name, info.image_bytes) == (0, "stick_pose_96_int8", len(network.image))
    assert info.arena_available == 2816 << 10
    stats = client.memory()
    assert 0 < stats.stack_high_water < stats.stack_bytes == 8 << 10
    assert stats.arena_bytes == 2816 << 10
    assert device.memory.xspi.hz == 50_000_000
    assert chip.mode == "dtr"
    assert device.registers[USART1] == 0x2000002D, "the serial port is off"
    assert not device.faults
    assert not chip.wrong


def test_its_memories_are_told_and_hold_a_copy_of_the_network(network: CompiledNetwork) -> None:
    """The DK has a PSRAM; the copy in AXISRAM lies behind the arena, and is what is read then."""
    chip = NorChip()
    program(chip, NETWORK, network.image)
    device, client = start("n6", chip, network.image)
    nor, axisram, psram = client.memories()
    assert (nor.name, nor.address, nor.has_weights, nor.is_ram) == ("nor", NETWORK + 0x70000000, True, False)
    assert (axisram.words, axisram.address, axisram.bytes_) == ("axisram", 0x34100000, 2816 << 10)
    assert axisram.has_arena
    assert (psram.words, psram.address, psram.bytes_) == ("psram 16-line DTR 50 MHz", 0x90000000, (32 << 20) - 32)
    client.place(1)
    info = client.network_info()
    at = 0x34100000 + info.arena_available
    assert device.memory.read(at, len(network.image)) == network.image
    assert [memory.name for memory in client.memories() if memory.has_weights] == ["axisram"]
    size, ticks = client.memory_speed()
    assert size == len(network.image)
    assert ticks > 0
    assert not device.faults


def test_a_board_without_a_psram_tells_of_none(network: CompiledNetwork) -> None:
    chip = NorChip(*CHIPS["n6-nucleo"])
    program(chip, NETWORK, network.image)
    _, client = start("n6-nucleo", chip, network.image)
    assert [memory.name for memory in client.memories()] == ["nor", "axisram"]


def test_answers_on_the_serial_line(network: CompiledNetwork) -> None:
    chip = NorChip()
    program(chip, NETWORK, network.image)
    core = load("n6", chip, network.image)
    line = Line(core)
    line.open(TIMEOUT_S)
    client = PoseClient(line, request_timeout_s=TIMEOUT_S)
    assert client.hello().board == "n6"
    assert client.network_info().image_bytes == len(network.image)
    picture = bytes(range(256)) * 40
    client.upload(0, picture)
    assert core.device.memory.read(0x34080000, len(picture)) == picture
    assert not core.device.registers[ISR] & OVERRUN
    assert client.memory().stack_high_water > 0
    assert client.dropped_frames == 0


def test_a_pll_that_never_locks_is_told(network: CompiledNetwork) -> None:
    chip = NorChip()
    program(chip, NETWORK, network.image)
    _, client = start("n6", chip, network.image, {SR: 1 << 8})
    assert (client.hello().clock_hz, client.hello().tick_hz) == (64_000_000, 64_000_000)
    assert client.network_info().image_bytes == len(network.image)


def test_without_its_nor_there_is_no_network(network: CompiledNetwork) -> None:
    """The window is not mapped then: a single read there would end the program (n6_core.py)."""
    _, client = start("n6", NorChip(b"\x20\x5b\x1b"), network.image)
    assert client.hello().clock_hz == 600_000_000
    info = client.network_info()
    assert info.status != 0
    assert info.image_bytes == 0


def test_a_bus_that_does_not_carry_octal_modes_still_shows_the_network(network: CompiledNetwork) -> None:
    chip = NorChip()
    program(chip, NETWORK, network.image)
    chip.line_4_broken = True
    device, client = start("n6", chip, network.image)
    assert client.network_info().image_bytes == len(network.image)
    assert chip.mode == "spi"
    assert not device.faults


def test_its_own_self_test_passes(network: CompiledNetwork) -> None:
    """CRC, tick counter, arena, network and the kernels' known answers, by the image's own instructions."""
    chip = NorChip()
    program(chip, NETWORK, network.image)
    device, client = start("n6", chip, network.image)
    client.hello()
    assert client.self_test().results == dict.fromkeys(("crc32", "timer", "memory", "network", "kernels"), True)
    assert not device.faults


def test_loaded_started_and_asked_through_pyocd(network: CompiledNetwork) -> None:
    """All of the way: unmodified pyOCD flashes image and network, starts the image, and carries the mailbox."""
    from tests.firmware.n6_core import WINDOW, Core

    silicon = Board(f"N6START{os.getpid()}")
    elf = build_firmware(board_spec("n6").firmware, "ref")
    with plugged(silicon):
        board = open_board("n6", probe=silicon.unique_id)
        board.open()
        try:
            assert board.flash_firmware(elf).bytes_written > 70_000
            assert board.flash_network(network.image).bytes_written >= len(network.image)
            board.start()
            device = Device(silicon.chip, silicon.memory)
            core = Core(device, elf, (WINDOW + NETWORK, network.image), start=silicon.core.registers[15])
            core.run()
            transport = board.transport("swd")
            transport.open(TIMEOUT_S)
            silicon.core.refuse_while_booting = lambda address: core.run()  # type: ignore[method-assign]
            client = PoseClient(transport, request_timeout_s=TIMEOUT_S)
            assert client.hello().clock_hz == 600_000_000
            assert client.network_info().image_bytes == len(network.image)
        finally:
            board.close()
    assert not device.faults
    assert not silicon.memory.forbidden
