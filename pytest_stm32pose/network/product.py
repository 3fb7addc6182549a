"""What compiling a graph makes that takes time, and the same as bytes, so that it is made once for all runs.

An entry that was kept is a file like any other: what is in it is checked before it is used, and what does not fit the
graph is as if it were not there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pytest_stm32pose.cache import Store, code_digest, key_of
from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.image import parse_image
from pytest_stm32pose.network.memory import Block
from pytest_stm32pose.network.planner import Plan

#: Modules that decide what a compilation makes, beside Python and NumPy.
SOURCES = ("network", "families", "types.py", "errors.py")
_LENGTH = struct.Struct("<I")
#: More than any report of 65,535 operators.
_MAX_TOLD_BYTES = 64 << 20


@dataclass(frozen=True)
class OpReport:
    """One operator's cost. `arena_bytes`: tensors and scratch alive while it runs."""

    index: int  #: in the .tflite
    name: str
    output_shape: tuple[int, ...]
    macs: int
    scratch_bytes: int
    arena_bytes: int
    note: str = ""  #: what was done to it


@dataclass(frozen=True)
class Product:
    """The part of a CompiledNetwork (compile.py, which describes the fields) that is neither read nor transformed."""

    image: bytes
    macc: int
    plan: Plan
    report: tuple[OpReport, ...]
    transformations: tuple[str, ...]
    tensors: tuple[int, ...]
    blocks: tuple[Block, ...]

    def to_bytes(self) -> bytes:
        """Deterministic: a length, JSON, the image."""
        told = {name: value for name, value in asdict(self).items() if name != "image"}
        text = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        return _LENGTH.pack(len(text)) + text + self.image

    @classmethod
    def from_bytes(cls, content: bytes, source: Graph, program: Graph) -> Product | None:
        """What `to_bytes` wrote of these graphs; None for anything else."""
        try:
            (length,) = _LENGTH.unpack_from(content)
            if length > _MAX_TOLD_BYTES:
                return None
            told = json.loads(content[_LENGTH.size : _LENGTH.size + length])
            product = _product(told, content[_LENGTH.size + length :])
            image = parse_image(product.image)
        except (ValueError, KeyError, TypeError, IndexError, struct.error, RecursionError, ModelError):
            return None
        is_of_these = (
            image.model_sha256 == source.sha256
            and image.arena_bytes == product.plan.total_bytes
            and image.macc == product.macc
            and len(image.ops) == len(product.report) == len(program.ops)
            and all(0 <= tensor < len(program.tensors) for tensor in _named(product))
        )
        return product if is_of_these else None


def _named(product: Product) -> tuple[int, ...]:
    """Every tensor that is named."""
    return (*product.tensors, *(tensor for block in product.blocks for tensor in block.tensors))


def _product(told: dict[str, Any], image: bytes) -> Product:
    """Raises ValueError, KeyError or TypeError for what is none."""
    plan = told["plan"]
    return Product(
        image=image,
        macc=_number(told["macc"]),
        plan=Plan(_numbers(plan["offsets"]), _number(plan["total_bytes"]), _number(plan["lower_bound_bytes"])),
        report=tuple(
            OpReport(**{**_typed(row, OpReport), "output_shape": _numbers(row["output_shape"])})
            for row in told["report"]
        ),
        transformations=tuple(_text(each) for each in told["transformations"]),
        tensors=_numbers(told["tensors"]),
        blocks=tuple(
            Block(**{**_typed(block, Block), "tensors": _numbers(block["tensors"])}) for block in told["blocks"]
        ),
    )


def _typed(row: dict[str, Any], kind: type) -> dict[str, Any]:
    """The fields of a row that are no lists, each of its type."""
    checks: dict[str, Callable[[object], object]] = {"int": _number, "str": _text, "bool": _truth}
    fields = kind.__annotations__
    return {name: checks[of](row[name]) for name, of in fields.items() if of in checks}


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("not a count")
    return value


def _numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, list):
        raise ValueError("not a list")
    return tuple(map(_number, values))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not true or false")
    return value


class ProductStore:
    """Products that are kept from run to run, by what they were made from."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def made(self, source: Graph, program: Graph, options: object, make: Callable[[], Product]) -> Product:
        """The product of these graphs, made now where it is not kept.

        Args:
            program: what the transformations made of `source`: for checking, since the compiler's code is in the key.
            options: whatever else decides the product; its repr() says all of it.
        """
        key = key_of(code_digest(*SOURCES), np.__version__, source.sha256, source.name, repr(options))
        if (kept := self._kept(key, source, program)) is not None:
            return kept
        with self._store.making(key):
            if (kept := self._kept(key, source, program)) is not None:
                return kept  # made by another process meanwhile
            product = make()
            self._store.put(key, product.to_bytes())
        return product

    def _kept(self, key: str, source: Graph, program: Graph) -> Product | None:
        content = self._store.get(key)
        return None if content is None else Product.from_bytes(content, source, program)
