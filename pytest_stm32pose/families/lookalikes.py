"""Outputs of well-known networks that nobody can tell for sure, so that a refusal can name them. Pure.

Sources: Google's MoveNet MultiPose and PoseNet, MMPose's SimCC codec, MediaPipe's landmark networks, Ultralytics'
exports of YOLO pose.
"""

from __future__ import annotations

from pytest_stm32pose.families.base import NetworkFacts

#: Rows of an end-to-end YOLO export: a box, score, class and 17 keypoints.
_END_TO_END = 6 + 3 * 17


def looks_like(facts: NetworkFacts) -> str:
    """What the outputs look like, in words, and the family that it would be; "" for nothing that is known."""
    shapes = [output.shape for output in facts.outputs]
    if len(shapes) == 2 and all(len(shape) == 3 for shape in shapes) and shapes[0][1] == shapes[1][1]:
        return "SimCC (RTMPose: one row of x and one of y per keypoint; --pose-family=simcc)"
    channels = sorted(shape[3] for shape in shapes if len(shape) == 4)
    if len(shapes) > 1 and len(channels) == len(shapes) and any(2 * count in channels for count in channels):
        return "heat maps with offsets (PoseNet; --pose-family=heatmap_offsets)"
    if len(shapes) != 1:
        return ""
    [shape] = shapes
    if len(shape) == 3 and shape[2] == _END_TO_END:
        return "YOLO pose exported end to end (--pose-family=yolo_end_to_end)"
    if len(shape) == 3 and shape[2] == 3:
        return (
            "regressed keypoints, one row each (--pose-family=single_pose for y, x, score; single_pose_xy for x, y, "
            "score)"
        )
    if len(shape) == 3 and shape[2] == 2:
        return "regressed keypoints, one row each (--pose-family=landmarks)"
    if len(shape) == 2 and shape[1] % 2 * (shape[1] % 3) == 0 and 26 <= shape[1] < 1000:
        return "landmarks in one row (--pose-family=landmarks and --pose-keypoints)"
    return ""
