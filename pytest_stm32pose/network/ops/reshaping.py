"""What the rules of RESHAPE, SQUEEZE and EXPAND_DIMS share: the elements stay as they are (firmware/kernels/copy.h)."""

from __future__ import annotations

import math
from collections.abc import Collection

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import check_counts, refusal
from pytest_stm32pose.network.ops.walks import moved

_MAX_RANK = 6


def prepare_reshaping(op: Op, graph: Graph, inputs: Collection[int]) -> Prepared:
    """The output's shape is taken as the file gives it; a shape operand may even be computed."""
    check_counts(op, graph, inputs)
    source, out = moved(op, graph)
    if math.prod(source.shape) != math.prod(out.shape) or len(out.shape) > _MAX_RANK:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)}")
    return Prepared(params=b"", inputs=op.inputs[:1], outputs=op.outputs)
