""".tflite -> Graph, without TensorFlow or LiteRT. The file is untrusted: whatever is wrong with it is one ModelError.

Source: the TFLite schema (schema.py) and its meaning in tensorflow/lite/core/model_builder and interpreter_builder.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network import schema
from pytest_stm32pose.network.flatbuffer import FlatBufferError, Table
from pytest_stm32pose.network.graph import Graph, Op, Quantization, Tensor
from pytest_stm32pose.network.kinds import other_format
from pytest_stm32pose.network.metadata import read_metadata
from pytest_stm32pose.network.rules import option_table
from pytest_stm32pose.network.shapes import resolve_shapes

MAX_FILE_BYTES = 1 << 28
MAX_TENSORS = 0xFFFE  #: the image counts tensors in 16 bits
MAX_OPS = 0xFFFF
MAX_RANK = 6
MAX_OPERANDS = layout.MAX_OPERANDS
MAX_TENSOR_BYTES = 1 << 30
#: Part of a custom operator's name -> the processor it is for, and what makes such files.
_COMPILERS = (
    ("ethos-u", "an Arm Ethos-U", "Vela"),
    ("edgetpu", "an Edge TPU", "its compiler"),
)
_QUANTISE = "Quantise the network to int8."
_TYPE_REMEDIES = {
    "FLOAT16": "Its weights are float16: quantise the network to int8 with calibration pictures instead.",
    "INT4": "Its weights are int4: quantise the network to int8.",
}


def read_model(path: Path | str) -> Graph:
    """Reads a .tflite file.

    Raises:
        ModelError: the file is missing, not a TFLite file, damaged, or uses a feature that is not supported.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(f"{path.name} is {size} bytes; models up to {MAX_FILE_BYTES} bytes are read.")
        data = path.read_bytes()
    except OSError as error:
        message = f"The model {path} cannot be read: {error.strerror or error}."
        raise ModelError(message, remedy="Check the path.") from error
    return parse_model(data, path.stem, path.name)


def parse_model(data: bytes, name: str, file: str = "") -> Graph:
    """Reads the bytes of a .tflite; `name` is the network's name, `file` what messages call it. Raises ModelError."""
    file = file or name
    remedy = "Give a .tflite file."
    if not data:
        raise ModelError(f"The model {file} is empty.", remedy=remedy)
    if len(data) < 8 or data[4:8] != schema.FILE_IDENTIFIER:
        if (other := other_format(data)) is not None:
            raise ModelError(f"The model {file} is {other[0]}, no TFLite file.", remedy=other[1])
        raise ModelError(f"The model {file} is not a TFLite file (it lacks the TFL3 mark).", remedy=remedy)
    try:
        return _Reader(data, name).graph()
    except FlatBufferError as error:
        message = f"The model {file} is damaged or truncated: {error}."
        raise ModelError(message, remedy="Fetch or export it again.") from error


class _Reader:
    """One walk over one file."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        self._data = data
        self._open: dict[int, int] = {}  #: tensors with dynamic dimensions, and the last of them
        self._model = Table.root(data)
        version = self._model.scalar(0, "<I", 0)
        if version != schema.SCHEMA_VERSION:
            raise ModelError(f"The model {name} has TFLite schema version {version}; version 3 is supported.")
        subgraphs = self._model.count(2)
        if subgraphs != 1:
            raise ModelError(
                f"The model {name} has {subgraphs} subgraphs; exactly one is supported.",
                remedy="Export one network with one signature, without control flow (if, while, call).",
            )
        self._subgraph = self._model.item(2, 0)

    def _error(self, place: str, message: str, remedy: str = "") -> ModelError:
        return ModelError(f"{self._name}: {place} {message}.", remedy=remedy)

    def graph(self) -> Graph:
        codes = [self._opcode(i) for i in self._numbers(self._model, 1, MAX_OPS, "operator codes")]
        self._check_compiled(codes)
        tensors = tuple(self._tensor(i) for i in self._numbers(self._subgraph, 0, MAX_TENSORS, "tensors"))
        numbers = self._numbers(self._subgraph, 3, MAX_OPS, "operators")
        ops = tuple(self._op(i, codes, len(tensors)) for i in numbers)
        inputs = self._indices(self._subgraph, 1, len(tensors), "the network's input list", absent=False)
        outputs = self._indices(self._subgraph, 2, len(tensors), "the network's output list", absent=False)
        if self._open:
            tensors = self._resolved(tensors, ops, inputs, outputs)
        graph = Graph(
            name=self._name,
            sha256=hashlib.sha256(self._data).hexdigest(),
            file_bytes=len(self._data),
            tensors=tensors,
            ops=ops,
            inputs=inputs,
            outputs=outputs,
            metadata=read_metadata(self._model, self._data, outputs),
        )
        self._check_order(graph)
        return graph

    def _resolved(
        self, tensors: tuple[Tensor, ...], ops: tuple[Op, ...], inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> tuple[Tensor, ...]:
        """With the shapes that follow from the input's; refuses those that do not."""
        resolved, left = resolve_shapes(tensors, ops, inputs, outputs, self._open)
        for index in sorted(left - {index for index, axis in self._open.items() if axis == 0}):
            place = f"tensor {index} {tensors[index].name!r}"
            message = f"has a dynamic dimension {self._open[index]}; only the batch may be dynamic"
            raise self._error(place, message, "Export the network with a fixed input size.")
        return tuple(resolved)

    def _numbers(self, table: Table, slot: int, limit: int, what: str) -> range:
        """Of the items of a vector of tables."""
        count = table.count(slot)
        if count > limit:
            raise ModelError(f"The model {self._name} has {count} {what}; up to {limit} are supported.")
        return range(count)

    def _check_compiled(self, codes: list[tuple[int, str, int]]) -> None:
        """A file that was compiled for another processor holds its commands as the data of custom operators."""
        for _, name, _ in codes:
            for mark, processor, compiler in _COMPILERS:
                if mark in name:
                    compiled = f"is compiled for {processor} (operator {name}), which no board here has"
                    raise ModelError(
                        f"The model {self._name} {compiled}.",
                        remedy=f"Give the .tflite that {compiler} was given.",
                    )

    def _indices(self, table: Table, slot: int, tensors: int, place: str, *, absent: bool) -> tuple[int, ...]:
        array = table.array(slot, "<i4")
        if array.size > MAX_OPERANDS:
            raise self._error(place, f"names {array.size} tensors; up to {MAX_OPERANDS} are supported")
        indices = tuple(int(i) for i in array)
        for index in indices:
            if not (0 <= index < tensors or (absent and index == -1)):
                raise self._error(place, f"names tensor {index}, of {tensors}")
        return indices

    def _opcode(self, index: int) -> tuple[int, str, int]:
        """(builtin code, name, version). Files before schema 3a carry the code in the 8-bit field only."""
        table = self._model.item(1, index)
        code = max(table.scalar(0, "<b", 0), table.scalar(3, "<i", 0))
        name = schema.operator_name(code)
        if code == schema.CUSTOM:
            name = f"CUSTOM {table.text(1)!r}"
        return code, name, table.scalar(2, "<i", 1)

    def _op(self, index: int, codes: list[tuple[int, str, int]], tensors: int) -> Op:
        table = self._subgraph.item(3, index)
        code = table.scalar(0, "<I", 0)
        if code >= len(codes):
            raise self._error(f"operator {index}", f"has operator code {code}, of {len(codes)}")
        opcode, name, version = codes[code]
        place = f"operator {index} {name}"
        return Op(
            index=index,
            opcode=opcode,
            name=name,
            version=version,
            inputs=self._indices(table, 1, tensors, place, absent=True),
            outputs=self._indices(table, 2, tensors, place, absent=False),
            options=self._options(table, name, place),
        )

    def _options(self, op: Table, name: str, place: str) -> dict[str, object]:
        """The operator's options with their defaults; an absent table means every default."""
        layout = option_table(name)
        if layout is None:
            return {}
        union = op.scalar(3, "<B", 0)
        if union not in (0, layout.union):
            raise self._error(place, f"carries options of type {union} instead of {layout.union}")
        table = op.table(4) if union else None
        if table is None:
            return {f.name: f.default for f in layout.fields}
        return {f.name: table.scalar(f.slot, f.fmt, f.default) for f in layout.fields}

    def _tensor(self, index: int) -> Tensor:
        table = self._subgraph.item(0, index)
        name = table.text(3)
        place = f"tensor {index} {name!r}"
        kind = table.scalar(1, "<b", 0)
        if kind not in schema.TENSOR_DTYPES:
            other = schema.OTHER_TYPES.get(kind, kind)
            raise self._error(place, f"has type {other}, which is not supported", _TYPE_REMEDIES.get(other, _QUANTISE))
        if table.scalar(5, "<?", False):
            remedy = "Export the network without layers that remember (LSTM, GRU, state)."
            raise self._error(place, "is a variable (state between inferences), which is not supported", remedy)
        if table.has(6):
            raise self._error(place, "is sparse, which is not supported", "Export the network with dense weights.")
        if table.scalar(10, "<I", 0):
            raise self._error(place, "is kept in an external file, which is not supported")
        dtype = schema.TENSOR_DTYPES[kind]
        shape = self._shape(table, index, place)
        data = self._constant(table, dtype, shape, place)
        return Tensor(index, name, dtype, shape, self._quantization(table, shape, place), data)

    def _shape(self, table: Table, index: int, place: str) -> tuple[int, ...]:
        stored, signature = table.array(0, "<i4"), table.array(7, "<i4")
        if stored.size > MAX_RANK:
            raise self._error(place, f"has {stored.size} dimensions; at most {MAX_RANK} are supported")
        if signature.size not in (0, stored.size):
            raise self._error(place, f"has a shape of {stored.size} and a signature of {signature.size} dimensions")
        shape = [int(d) for d in stored]
        for axis, dim in enumerate(int(d) for d in signature):
            if dim < 0:
                shape[axis] = 1
                self._open[index] = axis
        if any(d < 0 for d in shape) or math.prod(shape) > MAX_TENSOR_BYTES // 8:
            raise self._error(place, f"has the impossible shape {shape}")
        return tuple(shape)

    def _constant(self, table: Table, dtype: str, shape: tuple[int, ...], place: str) -> NDArray[Any] | None:
        number = table.scalar(2, "<I", 0)
        buffers = self._model.count(4)
        if number >= buffers and number != 0:
            raise self._error(place, f"has buffer {number}, of {buffers}")
        if number == 0:
            return None
        buffer = self._model.item(4, number)
        if buffer.scalar(1, "<Q", 0) > 1 or buffer.scalar(2, "<Q", 0) > 1:
            raise self._error(place, "is stored outside the flatbuffer, which is not supported")
        raw = buffer.array(0, "|u1")
        if raw.size == 0:
            return None
        wanted = math.prod(shape) * np.dtype(dtype).itemsize
        if raw.size != wanted:
            raise self._error(place, f"has {raw.size} bytes of data instead of {wanted}")
        return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).reshape(shape)

    def _quantization(self, table: Table, shape: tuple[int, ...], place: str) -> Quantization:
        none = Quantization(np.empty(0, np.float32), np.empty(0, np.int64))
        q = table.table(4)
        if q is None:
            return none
        if q.scalar(4, "<B", 0):
            raise self._error(place, "has a custom or blockwise quantisation, which is not supported")
        scale, zero_point, axis = q.array(2, "<f4"), q.array(3, "<i8"), q.scalar(6, "<i", 0)
        if scale.size == 0:
            return none
        if scale.size > 1 and not (0 <= axis < len(shape) and scale.size == shape[axis]):
            raise self._error(place, f"has {scale.size} scales for axis {axis} of shape {list(shape)}")
        if zero_point.size not in (scale.size, 1):
            raise self._error(place, f"has {scale.size} scales and {zero_point.size} zero points")
        if not np.all(np.isfinite(scale)) or np.any(scale < 0):
            raise self._error(place, "has a scale that is negative or not a number")
        if np.any(zero_point < -(2**31)) or np.any(zero_point >= 2**31):
            raise self._error(place, "has a zero point beyond 32 bits")
        return Quantization(scale, zero_point, axis)

    def _check_order(self, graph: Graph) -> None:
        """Every tensor is written once, before it is read; constants and inputs are never written."""
        known = {t.index for t in graph.tensors if t.data is not None}
        for index in graph.inputs:
            if index in known:
                raise self._error("the network's input list", f"names tensor {index}, a constant or named twice")
            known.add(index)
        for op in graph.ops:
            place = f"operator {op.index} {op.name}"
            for index in op.inputs:
                if index >= 0 and index not in known:
                    raise self._error(place, f"reads tensor {index}, which nothing has written before")
            for index in op.outputs:
                if index in known:
                    raise self._error(place, f"writes tensor {index}, a constant, an input or already written")
                known.add(index)
        for index in graph.outputs:
            if index not in known:
                raise self._error("the network's output list", f"names tensor {index}, which no operator writes")
