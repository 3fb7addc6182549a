"""The STM32N6 image itself, from its first instruction on: start-up, clocks, NOR, answers in the mailbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.transports.swd import MailboxTransport
from tests.firmware.n6_device import SR, UNIQUE_ID, USART1, Device, program
from tests.n6_model.nor import MX25UM51245G, MX66UW1G45G, NorChip

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")

NETWORK = 0x01000000
TIMEOUT_S = 20.0
CHIPS = {"n6": MX66UW1G45G, "n6-nucleo": MX25UM51245G}


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


def start(board: str, chip: NorChip, image: bytes, stuck: dict[int, int] | None = None) -> tuple[Device, PoseClient]:
    from tests.firmware.n6_core import WINDOW, Core

    spec = board_spec(board)
    assert spec.mailbox is not None
    device = Device(chip)
    device.stuck |= stuck or {}
    core = Core(device, build_firmware(spec.firmware, "ref"), (WINDOW + NETWORK, image))
    mailbox = MailboxTransport(core, spec.mailbox.address, lambda: None)
    mailbox.open(TIMEOUT_S)
    return device, PoseClient(mailbox, request_timeout_s=TIMEOUT_S)


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
    assert 0 < stats.stack_high_water < stats.stack_bytes == 32 << 10
    assert stats.arena_bytes == 2816 << 10
    assert device.registers[USART1] == 0x2000002D, "the serial port is off"
    assert not device.faults
    assert not chip.wrong


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


def test_its_own_self_test_passes(network: CompiledNetwork) -> None:
    """CRC, tick counter, arena, network and the kernels' known answers, by the image's own instructions."""
    chip = NorChip()
    program(chip, NETWORK, network.image)
    device, client = start("n6", chip, network.image)
    client.hello()
    assert client.self_test().results == dict.fromkeys(("crc32", "timer", "memory", "network", "kernels"), True)
    assert not device.faults
