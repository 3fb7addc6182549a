"""RESHAPE of any element type. Kernel: firmware/kernels/ref/reshape.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.reshaping import prepare_reshaping

IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The shape comes as an operand or as an option."""
    return prepare_reshaping(op, graph, (1, 2))
