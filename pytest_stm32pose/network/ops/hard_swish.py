"""HARD_SWISH, int8, by a table. Kernel: firmware/kernels/ref/hard_swish.c.

Source: TensorFlow Lite, kernels/internal/reference/hard_swish.h and kernels/activations.cc (HardSwishPrepare): 16-bit
fixed-point arithmetic that saturates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand, refusal
from pytest_stm32pose.network.ops.tables import PARAMS, stored_values, table_bytes
from pytest_stm32pose.network.schema import OptionTable

OPTIONS = OptionTable(91)

Int64Array = NDArray[np.int64]
_HIRES = np.float32(1 / 128)  #: inputs are scaled up by 2^7
_RELUISH_SCALE = np.float32(3.0) / np.float32(32768.0)  #: relu6(x + 3) / 6 is held in 16 bits


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """x * relu6(x + 3) / 6 of the 256 stored input values."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    check_same_shape(op, graph, source, out)
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    hires_scale = _HIRES * in_scale
    to_output, output_shift = _short_multiplier(float(hires_scale / out_scale))
    to_reluish, reluish_shift = _short_multiplier(float(hires_scale / _RELUISH_SCALE))
    if output_shift > 0 or abs(reluish_shift) > 15:
        raise refusal(op, graph, f"the scales {in_scale:g} and {out_scale:g} are beyond the reference's arithmetic")
    hires = (stored_values("int8") - in_zero) << 7
    result = _rounding_shift(
        _high_mul(_reluish(hires, to_reluish, reluish_shift), _rounding_high_mul(hires, to_output)), -output_shift
    )
    return Prepared(
        PARAMS.pack(consts.add(table_bytes(result + out_zero, "int8"))), inputs=op.inputs, outputs=op.outputs
    )


def _reluish(hires: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """relu6(x + 3) / 6 in units of 2^-15."""
    value = hires
    if shift > 0:
        value = _saturated(value << (shift - 1))
    value = _rounding_high_mul(value, multiplier)
    if shift > 0:
        value = _saturated(value << 1)
    if shift < 0:
        value = _rounding_shift(value, -shift)
    return (value + (1 << 15)) >> 1


def _short_multiplier(real: float) -> tuple[int, int]:
    """(16-bit multiplier, shift): real = multiplier / 2^15 * 2^shift."""
    multiplier, shift = quantize_multiplier(real)
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1), shift


def _saturated(values: Int64Array) -> Int64Array:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def _rounding_high_mul(values: Int64Array, multiplier: int) -> Int64Array:
    """round(values * multiplier / 2^15), ties away from zero; the division truncates."""
    product = values * multiplier
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return _saturated(np.sign(nudged) * (np.abs(nudged) >> 15))


def _high_mul(a: Int64Array, b: Int64Array) -> Int64Array:
    """a * b / 2^15, truncated."""
    product = a * b
    return _saturated(np.sign(product) * (np.abs(product) >> 15))


def _rounding_shift(values: Int64Array, exponent: int) -> Int64Array:
    """round(values / 2^exponent), ties away from zero."""
    mask = (1 << exponent) - 1
    return (values >> exponent) + ((values & mask) > (mask >> 1) + (values < 0))
