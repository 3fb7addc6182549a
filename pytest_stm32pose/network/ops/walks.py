"""What the rules of TRANSPOSE, SLICE, TILE and other movers share: an output read from the input with one fixed step
per dimension, 0 where it repeats (firmware/kernels/walk.h)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import constant, operand, refusal

#: struct pose_walk_params in firmware/kernels/params.h
PARAMS = struct.Struct("<6I6iI")
#: Element types of operators that only move data.
MOVABLE = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool")
_MAX_RANK = 6


def moved(op: Op, graph: Graph, which: int = 0) -> tuple[Tensor, Tensor]:
    """(input `which`, output 0) of an operator that moves elements: same type, same quantisation. Raises ModelError."""
    source = operand(op, graph, op.inputs[which], "input", MOVABLE)
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    return source, out


def strides(shape: Sequence[int]) -> list[int]:
    """Elements from one index to the next in each dimension of a contiguous tensor."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= size
    return steps[::-1]


def prepare_walk(
    op: Op, graph: Graph, sizes: Sequence[int], steps: Sequence[int], start: int, which: int = 0
) -> Prepared:
    """Packs the walk over `sizes` output elements, `steps` elements of input `which` apart from `start` on."""
    dims: list[tuple[int, int]] = []
    for size, step in zip(sizes, steps, strict=True):
        if size == 1:
            continue
        if dims and dims[-1][1] == step * size:
            dims[-1] = (dims[-1][0] * size, step)
        else:
            dims.append((size, step))
    if len(dims) > _MAX_RANK:
        raise refusal(op, graph, f"it moves {len(dims)} dimensions; {_MAX_RANK} are supported")
    dims = [(1, 1)] * (_MAX_RANK - len(dims)) + dims
    params = PARAMS.pack(*(size for size, _ in dims), *(step for _, step in dims), start)
    return Prepared(params=params, inputs=op.inputs[which : which + 1], outputs=op.outputs)


def integers(op: Op, graph: Graph, which: int, what: str) -> list[int]:
    """Values of a constant operand of int32 or int64."""
    return [int(value) for value in constant(op, graph, op.inputs[which], what, ("int32", "int64")).reshape(-1)]
