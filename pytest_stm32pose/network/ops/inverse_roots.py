"""1 / sqrt(n) of whole numbers in fixed point, for RSQRT and L2_NORMALIZATION (firmware/kernels/inverse_root.h).

Source: TensorFlow Lite, kernels/internal/common.cc (GetInvSqrtQuantizedMultiplierExp): five steps of Newton's
iteration in gemmlowp's fixed point.
"""

from __future__ import annotations

_INT32_MAX = (1 << 31) - 1
_HALF_THREE = (1 << 28) + (1 << 27)
_HALF_ROOT_OF_2 = 1518500250


def inverse_root(value: int) -> tuple[int, int]:
    """(multiplier, left shift) of 1 / sqrt(value) = multiplier / 2^31 * 2^shift; 0 counts as 1. value < 2^31."""
    if value <= 1:
        return _INT32_MAX, 0
    shift = 11
    while value >= 1 << 29:
        value //= 4
        shift += 1
    pairs = (32 - value.bit_length() - 1) // 2 - 1
    shift -= pairs
    value <<= 2 * pairs
    whole = value >> 1
    half = (whole + (1 if whole > 0 else 0)) >> 1
    guess = 1 << 28
    for _ in range(5):
        cubed = _saturated(_high_mul(_high_mul(guess, guess), guess) << 6)
        guess = _saturated((_high_mul(_HALF_THREE, guess) - _high_mul(half, cubed)) << 3)
    guess = _high_mul(guess, _HALF_ROOT_OF_2)
    return (guess << -shift, 0) if shift < 0 else (guess, -shift)


def _high_mul(a: int, b: int) -> int:
    """round(a * b / 2^31); no operand is negative."""
    return (a * b + (1 << 30)) >> 31


def _saturated(value: int) -> int:
    return min(value, _INT32_MAX)
