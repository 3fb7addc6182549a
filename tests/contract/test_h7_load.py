"""Flashing an STM32H7 through unmodified pyOCD and its own flash algorithm, on a board without silicon."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.errors import FlashError, ProbeError
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.probes.image import read_image
from tests.support.h7_model import BANK_BYTES, FLASH, SECTOR_BYTES, Board, plugged

NETWORK = board_spec("h7").network.address
needs_arm = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


@pytest.fixture
def silicon() -> Iterator[Board]:
    board = Board(f"H7MODEL{os.getpid()}")
    with plugged(board):
        yield board
    assert board.device.wrong == []


@pytest.fixture
def board(silicon: Board) -> Iterator[PyOcdBoard]:
    board = open_board("h7", probe=silicon.unique_id)
    assert isinstance(board, PyOcdBoard)
    board.open()
    yield board
    board.close()


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@needs_arm
@pytest.mark.parametrize("name", ["h7", "h747"])
def test_firmware_is_flashed_once_and_verified(name: str, silicon: Board) -> None:
    board = open_board(name, probe=silicon.unique_id)
    spec = board_spec(name)
    elf = build_firmware(spec.firmware, spec.kernels)
    board.open()
    try:
        first = board.flash_firmware(elf)
        again = board.flash_firmware(elf)
        assert not first.skipped and again.skipped
        assert board.verify_firmware(elf) == ""
        silicon.cells[0x100] ^= 1
        assert "0x08000100" in board.verify_firmware(elf)
    finally:
        board.close()
    sectors = {FLASH} if name == "h7" else {FLASH, FLASH + BANK_BYTES}
    assert set(silicon.device.flash.erased) == sectors
    for segment in read_image(elf).segments[1:]:
        at = segment.address - FLASH
        assert silicon.cells[at : at + len(segment.data)] == segment.data


def test_a_network_reaches_over_both_banks(board: PyOcdBoard, silicon: Board) -> None:
    """From the last sector of bank 1 into the first of bank 2; only what changed is written the next time."""
    data = random_bytes(8 * SECTOR_BYTES - 1000)
    start = NETWORK - FLASH
    silicon.cells[start : start + len(data)] = data  # as flashed before
    changed = bytearray(data)
    changed[6 * SECTOR_BYTES + 5] ^= 0xFF
    changed[7 * SECTOR_BYTES + 5] ^= 0xFF
    report = board.flash_network(bytes(changed))
    assert report.bytes_written == 2 * SECTOR_BYTES
    assert silicon.device.flash.erased == [FLASH + BANK_BYTES - SECTOR_BYTES, FLASH + BANK_BYTES]
    assert silicon.cells[start : start + len(data)] == changed


def test_the_last_sector_leaves_the_first_ones_alone(board: PyOcdBoard, silicon: Board) -> None:
    """pyOCD 0.46's algorithm erases one more than the sector it was asked for; after the last, bank 2's first."""
    last = FLASH + 2 * BANK_BYTES - SECTOR_BYTES
    board.session.program(last, random_bytes(100))
    assert silicon.device.flash.erased == [last]


def test_what_is_too_long_is_refused_before_anything_is_written(board: PyOcdBoard, silicon: Board) -> None:
    with pytest.raises(FlashError, match="does not fit into the 1966080 bytes at 0x08020000 of h7"):
        board.flash_network(bytes(board_spec("h7").network.bytes + 1))
    with pytest.raises(FlashError, match="outside the memory of h7"):
        board.session.program(FLASH + 2 * BANK_BYTES - 16, bytes(32))
    assert silicon.device.flash.erased == []


def test_a_cell_that_does_not_take_its_value_is_found(board: PyOcdBoard, silicon: Board) -> None:
    silicon.device.flash.stuck = NETWORK + 40
    with pytest.raises(FlashError, match=r"failed at 0x08020028: expected 0x00, got 0x01"):
        board.flash_network(bytes(64))


def test_the_axi_sram_is_written_and_read(board: PyOcdBoard) -> None:
    data = random_bytes(1024)
    assert board.session.program(0x24000000, data).bytes_written == 1024
    assert board.read(0x24000000, 1024) == data


def test_another_device_is_refused(silicon: Board) -> None:
    silicon.device_id = 0x480
    board = open_board("h7", probe=silicon.unique_id)
    with pytest.raises(ProbeError, match="0x480"):
        board.open()
    assert silicon.device.flash.erased == []
