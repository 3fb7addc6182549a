"""Quantised multipliers and their integer arithmetic, as TFLite's reference kernels compute them.

Source: TensorFlow Lite, kernels/internal/quantization_util.cc (QuantizeMultiplier), kernels/internal/common.h
(MultiplyByQuantizedMultiplier, double rounding), kernels/kernel_util.cc (CalculateActivationRangeQuantized).
firmware/kernels/fixed_point.h is the same arithmetic in C.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

ACT_NONE, ACT_RELU, ACT_RELU_N1_TO_1, ACT_RELU6 = 0, 1, 2, 3
ACTIVATION_NAMES = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")

Int64Array = NDArray[np.int64]


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Returns (multiplier, shift) with real = multiplier / 2^31 * 2^shift; multiplier 0 or 2^30..2^31-1, shift >= -31.

    `real` is not negative. The shift of a zero multiplier is -1, which any kernel takes; that of an infinity (a
    quotient of scales beyond single precision) is one that every rule refuses.
    """
    if math.isinf(real):
        return 1 << 30, 1 << 10
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * (1 << 31))
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    return (multiplier, shift) if shift >= -31 else (0, -1)


def round_half_away(value: float) -> int:
    """C's round(): ties go away from zero."""
    return math.floor(value + 0.5) if value >= 0 else -math.floor(-value + 0.5)


def requantize(values: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """values * multiplier / 2^31 * 2^shift, rounded twice; int32 values in int64 arrays, left shifts wrap."""
    shifted = wrap_int32(values << max(shift, 0))
    high = (shifted * np.int64(multiplier) + (1 << 30)) >> 31
    exponent = max(-shift, 0)
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> exponent) + ((high & mask) > threshold)


def wrap_int32(values: Int64Array) -> Int64Array:
    """The values modulo 2^32, as signed 32-bit numbers."""
    return values.astype(np.int32).astype(np.int64)


def quantized_bound(real: float, scale: np.float32, zero_point: int) -> int:
    """Stored value of `real`, divided in single precision as the reference does."""
    with np.errstate(over="ignore"):
        steps = float(np.float32(real) / scale)
    return zero_point + round_half_away(min(max(steps, -(2.0**31)), 2.0**31))  # of a tiny scale: beyond any type


def activation_range(activation: int, scale: np.float32, zero_point: int, dtype: str) -> tuple[int, int]:
    """Lowest and highest stored value after a fused activation (one of the ACT_ constants)."""
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    if activation in (ACT_RELU, ACT_RELU6):
        low = max(low, zero_point)
    if activation == ACT_RELU6:
        high = min(high, quantized_bound(6.0, scale, zero_point))
    if activation == ACT_RELU_N1_TO_1:
        low = max(low, quantized_bound(-1.0, scale, zero_point))
        high = min(high, quantized_bound(1.0, scale, zero_point))
    return low, high
