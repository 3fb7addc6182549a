"""The graph between reader, operator rules, planner and writer: a .tflite as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.metadata import ModelMetadata


@dataclass(frozen=True)
class Quantization:
    """TFLite affine quantisation. Empty scale: not quantised. Per channel when scale has more than one element."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0


@dataclass(frozen=True)
class Tensor:
    """One tensor. `index` is its place in the .tflite's subgraph (`source` in images and records)."""

    index: int
    name: str
    dtype: str  #: numpy name: "int8", "uint8", "int16", "int32", "int64", "float32", "bool"
    shape: tuple[int, ...]  #: batch resolved to 1
    quantization: Quantization
    data: NDArray[Any] | None = None  #: constants only

    @cached_property
    def nbytes(self) -> int:
        """Asked for thousands of times while streams are chosen."""
        return np.dtype(self.dtype).itemsize * int(math.prod(self.shape))


@dataclass(frozen=True)
class Op:
    """One operator. `index` is its place in the .tflite; -1 in `inputs` is an absent optional operand."""

    index: int
    opcode: int  #: builtin operator code
    name: str  #: builtin operator name, e.g. "CONV_2D"
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)  #: builtin options by their schema names, enums as ints
    absorbed: tuple[
        Op, ...
    ] = ()  #: operators of the .tflite that do not run because this one does their work (passes.py)


@dataclass(frozen=True)
class Graph:
    """One subgraph."""

    name: str
    sha256: str
    file_bytes: int
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: ModelMetadata = field(default_factory=ModelMetadata)


def same_quantization(a: Tensor, b: Tensor) -> bool:
    """One scale and zero point each, and the same."""
    p, q = a.quantization, b.quantization
    if not p.scale.size == q.scale.size == p.zero_point.size == q.zero_point.size == 1:
        return False
    return bool(p.scale[0] == q.scale[0] and p.zero_point[0] == q.zero_point[0])


def makers_of(graph: Graph) -> dict[int, Op]:
    """Tensor -> the operator that writes it."""
    return {tensor: op for op in graph.ops for tensor in op.outputs}


def readers_of(graph: Graph) -> dict[int, list[int]]:
    """Tensor -> indices of the operators that read it, once for each time."""
    readers: dict[int, list[int]] = {}
    for op in graph.ops:
        for tensor in op.inputs:
            readers.setdefault(tensor, []).append(op.index)
    return readers


def with_absorbing(graph: Graph, absorbing: Mapping[int, Op]) -> Graph:
    """The graph with some operators replaced by those that absorbed others, which are gone."""
    gone = {op.index for by in absorbing.values() for op in by.absorbed} - absorbing.keys()
    ops = tuple(absorbing.get(op.index, op) for op in graph.ops if op.index not in gone)
    return replace(graph, ops=ops)
