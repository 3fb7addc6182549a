"""What runs on the board is what was trained: bit-exact with the golden, and as accurate on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.harness import Device
    from pytest_stm32pose.picture_result import PictureResult
    from pytest_stm32pose.run import PoseRun
    from pytest_stm32pose.types import Picture


#: Of our own kernels; what others make of the network is judged by the budgets that the user gives.
EXACT = {"tensor_lsb_max": 0, "oks_vs_golden_min": 1.0, "keypoint_error_px_max": 0.0}
#: Of figures against truth, which are sums of equal terms in another order.
TOLERANCE = 1e-9


def test_picture(pose_check: Callable[..., PictureResult], pose_device: Device, pose_picture: Picture) -> None:
    pose_check(pose_picture, **_exact(pose_device))


def _exact(device: Device) -> dict[str, float]:
    """The budgets of one picture; a network whose outputs are compared only has no keypoints to judge."""
    from pytest_stm32pose.budget import judges_keypoints

    if not device.is_exact:
        return {}
    return {name: limit for name, limit in EXACT.items() if device.decodes or not judges_keypoints(name)}


@pytest.mark.pose_board(capability="intermediates")
def test_every_intermediate_tensor(
    pose_device: Device,
    pose_golden: GoldenStore,
    pose_images: Sequence[Picture],
    request: pytest.FixtureRequest,
) -> None:
    network = pose_device.network
    of_tflite = sum(len(op.outputs) for op in network.graph.ops)
    # Not by record_property, which warns about the schema that pytest writes JUnit files in.
    request.node.user_properties += [("tensors_compared", len(network.tensors)), ("tensors_of_the_tflite", of_tflite)]
    comparison = pose_device.compare_intermediates(pose_golden, pose_images[0])
    assert comparison.tensors == len(network.tensors), "not every tensor that exists was compared"
    if comparison.divergence is not None:
        pytest.fail(comparison.divergence.describe(), pytrace=False)


def test_as_accurate_as_the_golden(
    pose_run: PoseRun, pose_device: Device, pose_golden: GoldenStore, pose_images: Sequence[Picture]
) -> None:
    from pytest_stm32pose.metrics.detection import map50

    if not pose_device.is_exact:
        pytest.skip("other kernels than ours run: both figures are in the record, and budgets judge them")
    if not pose_device.decodes:
        pytest.skip("--pose-family=none: the outputs are compared, there are no keypoints")
    results = [pose_run.measure(pose_device, pose_golden, picture) for picture in pose_images]
    ordered = sorted(results, key=lambda each: each.picture_id)
    of_device, of_golden = (
        map50([found for each in ordered if (found := getattr(each, field)) is not None])
        for field in ("matches", "golden_matches")
    )
    if of_device is not None and of_golden is not None:
        _same("mAP@0.5", of_device, of_golden)
        return
    pairs = [(r.oks_vs_truth, r.golden_oks_vs_truth) for r in results if r.oks_vs_truth is not None]
    if not pairs:
        pytest.skip("the pictures carry no labels: --pose-images=FILE.json names COCO keypoint annotations")
    device, golden = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    _same("OKS", device, golden)


def _same(figure: str, device: float, golden: float) -> None:
    """One sentence instead of the intermediate values that pytest shows of an assertion."""
    if abs(device - golden) > TOLERANCE:
        pytest.fail(f"{figure} against truth: device {device:.6g}, golden {golden:.6g}", pytrace=False)
