"""A board that no longer answers is switched off and on, and goes on with the firmware it had.

The power switch of an emulator is its process: this rig kills it and starts another one. All else is as on a bench.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.boards.virtual import EmulatorRig
from pytest_stm32pose.errors import ProbeError
from tests.support.guest import build_elf
from tests.support.waiting import eventually

SPEC = board_spec("qemu-m55")
COUNT = "    ldr r0, =0x20002000\nloop:\n    adds r1, #1\n    str r1, [r0]\n    b loop\n"


class SwitchedRig(EmulatorRig):
    """Its switch works `works` times."""

    works = 0
    switched = 0

    def power_cycle(self) -> float:
        if self.switched >= self.works:
            return 0.0
        self.switched += 1
        self.close()
        EmulatorRig.open(self)
        return 5.0


def counts(board: PyOcdBoard) -> bool:
    first = board.read(0x20002000, 4)
    return eventually(lambda: board.read(0x20002000, 4) != first)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    if reason := SPEC.unavailable_reason():
        pytest.skip(reason)
    return build_elf(tmp_path, COUNT)


def test_a_dead_board_is_switched_and_its_firmware_loaded_again(image: Path) -> None:
    rig = SwitchedRig(SPEC)
    rig.works = 2
    board = PyOcdBoard(SPEC, rig)
    board.open()
    try:
        assert rig.switched == 1  # a run begins with a board that was off
        board.flash_firmware(image)
        board.start()
        assert counts(board) and rig.switched == 1
        os.kill(board.emulator_pid(), signal.SIGKILL)
        board.start()
        assert rig.switched == 2 and counts(board)
    finally:
        board.close()


def test_a_board_without_a_switch_stays_dead(image: Path) -> None:
    rig = SwitchedRig(SPEC)
    board = PyOcdBoard(SPEC, rig)
    board.open()
    try:
        board.flash_firmware(image)
        board.start()
        os.kill(board.emulator_pid(), signal.SIGKILL)
        with pytest.raises(ProbeError):
            board.start()
        assert rig.switched == 0 and "signal 9" in board.why_dead()
    finally:
        board.close()
