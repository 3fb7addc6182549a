"""`<name>_c_info.json`, the report of ST Edge AI Core's code generation: footprints, operations, memory pools.

Schema 2.0 (st.com, "c_info.json code-generation output report"). Every value is checked before it is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError

SCHEMA = "2.0"
MAX_FILE_BYTES = 64 << 20
MAX_ITEMS = 100_000
MAX_VALUE = 1 << 40
REMEDY = "Generate the network anew with ST Edge AI Core 2.0 or later, or remove the file."


@dataclass(frozen=True)
class Pool:
    """A memory pool: where it lies, and how much of it the network uses."""

    name: str
    address: int
    size_bytes: int
    used_bytes: int


@dataclass(frozen=True)
class CInfo:
    """The figures. Bytes; 0 where the report says nothing."""

    path: Path
    tool_version: str
    weights_bytes: int
    activations_bytes: int
    io_bytes: int  #: inputs and outputs that are not inside the activations
    kernel_flash_bytes: int  #: of ST's runtime library, with what it takes from the tool chain and elsewhere
    kernel_ram_bytes: int
    macc: int
    pools: tuple[Pool, ...]


def read_c_info(path: Path) -> CInfo:
    """Reads the report.

    Raises:
        ConfigError: unreadable, not this schema, or a value that cannot be; names file and key.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is longer than {MAX_FILE_BYTES >> 20} MiB.", remedy=REMEDY)
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid JSON: {error}.", remedy=REMEDY) from error
    return _Reader(path).c_info(document)


class _Reader:
    """Takes values out of the document, with the file and the key in every complaint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def c_info(self, document: Any) -> CInfo:
        version = self._dict(document, "").get("json_schema_version")
        if version != SCHEMA:
            said = "no json_schema_version" if version is None else f"json_schema_version {version!r}"
            raise ConfigError(f"{self._path} has {said}; {SCHEMA!r} is read here.", remedy=REMEDY)
        footprint = self._dict(document.get("memory_footprint"), "memory_footprint")

        def total(*names: str) -> int:
            return sum(self._size(footprint.get(name, 0), f"memory_footprint.{name}") for name in names)

        io = footprint.get("io", [])
        io = io if isinstance(io, list) else [io]
        tools = self._list(self._dict(document.get("environment", {}), "environment").get("tools", []), "tools")
        tool = self._dict(tools[0], "environment.tools[0]") if tools else {}
        return CInfo(
            path=self._path,
            tool_version=str(tool.get("version", "")),
            weights_bytes=total("weights"),
            activations_bytes=total("activations"),
            io_bytes=sum(self._size(value, "memory_footprint.io") for value in self._list(io, "memory_footprint.io")),
            kernel_flash_bytes=total("kernel_flash", "toolchain_flash", "extra_flash"),
            kernel_ram_bytes=total("kernel_ram", "toolchain_ram", "extra_ram"),
            macc=self._macc(document.get("graphs", [])),
            pools=self._pools(document.get("memory_pools", [])),
        )

    def _macc(self, graphs: Any) -> int:
        graphs = self._list(graphs, "graphs")
        if not graphs:
            return 0
        nodes = self._list(self._dict(graphs[0], "graphs[0]").get("nodes", []), "graphs[0].nodes")
        where = "graphs[0].nodes[].macc"
        return sum(self._size(self._dict(node, "graphs[0].nodes[]").get("macc", 0), where) for node in nodes)

    def _pools(self, pools: Any) -> tuple[Pool, ...]:
        found = []
        for entry in (self._dict(each, "memory_pools[]") for each in self._list(pools, "memory_pools")):
            address, size, used = (
                self._size(entry.get(key, 0), f"memory_pools[].{key}")
                for key in ("address", "size_bytes", "used_size_bytes")
            )
            found.append(Pool(str(entry.get("name", "")), address, size, used))
        return tuple(found)

    def _dict(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{self._path}: {key or 'the file'} is not an object.", remedy=REMEDY)
        return value

    def _list(self, value: Any, key: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ConfigError(f"{self._path}: {key} is not a list of at most {MAX_ITEMS} items.", remedy=REMEDY)
        return value

    def _size(self, value: Any, key: str) -> int:
        """A number of bytes or operations; addresses may be hexadecimal text."""
        if isinstance(value, str) and value.lower().startswith("0x"):
            try:
                value = int(value, 16)
            except ValueError:
                value = -1
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_VALUE:
            raise ConfigError(f"{self._path}: {key} is {value!r}, not a whole number of at least 0.", remedy=REMEDY)
        return value
