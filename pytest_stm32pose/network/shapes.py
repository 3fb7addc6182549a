"""Shapes that the file leaves open, at batch 1.

Of a network with a free batch, the converter knows no more of some tensors than their rank: a RESHAPE to sizes that are
computed, and all that follows; and where it knows all but the first dimension, that need not be the batch (Dense layers
put rows and batch together). With batch 1 everything follows from the input's shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pytest_stm32pose.network.folding import Folder, compute
from pytest_stm32pose.network.graph import Op, Tensor

MAX_ELEMENTS = 1 << 27  #: of a tensor
_MAX_RANK = 6

Shape = tuple[int, ...]
#: (operator, its inputs, values of those that are known) -> shape of output 0.
_Rule = Callable[[Op, Sequence[Tensor], Mapping[int, Sequence[int]]], Shape]


def resolve_shapes(
    tensors: Sequence[Tensor],
    ops: Sequence[Op],
    inputs: Sequence[int],
    outputs: Sequence[int],
    open_: Mapping[int, int],
) -> tuple[list[Tensor], set[int]]:
    """Follows the operators.

    Args:
        open_: tensors with dimensions that are not known -> the last of them; those are 1 in `tensors`. The first
            dimension is the batch where nothing else follows.

    Returns:
        All tensors, and which of `open_` remain so.
    """
    resolved = list(tensors)
    left = {tensor for tensor, axis in open_.items() if axis > 0 or tensor not in inputs}
    folder = Folder(resolved, outputs)
    for op in ops:
        if left.intersection(op.inputs):
            continue
        for place, tensor in enumerate(op.outputs):
            shape = _shape(op, place, resolved, folder) if tensor in left else None
            if shape is not None and len(shape) <= _MAX_RANK and 0 < math.prod(shape) <= MAX_ELEMENTS:
                resolved[tensor] = replace(resolved[tensor], shape=shape)
                left.discard(tensor)
            elif open_.get(tensor) == 0:
                left.discard(tensor)
        if not left.intersection(op.outputs):
            folder.fold(op)
    return resolved, left


def _shape(op: Op, place: int, tensors: Sequence[Tensor], folder: Folder) -> Shape | None:
    """Of output `place`; None where it is not known."""
    inputs = [tensors[t] for t in op.inputs if t >= 0]
    if any(t < 0 for t in op.inputs[: len(inputs)]):
        return None  # an optional operand is absent, and not the last
    if place == 0 and op.name in _RULES:
        known = {i: [int(v) for v in folder.values[t.index].reshape(-1)] for i, t in enumerate(inputs)
                 if t.index in folder.values and t.dtype in ("int32", "int64")}  # fmt: skip
        try:
            return tuple(int(n) for n in _RULES[op.name](op, inputs, known))
        except (ValueError, LookupError, ZeroDivisionError, TypeError):
            return None
    if op.name not in _MOVES or sum(t.nbytes for t in inputs) > MAX_ELEMENTS:
        return None
    values = [folder.values.get(t.index, np.broadcast_to(np.zeros((), t.dtype), t.shape)) for t in inputs]
    made = compute(op, tensors, values)
    return None if made is None or place >= len(made) else made[place].shape


def _same(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    return inputs[0].shape


def _broadcast(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    return np.broadcast_shapes(*(t.shape for t in inputs))


def _reshape(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    """One size may be -1: what is left."""
    sizes, total = list(known[1]), math.prod(inputs[0].shape)
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = total // math.prod(n for n in sizes if n != -1)
    if math.prod(sizes) != total or min(sizes, default=1) < 0:
        raise ValueError(sizes)
    return tuple(sizes)


def _resize(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    batch, _, _, channels = inputs[0].shape
    height, width = known[1]
    return batch, height, width, channels


def _window(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    """Convolutions and pooling, with SAME (0) or VALID padding."""
    batch, height, width, channels = inputs[0].shape
    if op.name == "CONV_2D":
        channels, *kernel = inputs[1].shape[:3]
    elif op.name == "DEPTHWISE_CONV_2D":
        *kernel, channels = inputs[1].shape[1:]
    else:
        kernel = [int(op.options["filter_height"]), int(op.options["filter_width"])]
    sizes = []
    for axis, size, extent in zip("hw", (height, width), kernel, strict=True):
        stride, dilation = int(op.options[f"stride_{axis}"]), int(op.options.get(f"dilation_{axis}_factor", 1))
        reach = 1 if op.options["padding"] == 0 else (extent - 1) * dilation + 1
        sizes.append((size - reach) // stride + 1)
    return batch, *sizes, channels


def _dense(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    channels, values = inputs[1].shape
    source = inputs[0].shape
    return (*source[:-1], channels) if op.options["keep_num_dims"] else (math.prod(source) // values, channels)


def _product(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    a, b = inputs[0].shape, inputs[1].shape
    rows, columns = a[-1 if op.options["adj_x"] else -2], b[-2 if op.options["adj_y"] else -1]
    return (*np.broadcast_shapes(a[:-2], b[:-2]), rows, columns)


def _mean(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    shape = inputs[0].shape
    axes = {axis % len(shape) for axis in known[1]}
    if op.options["keep_dims"]:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _padded(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    around = known[1]
    return tuple(n + around[2 * i] + around[2 * i + 1] for i, n in enumerate(inputs[0].shape))


def _concatenated(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    shape, axis = inputs[0].shape, int(op.options["axis"]) % len(inputs[0].shape)
    return (*shape[:axis], sum(t.shape[axis] for t in inputs), *shape[axis + 1 :])


def _packed(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    shape = inputs[0].shape
    axis = int(op.options["axis"]) % (len(shape) + 1)
    return (*shape[:axis], len(inputs), *shape[axis:])


def _gathered(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    source, indices = inputs[0].shape, inputs[1].shape
    axis = int(op.options["axis"]) % len(source)
    if op.options["batch_dims"]:
        raise ValueError(op.options)
    return (*source[:axis], *indices, *source[axis + 1 :])


def _expanded(op: Op, inputs: Sequence[Tensor], known: Mapping[int, Sequence[int]]) -> Shape:
    shape = inputs[0].shape
    at = known[1][0] % (len(shape) + 1)
    return (*shape[:at], 1, *shape[at:])


_ELEMENT_WISE = """
    QUANTIZE DEQUANTIZE CAST LOGISTIC RELU RELU6 RELU_N1_TO_1 TANH HARD_SWISH LEAKY_RELU PRELU SOFTMAX ABS NEG SQRT
    RSQRT EXP ELU GELU SQUARE"""
_BROADCASTING = "ADD SUB MUL DIV MAXIMUM MINIMUM SQUARED_DIFFERENCE FLOOR_DIV POW"
_WINDOWS = "CONV_2D DEPTHWISE_CONV_2D MAX_POOL_2D AVERAGE_POOL_2D"
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_ELEMENT_WISE.split(), _same),
    **dict.fromkeys(_BROADCASTING.split(), _broadcast),
    **dict.fromkeys(_WINDOWS.split(), _window),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
    "MEAN": _mean,
    "PAD": _padded,
    "PADV2": _padded,
    "EXPAND_DIMS": _expanded,
    "CONCATENATION": _concatenated,
    "PACK": _packed,
    "GATHER": _gathered,
    "SHAPE": lambda op, inputs, known: (len(inputs[0].shape),),
}
#: Operators that folding.py does on values of any size without much memory: elements are moved, or are all alike.
_MOVES = ("STRIDED_SLICE", "SLICE", "TRANSPOSE", "SPLIT", "UNPACK", "TILE", "FILL", "BROADCAST_TO")
