"""What runs on the board is what was trained: bit-exact with the golden, and as accurate on labelled pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_stm32pose.errors import GoldenError

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.plugin.fixtures import PoseCheck
    from pytest_stm32pose.plugin.over_all import OverAll
    from pytest_stm32pose.run.session import PoseRun
    from pytest_stm32pose.types import Picture


def test_picture(pose_check: PoseCheck, pose_device: Device, pose_picture: Picture) -> None:
    if pose_device.is_exact:
        pose_check(pose_picture)
    else:  # what other kernels make of the network is judged by the budgets that the user gives
        pose_check.measure(pose_picture)


@pytest.mark.pose_board(capability="intermediates")
def test_every_intermediate_tensor(
    pose_run: PoseRun, pose_device: Device, pose_golden: GoldenStore, request: pytest.FixtureRequest
) -> None:
    network = pose_device.network
    of_tflite = sum(len(op.outputs) for op in network.graph.ops)
    # Not by record_property, which warns about the schema that pytest writes JUnit files in.
    request.node.user_properties += [("tensors_compared", len(network.tensors)), ("tensors_of_the_tflite", of_tflite)]
    picture, _ = pose_run.measurements.subject(pose_device)
    comparison = pose_device.compare_intermediates(pose_golden, picture)
    if comparison.not_in_golden:
        raise GoldenError(
            f"The golden of {picture.id} lacks {comparison.not_in_golden} of {len(network.tensors)} tensors.",
            remedy="Write it again (stm32pose golden update), or compute it live.",
        )
    assert comparison.tensors == len(network.tensors), "not every tensor that exists was compared"
    if comparison.divergence is not None:
        where = f"{picture.id} on {pose_device.board.spec.name}"
        pytest.fail(f"{where}: {comparison.divergence.describe()}", pytrace=False)


def test_as_accurate_as_the_golden(pose_over_all: OverAll, pose_device: Device) -> None:
    if not pose_device.is_exact:
        pytest.skip("other kernels than ours run: both figures are in the record, and budgets judge them")
    if not pose_device.decodes:
        pytest.skip("--pose-family=none: the outputs are compared, there are no keypoints")
    pose_over_all.as_the_golden()
