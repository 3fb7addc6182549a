"""Time: measured on every picture, and repeatable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.types import Picture

#: On hardware, the spread of repeated runs of one picture; interrupts and memory refresh explain a few parts in 1,000.
SPREAD_MAX = 0.05


def test_repeatable(pose_device: Device, pose_images: Sequence[Picture]) -> None:
    values = pose_device.time(pose_images[0], repeat=3)
    if pose_device.counts_instructions:
        assert len(set(values)) == 1, f"instruction counts differ between runs: {values}"
    else:
        spread = (max(values) - min(values)) / min(values)
        assert spread <= SPREAD_MAX, f"latency spreads by {100 * spread:.1f} %: {values}"


@pytest.mark.pose_board(capability="profile")
def test_operators_add_up(pose_device: Device, pose_images: Sequence[Picture]) -> None:
    result = pose_device.infer(pose_images[0], profile=True)
    if pose_device.model is None:
        assert len(result.op_ticks) == pose_device.operators
    assert sum(ticks for _, ticks in result.op_ticks) == result.ticks
