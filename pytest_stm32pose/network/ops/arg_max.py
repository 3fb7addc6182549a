"""ARG_MAX along one constant dimension. Kernel: firmware/kernels/ref/arg_max.c.

Source: TensorFlow Lite, kernels/internal/reference/arg_min_max.h: the first largest value wins.
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import axis_of, check_counts, constant, operand, refusal

#: struct pose_dimension_params in firmware/kernels/params.h
PARAMS = struct.Struct("<I")


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The output has the input's shape without the dimension."""
    check_counts(op, graph, (2,))
    source = operand(op, graph, op.inputs[0], "input", ("int8", "uint8", "int32", "float32"))
    out = operand(op, graph, op.outputs[0], "output", ("int32", "int64"))
    axis = axis_of(op, graph, constant(op, graph, op.inputs[1], "axis", ("int32", "int64")), len(source.shape))
    expected = source.shape[:axis] + source.shape[axis + 1 :]
    if out.shape != expected:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} along dimension {axis}")
    return Prepared(PARAMS.pack(axis), inputs=op.inputs[:1], outputs=op.outputs)
