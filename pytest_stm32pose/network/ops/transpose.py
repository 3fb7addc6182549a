"""TRANSPOSE of any element type. Kernel: firmware/kernels/ref/transpose.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, refusal
from pytest_stm32pose.network.ops.walks import moved, prepare_walk, strides


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Output dimension i is the input's dimension perm[i]."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    rank = len(source.shape)
    perm = [int(axis) for axis in constant(op, graph, op.inputs[1], "permutation", ("int32",)).reshape(-1)]
    axes = [axis + rank if axis < 0 else axis for axis in perm]
    if sorted(axes) != list(range(rank)):
        raise refusal(op, graph, f"{perm} is no permutation of {rank} dimensions")
    if tuple(source.shape[axis] for axis in axes) != out.shape:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} with permutation {perm}")
    steps = strides(source.shape)
    return prepare_walk(op, graph, out.shape, [steps[axis] for axis in axes], 0)
