"""The picture input of a .tflite, and what of the network's beginning the host does for it.

A network that begins by moving its channels to the end gets its picture with the channels there; one that begins with a
QUANTIZE from float32 gets that operator's output. Both change no bit of what comes after: the moved elements are the
same, and the host rounds as TFLite's reference does (pictures/values.py). The operators are then gone from what runs on
the device, with one QUANTIZE between 8-bit types that stands before the move. Whatever else reads the input stops this,
but for an operator that asks for its shape (a network with a free batch does).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.folding import OF_SHAPE
from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.metadata import short
from pytest_stm32pose.network.ops.quantize import requantized
from pytest_stm32pose.network.ops.tables import table_bytes
from pytest_stm32pose.types import HostQuantize, NetworkDescription, PictureInput

_TO_LAST = [0, 2, 3, 1]
_BYTES = ("int8", "uint8")
#: Operators that change no value.
_MOVES = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE", "PAD", "PADV2")
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class TakenPicture:
    """A graph whose input is what the device is given.

    Attributes:
        host_ops: operators of the .tflite that the host does.
    """

    graph: Graph
    picture: PictureInput
    host_ops: tuple[Op, ...] = ()


def take_picture(graph: Graph) -> TakenPicture:
    """Splits what the host does from a network with one input; what it does not recognise it leaves alone."""
    source = graph.tensors[graph.inputs[0]]
    begin = tuple(_beginning(graph, source))
    moves = [number for number, op in enumerate(begin) if _moves_channels(op, graph)]
    floats = [number for number, op in enumerate(begin) if graph.tensors[op.inputs[0]].dtype == "float32"]
    quantizes = [number for number in floats if begin[number].name == "QUANTIZE"]
    taken = begin[: max((*moves, *quantizes), default=-1) + 1]
    steps = tuple(_step(op, graph) for op in taken if op.name == "QUANTIZE")
    scale, zero_point = _affine(source)
    picture = PictureInput(source.dtype, scale, zero_point, steps, *_normalisation(graph), _natural(graph, source))
    if not taken:
        return TakenPicture(graph, picture)
    gone = {op.index for op in taken}
    ops = tuple(op for op in graph.ops if op.index not in gone)
    return TakenPicture(replace(graph, inputs=(taken[-1].outputs[0],), ops=ops), picture, taken)


def _beginning(graph: Graph, source: Tensor) -> Iterator[Op]:
    """The QUANTIZE and the channels' move at the beginning, each the only reader of what comes before."""
    index, seen = source.index, set[str]()
    while (op := _only_reader(graph, index)) is not None:
        moves = _moves_channels(op, graph)
        kind = "move" if moves else op.name
        if kind in seen or not (moves or _quantizes(op, graph)):
            return
        seen.add(kind)
        yield op
        index = op.outputs[0]


def _only_reader(graph: Graph, index: int) -> Op | None:
    """But for those who ask for its shape only, which is known (folding.py)."""
    readers = [op for op in graph.ops for tensor in op.inputs if tensor == index and op.name not in OF_SHAPE]
    if len(readers) != 1 or index in graph.outputs or len(readers[0].outputs) != 1 or readers[0].inputs[0] != index:
        return None
    return readers[0]


def _moves_channels(op: Op, graph: Graph) -> bool:
    """From [1, C, H, W] to [1, H, W, C]; of one channel a RESHAPE does the same."""
    before, after = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if len(before.shape) != 4 or before.shape[0] != 1 or before.shape[1] not in _CHANNELS:
        return False
    if after.dtype != before.dtype or after.shape != tuple(before.shape[axis] for axis in _TO_LAST):
        return False
    if op.name == "RESHAPE":
        return before.shape[1] == 1
    order = graph.tensors[op.inputs[1]].data if op.name == "TRANSPOSE" and len(op.inputs) == 2 else None
    if order is None or order.dtype.kind != "i":
        return False
    return [int(axis) % 4 for axis in np.reshape(order, -1)] == _TO_LAST


def _quantizes(op: Op, graph: Graph) -> bool:
    before, after = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if op.name != "QUANTIZE" or after.dtype not in _BYTES or before.shape != after.shape or not _affine(after)[0]:
        return False
    return before.dtype == "float32" or (before.dtype in _BYTES and _affine(before)[0] > 0)


def _step(op: Op, graph: Graph) -> HostQuantize:
    before, after = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    table = b"" if before.dtype == "float32" else table_bytes(requantized(op, graph, before, after), after.dtype)
    return HostQuantize(after.dtype, *_affine(after), table)


def _affine(tensor: Tensor) -> tuple[float, int]:
    """Scale and zero point of a whole tensor of bytes; (0.0, 0) without."""
    q = tensor.quantization
    if tensor.dtype not in _BYTES or q.scale.size != 1 or q.zero_point.size != 1 or not q.scale[0] > 0:
        return 0.0, 0
    return float(q.scale[0]), int(q.zero_point[0])


def _normalisation(graph: Graph) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation by the file's metadata, where they are of as many channels as the input."""
    shape, found = graph.tensors[graph.inputs[0]].shape, graph.metadata.normalisation
    channels = {shape[1], shape[3]} & set(_CHANNELS) if len(shape) == 4 else set[int]()
    if found is None or not all(len(numbers) in {1, *channels} for numbers in found):
        return (), ()
    return found


def _natural(graph: Graph, source: Tensor) -> tuple[float, float] | None:
    """Scale and offset that spread 0 to 255 over the range of the first QUANTIZE of a float input."""
    if source.dtype != "float32":
        return None
    index = source.index
    for _ in range(len(graph.ops)):
        op = _only_reader(graph, index)
        if op is None or op.name not in (*_MOVES, "QUANTIZE"):
            return None
        if op.name == "QUANTIZE":
            out = graph.tensors[op.outputs[0]]
            scale, zero_point = _affine(out)
            lowest = -128 if out.dtype == "int8" else 0
            return (short(scale), short((lowest - zero_point) * scale)) if scale else None
        index = op.outputs[0]
    return None


def given_as(description: NetworkDescription, shape: tuple[int, ...], dtype: str) -> NetworkDescription | None:
    """The network on a device that takes its picture in this shape and type: ST's generator chooses both.

    None: such an input cannot be made from the .tflite's.
    """
    height, width, channels = description.input_shape
    picture, ours = description.picture or PictureInput(description.input_dtype), description.input_dtype
    if shape not in ((1, height, width, channels), (1, channels, height, width)):
        return None
    first = shape != (1, height, width, channels)
    host = picture.host
    if dtype == ours:
        pass
    elif dtype == picture.dtype:
        host = ()
    elif {dtype, ours} == set(_BYTES):
        host = (*host, _other_sign(dtype))
    elif dtype == "float32" and ours in _BYTES and picture.scale and not host:
        host = (HostQuantize(dtype, picture.scale, picture.zero_point),)
    else:
        return None
    return replace(description, input_dtype=dtype, picture=replace(picture, host=host, channels_first=first))


def _other_sign(dtype: str) -> HostQuantize:
    """The same values in bytes of the other sign: the highest bit changes."""
    return HostQuantize(dtype, 1.0, 0, bytes(byte ^ 0x80 for byte in range(256)))


def check_picture_input(graph: Graph) -> None:
    """Raises ModelError unless a picture can be given: one input, with one or three channels, of bytes or floats."""
    if len(graph.inputs) != 1:
        raise ModelError(
            f"{graph.name} has {len(graph.inputs)} inputs; a pose network has one, the picture.",
            remedy="Export the network with one input.",
        )
    picture = graph.tensors[graph.inputs[0]]
    taken = take_picture(graph).graph
    refusal = _refusal(taken.tensors[taken.inputs[0]], taken)
    if refusal is not None:
        clause, remedy = refusal
        raise ModelError(f"{graph.name}: the input is {picture.dtype} {list(picture.shape)}{clause}.", remedy=remedy)


def _refusal(picture: Tensor, graph: Graph) -> tuple[str, str] | None:
    """Why no picture can be given to an input, and what to do about it; None for one that takes pictures."""
    shape = picture.shape
    taken = "; pictures are given as uint8, int8 or float32 [1, H, W, 3] or [1, H, W, 1]"
    if len(shape) != 4 or shape[0] != 1:
        return taken, "Export the network for one picture, [1, H, W, 3]."
    if picture.dtype not in (*_BYTES, "float32"):
        return taken, "Convert the network again with a uint8 input (converter.inference_input_type = tf.uint8)."
    if picture.dtype == "float32" and not _has_bytes(graph):
        return ", and nothing behind it is of 8 bits", (
            "Quantise the network to int8 with a uint8 input (converter.inference_input_type = tf.uint8, or "
            "`stm32pose models convert`)."
        )
    if shape[3] in _CHANNELS:
        return None
    if shape[1] in _CHANNELS:
        return "; it does not begin by moving its channels to the end", (
            "Its channels come first: export it with channels last (NHWC), for example through onnx2tf."
        )
    return taken, "Export the network for RGB or grey pictures."


def _has_bytes(graph: Graph) -> bool:
    return any(graph.tensors[index].dtype in _BYTES for op in graph.ops for index in op.outputs)
