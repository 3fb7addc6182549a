"""MIRROR_PAD of any element type, reflecting or symmetric. Kernel: firmware/kernels/ref/mirror_pad.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, refusal
from pytest_stm32pose.network.ops.padding import pack_padding, paddings
from pytest_stm32pose.network.ops.walks import moved
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(77, (OptionField("mode", 0, "<b", 0),))
MAX_VERSION = 3
_REFLECT, _SYMMETRIC = 0, 1


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """What lies before and after a dimension is its mirror image, without the edge (reflecting) or with it."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    amounts = paddings(op, graph, source)
    mode = int(op.options["mode"])
    if mode not in (_REFLECT, _SYMMETRIC):
        raise refusal(op, graph, f"the mode {mode} is not supported")
    for size, pads in zip(source.shape, amounts.tolist(), strict=True):
        if max(pads) > size - (mode == _REFLECT):
            raise refusal(op, graph, f"the paddings {pads} are more than a dimension of {size} can mirror")
    return pack_padding(op, graph, source, out, amounts, mode)
