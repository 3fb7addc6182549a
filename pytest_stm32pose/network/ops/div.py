"""DIV, float32 with broadcasting and fused activation. Kernel: firmware/kernels/ref/div.c.

Source: TensorFlow Lite, kernels/internal/reference/div.h. Without an activation infinities become the largest finite
numbers.
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.arithmetic import prepare_plain, read_operands
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import refusal

#: The kernel takes an output that starts where input 0 does and is as large.
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Quotients, correctly rounded, clamped to the activation's range."""
    _, _, out = read_operands(op, graph)
    if out.dtype != "float32":
        raise refusal(op, graph, f"its input is {out.dtype}; supported: float32")
    return prepare_plain(op, graph)
