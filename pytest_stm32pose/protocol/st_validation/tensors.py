"""Tensors as ST's validation firmware describes them, against those of a .tflite. Pure.

The two need not agree: ST's tools may have added or removed a conversion at the edges of the network (float32 for int8
and the like), moved the channels to the front, or dropped dimensions of one. What is exchanged is converted, by the
quantisation that both sides state (fixed point states its own); the shape without its ones must be the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.network.graph import Tensor as ModelTensor
from pytest_stm32pose.protocol.st_validation.formats import format_of
from pytest_stm32pose.protocol.st_validation.messages import (
    HAS_BATCH,
    SHAPE_MASK,
    SHAPE_SHIFT,
    Shape,
    TensorDesc,
)

CHANNEL_FIRST = 16  #: with Shape.ST_AI
MAX_DIMS = 6
PADDING = 3  #: elements by which `size` may exceed the shape, as ST's own runner allows


@dataclass(frozen=True)
class Layout:
    """How a tensor lies in the device's memory. `scale` 0: not quantised."""

    dtype: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    channel_first: bool

    @property
    def nbytes(self) -> int:
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    def describe(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


def layout_of(desc: TensorDesc) -> Layout:
    """Type and memory order of a tensor of the device.

    Raises:
        ProtocolError: a format this protocol has no name for, or a shape that is none.
    """
    element = format_of(desc.format)
    if element is None:
        raise ProtocolError(f"Tensor {desc.name!r} of the device has the unknown format 0x{desc.format:08x}.")
    order, dims = desc.n_dims >> SHAPE_SHIFT, desc.dims
    rank = desc.n_dims & (1 << SHAPE_SHIFT) - 1
    if rank != len(dims) or not 1 <= rank <= MAX_DIMS or 0 in dims:
        raise ProtocolError(f"Tensor {desc.name!r} of the device says {rank} dimensions and lists {list(dims)}.")
    kind = order & SHAPE_MASK
    first = kind == Shape.ST_AI and bool(order & CHANNEL_FIRST)
    if kind == Shape.BCWH and rank >= 4:
        dims = (dims[0], *dims[3:1:-1], *dims[4:], dims[1])
    elif kind == Shape.ST_AI and not (order & HAS_BATCH and dims[0] == 1):  # as ST's own runner reads it
        dims = (1, *dims)
    scale, zero = float(np.float32(desc.scale)), desc.zeropoint
    if element.fraction_bits is not None:
        scale, zero = 2.0**-element.fraction_bits, 0
    if not math.isfinite(scale):
        raise ProtocolError(f"Tensor {desc.name!r} of the device has the scale {scale}.")
    layout = Layout(element.dtype, tuple(dims), scale, zero, first)
    elements = layout.nbytes // np.dtype(element.dtype).itemsize
    if abs(elements - desc.size) > PADDING:
        raise ProtocolError(f"Tensor {desc.name!r} of the device has {desc.size} elements, its shape {elements}.")
    return layout


def mismatch(layout: Layout, tensor: ModelTensor) -> str:
    """Why a tensor of the device cannot be the one of the .tflite, a clause; "" when it can."""
    of_device, of_model = _without_ones(layout.shape), _without_ones(tensor.shape)
    if of_device not in (of_model, _without_ones(_channels_first(tensor.shape))):
        return f"is {layout.describe()} on the device and {tensor.dtype} {list(tensor.shape)} in the .tflite"
    if layout.dtype != tensor.dtype and not (_convertible(layout.dtype) and _convertible(tensor.dtype)):
        return f"is {layout.dtype} on the device, which cannot be made from {tensor.dtype}"
    return ""


def to_device(values: NDArray[np.generic], tensor: ModelTensor, layout: Layout) -> bytes:
    """The bytes that a device is given for a tensor of the .tflite, [1, ...] or without its batch."""
    array = values.reshape(tensor.shape)
    if _is_channel_first(tensor.shape, layout):
        array = np.moveaxis(array, -1, 1)
    scale, zero = quantisation(tensor)
    converted = _convert(array, (tensor.dtype, scale, zero), (layout.dtype, layout.scale, layout.zero_point))
    return np.ascontiguousarray(converted).astype(np.dtype(layout.dtype).newbyteorder("<")).tobytes()


def from_device(data: bytes, tensor: ModelTensor, layout: Layout) -> NDArray[np.generic]:
    """A tensor of the .tflite, in its shape, type and quantisation, from the device's bytes.

    Raises:
        ProtocolError: not as many bytes as the layout has.
    """
    if len(data) != layout.nbytes:
        raise ProtocolError(f"The device sent {len(data)} bytes of a tensor {layout.describe()} of {layout.nbytes}.")
    stored = np.dtype("uint8" if layout.dtype == "bool" else layout.dtype).newbyteorder("<")
    array = np.frombuffer(data, dtype=stored).astype(layout.dtype)
    if _is_channel_first(tensor.shape, layout):
        array = np.moveaxis(array.reshape(_channels_first(tensor.shape)), 1, -1)
    scale, zero = quantisation(tensor)
    converted = _convert(array, (layout.dtype, layout.scale, layout.zero_point), (tensor.dtype, scale, zero))
    return np.ascontiguousarray(converted).reshape(tensor.shape)


def _convert(
    array: NDArray[np.generic], old: tuple[str, float, int], new: tuple[str, float, int]
) -> NDArray[np.generic]:
    """Values of one (dtype, scale, zero point) in another; scale 0 means the real values themselves."""
    same = old[0] == new[0] and (0.0 in (old[1], new[1]) or (np.isclose(old[1], new[1], 1e-5) and old[2] == new[2]))
    if same:
        return array
    real = array.astype(np.float32)
    if old[1]:
        real = (array.astype(np.int64) - old[2]).astype(np.float32) * np.float32(old[1])
    if new[0] in ("float32", "float16"):
        return real.astype(new[0])
    whole = np.rint(real / np.float32(new[1])) + new[2] if new[1] else np.rint(real)
    limits = np.iinfo(new[0])
    return np.clip(whole, limits.min, limits.max).astype(new[0])


def _convertible(dtype: str) -> bool:
    return dtype in ("float32", "float16", "uint8", "int8", "uint16", "int16")


def quantisation(tensor: ModelTensor) -> tuple[float, int]:
    """Scale and zero point of a tensor of the .tflite; (0.0, 0) when it has none, or one per channel."""
    q = tensor.quantization
    if tensor.dtype == "float32" or q.scale.size != 1:
        return 0.0, 0
    return float(q.scale[0]), int(q.zero_point[0]) if q.zero_point.size else 0


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dim for dim in shape if dim != 1)


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1]) if len(shape) == 4 else shape


def _is_channel_first(shape: tuple[int, ...], layout: Layout) -> bool:
    """The device has the channels in front: it says so, or no other order fits."""
    if len(shape) != 4 or _without_ones(layout.shape) != _without_ones(_channels_first(shape)):
        return False
    return layout.channel_first or _without_ones(layout.shape) != _without_ones(shape)
