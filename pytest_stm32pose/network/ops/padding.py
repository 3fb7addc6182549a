"""What the rules of PAD and PADV2 share. Source: TensorFlow Lite, kernels/pad.cc."""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import constant, operand, refusal

#: struct pose_pad_params in firmware/kernels/params.h
PARAMS = struct.Struct("<6HB3x")
DTYPES = ("int8", "uint8")
_MAX_RANK = 6


def prepare_padding(op: Op, graph: Graph, value: int) -> Prepared:
    """Checks shapes and packs the parameter block; `value` is the stored value that fills."""
    source = operand(op, graph, op.inputs[0], "input", DTYPES)
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    amounts = constant(op, graph, op.inputs[1], "paddings", ("int32", "int64"))
    rank = len(source.shape)
    if rank > _MAX_RANK or amounts.shape != (rank, 2) or amounts.min(initial=0) < 0:
        raise refusal(op, graph, f"the paddings {amounts.tolist()} do not suit a tensor of {rank} dimensions")
    expected = tuple(size + int(pads.sum()) for size, pads in zip(source.shape, amounts, strict=True))
    if expected != out.shape:
        raise refusal(op, graph, f"its output is {list(out.shape)}, its paddings give {list(expected)}")
    before = [int(b) for b in amounts[:, 0]]
    if max(before, default=0) > 0xFFFF:
        raise refusal(op, graph, f"it pads {max(before)} before a dimension; 65535 is supported")
    params = PARAMS.pack(*before, *[0] * (_MAX_RANK - rank), value & 0xFF)
    return Prepared(params=params, inputs=(op.inputs[0],), outputs=op.outputs)
