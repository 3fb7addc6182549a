"""RELU of int8, uint8 or float32. Kernel: firmware/kernels/ref/relu.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.rectifiers import prepare_rectifier

MAX_VERSION = 3
#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """max(x, 0)."""
    return prepare_rectifier(op, graph, consts, 0.0, None)
