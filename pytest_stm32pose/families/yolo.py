"""YOLO pose: [1, 5 + 3 K, N], one column per anchor; several persons, found by non-maximum suppression of their boxes.

Rows: x, y, w, h (the box's middle and size), score, then K times x, y, score; all 0..1 of the network's input.
Definition (ST model zoo, `yolo_mpe`): anchors with a score above 0.001, greedy suppression of boxes that overlap an
earlier one by more than 0.1 (intersection over union), at most 100 persons. What comes first, and so wins a tie: the
higher score, then the lower anchor. Order and float32 arithmetic are those of TensorFlow's NonMaxSuppression
(tensorflow/core/kernels/image/non_max_suppression_op.cc) and of the decoder on the device (firmware/postproc/yolo.c).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import NetworkFacts, Reading, only_output, undecodable

#: Cells of the input, in pixels, that make up the anchors: YOLO's, and its forms with a coarser or a finer level.
STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
#: Rows of other counts are as well those of several classes, or of keypoints without a score.
USUAL_KEYPOINTS = (13, 17)
MAX_KEYPOINTS = 255
MAX_PERSONS = 100
#: What the device has room for: fewer persons when each has more keypoints than COCO's 17.
MAX_ROWS = MAX_PERSONS * 17
MAX_ANCHORS = 16384
SCORE_THRESHOLD = np.float32(0.001)
IOU_THRESHOLD = np.float32(0.1)
BOX_ROWS = 5
_HALF = np.float32(0.5)

Floats = NDArray[np.float32]


class YoloPose:
    """Decoder of [1, 5 + 3 K, N], float32. An int8 output is dequantised first (`dequantised`)."""

    name = "yolo"
    outputs = "one output [1, 5 + 3 K, N], float32 or int8, with one column per anchor, all 0 to 1"

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. One class; x, y, score per keypoint; as many anchors as YOLO has for such an input."""
        output = only_output(facts)
        if output is None or len(output.shape) != 3 or output.shape[1] <= BOX_ROWS or (output.shape[1] - BOX_ROWS) % 3:
            return None
        keypoints, anchors = (output.shape[1] - BOX_ROWS) // 3, output.shape[2]
        if keypoints > MAX_KEYPOINTS:
            return None
        doubts = []
        height, width = facts.input_size
        expected = [sum((height // cell) * (width // cell) for cell in cells) for cells in STRIDES]
        if anchors not in expected:
            doubts.append(
                f"YOLO has {expected[0]} anchors for {height} x {width} pixels of input, and this has {anchors} columns"
            )
        elif output.high is None:
            doubts.append("the file does not tell coordinates of 0 to 1 from pixels")
        problem = undecodable(output, "YOLO pose", has_coordinates=True)
        if problem is None and anchors > MAX_ANCHORS:
            problem = _too_many(anchors)
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, tuple(doubts), problem)

    def decode(self, outputs: Sequence[NDArray[np.generic]], keypoints: int) -> Floats:
        """[1, 5 + 3 K, N] -> float32 [persons, K, 3], the highest score first.

        Raises:
            ModelError: not one float32 tensor of that shape, or more than MAX_ANCHORS anchors.
        """
        return self.decode_scored(outputs, keypoints)[0]

    def decode_scored(self, outputs: Sequence[NDArray[np.generic]], keypoints: int) -> tuple[Floats, Floats]:
        """As `decode`, and the persons' scores, float32 [persons]."""
        self._check(outputs, keypoints)
        table = outputs[0][0]
        taken = select(table[:4], table[4], min(MAX_PERSONS, MAX_ROWS // keypoints))
        persons = table[BOX_ROWS:, taken].T.reshape(len(taken), keypoints, 3)
        return np.ascontiguousarray(persons), table[4, taken]

    @staticmethod
    def _check(outputs: Sequence[NDArray[np.generic]], keypoints: int) -> None:
        rows = BOX_ROWS + 3 * keypoints
        shapes = ", ".join(f"{output.dtype} {list(output.shape)}" for output in outputs)
        if (
            len(outputs) != 1
            or outputs[0].ndim != 3
            or outputs[0].shape[:2] != (1, rows)
            or outputs[0].dtype != np.float32
        ):
            raise ModelError(
                f"A YOLO pose output of {keypoints} keypoints is float32 [1, {rows}, N]; "
                f"the network's output is {shapes or 'missing'}."
            )
        if not 1 <= outputs[0].shape[2] <= MAX_ANCHORS:
            raise _too_many(outputs[0].shape[2])


def _too_many(anchors: int) -> ModelError:
    """The device has no room for so many."""
    return ModelError(
        f"The YOLO pose output has {anchors} anchors; 1 to {MAX_ANCHORS} are supported.",
        remedy="Export the network for a smaller input.",
    )


def dequantised(data: NDArray[np.generic], scale: float, zero_point: int) -> NDArray[np.generic]:
    """int8 -> float32 as the device (and TFLite's DEQUANTIZE) does; other types as they are."""
    if data.dtype != np.int8 or scale <= 0:
        return data
    return (data.astype(np.int32) - np.int32(zero_point)).astype(np.float32) * np.float32(scale)


def select(boxes: Floats, scores: Floats, max_persons: int) -> NDArray[np.intp]:
    """Non-maximum suppression: the anchors that are kept, in order.

    Args:
        boxes: float32 [4, N] x, y (middle), w, h. Boxes that hold NaN or have no area overlap nothing.
        scores: float32 [N]; NaN is no score.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        anchors = np.flatnonzero(scores > SCORE_THRESHOLD)
        left_over = anchors[np.argsort(-scores[anchors], kind="stable")]
        middle, half = boxes[:2], boxes[2:] * _HALF
        low, high = middle - half, middle + half
        area = (high[1] - low[1]) * (high[0] - low[0])
        taken: list[int] = []
        while len(left_over) and len(taken) < max_persons:
            best, left_over = left_over[0], left_over[1:]
            taken.append(int(best))
            left_over = left_over[~_overlaps(low, high, area, best, left_over)]
    return np.array(taken, dtype=np.intp)


def _overlaps(low: Floats, high: Floats, area: Floats, one: np.intp, others: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each other box overlaps `one` too much; comparisons with NaN are false, as in C."""
    a, b = low[:, one, np.newaxis], low[:, others]
    start = np.where(a > b, a, b)
    a, b = high[:, one, np.newaxis], high[:, others]
    size = np.where(a < b, a, b) - start
    both = size[1] * size[0]
    union = area[one] + area[others] - both
    real = (area[one] > 0) & (area[others] > 0) & (size > 0).all(axis=0)
    overlap: NDArray[np.bool_] = real & (both / union > IOU_THRESHOLD)
    return overlap
