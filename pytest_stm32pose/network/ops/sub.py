"""SUB of int8, float32 and int32, with broadcasting and fused activation. Kernels: firmware/kernels/*/sub.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.addition import prepare_addition
from pytest_stm32pose.network.ops.base import ConstPool, Prepared

#: The kernels take an output that starts where input 0 does and is as large.
IN_PLACE = True
#: The kernels make row y of their output from row y of their inputs.
ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """See prepare_addition()."""
    return prepare_addition(op, graph)
