"""EXP of int8 or uint8, by a table. Kernel: firmware/kernels/ref/exp.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.reals import real
from pytest_stm32pose.network.ops.tables import prepare_function

MAX_VERSION = 2
#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """e to the power of the 256 stored input values."""
    return prepare_function(op, graph, consts, lambda values: real("expf", values))
