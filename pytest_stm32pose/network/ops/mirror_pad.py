"""MIRROR_PAD of any element type, reflecting or symmetric. Kernel: firmware/kernels/ref/mirror_pad.c."""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, refusal
from pytest_stm32pose.network.ops.walks import moved
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(77, (OptionField("mode", 0, "<b", 0),))
MAX_VERSION = 3
#: struct pose_mirror_params in firmware/kernels/params.h
PARAMS = struct.Struct("<6HB3x")
_MAX_RANK = 6
_REFLECT, _SYMMETRIC = 0, 1


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """What lies before and after a dimension is its mirror image, without the edge (reflecting) or with it."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    amounts = constant(op, graph, op.inputs[1], "paddings", ("int32", "int64"))
    rank, mode = len(source.shape), int(op.options["mode"])
    if mode not in (_REFLECT, _SYMMETRIC):
        raise refusal(op, graph, f"the mode {mode} is not supported")
    if amounts.shape != (rank, 2) or amounts.min(initial=0) < 0:
        raise refusal(op, graph, f"the paddings {amounts.tolist()} do not suit a tensor of {rank} dimensions")
    for size, pads in zip(source.shape, amounts.tolist(), strict=True):
        if max(pads) > size - (mode == _REFLECT):
            raise refusal(op, graph, f"the paddings {pads} are more than a dimension of {size} can mirror")
    expected = tuple(size + int(pads.sum()) for size, pads in zip(source.shape, amounts, strict=True))
    if expected != out.shape:
        raise refusal(op, graph, f"its output is {list(out.shape)}, its paddings give {list(expected)}")
    before = [int(b) for b in amounts[:, 0]]
    if max(before, default=0) > 0xFFFF:
        raise refusal(op, graph, f"it pads {max(before)} before a dimension; 65535 is supported")
    params = PARAMS.pack(*before, *[0] * (_MAX_RANK - rank), mode)
    return Prepared(params=params, inputs=op.inputs[:1], outputs=op.outputs)
