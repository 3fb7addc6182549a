"""GATHER along one dimension, by computed or constant indices. Kernel: firmware/kernels/ref/gather.c.

Source: TensorFlow Lite, kernels/gather.cc. The device refuses an index outside the tensor when it meets one, as LiteRT
does; constant indices are checked here already.
"""

from __future__ import annotations

import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import axis_of, check_counts, operand, refusal
from pytest_stm32pose.network.ops.walks import moved
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(23, (OptionField("axis", 0, "<i", 0), OptionField("batch_dims", 1, "<i", 0)))
MAX_VERSION = 8
#: struct pose_gather_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2I")


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Dimension `axis` of the input is replaced by those of the indices; the first `batch_dims` belong to both."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    indices = operand(op, graph, op.inputs[1], "indices", ("int32", "int64"))
    axis = axis_of(op, graph, int(op.options["axis"]), len(source.shape))
    batch = int(op.options["batch_dims"])
    batch += len(indices.shape) if batch < 0 else 0
    if not 0 <= batch <= min(axis, len(indices.shape)) or source.shape[:batch] != indices.shape[:batch]:
        raise refusal(op, graph, f"{batch} dimensions are not common to {list(source.shape)} and {list(indices.shape)}")
    if out.shape != source.shape[:axis] + indices.shape[batch:] + source.shape[axis + 1 :]:
        shapes = f"{list(source.shape)} and indices of {list(indices.shape)} to {list(out.shape)}"
        raise refusal(op, graph, f"maps {shapes} along dimension {axis}")
    if indices.data is not None and bool(np.any((indices.data < 0) | (indices.data >= source.shape[axis]))):
        raise refusal(op, graph, f"a constant index is outside dimension {axis} of {list(source.shape)}")
    return Prepared(PARAMS.pack(axis, batch), inputs=op.inputs, outputs=op.outputs)
