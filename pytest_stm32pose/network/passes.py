"""Transformations of a graph that change no bit of what remains: operators are absorbed by the one that follows.

PAD into the convolution that reads it: its window then leaves the picture, where kernels read zero points anyway.
LOGISTIC and the MUL of its input with its output (SiLU) into one table: the product depends on one stored byte.

A transformation looks at what it knows and leaves the rest alone; whatever is wrong with an operator is for its rule to
say.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op, makers_of, readers_of, same_quantization, with_absorbing

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
#: Option of a convolution that absorbed a PAD: rows before and after, columns before and after.
EXPLICIT_PADDING = "explicit_padding"


def fold_padding(graph: Graph) -> Graph:
    """Each PAD or PADV2 by zero points, of rows and columns, that only one convolution reads becomes its padding."""
    readers, makers = readers_of(graph), makers_of(graph)
    absorbed: dict[int, Op] = {}
    for op in graph.ops:
        pad = makers.get(op.inputs[0]) if op.name in CONVOLUTIONS and op.inputs else None
        if pad is None or readers.get(op.inputs[0]) != [op.index] or op.inputs[0] in graph.outputs:
            continue
        amounts = _zero_padding(pad, graph)
        if amounts is not None and EXPLICIT_PADDING not in op.options:
            inputs, options = (pad.inputs[0], *op.inputs[1:]), {**op.options, EXPLICIT_PADDING: amounts}
            absorbed[op.index] = replace(op, inputs=inputs, options=options, absorbed=(*op.absorbed, pad))
    return with_absorbing(graph, absorbed)


def _zero_padding(pad: Op, graph: Graph) -> tuple[int, int, int, int] | None:
    """Rows before and after, columns before and after; None for any other padding."""
    if pad.name not in ("PAD", "PADV2") or len(pad.inputs) < 2 or len(pad.outputs) != 1:
        return None
    source, out, amounts = (
        graph.tensors[pad.inputs[0]],
        graph.tensors[pad.outputs[0]],
        graph.tensors[pad.inputs[1]].data,
    )
    if source.dtype != "int8" or out.dtype != "int8" or len(source.shape) != 4 or not same_quantization(source, out):
        return None
    if amounts is None or amounts.shape != (4, 2) or amounts.min() < 0 or amounts.max() > 0x3FFF:
        return None
    if amounts[0].any() or amounts[3].any() or out.shape != tuple(np.add(source.shape, amounts.sum(axis=1)).tolist()):
        return None
    if pad.name == "PADV2":
        filling = graph.tensors[pad.inputs[2]] if len(pad.inputs) == 3 and pad.inputs[2] >= 0 else None
        if filling is None or filling.data is None or filling.data.size != 1 or not same_quantization(filling, out):
            return None
        if int(filling.data.reshape(-1)[0]) != int(out.quantization.zero_point[0]):
            return None
    (top, bottom), (left, right) = amounts[1].tolist(), amounts[2].tolist()
    return top, bottom, left, right


def fuse_silu(graph: Graph) -> Graph:
    """Each MUL of a tensor with its own LOGISTIC, which nothing else reads, becomes one LOGISTIC with another table."""
    readers, makers = readers_of(graph), makers_of(graph)
    absorbed: dict[int, Op] = {}
    for op in graph.ops:
        if op.name != "MUL" or len(op.inputs) != 2 or len(op.outputs) != 1:
            continue
        for source, gate in (op.inputs, op.inputs[::-1]):
            logistic = makers.get(gate)
            if logistic is None or logistic.name != "LOGISTIC" or logistic.inputs != (source,) or source == gate:
                continue
            if readers[gate] != [op.index] or gate in graph.outputs or not _alike(graph, source, gate, op.outputs[0]):
                continue
            absorbed[op.index] = replace(logistic, index=op.index, outputs=op.outputs, absorbed=(logistic, op))
            break
    return with_absorbing(graph, absorbed)


def _alike(graph: Graph, *tensors: int) -> bool:
    """All int8, of one shape."""
    return len({(graph.tensors[t].dtype, graph.tensors[t].shape) for t in tensors}) == 1 and (
        graph.tensors[tensors[0]].dtype == "int8"
    )
