"""One small heat-map network with every form of picture input that converters write; weights random.

picture -> [TRANSPOSE or RESHAPE] -> [QUANTIZE] -> CONV_2D, stride 4 -> LOGISTIC -> DEQUANTIZE
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.support.tflite_builder import PADDING_SAME, OpSpec, TensorSpec, build_model

HEIGHT, WIDTH, KEYPOINTS = 24, 32, 13


@dataclass(frozen=True)
class Form:
    """How the picture comes in.

    Attributes:
        first: QUANTIZE stands before the move of the channels.
        reshaped: a RESHAPE to the same shape, which the host does not do, stands before everything.
        body_scale, body_zero: of the int8 tensor that the convolution reads.
    """

    dtype: str = "uint8"
    channels: int = 3
    channels_first: bool = False
    first: bool = False
    reshaped: bool = False
    body_scale: float = 1 / 255
    body_zero: int = -128

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.channels, HEIGHT, WIDTH) if self.channels_first else (1, HEIGHT, WIDTH, self.channels)

    @property
    def affine(self) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Scale and zero point of the input."""
        if self.dtype == "float32":
            return (), ()
        return (self.body_scale,), (self.body_zero + 128 * (self.dtype == "uint8"),)


#: By name: what the device then takes is int8 where the host does a QUANTIZE.
FORMS: Mapping[str, Form] = {
    "uint8": Form(),
    "int8": Form("int8"),
    "float32": Form("float32"),
    "float32_minus_1_to_1": Form("float32", body_scale=2 / 255, body_zero=-1),
    "float32_odd_range": Form("float32", body_scale=0.013, body_zero=17),
    "float32_that_stays": Form("float32", reshaped=True),
    "grey": Form(channels=1),
    "grey_int8": Form("int8", 1),
    "grey_float32": Form("float32", 1),
    "channels_first": Form(channels_first=True),
    "channels_first_quantised_before": Form(channels_first=True, first=True),
    "channels_first_int8": Form("int8", channels_first=True),
    "channels_first_float32": Form("float32", channels_first=True),
    "channels_first_float32_quantised_before": Form("float32", channels_first=True, first=True),
    "grey_channels_first": Form("float32", 1, channels_first=True),
}


def network(form: Form) -> bytes:
    """The .tflite."""
    rng = np.random.default_rng(17)
    last = (1, HEIGHT, WIDTH, form.channels)
    body = (form.body_scale,), (form.body_zero,)
    maps = (1, HEIGHT // 4, WIDTH // 4, KEYPOINTS)
    weights = rng.integers(-127, 128, (KEYPOINTS, 4, 4, form.channels), np.int8)
    bias = rng.integers(-400, 400, KEYPOINTS, np.int32)
    is_order = form.channels > 1 and form.channels_first
    moved = np.array([0, 2, 3, 1] if is_order else last, np.int32)
    tensors = [
        TensorSpec("picture", form.dtype, form.shape, *form.affine),
        TensorSpec("weights", "int8", weights.shape, (0.004,), (0,), data=weights),
        TensorSpec("bias", "int32", bias.shape, (0.004 * form.body_scale,), (0,), data=bias),
        TensorSpec("moved", "int32", moved.shape, data=moved),
        TensorSpec("logits", "int8", maps, (0.05,), (3,)),
        TensorSpec("shares", "int8", maps, (1 / 256,), (-128,)),
        TensorSpec("maps", "float32", maps),
    ]
    at, shape, ops = 0, form.shape, []

    def step(op: str, dtype: str, affine: tuple[tuple[float, ...], tuple[int, ...]], *others: int) -> None:
        nonlocal at
        tensors.append(TensorSpec(f"{op} {len(tensors)}", dtype, shape, *affine))
        ops.append(OpSpec(op, (at, *others), (len(tensors) - 1,)))
        at = len(tensors) - 1

    names = ["QUANTIZE"] if form.dtype != "int8" else []
    if form.channels_first:
        names.insert(len(names) if form.first else 0, "TRANSPOSE" if form.channels > 1 else "RESHAPE")
    for name in ["RESHAPE"] * form.reshaped + names:
        if name == "QUANTIZE":
            step(name, "int8", body)
        else:
            shape = last
            step(name, tensors[at].dtype, (tuple(tensors[at].scale), tuple(tensors[at].zero_point)), 3)
    stride = {"padding": PADDING_SAME, "stride_w": 4, "stride_h": 4}
    ops += [
        OpSpec("CONV_2D", (at, 1, 2), (4,), stride, 3),
        OpSpec("LOGISTIC", (4,), (5,)),
        OpSpec("DEQUANTIZE", (5,), (6,)),
    ]
    return build_model(tensors, ops, [0], [6])


def as_file(tensor: NDArray[np.generic], form: Form) -> NDArray[np.generic]:
    """An input with its channels last, as the .tflite takes it."""
    return np.ascontiguousarray(np.moveaxis(tensor, -1, 0) if form.channels_first else tensor)[np.newaxis]
