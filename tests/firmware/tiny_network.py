"""A very small heat-map network with every operator of the heat-map MoveNets once, for tests that run it very often."""

from __future__ import annotations

import numpy as np

from tests.support.tflite_builder import ACTIVATIONS, PADDING_SAME, PADDING_VALID, OpSpec, TensorSpec, build_model

HEIGHT, WIDTH, KEYPOINTS = 6, 8, 4
_RELU6 = ACTIVATIONS["RELU6"]


def tiny_network(*, int8_output: bool = False) -> bytes:
    """A .tflite: picture u8 [1, 6, 8, 3] -> 4 heat maps [1, 8, 10, 4], float32 (or int8, without the last operator)."""
    rng = np.random.default_rng(5)

    def weights(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
        return rng.integers(-127, 128, shape, np.int8)

    def channels(count: int) -> tuple[float, ...]:
        return tuple(float(s) for s in rng.uniform(0.002, 0.02, count))

    def bias(name: str, scales: tuple[float, ...], in_scale: float) -> TensorSpec:
        data = rng.integers(-400, 400, len(scales), np.int32)
        return TensorSpec(name, "int32", data.shape, [s * in_scale for s in scales], [0] * len(scales), data=data)

    first, second = channels(5), channels(5)
    tensors = (
        TensorSpec("picture", "uint8", (1, HEIGHT, WIDTH, 3), (1 / 255,), (0,)),
        TensorSpec("quantized", "int8", (1, HEIGHT, WIDTH, 3), (1 / 255,), (-128,)),
        TensorSpec("weights", "int8", (5, 3, 3, 3), first, [0] * 5, data=weights(5, 3, 3, 3)),
        bias("bias", first, 1 / 255),
        TensorSpec("features", "int8", (1, HEIGHT, WIDTH, 5), (6 / 255,), (-128,)),
        TensorSpec("paddings", "int32", (4, 2), data=np.array([[0, 0], [0, 1], [0, 1], [0, 0]], np.int32)),
        TensorSpec("padded", "int8", (1, HEIGHT + 1, WIDTH + 1, 5), (6 / 255,), (-128,)),
        TensorSpec("depthwise", "int8", (1, 3, 3, 5), second, [0] * 5, axis=3, data=weights(1, 3, 3, 5)),
        bias("depthwise_bias", second, 6 / 255),
        TensorSpec("filtered", "int8", (1, 3, 4, 5), (6 / 255,), (-128,)),
        TensorSpec("addend", "int8", (1, 3, 4, 5), (0.02,), (7,), data=weights(1, 3, 4, 5)),
        TensorSpec("sum", "int8", (1, 3, 4, 5), (0.03,), (-10,)),
        TensorSpec("size", "int32", (2,), data=np.array([8, 10], np.int32)),
        TensorSpec("resized", "int8", (1, 8, 10, 5), (0.03,), (-10,)),
        TensorSpec("head", "int8", (KEYPOINTS, 1, 1, 5), (0.01,), (0,), data=weights(KEYPOINTS, 1, 1, 5)),
        TensorSpec("logits", "int8", (1, 8, 10, KEYPOINTS), (0.05,), (3,)),
        TensorSpec("maps", "int8", (1, 8, 10, KEYPOINTS), (1 / 256,), (-128,)),
        TensorSpec("output", "float32", (1, 8, 10, KEYPOINTS)),
        bias("head_bias", (0.01,) * KEYPOINTS, 0.03),
    )
    stride_1 = {"padding": PADDING_SAME, "stride_w": 1, "stride_h": 1}
    stride_2 = {"padding": PADDING_VALID, "stride_w": 2, "stride_h": 2, "depth_multiplier": 1}
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("CONV_2D", (1, 2, 3), (4,), {**stride_1, "fused_activation_function": _RELU6}, 3),
        OpSpec("PAD", (4, 5), (6,)),
        OpSpec("DEPTHWISE_CONV_2D", (6, 7, 8), (9,), {**stride_2, "fused_activation_function": _RELU6}, 3),
        OpSpec("ADD", (9, 10), (11,)),
        OpSpec("RESIZE_BILINEAR", (11, 12), (13,), {"half_pixel_centers": True}),
        OpSpec("CONV_2D", (13, 14, 18), (15,), stride_1, 3),
        OpSpec("LOGISTIC", (15,), (16,)),
        OpSpec("DEQUANTIZE", (16,), (17,)),
    ]
    return build_model(tensors, ops[:-1] if int8_output else ops, [0], [16 if int8_output else 17])


def tiny_picture(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Random pixels of the network's input."""
    return np.random.default_rng(seed).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
