"""The instruction counter of the virtual boards, on a loop of known length."""

from __future__ import annotations

import shutil

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from tests.support.calibration import LOOP_INSTRUCTIONS, counted_instructions

pytestmark = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is needed")


@pytest.mark.parametrize("board", ["qemu-m55", "qemu-m7"])
def test_a_tick_is_what_the_catalog_says(board: str) -> None:
    assert counted_instructions(board_spec(board)) == pytest.approx(LOOP_INSTRUCTIONS, rel=2e-6)
