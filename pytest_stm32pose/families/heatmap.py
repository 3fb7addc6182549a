"""Heat maps: one map per keypoint, one person; the keypoint is the middle of the cell with the largest value.

Definition (ST model zoo, MoveNet "heatmaps" rows): per channel the first largest cell in row-major order;
x = (column + 0.5) / width and y = (row + 0.5) / height in float32; score = the cell's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError

_HALF = np.float32(0.5)


class Heatmap:
    """Decoder of [1, H, W, K], float32 or int8."""

    name = "heatmap"

    def decode(self, outputs: Sequence[NDArray[Any]], keypoints: int) -> NDArray[np.float32]:
        """[1, H, W, K] -> float32 [1, K, 3]. An int8 map's scores are its raw values. NaN is never the largest.

        Raises:
            ModelError: not one float32 or int8 tensor of rank 4 with batch 1 and `keypoints` channels.
        """
        shapes = ", ".join(f"{output.dtype} {list(output.shape)}" for output in outputs)
        if (
            len(outputs) != 1
            or outputs[0].ndim != 4
            or outputs[0].shape[0] != 1
            or outputs[0].shape[3] != keypoints
            or outputs[0].size == 0
            or outputs[0].dtype not in (np.float32, np.int8)
        ):
            raise ModelError(
                f"A heat map of {keypoints} keypoints is float32 or int8 [1, H, W, {keypoints}]; "
                f"the network's output is {shapes or 'missing'}."
            )
        _, height, width, _ = outputs[0].shape
        cells = outputs[0].reshape(height * width, keypoints)
        best = np.argmax(np.where(np.isnan(cells), -np.inf, cells), axis=0)
        rows, columns = np.divmod(best, width)
        decoded = np.empty((1, keypoints, 3), dtype=np.float32)
        decoded[0, :, 0] = (columns.astype(np.float32) + _HALF) / np.float32(width)
        decoded[0, :, 1] = (rows.astype(np.float32) + _HALF) / np.float32(height)
        decoded[0, :, 2] = cells[best, np.arange(keypoints)]
        return decoded
