"""MAXIMUM of int8, int32 or float32 with broadcasting. Kernel: firmware/kernels/ref/maximum.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.extremum import prepare_extremum
from pytest_stm32pose.network.schema import OptionTable

OPTIONS = OptionTable(39)
MAX_VERSION = 4
#: The kernel takes an output that starts where input 0 does and is as large.
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The larger of both values."""
    return prepare_extremum(op, graph)
