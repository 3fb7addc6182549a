"""What the rules of PAD, PADV2 and MIRROR_PAD share. Source: TensorFlow Lite, kernels/pad.cc."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import constant, operand, refusal

#: struct pose_pad_params and pose_mirror_params in firmware/kernels/params.h
PARAMS = struct.Struct("<6HB3x")
DTYPES = ("int8", "uint8")
_MAX_RANK = 6


def prepare_padding(op: Op, graph: Graph, value: int) -> Prepared:
    """Checks shapes and packs the parameter block; `value` is the stored value that fills."""
    source = operand(op, graph, op.inputs[0], "input", DTYPES)
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    return pack_padding(op, graph, source, out, paddings(op, graph, source), value & 0xFF)


def paddings(op: Op, graph: Graph, source: Tensor) -> NDArray[np.generic]:
    """Integers [rank, 2], what lies before and after each dimension. Raises ModelError."""
    amounts = constant(op, graph, op.inputs[1], "paddings", ("int32", "int64"))
    rank = len(source.shape)
    if rank > _MAX_RANK or amounts.shape != (rank, 2) or amounts.min(initial=0) < 0:
        raise refusal(op, graph, f"the paddings {amounts.tolist()} do not suit a tensor of {rank} dimensions")
    return amounts


def pack_padding(
    op: Op, graph: Graph, source: Tensor, out: Tensor, amounts: NDArray[np.generic], last: int
) -> Prepared:
    """The parameter block: what lies before each dimension, and its `last` byte. Raises ModelError, also when the
    output is not as large as the paddings make it."""
    expected = tuple(size + int(pads.sum()) for size, pads in zip(source.shape, amounts, strict=True))
    if expected != out.shape:
        raise refusal(op, graph, f"its output is {list(out.shape)}, its paddings give {list(expected)}")
    before = [int(b) for b in amounts[:, 0]]
    if max(before, default=0) > 0xFFFF:
        raise refusal(op, graph, f"it pads {max(before)} before a dimension; 65535 is supported")
    params = PARAMS.pack(*before, *[0] * (_MAX_RANK - len(before)), last)
    return Prepared(params=params, inputs=op.inputs[:1], outputs=op.outputs)
