"""Flashing a STM32H747I-DISCO through unmodified pyOCD: its algorithm inside, ours for the QSPI flash, on a twin."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("unicorn", reason="the twins run on unicorn: pip install unicorn")

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.physical import ProbeRig
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.errors import FlashError
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.probes.image import read_image
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.twins.core import Core
from pytest_stm32pose.twins.debug import Debug
from pytest_stm32pose.twins.h7.device import Device
from tests.support import h7_model, model_probe

SPEC = board_spec("h747")
SECTOR, WINDOW = 0x20000, SPEC.network.address
TIMEOUT_S = 60.0


class Twin:
    """What tests/support/h7_model's probe asks of a board, by a twin's device, core and debug registers."""

    def __init__(self, unique_id: str) -> None:
        self.unique_id, self.in_reset, self.powered = unique_id, False, True
        self.device = Device("h747")
        self._core = Core(self.device, SPEC.clock_hz)
        self._debug = Debug(self._core)
        self._thread = threading.Thread(target=self._core.run, daemon=True)
        self._thread.start()

    def read(self, address: int, length: int) -> bytes:
        return self._debug.read(0, address, length)

    def write(self, address: int, data: bytes) -> None:
        self._debug.write(0, address, data)

    def reset(self) -> None:
        self._debug.reset()

    def end(self) -> None:
        self._core.end()
        self._thread.join(TIMEOUT_S)


@pytest.fixture
def silicon() -> Iterator[Twin]:
    twin = Twin(f"H747TWIN{os.getpid()}")
    with model_probe.plugged(h7_model.KIND, h7_model.ModelProbe, twin):
        yield twin
    twin.end()
    assert twin.device.wrong == []


@pytest.fixture
def board(silicon: Twin, monkeypatch: pytest.MonkeyPatch) -> Iterator[PyOcdBoard]:
    # An algorithm on the emulated core shares this process with pyOCD, whose patience is for silicon.
    patience = {f"flash.timeout.{step}": TIMEOUT_S for step in ("init", "erase_sector", "program", "analyzer")}
    monkeypatch.setattr(ProbeRig, "session_options", property(lambda _: patience))
    board = open_board("h747", probe=silicon.unique_id)
    assert isinstance(board, PyOcdBoard)
    board.open()
    yield board
    board.close()


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_the_firmware_finds_what_the_host_has_flashed(board: PyOcdBoard, silicon: Twin) -> None:
    """The firmware is there; the network is flashed, read through the window, and loaded."""
    network = compile_model(default_model())
    [inside, *_] = silicon.device.flash.memories()
    for segment in read_image(build_firmware(SPEC.firmware, SPEC.kernels)).segments:
        at = segment.address - inside.region.start
        if at < inside.region.length:
            inside.region.buffer[at : at + len(segment.data)] = list(segment.data)
    assert not board.flash_network(network.image).skipped
    assert board.flash_network(network.image).skipped
    board.start()
    transport = board.transport("swd")
    transport.open(TIMEOUT_S)
    info = PoseClient(transport, request_timeout_s=TIMEOUT_S).network_info()
    transport.close()
    assert (info.status, info.name, info.arena_available) == (0, network.description.name, SPEC.arena_bytes)
    held = board.network_on_board()
    assert held is not None and held.name == network.description.name


@pytest.mark.campaign
def test_two_algorithms_take_turns(board: PyOcdBoard, silicon: Twin) -> None:
    """pyOCD's own inside, ours for the QSPI flash, in one session: each is loaded anew where the other one was."""
    [inside, *_] = silicon.device.flash.memories()
    for size in (64, 72):
        board.session.program(inside.region.start + 5 * SECTOR, random_bytes(size))
        board.flash_network(random_bytes(size))
        assert bytes(inside.region.buffer[5 * SECTOR : 5 * SECTOR + size]) == random_bytes(size)
        assert bytes(silicon.device.quadspi.cells[:size]) == random_bytes(size)


def test_only_what_changed_is_written(board: PyOcdBoard, silicon: Twin) -> None:
    data = bytearray(random_bytes(3 * SECTOR - 1000))
    silicon.device.quadspi.cells[: 3 * SECTOR] = list(bytes(data) + bytes(1000))
    data[SECTOR + 5] ^= 0xFF
    assert board.flash_network(bytes(data)).bytes_written == SECTOR
    assert bytes(silicon.device.quadspi.cells[: 3 * SECTOR]) == bytes(data) + bytes(1000)


def test_a_segment_from_the_flash_inside_stays_apart(board: PyOcdBoard, silicon: Twin) -> None:
    """The sector at 0x08020000, where networks of other boards are, is not touched by one of this board."""
    board.flash_network(random_bytes(600))
    inside = silicon.device.flash.memories()[0].region.buffer
    assert bytes(inside[SECTOR : SECTOR + 600]) == b"\xff" * 600


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("silent", "JEDEC id ffffff; 000000 and ffffff mean that none answers"),
        ("wrong-id", "JEDEC id c22019"),
    ],
)
def test_a_chip_that_is_not_the_boards_is_one_sentence(
    board: PyOcdBoard, silicon: Twin, fault: str, words: str
) -> None:
    silicon.device.set_fault("qspi", fault)
    with pytest.raises(FlashError) as caught:
        board.flash_network(bytes(64))
    assert words in caught.value.message and "\n" not in caught.value.message


def test_the_end_of_the_dies_is_left_alone(board: PyOcdBoard) -> None:
    with pytest.raises(FlashError, match="outside the memory of h747"):
        board.session.program(WINDOW + 0x07FE0000, bytes(16))
    with pytest.raises(FlashError, match="does not fit into the 16777216 bytes at 0x90000000 of h747"):
        board.flash_network(bytes(SPEC.network.bytes + 1))
