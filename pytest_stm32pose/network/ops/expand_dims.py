"""EXPAND_DIMS of any element type. Kernel: firmware/kernels/ref/expand_dims.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.reshaping import prepare_reshaping
from pytest_stm32pose.network.schema import OptionTable

OPTIONS = OptionTable(52)
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Where the dimension of size 1 is added follows from the output's shape."""
    return prepare_reshaping(op, graph, (2,))
