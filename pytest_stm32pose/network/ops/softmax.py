"""SOFTMAX, int8, along the last dimension. Kernel: firmware/kernels/ref/softmax.c.

Source: TensorFlow Lite, kernels/activations.cc (Prepare), kernels/internal/quantization_util.cc
(PreprocessSoftmaxScaling, CalculateInputRadius), kernels/internal/reference/softmax.h; gemmlowp, fixedpoint.h
(exp_on_negative_values).
"""

from __future__ import annotations

import math
import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import Int64Array, quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand, refusal

#: struct pose_softmax_params in firmware/kernels/params.h
PARAMS = struct.Struct("<I")
IN_PLACE = True
MAX_DEPTH = 511  #: POSE_SOFTMAX_MAX_DEPTH
_OUTPUT = (np.float32(1 / 256), -128)  #: the only output quantisation the reference takes
_INTEGER_BITS = 5  #: of a scaled difference; 26 bits are its fraction
_FRACTION_BITS = 31 - _INTEGER_BITS
_ONE = (1 << 31) - 1
#: exp(-2^k) as fractions of 2^31 for the bits of a difference from 1/4 on.
_POWERS = ((-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242))


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Exponentials of all 256 differences a stored value can have from the largest one."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    check_same_shape(op, graph, source, out)
    if affine(op, graph, out, "output") != _OUTPUT:
        raise refusal(op, graph, "its output is not quantised with scale 1/256 and zero point -128")
    if not source.shape or source.shape[-1] > MAX_DEPTH:
        raise refusal(op, graph, f"{list(source.shape)} has no last dimension of 1 to {MAX_DEPTH} values")
    scale, _ = affine(op, graph, source, "input")
    beta = float(op.options["beta"])
    if not (math.isfinite(beta) and beta > 0):
        raise refusal(op, graph, f"its beta is {beta}, no positive number")
    real = min(beta * float(scale) * (1 << _FRACTION_BITS), _ONE - 0.0)
    multiplier, shift = quantize_multiplier(real)
    if shift < 0:
        raise refusal(op, graph, "its input's scale times beta is below 2^-26")
    exps = _exponentials(multiplier, shift)
    return Prepared(PARAMS.pack(consts.add(exps.astype(np.int32))), inputs=op.inputs, outputs=op.outputs)


def _exponentials(multiplier: int, shift: int) -> Int64Array:
    """exp(-difference) as fractions of 2^31; 0 where the difference is beyond the fixed-point range."""
    radius = math.floor(((1 << _INTEGER_BITS) - 1) * (1 << _FRACTION_BITS) / (1 << shift))
    differences = np.arange(256, dtype=np.int64)
    counted = differences <= radius
    scaled = _high_mul(-np.where(counted, differences, 0) << shift, multiplier)
    return np.where(counted, _exp_of_negative(scaled), 0)


def _high_mul(a: Int64Array, b: Int64Array | int) -> Int64Array:
    """round(a * b / 2^31), ties upwards."""
    return (a * b + (1 << 30)) >> 31


def _rounding_shift(values: Int64Array, exponent: int) -> Int64Array:
    """round(values / 2^exponent), ties away from zero."""
    mask = (1 << exponent) - 1
    return (values >> exponent) + ((values & mask) > (mask >> 1) + (values < 0))


def _exp_of_negative(values: Int64Array) -> Int64Array:
    """exp() of fixed-point numbers that are not positive, as fractions of 2^31."""
    quarter = 1 << (_FRACTION_BITS - 2)
    rest = (values & (quarter - 1)) - quarter
    result = _exp_of_last_quarter(rest << _INTEGER_BITS)
    remainder = rest - values
    for exponent, power in _POWERS:
        bit = (remainder >> (_FRACTION_BITS + exponent)) & 1
        result = np.where(bit == 1, _high_mul(result, power), result)
    return np.where(values == 0, _ONE, result)


def _exp_of_last_quarter(values: Int64Array) -> Int64Array:
    """exp() on [-1/4, 0): four terms of its series around -1/8."""
    exp_of_eighth, third = 1895147668, 715827883
    x = values + (1 << 28)
    x2 = _high_mul(x, x)
    x3 = _high_mul(x2, x)
    x4 = _high_mul(x2, x2)
    tail = _rounding_shift(_high_mul(_rounding_shift(x4, 2) + x3, third) + x2, 1)
    return exp_of_eighth + _high_mul(x + tail, exp_of_eighth)
