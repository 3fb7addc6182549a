"""Writes the network image: header, constants, parameters, operands, operators, tensors (firmware/NETWORK_IMAGE.md).

Constants come first, right after the header, so that their offsets are final while the operator rules still run.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import Prepared

MAX_IMAGE_BYTES = 1 << 28


class ImageConsts:
    """The image's constants (ops.base.ConstPool): 16-byte aligned or more, equal bytes stored once."""

    def __init__(self) -> None:
        self.start = layout.HEADER.size
        self._data = bytearray()
        self._known: dict[tuple[bytes, int], int] = {}

    def add(self, data: NDArray[Any] | bytes, align: int = 16) -> int:
        """Stores the bytes and returns their offset from the image's first byte."""
        if isinstance(data, bytes):
            raw = data
        else:
            array = np.ascontiguousarray(data)
            raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        align = max(align, layout.ALIGN)
        key = (hashlib.sha256(raw).digest(), align)
        if key not in self._known:
            self._data += bytes(-(self.start + len(self._data)) % align)
            self._known[key] = self.start + len(self._data)
            self._data += raw
            if len(self._data) > MAX_IMAGE_BYTES:
                raise ModelError(f"The network's constants need more than {MAX_IMAGE_BYTES} bytes.")
        return self._known[key]

    def tobytes(self) -> bytes:
        """All constants, padded to a multiple of 16 bytes."""
        return bytes(self._data) + bytes(-len(self._data) % layout.ALIGN)


@dataclass(frozen=True)
class Placed:
    """One operator, prepared and placed: where its scratch buffer is in the arena, and whether it works in place
    and whether it runs together with the next one."""

    op: Op
    prepared: Prepared
    scratch_offset: int
    in_place: bool = False
    streamed: bool = False


@dataclass(frozen=True)
class ImageParts:
    """All that the image is made of. By tensor index in the .tflite: `arena_offsets`, and `windows`, the rows held of
    those that never exist in full."""

    graph: Graph
    ops: Sequence[Placed]
    consts: ImageConsts
    arena_offsets: dict[int, int]
    windows: dict[int, int]
    arena_bytes: int
    macc: int
    decoding: bytes  #: image.DECODING


def write_image(parts: ImageParts) -> bytes:
    """Returns the image's bytes; the same parts give the same bytes.

    Raises:
        ModelError: something does not fit the format's counts.
    """
    order = _used_tensors(parts)
    row_of = {source: row for row, source in enumerate(order)}
    tensors = b"".join(_tensor_row(parts, source) for source in order)
    params, operands, ops = _op_tables(parts, row_of)
    consts = parts.consts.tobytes()
    params_off = parts.consts.start + len(consts)
    operands_off = params_off + len(params)
    ops_off = operands_off + len(operands)
    tensors_off = ops_off + len(ops)
    image_bytes = tensors_off + len(tensors)
    outputs = [row_of[t] for t in parts.graph.outputs]
    unused = [layout.NO_TENSOR] * (layout.MAX_OUTPUTS - len(outputs))
    header = layout.HEADER.pack(
        layout.MAGIC, layout.VERSION, layout.HEADER.size, image_bytes, 0, bytes.fromhex(parts.graph.sha256),
        _name(parts.graph.name), parts.macc, parts.arena_bytes,
        len(order), tensors_off, len(parts.ops), ops_off, _operand_count(parts), operands_off,
        params_off, len(params), parts.consts.start, len(consts),
        row_of[parts.graph.inputs[0]], len(outputs), *outputs, *unused,
        parts.decoding,
    )  # fmt: skip
    image = bytearray(header + consts + params + operands + ops + tensors)
    struct.pack_into("<I", image, layout.CRC_OFFSET, layout.image_crc32(image))
    return bytes(image)


def _name(text: str) -> bytes:
    """At most 63 bytes of UTF-8, cut between characters."""
    return text.encode()[:63].decode("utf-8", "ignore").encode()


def _used_tensors(parts: ImageParts) -> list[int]:
    """.tflite indices of the tensors that some operand names, ascending."""
    used = {t for placed in parts.ops for t in (*placed.prepared.inputs, *placed.prepared.outputs) if t >= 0}
    order = sorted(used | {*parts.graph.inputs, *parts.graph.outputs})
    if len(order) > layout.MAX_TENSORS:
        message = f"{parts.graph.name} has {len(order)} tensors; an image holds {layout.MAX_TENSORS}."
        raise ModelError(message)
    for source in order:
        if parts.graph.tensors[source].nbytes == 0:
            raise ModelError(f"{parts.graph.name}: tensor {source} {parts.graph.tensors[source].name!r} is empty.")
    return order


def _tensor_row(parts: ImageParts, source: int) -> bytes:
    tensor = parts.graph.tensors[source]
    if tensor.data is not None:
        storage, offset = layout.IN_IMAGE, parts.consts.add(tensor.data)
    elif source in parts.graph.inputs:
        storage, offset = layout.IN_SLOT, 0
    else:
        storage, offset = layout.IN_ARENA, parts.arena_offsets[source]
    dims = (*tensor.shape, *[1] * (layout.MAX_RANK - len(tensor.shape)))
    scale, zero_point = _quantization(tensor)
    dtype, rank = layout.DTYPES[tensor.dtype], len(tensor.shape)
    return layout.TENSOR.pack(
        dtype, rank, storage, parts.windows.get(source, 0), offset, tensor.nbytes, *dims, scale, zero_point, source
    )


def _quantization(tensor: Tensor) -> tuple[float, int]:
    q = tensor.quantization
    return (float(q.scale[0]), int(q.zero_point[0])) if q.scale.size == 1 else (0.0, 0)


def _op_tables(parts: ImageParts, row_of: dict[int, int]) -> tuple[bytes, bytes, bytes]:
    """(parameter area, operand table, operator table), each padded for what follows it."""
    params, operands, rows = bytearray(), bytearray(), bytearray()
    start = parts.consts.start + len(parts.consts.tobytes())
    for placed in parts.ops:
        prepared = placed.prepared
        place = f"operator {placed.op.index} {placed.op.name}"
        if len(prepared.inputs) + len(prepared.outputs) > layout.MAX_OPERANDS:
            message = f"{parts.graph.name}: {place} has more than {layout.MAX_OPERANDS} operands."
            raise ModelError(message)
        if len(prepared.params) > layout.MAX_PARAMS_BYTES:
            raise ModelError(f"{parts.graph.name}: {place} has {len(prepared.params)} bytes of parameters.")
        if prepared.macs >= 1 << 32:
            raise ModelError(f"{parts.graph.name}: {place} needs {prepared.macs} multiply-accumulates, over 32 bits.")
        first = len(operands) // 2
        for tensor in (*prepared.inputs, *prepared.outputs):
            operands += struct.pack("<H", layout.NO_TENSOR if tensor < 0 else row_of[tensor])
        rows += layout.OP.pack(
            placed.op.opcode, placed.op.index, len(prepared.inputs), len(prepared.outputs),
            layout.OP_IN_PLACE * placed.in_place | layout.OP_STREAMED * placed.streamed, len(prepared.params), first,
            start + len(params), placed.scratch_offset, prepared.scratch_bytes, prepared.macs,
        )  # fmt: skip
        params += prepared.params + bytes(-len(prepared.params) % 8)
    params += bytes(-len(params) % layout.ALIGN)
    operands += bytes(-len(operands) % layout.ALIGN)
    return bytes(params), bytes(operands), bytes(rows)


def _operand_count(parts: ImageParts) -> int:
    return sum(len(p.prepared.inputs) + len(p.prepared.outputs) for p in parts.ops)
