"""The budgets of the whole run (--pose-budget), over all pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.plugin.over_all import OverAll
    from pytest_stm32pose.run.session import PoseRun


def test_budgets(pose_run: PoseRun, pose_device: Device, pose_over_all: OverAll) -> None:
    if not pose_run.measurements.limits(pose_device):
        pytest.skip("no budgets given: --pose-budget=NAME=LIMIT, for example --pose-budget=oks_vs_truth_min=0.5")
    pose_over_all.budgets()
