"""Random networks of one operator, one row of CASES per operator; `python -m pytest tests/firmware` runs them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.firmware import arithmetic_cases, movement_cases
from tests.firmware.case_tools import (
    Case,
    Draw,
    draw_activation,
    draw_scale,
    draw_size,
    draw_values,
    draw_zero_point,
    make_case,
)
from tests.firmware.comparison_cases import COMPARISON_CASES
from tests.firmware.neighbour_cases import NEIGHBOUR_CASES
from tests.firmware.reduction_cases import REDUCTION_CASES
from tests.firmware.repeating_cases import REPEATING_CASES
from tests.firmware.tail_cases import TAIL_CASES
from tests.firmware.unary_cases import UNARY_CASES
from tests.support.tflite_builder import PADDING_SAME, OpSpec, TensorSpec


def _out_size(size: int, reach: int, stride: int, padding: int) -> int:
    return -(-size // stride) if padding == PADDING_SAME else (size - reach) // stride + 1


@dataclass(frozen=True)
class _Window:
    """Sizes of a convolution, drawn so that the output is not empty."""

    input: tuple[int, int]
    kernel: tuple[int, int]
    output: tuple[int, int]
    options: dict[str, int]


def _window(draw: Draw) -> _Window:
    padding = draw_size(draw, 0, 1)
    common_3x3 = draw(st.booleans())
    sizes, kernels, outputs, options = [], [], [], {"padding": padding}
    for axis in "hw":
        size = draw_size(draw, 1, 13)
        kernel = 3 if common_3x3 else draw_size(draw, 1, 5)
        stride = draw_size(draw, 1, 3)
        dilation = 1 if common_3x3 else draw_size(draw, 1, 3)
        out = _out_size(size, (kernel - 1) * dilation + 1, stride, padding)
        assume(out >= 1)
        options |= {f"stride_{axis}": stride, f"dilation_{axis}_factor": dilation}
        sizes.append(size)
        kernels.append(kernel)
        outputs.append(out)
    return _Window((sizes[0], sizes[1]), (kernels[0], kernels[1]), (outputs[0], outputs[1]), options)


def _filter(draw: Draw, shape: tuple[int, ...], axis: int, in_scale: float) -> tuple[TensorSpec, TensorSpec]:
    """Weights and bias, with scales per channel or per tensor."""
    channels = shape[axis]
    per_channel = bool(draw(st.booleans()))
    scales = [draw_scale(draw, 1e-3, 0.2) for _ in range(channels if per_channel else 1)]
    zeros = [0] * len(scales)
    weights = TensorSpec("w", "int8", shape, scales, zeros, axis, draw_values(draw, shape, low=-127, centre=0))
    limit = min(10 ** draw_size(draw, 0, 10), 2**31 - 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias_scales = [float(np.float32(in_scale) * np.float32(s)) for s in scales]
    return weights, TensorSpec("b", "int32", (channels,), bias_scales, zeros, 0, rng.integers(-limit, limit, channels))


def _convolution_case(
    draw: Draw, name: str, window: _Window, filters: tuple[int, ...], axis: int, in_channels: int, extra: dict[str, int]
) -> Case:
    batches = draw_size(draw, 1, 2)
    in_scale, in_zero = draw_scale(draw, 1e-3, 1.0), draw_zero_point(draw)
    weights, bias = _filter(draw, filters, axis, in_scale)
    # The largest effective scale is at most 4: the reference shifts 32-bit sums left where it exceeds 1.
    largest = draw_scale(draw, 1e-5, 4.0) if draw(st.booleans()) else draw_scale(draw, 0.1, 4.0)
    out_scale = float(np.float32(in_scale * max(weights.scale) / largest))
    shape = (batches, *window.input, in_channels)
    out_shape = (batches, *window.output, filters[axis])
    tensors = [
        TensorSpec("x", "int8", shape, [in_scale], [in_zero]),
        TensorSpec("y", "int8", out_shape, [out_scale], [draw_zero_point(draw)]),
        weights,
        bias,
    ]
    # The reference's CONV_2D demands a bias; test_kernel_rules.py compares its absence with zeros.
    operands = (0, 2, 3) if name == "CONV_2D" or draw(st.booleans()) else (0, 2)
    options = {**window.options, **extra, "fused_activation_function": draw_activation(draw)}
    return make_case(tensors, OpSpec(name, operands, (1,), options, 3), draw_values(draw, shape, centre=in_zero))


@st.composite
def conv_2d(draw: Draw) -> Case:
    in_channels, out_channels = draw_size(draw, 1, 19), draw_size(draw, 1, 11)
    window = _window(draw)
    if draw(st.booleans()):  # pointwise, the common kind
        window = _Window(window.input, (1, 1), window.input, {**window.options, "stride_h": 1, "stride_w": 1})
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
    in_channels, out_channels = (max(1, n // groups) if groups > 1 else n for n in (in_channels, out_channels))
    filters = (out_channels * groups, *window.kernel, in_channels)
    return _convolution_case(draw, "CONV_2D", window, filters, 0, in_channels * groups, {})


@st.composite
def depthwise_conv_2d(draw: Draw) -> Case:
    in_channels = draw_size(draw, 1, 21)
    multiplier = draw(st.sampled_from([1, 1, 1, 2, 3]))
    window = _window(draw)
    filters = (1, *window.kernel, in_channels * multiplier)
    return _convolution_case(
        draw, "DEPTHWISE_CONV_2D", window, filters, 3, in_channels, {"depth_multiplier": multiplier}
    )


def _padding(draw: Draw, filled: bool) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8"]))
    shape = tuple(draw_size(draw, 1, 4) for _ in range(draw_size(draw, 1, 4)))
    amounts = np.array([[draw_size(draw, 0, 2), draw_size(draw, 0, 2)] for _ in shape], np.int32)
    scale, zero = [draw_scale(draw)], [draw_zero_point(draw, dtype)]
    out_shape = tuple(int(s + a.sum()) for s, a in zip(shape, amounts, strict=True))
    tensors = [
        TensorSpec("x", dtype, shape, scale, zero),
        TensorSpec("paddings", "int32", amounts.shape, data=amounts),
        TensorSpec("y", dtype, out_shape, scale, zero),
        TensorSpec("filling", dtype, (1,), scale, zero, data=draw_values(draw, (1,), dtype)),
    ]
    op = OpSpec("PADV2", (0, 1, 3), (2,), {}, 2) if filled else OpSpec("PAD", (0, 1), (2,), {}, 2)
    return make_case(tensors, op, draw_values(draw, shape, dtype))


@st.composite
def pad(draw: Draw) -> Case:
    return _padding(draw, filled=False)


@st.composite
def padv2(draw: Draw) -> Case:
    return _padding(draw, filled=True)


@st.composite
def resize_bilinear(draw: Draw) -> Case:
    sizes = [draw_size(draw, 1, 9) for _ in range(2)]
    doubled = bool(draw(st.booleans()))
    new = [2 * s if doubled else draw_size(draw, 1, 17) for s in sizes]
    batches, channels = draw_size(draw, 1, 2), draw_size(draw, 1, 9)
    mode = draw(st.sampled_from(["align_corners", "half_pixel_centers", ""]))
    scale, zero = [draw_scale(draw)], [draw_zero_point(draw)]
    shape = (batches, *sizes, channels)
    tensors = [
        TensorSpec("x", "int8", shape, scale, zero),
        TensorSpec("size", "int32", (2,), data=np.array(new, np.int32)),
        TensorSpec("y", "int8", (batches, *new, channels), scale, zero),
    ]
    op = OpSpec("RESIZE_BILINEAR", (0, 1), (2,), {mode: True} if mode else {}, 3)
    return make_case(tensors, op, draw_values(draw, shape))


@st.composite
def logistic(draw: Draw) -> Case:
    tensors = [
        TensorSpec("x", "int8", (1, 2, 128), [draw_scale(draw, 1e-3, 1.0)], [draw_zero_point(draw)]),
        TensorSpec("y", "int8", (1, 2, 128), [1 / 256], [-128]),
    ]
    every = np.arange(-128, 128, dtype=np.int8).reshape(1, 2, 128)
    return make_case(tensors, OpSpec("LOGISTIC", (0,), (1,), {}, 2), every)


@st.composite
def quantize(draw: Draw) -> Case:
    source, target = draw(st.sampled_from(["int8", "uint8", "float32"])), draw(st.sampled_from(["int8", "uint8"]))
    scale = draw_scale(draw, 1e-3, 1.0)
    out = TensorSpec("y", target, (1, 256), [scale], [draw_zero_point(draw, target)])
    op = OpSpec("QUANTIZE", (0,), (1,), {}, 2)
    if source == "float32":
        # Multiples of half a step hit the ties.
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        values = (rng.integers(-1200, 1200, (1, 256)) / 2 + rng.choice([0.0, 0.2], (1, 256))) * scale
        return make_case([TensorSpec("x", source, (1, 256)), out], op, values.astype(np.float32))
    same = bool(draw(st.booleans()))  # a changed zero point only
    in_scale = scale if same else draw_scale(draw, 1e-3, 1.0)
    tensors = [TensorSpec("x", source, (1, 256), [in_scale], [draw_zero_point(draw, source)]), out]
    return make_case(tensors, op, np.arange(256, dtype=np.uint8).view(source).reshape(1, 256))


@st.composite
def dequantize(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8"]))
    tensors = [
        TensorSpec("x", dtype, (1, 256), [draw_scale(draw, 1e-6, 1e3)], [draw_zero_point(draw, dtype)]),
        TensorSpec("y", "float32", (1, 256)),
    ]
    every = np.arange(256, dtype=np.uint8).view(dtype).reshape(1, 256)
    return make_case(tensors, OpSpec("DEQUANTIZE", (0,), (1,), {}, 2), every)


#: Operator name -> strategy of its cases.
CASES: dict[str, st.SearchStrategy[Case]] = {
    "CONV_2D": conv_2d(),
    "DEPTHWISE_CONV_2D": depthwise_conv_2d(),
    "DEQUANTIZE": dequantize(),
    "LOGISTIC": logistic(),
    "PAD": pad(),
    "PADV2": padv2(),
    "QUANTIZE": quantize(),
    "RESIZE_BILINEAR": resize_bilinear(),
    **arithmetic_cases.CASES,
    **movement_cases.CASES,
    **COMPARISON_CASES,
    **NEIGHBOUR_CASES,
    **REDUCTION_CASES,
    **REPEATING_CASES,
    **TAIL_CASES,
    **UNARY_CASES,
}
