"""The budgets of the whole run (--pose-budget), over all pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.run.session import PoseRun
    from pytest_stm32pose.types import Picture


def test_budgets(
    pose_run: PoseRun, pose_device: Device, pose_golden: GoldenStore, pose_images: Sequence[Picture]
) -> None:
    if not pose_run.measurements.limits(pose_device):
        pytest.skip("no budgets given: --pose-budget=NAME=LIMIT, for example --pose-budget=oks_vs_truth_min=0.5")
    for picture in pose_images:
        pose_run.measurements.measure(pose_device, pose_golden, picture)
    message = pose_run.verdict.judge_all(pose_device)
    if message:
        pytest.fail(message, pytrace=False)
