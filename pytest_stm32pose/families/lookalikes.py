"""Outputs of well-known networks that are not decoded here, so that a refusal can name them. Pure.

Sources: Google's MoveNet MultiPose and PoseNet, MMPose's SimCC codec, MediaPipe's landmark networks, Ultralytics'
export of YOLO11 and YOLO26 pose.
"""

from __future__ import annotations

from pytest_stm32pose.families.base import NetworkFacts

#: Rows of an end-to-end YOLO export: a box, score, class and 17 keypoints.
_END_TO_END = 6 + 3 * 17
#: Values of MoveNet MultiPose: 17 keypoints, a box and a score.
_MULTIPOSE = 3 * 17 + 5
#: MediaPipe's hand, body (39 points of 5 values, of 3), face.
_LANDMARKS = (63, 195, 117, 1404)


def looks_like(facts: NetworkFacts) -> str:
    """What the outputs look like, in words; "" for nothing that is known."""
    shapes = [output.shape for output in facts.outputs]
    if len(shapes) == 2 and all(len(shape) == 3 for shape in shapes) and shapes[0][1] == shapes[1][1]:
        return "SimCC (RTMPose: one row of x and one of y per keypoint)"
    channels = sorted(shape[3] for shape in shapes if len(shape) == 4)
    if len(shapes) > 1 and len(channels) == len(shapes) and any(2 * count in channels for count in channels):
        return "heat maps with offsets (PoseNet)"
    if len(shapes) != 1:
        return ""
    [shape] = shapes
    if shape == (1, 6, _MULTIPOSE):
        return "MoveNet MultiPose"
    if len(shape) == 3 and shape[2] == _END_TO_END:
        return "YOLO pose exported end to end"
    if len(shape) == 3 and shape[2] > 5 and (shape[2] - 5) % 3 == 0 and shape[1] > shape[2]:
        return "YOLO pose with one row per anchor (transposed)"
    if len(shape) == 3 and shape[2] in (2, 3):
        return "regressed keypoints, one row each"
    if len(shape) == 2 and shape[1] in _LANDMARKS:
        return "landmarks in one row (MediaPipe)"
    return ""
