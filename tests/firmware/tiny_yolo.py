"""A YOLO pose "network" whose picture is its output: what is decoded can be drawn, and travels through the firmware."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

BOX_ROWS = 5


def tiny_yolo(keypoints: int, anchors: int, *, int8_output: bool = False) -> bytes:
    """A .tflite: picture u8 [1, 5 + 3 K, N / 3, 3] -> [1, 5 + 3 K, N], float32 (pixel / 255) or int8."""
    rows = BOX_ROWS + 3 * keypoints
    assert anchors % 3 == 0
    shape = (1, rows, anchors // 3, 3)
    tensors = (
        TensorSpec("picture", "uint8", shape, (1 / 255,), (0,)),
        TensorSpec("quantized", "int8", shape, (1 / 255,), (-128,)),
        TensorSpec("shape", "int32", (3,), data=np.array([1, rows, anchors], np.int32)),
        TensorSpec("table", "int8", (1, rows, anchors), (1 / 255,), (-128,)),
        TensorSpec("output", "float32", (1, rows, anchors)),
    )
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("RESHAPE", (1, 2), (3,)), OpSpec("DEQUANTIZE", (3,), (4,))]
    return build_model(tensors, ops[:-1] if int8_output else ops, [0], [3 if int8_output else 4])


def crowd(keypoints: int, anchors: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture [1, 5 + 3 K, N / 3, 3] of small boxes everywhere: more persons than may be told."""
    random = np.random.default_rng(seed)
    table = random.integers(0, 256, (BOX_ROWS + 3 * keypoints, anchors), np.uint8)
    table[2:4] = 3
    table[4] = random.integers(0, 32, anchors)
    return table.reshape(1, len(table), anchors // 3, 3)
