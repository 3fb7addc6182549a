"""GATHER_ND of slices named by computed or constant int32 indices. Kernel: firmware/kernels/ref/gather_nd.c.

Source: TensorFlow Lite, kernels/gather_nd.cc. The device refuses an index outside the tensor when it meets one, as
LiteRT does; constant indices are checked here already.
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, operand, refusal

_DTYPES = ("int8", "uint8", "int32", "float32")


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The last dimension of the indices counts the leading dimensions of the tensor that they select."""
    check_counts(op, graph, (2,))
    source = operand(op, graph, op.inputs[0], "input", _DTYPES)
    indices = operand(op, graph, op.inputs[1], "indices", ("int32",))
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    depth = indices.shape[-1] if indices.shape else 0
    if not 1 <= depth <= len(source.shape):
        raise refusal(
            op, graph, f"indices of {list(indices.shape)} do not suit a tensor of {len(source.shape)} dimensions"
        )
    if out.shape != indices.shape[:-1] + source.shape[depth:]:
        shapes = f"{list(source.shape)} and indices of {list(indices.shape)} to {list(out.shape)}"
        raise refusal(op, graph, f"maps {shapes}")
    _check_constant(op, graph, source, indices, depth)
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)


def _check_constant(op: Op, graph: Graph, source: Tensor, indices: Tensor, depth: int) -> None:
    if indices.data is not None and bool(np.any((indices.data < 0) | (indices.data >= source.shape[:depth]))):
        raise refusal(op, graph, f"a constant index is outside {list(source.shape)}")
