"""Heat maps: one map per keypoint, one person; the keypoint is the middle of the cell with the largest value.

Definition (ST model zoo, MoveNet "heatmaps" rows): per channel the first largest cell in row-major order;
x = (column + 0.5) / width and y = (row + 0.5) / height in float32; score = the cell's value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import DeviceFamily, Found, NetworkFacts, Reading
from pytest_stm32pose.families.reading import only_output, undecodable
from pytest_stm32pose.families.values import selected
from pytest_stm32pose.types import Decoding, Layout

#: More channels than any keypoint set of the field (whole-body sets have 133) are not keypoints.
MAX_KEYPOINTS = 255
#: Pixels of the input per cell. Coarser grids are those of detectors, and tell no keypoint's place.
STRIDES = (1, 2, 4, 8, 16)
#: ST's, MPII's, COCO's, Halpe's, BlazePose's and COCO-WholeBody's sets. Others (21 hand points) are as often classes.
USUAL_KEYPOINTS = (13, 16, 17, 26, 33, 133)
_HALF = np.float32(0.5)


class Heatmap(DeviceFamily):
    """Decoder of [1, H, W, K]: float32, int8 as it is stored, and uint8, dequantised."""

    name = "heatmap"
    outputs = "one output [1, H, W, K], float32, int8 or uint8, with one map per keypoint"
    has_units = False

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Maps cover the input in cells of a usual size, one channel per keypoint."""
        output = only_output(facts)
        if output is None or len(output.shape) != 4 or output.shape[3] > MAX_KEYPOINTS:
            return None
        _, height, width, keypoints = output.shape
        if (height, keypoints) == (1, 3) and width > 1:
            return None  # rows of three values
        doubts = []
        if not any((height, width) == _cells(facts.input_size, stride) for stride in STRIDES):
            rows, columns = facts.input_size
            steps = ", ".join(map(str, STRIDES))
            doubts.append(
                f"{height} x {width} cells do not cover {rows} x {columns} pixels of input in steps of {steps}"
            )
        elif height == width == keypoints and output.operator == "TRANSPOSE":
            doubts.append("its maps may come first as well as last")
        if output.operator == "SOFTMAX":
            doubts.append("the channels of every cell add up to 1, as those of classes do")
        problem = undecodable(output, "heat maps", is_quantised=False)
        layout = Layout(outputs=facts.stated.outputs)
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, tuple(doubts), problem, layout)

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """[1, H, W, K] -> float32 [1, K, 3]. An int8 map's scores are its raw values. NaN is never the largest.

        Raises:
            ModelError: not one float32, int8 or uint8 tensor of rank 4 with batch 1 and `keypoints` channels.
        """
        del decoding
        shapes = ", ".join(f"{output.dtype} {list(output.shape)}" for output in outputs)
        chosen = selected(outputs, layout)
        if (
            len(chosen) != 1
            or chosen[0].ndim != 4
            or chosen[0].shape[0] != 1
            or chosen[0].shape[3] != keypoints
            or chosen[0].size == 0
            or chosen[0].dtype not in (np.float32, np.int8, np.uint8)
        ):
            raise ModelError(
                f"A heat map of {keypoints} keypoints is float32 or int8 [1, H, W, {keypoints}]; "
                f"the network's output is {shapes or 'missing'}."
            )
        _, height, width, _ = chosen[0].shape
        cells = chosen[0].reshape(height * width, keypoints)
        best = np.argmax(np.where(np.isnan(cells), -np.inf, cells), axis=0)
        rows, columns = np.divmod(best, width)
        decoded = np.empty((1, keypoints, 3), dtype=np.float32)
        decoded[0, :, 0] = (columns.astype(np.float32) + _HALF) / np.float32(width)
        decoded[0, :, 1] = (rows.astype(np.float32) + _HALF) / np.float32(height)
        decoded[0, :, 2] = cells[best, np.arange(keypoints)]
        return decoded, None


def _cells(size: tuple[int, int], stride: int) -> tuple[int, int]:
    return -(-size[0] // stride), -(-size[1] // stride)
