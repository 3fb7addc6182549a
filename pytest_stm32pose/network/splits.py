"""Convolutions of single channels between a SPLIT and a CONCATENATION are one depthwise convolution.

Exporters write a grouped convolution of an ONNX network so, one CONV_2D per group (the attention of YOLO11: 128). A sum
has the same products either way, and each channel keeps its own scale; what is stored has the same bits when all parts
share the geometry and the quantisation of input and output. Where they do not, the network is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import (
    Graph,
    Op,
    Quantization,
    Tensor,
    makers_of,
    readers_of,
    same_quantization,
    with_absorbing,
)
from pytest_stm32pose.network.ops.fixed_point import ACT_NONE
from pytest_stm32pose.network.schema import OPERATORS

_DEPTHWISE = "DEPTHWISE_CONV_2D"
_SPLITS = ("SPLIT", "SPLIT_V")


def join_convolutions(graph: Graph) -> Graph:
    """Each CONCATENATION of convolutions of the parts of one SPLIT becomes a depthwise convolution."""
    finder = _Finder(graph)
    joined: dict[int, Op] = {}
    tensors = list(graph.tensors)
    for op in graph.ops:
        found = finder.parts(op) if op.name == "CONCATENATION" else None
        if found is not None:
            joined[op.index] = _depthwise(graph, op, *found, tensors)
    return with_absorbing(replace(graph, tensors=tuple(tensors)), joined) if joined else graph


class _Finder:
    """Who makes and who reads what."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._tensors = graph.tensors
        self._readers = readers_of(graph)
        self._makers = makers_of(graph)

    def parts(self, join: Op) -> tuple[Op, list[Op]] | None:
        """(SPLIT, its convolutions in order) of such a CONCATENATION; None for any other."""
        if len(join.inputs) < 2 or len(join.outputs) != 1 or not self._is_plain_join(join):
            return None
        convolutions = [made for t in join.inputs if (made := self._makers.get(t)) is not None]
        if len(convolutions) != len(join.inputs) or not all(_is_convolution(op) for op in convolutions):
            return None
        split = self._makers.get(convolutions[0].inputs[0])
        if split is None or split.name not in _SPLITS or len(split.inputs) < 2:
            return None
        if split.outputs != tuple(op.inputs[0] for op in convolutions) or not self._fits(split, convolutions, join):
            return None
        return split, convolutions

    def _is_plain_join(self, join: Op) -> bool:
        rank = len(self._tensors[join.outputs[0]].shape)
        axis, activation = int(join.options["axis"]), int(join.options["fused_activation_function"])
        return rank == 4 and axis in (3, -1) and activation == ACT_NONE

    def _fits(self, split: Op, convolutions: Sequence[Op], join: Op) -> bool:
        """Nobody else reads the parts, and they are alike in all but their weights."""
        first = convolutions[0]
        steps = [(part, conv.index) for part, conv in zip(split.outputs, convolutions, strict=True)]
        steps += [(conv.outputs[0], join.index) for conv in convolutions]
        if any(self._readers.get(t) != [reader] or t in self._graph.outputs for t, reader in steps):
            return False
        if any((op.name, op.options, len(op.inputs)) != (first.name, first.options, len(first.inputs))
               for op in convolutions):  # fmt: skip
            return False
        whole, out = self._tensors[split_source(split)], self._tensors[join.outputs[0]]
        parts, results = ([self._tensors[t] for t in each] for each in (split.outputs, join.inputs))
        if not _side_by_side(whole, parts) or not _side_by_side(out, results):
            return False
        if not all(same_quantization(whole, t) for t in parts) or not all(same_quantization(out, t) for t in results):
            return False
        return len({_geometry(self._graph, op) for op in convolutions}) == 1 and _geometry(self._graph, first) != ()


def split_source(split: Op) -> int:
    """The tensor that a SPLIT or SPLIT_V takes apart."""
    return split.inputs[1] if split.name == "SPLIT" else split.inputs[0]


def _is_convolution(op: Op) -> bool:
    return (
        op.name in ("CONV_2D", _DEPTHWISE) and len(op.inputs) in (2, 3) and len(op.outputs) == 1 and op.inputs[0] >= 0
    )


def _side_by_side(whole: Tensor, parts: Sequence[Tensor]) -> bool:
    """int8 [N, H, W, C] and its channels, in order."""
    shapes = {part.shape[:3] for part in parts if len(part.shape) == 4}
    channels = sum(part.shape[3] for part in parts if len(part.shape) == 4)
    return (
        shapes == {whole.shape[:3]}
        and whole.shape[3:] == (channels,)
        and {t.dtype for t in (whole, *parts)} == {"int8"}
    )


def _geometry(graph: Graph, op: Op) -> tuple[int, ...]:
    """Window, input channels, outputs per input channel, and whether there is a bias; () for what no depthwise
    convolution can do."""
    part, weights = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]] if op.inputs[1] >= 0 else None
    if weights is None or weights.data is None or weights.dtype != "int8" or len(weights.shape) != 4:
        return ()
    filters = weights.shape[0 if op.name == "CONV_2D" else 3]
    if op.name == "CONV_2D":
        single = part.shape[3] == weights.shape[3] == 1
    else:
        single = weights.shape[0] == 1 and int(op.options["depth_multiplier"]) * part.shape[3] == filters
    q = weights.quantization
    scaled = q.scale.size in (1, filters) and not q.zero_point.any()
    along = q.scale.size == 1 or q.axis == (0 if op.name == "CONV_2D" else 3)
    bias = graph.tensors[op.inputs[2]] if len(op.inputs) == 3 and op.inputs[2] >= 0 else None
    known = bias is None or (bias.data is not None and bias.dtype == "int32" and bias.data.size == filters)
    if not (single and scaled and along and known and graph.tensors[op.outputs[0]].shape[3] == filters):
        return ()
    return (*weights.shape[1:3], part.shape[3], filters // part.shape[3], int(bias is not None))


def _depthwise(graph: Graph, join: Op, split: Op, convolutions: Sequence[Op], tensors: list[Tensor]) -> Op:
    """The convolution that does the work of all; its weights and bias become new tensors at the end of `tensors`."""
    weights = [graph.tensors[op.inputs[1]] for op in convolutions]
    values = np.concatenate([_filters(op.name, w) for op, w in zip(convolutions, weights, strict=True)], axis=3)
    scales = np.concatenate([_scales(w, v) for w, v in zip(weights, _counts(graph, convolutions), strict=True)])
    zeros = np.zeros(scales.size, np.int64)
    quantization = Quantization(scales.astype(np.float32), zeros, 3)
    added = [
        Tensor(len(tensors), f"{tensors[join.outputs[0]].name} weights", "int8", values.shape, quantization, values)
    ]
    first = convolutions[0]
    if len(first.inputs) == 3 and first.inputs[2] >= 0:
        bias = np.concatenate([_known(graph.tensors[op.inputs[2]]).reshape(-1) for op in convolutions])
        none = Quantization(np.empty(0, np.float32), np.empty(0, np.int64))
        name = f"{tensors[join.outputs[0]].name} bias"
        added.append(Tensor(len(tensors) + 1, name, "int32", bias.shape, none, bias))
    tensors += added
    options = {key: value for key, value in first.options.items() if key != "quantized_bias_type"}
    options["depth_multiplier"] = _geometry(graph, first)[3]
    return Op(
        index=join.index,
        opcode=OPERATORS.index(_DEPTHWISE),
        name=_DEPTHWISE,
        version=3,
        inputs=(split_source(split), *(t.index for t in added)),
        outputs=join.outputs,
        options=options,
        absorbed=(split, *(each for op in convolutions for each in (*op.absorbed, op)), join),
    )


def _counts(graph: Graph, convolutions: Sequence[Op]) -> list[int]:
    return [graph.tensors[op.outputs[0]].shape[3] for op in convolutions]


def _filters(name: str, weights: Tensor) -> NDArray[Any]:
    """As DEPTHWISE_CONV_2D has them: [1, height, width, filters]."""
    values = _known(weights)
    return values.transpose(3, 1, 2, 0) if name == "CONV_2D" else values


def _scales(weights: Tensor, filters: int) -> NDArray[Any]:
    return np.broadcast_to(weights.quantization.scale, (filters,))


def _known(tensor: Tensor) -> NDArray[Any]:
    assert tensor.data is not None, "checked by _geometry"
    return tensor.data
