"""SQUEEZE of any element type. Kernel: firmware/kernels/ref/squeeze.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.reshaping import prepare_reshaping
from pytest_stm32pose.network.schema import OptionTable

OPTIONS = OptionTable(30)
MAX_VERSION = 2
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Which dimensions are dropped follows from the output's shape."""
    return prepare_reshaping(op, graph, (1,))
