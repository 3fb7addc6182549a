"""What exporters leave in a .tflite beside the network: names of the outputs, and Ultralytics' words on the task.

Signatures (schema.fbs, SignatureDef), TFLITE_METADATA (tflite-support, metadata_schema.fbs: names of outputs, and the
NormalizationOptions of the input), and a zip
behind the flatbuffer (metadata.json, or a Python dict as text in older exports). All of it is optional and untrusted:
what cannot be read is as if it were not there.
"""

from __future__ import annotations

import ast
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.flatbuffer import FlatBufferError, Table

MAX_ITEMS = 64
MAX_TEXT_BYTES = 64 * 1024
_ENTRY = "TFLITE_METADATA"
_SUFFIXES = (".json", ".txt")
#: ProcessUnitOptions in metadata_schema.fbs.
_NORMALISATION = 1
MAX_CHANNELS, MAX_LEVEL = 4, 1e6


@dataclass(frozen=True)
class ModelMetadata:
    """See the module.

    Attributes:
        names: of tensors by their index, from signature and metadata.
        task: "pose", "detect", ...; "" when it is not told.
        keypoint_shape: keypoints, and values per keypoint.
        classes: how many are named; 0 when none is.
        normalisation: mean and standard deviation of the input's pixels, one or one per channel each.
    """

    names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    task: str = ""
    keypoint_shape: tuple[int, int] | None = None
    classes: int = 0
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None


def read_metadata(model: Table, data: bytes, outputs: tuple[int, ...]) -> ModelMetadata:
    """Reads what is there.

    Args:
        model: the root table.
        data: the whole file.
        outputs: tensor indices of the network's outputs.
    """
    names: dict[int, tuple[str, ...]] = {}
    for source in (_signature_names(model), _metadata_names(model, outputs)):
        try:
            for index, name in source:
                names[index] = (*names.get(index, ()), name)
        except FlatBufferError:
            continue
    exported = _exported(data)
    task, shape = exported.get("task"), exported.get("kpt_shape")
    if not isinstance(shape, list | tuple) or len(shape) != 2 or not all(type(n) is int and n > 0 for n in shape):
        shape = None
    named = exported.get("names")
    return ModelMetadata(
        names,
        task if isinstance(task, str) else "",
        (shape[0], shape[1]) if shape else None,
        len(named) if isinstance(named, list | tuple | dict) else 0,
        _normalisation(model),
    )


def _signature_names(model: Table) -> Iterator[tuple[int, str]]:
    for number in range(min(model.count(7), MAX_ITEMS)):
        signature = model.item(7, number)
        for output in range(min(signature.count(1), MAX_ITEMS)):
            entry = signature.item(1, output)
            yield int(entry.scalar(1, "<I", 0)), entry.text(0)


def _metadata_names(model: Table, outputs: tuple[int, ...]) -> Iterator[tuple[int, str]]:
    """Tensor names of ModelMetadata.subgraph_metadata[0].output_tensor_metadata."""
    for graph in _metadata_graphs(model):
        for place in range(min(graph.count(3), len(outputs))):
            if name := graph.item(3, place).text(0):
                yield outputs[place], name


def _metadata_graphs(model: Table) -> Iterator[Table]:
    """ModelMetadata.subgraph_metadata[0] of every TFLITE_METADATA."""
    for number in range(min(model.count(6), MAX_ITEMS)):
        entry = model.item(6, number)
        buffer = entry.scalar(1, "<I", 0)
        if entry.text(0) != _ENTRY or buffer >= model.count(4):
            continue
        root = Table.root(model.item(4, buffer).array(0, "|u1").tobytes())
        if root.count(3):
            yield root.item(3, 0)


def _normalisation(model: Table) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """SubGraphMetadata.input_tensor_metadata[0].process_units: the first NormalizationOptions that make sense."""
    try:
        units = [
            graph.item(2, 0).item(4, number)
            for graph in _metadata_graphs(model)
            if graph.count(2)
            for number in range(min(graph.item(2, 0).count(4), MAX_ITEMS))
        ]
        for options in (unit.table(1) for unit in units if unit.scalar(0, "<B", 0) == _NORMALISATION):
            mean, std = (options.array(slot, "<f4") if options else np.empty(0, "<f4") for slot in (0, 1))
            if _plausible(mean) and _plausible(std) and np.all(np.abs(std) >= 1 / MAX_LEVEL):
                return tuple(map(short, mean)), tuple(map(short, std))
    except FlatBufferError:
        pass
    return None


def short(number: float) -> float:
    """The number with the fewest digits that is the same one in float32, in which pixels become values."""
    return float(str(np.float32(number)))


def _plausible(numbers: NDArray[np.float32]) -> bool:
    """Of pixels: as many as channels at most, and finite when two of them are multiplied."""
    return bool(1 <= numbers.size <= MAX_CHANNELS and np.all(np.abs(numbers) <= MAX_LEVEL))


def _exported(data: bytes) -> Mapping[str, object]:
    """The exporter's dictionary from the zip at the file's end."""
    if b"PK\x05\x06" not in data[-MAX_TEXT_BYTES:]:
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist()[:MAX_ITEMS]:
                if member.filename.lower().endswith(_SUFFIXES) and member.file_size <= MAX_TEXT_BYTES:
                    found = _dictionary(archive.read(member))
                    if "task" in found or "kpt_shape" in found:
                        return found
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError):
        return {}
    return {}


def _dictionary(content: bytes) -> Mapping[str, object]:
    text = content.decode("utf-8", "replace")
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}
