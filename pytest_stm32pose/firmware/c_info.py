"""`<name>_c_info.json`, the report of ST Edge AI Core's code generation: footprints, operations, memory pools.

Schema 2.0 (st.com, "c_info.json code-generation output report"), which tools 1.0 to 4.0 write alike in name only: an
address is a number, decimal or hexadecimal text, "NULL" or a symbol; a size may be -1; a footprint may be null. What a
report leaves open is None here, never 0. Every value is checked before it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError

#: Versions of the schema that are read: this one, and later ones that keep its meaning.
SCHEMA = "2.0"
_SCHEMA_MAJOR = "2."
MAX_FILE_BYTES = 64 << 20
MAX_ITEMS = 100_000
MAX_VALUE = 1 << 40
MAX_TEXT = 200
#: The tool of several in the report whose version counts.
_CORE_TOOL = "ST.EdgeAI.Core"
_NUMBER = re.compile(r"[0-9]{1,20}|0[xX][0-9a-fA-F]{1,16}")
REMEDY = "Generate the network anew with ST Edge AI Core, or remove the file."


@dataclass(frozen=True)
class Pool:
    """A memory pool: where it lies, and how much of it the network uses. None: the report does not say."""

    name: str
    address: int | None
    size_bytes: int | None
    used_bytes: int | None


@dataclass(frozen=True)
class CInfo:
    """The figures. None where the report says nothing.

    Attributes:
        tool_version: of ST Edge AI Core, as "3.0.0-20426 123672867"; "" where it is not said.
        series: of microcontrollers, as "stm32n6" or "generic".
        model_name, model_hash: of the network that the code was generated from.
        io_bytes: inputs and outputs that are not inside the activations.
        kernel_flash_bytes, kernel_ram_bytes: of ST's runtime library, with what it takes from the tool chain and
            elsewhere.
        macc: multiply-accumulates of all nodes. The NPU's epochs have none in the report.
        nodes: of the graph; epochs on the NPU.
        blobs: of the epoch controller (3.0 and later).
    """

    path: Path
    tool_version: str
    weights_bytes: int | None
    activations_bytes: int | None
    io_bytes: int | None
    kernel_flash_bytes: int | None
    kernel_ram_bytes: int | None
    macc: int | None
    pools: tuple[Pool, ...] = ()
    series: str = ""
    model_name: str = ""
    model_hash: str = ""
    nodes: int | None = None
    blobs: int | None = None


def read_c_info(path: Path) -> CInfo:
    """Reads the report.

    Raises:
        ConfigError: unreadable, not this schema, or a value that cannot be; names file and key.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is longer than {MAX_FILE_BYTES >> 20} MiB.", remedy=REMEDY)
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid JSON: {_short(str(error))}.", remedy=REMEDY) from error
    return _Reader(path).c_info(document)


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def _sum(values: Iterable[int | None]) -> int | None:
    """None as soon as one is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


class _Reader:
    """Takes values out of the document, with the file and the key in every complaint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def c_info(self, document: Any) -> CInfo:
        version = self._dict(document, "").get("json_schema_version")
        if not isinstance(version, str) or not version.startswith(_SCHEMA_MAJOR):
            said = "no json_schema_version" if version is None else f"json_schema_version {_short(repr(version))}"
            raise ConfigError(f"{self._path} has {said}; {SCHEMA!r} is read here.", remedy=REMEDY)
        footprint = self._dict(document.get("memory_footprint"), "memory_footprint")

        def size(name: str) -> int | None:
            return self._size(footprint.get(name), f"memory_footprint.{name}")

        def library(kind: str) -> int | None:
            """Without its own part the sum says nothing; a part that the report does not know of is none of it."""
            parts = [f"{part}_{kind}" for part in ("toolchain", "extra") if f"{part}_{kind}" in footprint]
            return _sum(size(name) for name in (f"kernel_{kind}", *parts))

        environment = self._optional(document.get("environment"), "environment")
        tool = self._tool(environment)
        model = self._optional(tool.get("input_model"), "environment.tools[].input_model")
        nodes = self._nodes(document.get("graphs"))
        blobs = document.get("ec_blobs_info")
        return CInfo(
            path=self._path,
            tool_version=_text(tool.get("version")),
            weights_bytes=size("weights"),
            activations_bytes=size("activations"),
            io_bytes=self._io(footprint),
            kernel_flash_bytes=library("flash"),
            kernel_ram_bytes=library("ram"),
            macc=self._macc(nodes),
            pools=self._pools(document.get("memory_pools")),
            series=_text(footprint.get("series")),
            model_name=_text(model.get("name")),
            model_hash=self._signature(model),
            nodes=None if nodes is None else len(nodes),
            blobs=None if blobs is None else len(self._list(blobs, "ec_blobs_info")),
        )

    def _tool(self, environment: dict[str, Any]) -> dict[str, Any]:
        """ST Edge AI Core among the tools, else the first one."""
        tools = [
            self._dict(each, "environment.tools[]")
            for each in self._list(environment.get("tools"), "environment.tools")
        ]
        return next((tool for tool in tools if tool.get("name") == _CORE_TOOL), tools[0] if tools else {})

    def _signature(self, model: dict[str, Any]) -> str:
        files = self._list(model.get("model_files"), "environment.tools[].input_model.model_files")
        return _text(self._dict(files[0], "input_model.model_files[]").get("signature")) if files else ""

    def _io(self, footprint: dict[str, Any]) -> int | None:
        if "io" not in footprint:
            return None
        io = footprint["io"]
        values = io if isinstance(io, list) else [io]
        return _sum(self._size(value, "memory_footprint.io") for value in self._list(values, "memory_footprint.io"))

    def _nodes(self, graphs: Any) -> list[dict[str, Any]] | None:
        graphs = self._list(graphs, "graphs")
        if not graphs:
            return None
        nodes = self._dict(graphs[0], "graphs[0]").get("nodes")
        if nodes is None:
            return None
        return [self._dict(node, "graphs[0].nodes[]") for node in self._list(nodes, "graphs[0].nodes")]

    def _macc(self, nodes: list[dict[str, Any]] | None) -> int | None:
        """The sum over the nodes that say it; a node without is one that multiplies nothing. None: no node has any."""
        known = [self._size(node.get("macc"), "graphs[0].nodes[].macc") for node in nodes or ()]
        return sum(value or 0 for value in known) or None

    def _pools(self, pools: Any) -> tuple[Pool, ...]:
        found = []
        for entry in (self._dict(each, "memory_pools[]") for each in self._list(pools, "memory_pools")):
            size, used = (
                self._size(entry.get(key), f"memory_pools[].{key}", open_ended=True)
                for key in ("size_bytes", "used_size_bytes")
            )
            address = self._address(entry.get("address"))
            found.append(Pool(_text(entry.get("name")), address, size, used))
        return tuple(found)

    def _optional(self, value: Any, key: str) -> dict[str, Any]:
        return {} if value is None else self._dict(value, key)

    def _dict(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{self._path}: {key or 'the file'} is not an object.", remedy=REMEDY)
        return value

    def _list(self, value: Any, key: str) -> list[Any]:
        """None is an empty one."""
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ConfigError(f"{self._path}: {key} is not a list of at most {MAX_ITEMS} items.", remedy=REMEDY)
        return value

    def _address(self, value: Any) -> int | None:
        """None for null, for "NULL" and for the name of a symbol, which the linker places."""
        if isinstance(value, str):
            text = value.strip()
            if not text[:1].isdigit():
                return None
            if _NUMBER.fullmatch(text):
                value = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        return self._size(value, "memory_pools[].address")

    def _size(self, value: Any, key: str, *, open_ended: bool = False) -> int | None:
        """A number of bytes or operations; None for null and, with `open_ended`, for -1: the report does not know."""
        number = int(value) if isinstance(value, float) and value.is_integer() else value
        if number is None or (open_ended and not isinstance(number, bool) and number == -1):
            return None
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < MAX_VALUE:
            said = _short(repr(value))
            raise ConfigError(f"{self._path}: {key} is {said}, not a whole number of at least 0.", remedy=REMEDY)
        return number


def _text(value: Any) -> str:
    """A short text of the report; "" for anything else."""
    return _short(value) if isinstance(value, str) else ""
