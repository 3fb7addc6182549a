"""Time: measured on every picture, and repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.run.session import PoseRun

#: On hardware, the spread of repeated runs of one picture; interrupts and memory refresh explain a few parts in 1,000.
SPREAD_MAX = 0.05


def test_repeatable(pose_run: PoseRun, pose_device: Device) -> None:
    picture, measured = pose_run.measurements.subject(pose_device)
    known = measured.timing.values if measured else ()
    values = (*known, *pose_device.time(picture, repeat=1 if known else 3))
    if pose_device.counts_instructions:
        assert len(set(values)) == 1, f"instruction counts differ between runs: {values}"
    else:
        spread = (max(values) - min(values)) / min(values)
        assert spread <= SPREAD_MAX, f"latency spreads by {100 * spread:.1f} %: {values}"


@pytest.mark.pose_board(capability="profile")
def test_operators_add_up(pose_run: PoseRun, pose_device: Device) -> None:
    picture, _ = pose_run.measurements.subject(pose_device)
    result = pose_device.infer(picture, outputs=False, profile=True)
    if pose_device.model is None:
        assert len(result.op_ticks) == pose_device.operators
    assert sum(ticks for _, ticks in result.op_ticks) == result.ticks
