"""Tables of 256 results for operators on 8-bit values (firmware/kernels/table.h)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand

#: struct pose_table_params in firmware/kernels/params.h
PARAMS = struct.Struct("<I")
Floats = NDArray[np.float32]
_FAR = 1 << 20  #: beyond what any 8-bit type holds


def stored_values(dtype: str) -> NDArray[np.int64]:
    """The 256 values of an 8-bit type in the table's order: that of their bytes read as unsigned."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)


def table_bytes(results: NDArray[np.int64], dtype: str) -> bytes:
    """The table: results clamped to the output's type."""
    info = np.iinfo(dtype)
    return np.clip(results, info.min, info.max).astype(dtype).tobytes()


def unary_operands(op: Op, graph: Graph, *dtypes: str) -> tuple[Tensor, Tensor]:
    """(input, output) of an element-wise operator of one input: one type, one shape. Raises ModelError."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", dtypes)
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    check_same_shape(op, graph, source, out)
    return source, out


def prepare_results(op: Op, consts: ConstPool, results: NDArray[np.int64], dtype: str) -> Prepared:
    """An operator that stores `results` for the 256 stored values of its input, in the order of the table."""
    return Prepared(PARAMS.pack(consts.add(table_bytes(results, dtype))), inputs=op.inputs, outputs=op.outputs)


def prepare_function(op: Op, graph: Graph, consts: ConstPool, function: Callable[[Floats], Floats]) -> Prepared:
    """An int8 or uint8 operator that is a function of real numbers, as TFLite's LUTPopulate tabulates it.

    Source: TensorFlow Lite, kernels/internal/common.h: single precision, rounded half away from zero.
    """
    source, out = unary_operands(op, graph, "int8", "uint8")
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    with np.errstate(all="ignore"):
        results = function(in_scale * (stored_values(source.dtype) - in_zero).astype(np.float32))
        return prepare_results(op, consts, _stored(results, out_scale, out_zero), out.dtype)


def _stored(results: Floats, scale: np.float32, zero_point: int) -> NDArray[np.int64]:
    """Real results as stored values, before they are clamped: infinities are far, and so is what is no number."""
    scaled = (results * (np.float32(1) / scale)).astype(np.float64)
    rounded = (np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + zero_point).astype(np.float32)
    return np.nan_to_num(np.clip(rounded, -_FAR, _FAR), nan=-_FAR).astype(np.int64)
