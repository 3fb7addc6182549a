"""What a network computes from constants and shapes alone is computed on the host: at batch 1, nothing of it varies.

A network with a free batch asks for the SHAPE of its input, takes the batch out of it and packs a shape for RESHAPE.
Only what NumPy computes with the reference kernels' bits is folded: elements that are moved, integers, and single
operations on float32 (IEEE 754, rounded to nearest). Everything else stays an operator, for its rule to take or refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor

MAX_FOLDED_BYTES = 1 << 24  #: of one tensor: FILL, TILE and BROADCAST_TO make much of little
MAX_BYTES = 1 << 26  #: of all together
_MAX_RANK = 6

Array = NDArray[Any]
#: (operator, tensors of the graph, values of its inputs) -> values of the outputs; None where it is not for us.
_Fold = Callable[[Op, Sequence[Tensor], Sequence[Array]], Sequence[Array] | None]


def fold_constants(graph: Graph) -> Graph:
    """The graph without the operators whose outputs do not depend on the picture; those are constants of it now."""
    folder = Folder(graph.tensors, graph.outputs)
    ops = tuple(op for op in graph.ops if not folder.fold(op))
    if len(ops) == len(graph.ops):
        return graph
    known = folder.values
    tensors = tuple(replace(t, data=known[t.index]) if t.index in known else t for t in graph.tensors)
    return replace(graph, tensors=tensors, ops=ops)


class Folder:
    """Follows the operators of a graph in their order.

    Attributes:
        values: of the tensors that do not depend on the picture, by index.
    """

    def __init__(self, tensors: Sequence[Tensor], outputs: Collection[int]) -> None:
        self.values: dict[int, Array] = {t.index: t.data for t in tensors if t.data is not None}
        self._tensors = tensors
        self._outputs = frozenset(outputs)
        self._room = MAX_BYTES

    def fold(self, op: Op) -> bool:
        """Computes the operator's outputs; False where they depend on the picture, or are not computed here."""
        outputs = [self._tensors[t] for t in op.outputs]
        size = sum(t.nbytes for t in outputs)
        if not outputs or size > min(self._room, MAX_FOLDED_BYTES) or self._outputs.intersection(op.outputs):
            return False
        made = self._computed(op)
        if made is None or [a.shape for a in made] != [t.shape for t in outputs]:
            return False  # not the shapes that the file gives: that is for the operator's rule to say
        self._room -= size
        for tensor, value in zip(outputs, made, strict=True):
            self.values[tensor.index] = np.asarray(value.astype(tensor.dtype, copy=False), order="C")
        return True

    def _computed(self, op: Op) -> Sequence[Array] | None:
        if not op.inputs or op.inputs[0] < 0:
            return None
        if op.name in OF_SHAPE:
            return [OF_SHAPE[op.name](self._tensors[op.inputs[0]].shape)]
        given = [self.values[t] for t in op.inputs if t in self.values]
        return compute(op, self._tensors, given) if len(given) == len(op.inputs) else None


def compute(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
    """The outputs' values from those of the inputs; None for an operator that is not for us, or has odd operands."""
    fold = _FOLDS.get(op.name)
    if fold is None:
        return None
    try:
        with np.errstate(all="ignore"):
            return fold(op, tensors, given)
    except (ValueError, LookupError, TypeError, OverflowError, ZeroDivisionError, MemoryError):
        return None


#: Operators that read of their input nothing but its shape.
OF_SHAPE: dict[str, Callable[[tuple[int, ...]], Array]] = {
    "SHAPE": lambda shape: np.array(shape, np.int64),
    "RANK": lambda shape: np.array(len(shape), np.int32),
}


def _numbers(values: Array) -> list[int]:
    return [int(v) for v in values.reshape(-1)]


def _strided_slice(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
    source, begin, end, stride = given[0], *(_numbers(v) for v in given[1:])
    masks = {name: int(op.options[f"{name}_mask"]) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    if op.options["offset"]:
        end = [first + length for first, length in zip(begin, end, strict=True)]
    where: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin, end, stride, strict=True)):
        if masks["ellipsis"] >> i & 1:
            where.append(Ellipsis)
        elif masks["new_axis"] >> i & 1:
            where.append(None)
        elif masks["shrink_axis"] >> i & 1:
            where.append(0 if masks["begin"] >> i & 1 else first)
        else:
            open_begin, open_end = masks["begin"] >> i & 1, masks["end"] >> i & 1
            where.append(slice(None if open_begin else first, None if open_end else last, step))
    return [np.asarray(source[tuple(where)])]


def _slice(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array]:
    source, begin, size = given[0], _numbers(given[1]), _numbers(given[2])
    ends = [dim if n == -1 else first + n for dim, first, n in zip(source.shape, begin, size, strict=True)]
    return [source[tuple(slice(first, end) for first, end in zip(begin, ends, strict=True))]]


def _reshape(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array]:
    return [given[0].reshape(tensors[op.outputs[0]].shape)]


def _split(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array]:
    return np.split(given[1], len(op.outputs), axis=int(given[0].reshape(-1)[0]))


def _unpack(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array]:
    axis = int(op.options["axis"])
    return [np.take(given[0], i, axis) for i in range(len(op.outputs))]


def _gather(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
    if op.options["batch_dims"] or given[1].min(initial=0) < 0:
        return None
    axis = int(op.options["axis"])
    _sized(np.array([given[0].size // max(given[0].shape[axis], 1), given[1].size]))
    return [np.take(given[0], given[1].astype(np.int64), axis)]


def _cast(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
    """Between integers and to float32; a float that is cast to an integer may not fit it."""
    integer = np.issubdtype(given[0].dtype, np.integer) or given[0].dtype == np.bool_
    return [given[0].astype(tensors[op.outputs[0]].dtype)] if integer else None


def _dequantize(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
    q = tensors[op.inputs[0]].quantization
    if q.scale.size != 1 or q.zero_point.size != 1 or given[0].dtype.kind not in "iu":
        return None
    real = np.float64(q.scale[0]) * (given[0].astype(np.int64) - int(q.zero_point[0]))
    return [real.astype(np.float32)]


def _joined(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
    if op.options["fused_activation_function"] or any(a.dtype != given[0].dtype for a in given):
        return None
    return [np.concatenate(given, int(op.options["axis"]))] if _is_plain(op, tensors) else None


def _is_plain(op: Op, tensors: Sequence[Tensor]) -> bool:
    """The output's values are what is stored."""
    return tensors[op.outputs[0]].quantization.scale.size == 0


def _element_wise(function: Callable[..., Array], *kinds: str) -> _Fold:
    """Not quantised, without a fused activation, of these kinds of numbers ("i", "f", "b")."""

    def fold(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
        plain = not op.options.get("fused_activation_function") and _is_plain(op, tensors)
        alike = len({a.dtype for a in given}) == 1 and given[0].dtype.kind in kinds
        _sized(np.array(np.broadcast_shapes(*(a.shape for a in given))))
        made = np.asarray(function(*given)) if plain and alike else None
        return None if made is None or not np.all(np.isfinite(made)) else [made]  # kernels clamp what is infinite

    return fold


def _reduced(function: Callable[..., Array]) -> _Fold:
    """Over the axes of operand 1; integers only: the order of a float sum is the kernel's."""

    def fold(op: Op, tensors: Sequence[Tensor], given: Sequence[Array]) -> Sequence[Array] | None:
        if given[0].dtype.kind != "i" or not _is_plain(op, tensors):
            return None
        return [np.asarray(function(given[0], tuple(_numbers(given[1])))).reshape(tensors[op.outputs[0]].shape)]

    return fold


def _floor_div(a: Array, b: Array) -> Array:
    if not np.all(b):
        raise ZeroDivisionError
    return np.floor_divide(a, b)


def _moved(function: Callable[..., Array]) -> _Fold:
    """One output, made of the inputs' elements as they are."""
    return lambda op, tensors, given: [np.asarray(function(*given))]


def _sized(shape: Array) -> tuple[int, ...]:
    """A shape that is small enough to be made; what it makes is compared with the file's own shape afterwards."""
    sizes = _numbers(shape)
    if len(sizes) > _MAX_RANK or any(n < 0 for n in sizes) or np.prod(sizes, dtype=np.float64) > MAX_FOLDED_BYTES:
        raise ValueError(sizes)
    return tuple(sizes)


def _tile(source: Array, times: Array) -> Array:
    counts = _sized(times)
    _sized(np.array(source.shape) * np.array(counts))
    return np.tile(source, counts)


def _range(start: Array, limit: Array, delta: Array) -> Array:
    first, last, step = (int(v.reshape(-1)[0]) for v in (start, limit, delta))
    if start.dtype.kind != "i" or abs(last - first) > MAX_FOLDED_BYTES:
        raise ValueError(last)
    return np.arange(first, last, step).astype(start.dtype)


_FOLDS: dict[str, _Fold] = {
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "PACK": lambda op, tensors, given: [np.stack(given, int(op.options["axis"]))],
    "UNPACK": _unpack,
    "SPLIT": _split,
    "CONCATENATION": _joined,
    "GATHER": _gather,
    "TRANSPOSE": _moved(lambda source, order: source.transpose(_numbers(order))),
    "TILE": _moved(_tile),
    "FILL": _moved(lambda shape, value: np.full(_sized(shape), value.reshape(-1)[0], value.dtype)),
    "BROADCAST_TO": _moved(lambda source, shape: np.broadcast_to(source, _sized(shape))),
    "ZEROS_LIKE": _moved(np.zeros_like),
    "RANGE": _moved(_range),
    "CAST": _cast,
    "DEQUANTIZE": _dequantize,
    "ADD": _element_wise(np.add, "i", "f"),
    "SUB": _element_wise(np.subtract, "i", "f"),
    "MUL": _element_wise(np.multiply, "i", "f"),
    "DIV": _element_wise(np.divide, "f"),
    "FLOOR_DIV": _element_wise(_floor_div, "i"),
    "MAXIMUM": _element_wise(np.maximum, "i"),
    "MINIMUM": _element_wise(np.minimum, "i"),
    "NEG": _element_wise(np.negative, "i", "f"),
    "ABS": _element_wise(np.abs, "i", "f"),
    "EQUAL": _element_wise(np.equal, "i", "b"),
    "LESS": _element_wise(np.less, "i"),
    "GREATER": _element_wise(np.greater, "i"),
    "REDUCE_PROD": _reduced(lambda source, axes: np.prod(source, axes, source.dtype)),
    "REDUCE_MAX": _reduced(np.max),
    "REDUCE_MIN": _reduced(np.min),
    "SUM": _reduced(lambda source, axes: np.sum(source, axes, source.dtype)),
}
