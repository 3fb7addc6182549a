"""A network of any input size that is little work: for what depends on how large a picture is."""

from __future__ import annotations

import numpy as np

from tests.support.tflite_builder import PADDING_VALID, OpSpec, TensorSpec, build_model

STEP = 16


def large_network(side: int) -> bytes:
    """A .tflite: picture u8 [1, side, side, 3] -> 4 heat maps of a sixteenth of its size."""
    tensors = (
        TensorSpec("picture", "uint8", (1, side, side, 3), (1 / 255,), (0,)),
        TensorSpec("quantized", "int8", (1, side, side, 3), (1 / 255,), (-128,)),
        TensorSpec("weights", "int8", (4, 1, 1, 3), (0.01,), (0,), data=np.ones((4, 1, 1, 3), np.int8)),
        TensorSpec("maps", "int8", (1, side // STEP, side // STEP, 4), (1 / 256,), (-128,)),
        TensorSpec("bias", "int32", (4,), (0.01 / 255,), (0,), data=np.zeros(4, np.int32)),
    )
    stride = {"padding": PADDING_VALID, "stride_w": STEP, "stride_h": STEP}
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("CONV_2D", (1, 2, 4), (3,), stride, 3)]
    return build_model(tensors, ops, [0], [3])


def large_picture(side: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Random pixels of the network's input."""
    return np.random.default_rng(seed).integers(0, 256, (1, side, side, 3), np.uint8)
