"""NEG of float32, int32, and int8 without zero points (by a table). Kernel: firmware/kernels/ref/neg.c.

Source: TensorFlow Lite, kernels/internal/reference/neg.h: stored values are negated as they are; the smallest stays.
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, refusal
from pytest_stm32pose.network.ops.tables import prepare_results, stored_values, unary_operands

#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The value with the other sign."""
    source, out = unary_operands(op, graph, "int8", "int32", "float32")
    if source.dtype != "int8":
        return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
    origin, target = affine(op, graph, source, "input"), affine(op, graph, out, "output")
    if origin != target or origin[1] != 0:
        raise refusal(op, graph, "its input and output are not both stored with one scale and zero point 0; the "
                      "reference ignores that")  # fmt: skip
    return prepare_results(op, consts, (-stored_values("int8")).astype(np.int8).astype(np.int64), "int8")
