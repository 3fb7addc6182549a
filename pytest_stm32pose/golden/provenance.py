"""The provenance of a stored golden: its JSON, checked field by field (the file is untrusted)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pytest_stm32pose.golden.base import GoldenIdentity
from pytest_stm32pose.types import TensorDigest

SCHEMA = "stm32pose/golden/1"
_Kind = TypeVar("_Kind", int, str, float)


@dataclass(frozen=True)
class OutputMeta:
    """What TensorData says of an output, without its data."""

    source: int
    op_source: int
    op_name: str
    lsb: float


@dataclass(frozen=True)
class Provenance:
    """What made a golden, and from what."""

    identity: GoldenIdentity
    model_sha256: str
    picture_sha256: str
    preprocessing: str
    input_crc32: int
    outputs: tuple[OutputMeta, ...]
    digests: tuple[TensorDigest, ...]
    decoder: str = ""  #: identity of a user's own family
    decoding: str = ""  #: NetworkDescription.decoding_text
    family: str = ""  #: "" for those of the first version, whose outputs are no other family's


def parse_provenance(content: bytes) -> Provenance:
    """Reads `provenance.json`.

    Raises:
        ValueError: not JSON, another schema, or a field missing or of the wrong type; says which.
    """
    try:
        document = json.loads(content)
    except RecursionError as error:
        raise ValueError("its provenance is nested too deeply") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"its provenance is not {SCHEMA}")
    return Provenance(
        GoldenIdentity(*(_get(document, key, str) for key in ("engine", "version", "resolver"))),
        _get(_object(document, "model"), "sha256", str),
        _get(_object(document, "picture"), "sha256", str),
        _get(document, "preprocessing", str),
        _get(document, "input_crc32", int),
        tuple(
            OutputMeta(
                _get(each, "source", int),
                _get(each, "op_source", int),
                _get(each, "op_name", str),
                _get(each, "lsb", float),
            )
            for each in _objects(document, "outputs")
        ),
        tuple(_digest(each) for each in _objects(document, "intermediates")),
        _get(document, "decoder", str) if "decoder" in document else "",
        _get(document, "decoding", str) if "decoding" in document else "",
        _get(document, "family", str) if "family" in document else "",
    )


def _digest(entry: Mapping[str, object]) -> TensorDigest:
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("its provenance has an intermediate tensor without a shape")
    return TensorDigest(
        _get(entry, "source", int),
        _get(entry, "op_source", int),
        _get(entry, "op_name", str),
        _get(entry, "dtype", str),
        tuple(shape),
        _get(entry, "crc32", int),
    )


def _get(entry: Mapping[str, object], key: str, kind: type[_Kind]) -> _Kind:
    value = entry.get(key)
    if type(value) is int and kind is float:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"its provenance has no {kind.__name__} `{key}`")
    return value


def _object(entry: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = entry.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"its provenance has no `{key}`")
    return value


def _objects(entry: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    values = entry.get(key)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ValueError(f"its provenance has no list of objects `{key}`")
    return values
