"""Memory pools of a network for the NPU: where the generated code has weights and activations.

The C file's comments have every pool, its file and how much of it is used, rounded; ST's report has the exact figure.
Without either, the addresses of the buffers in the C file are what is known.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from pytest_stm32pose.firmware.c_info import CInfo

_USED = re.compile(r"/\* global pool (\d+) is (?:(\d+)(?:\.(\d+))? (B|KB|MB|GB)|\?) \*/")
_POOL = re.compile(r"/\* index=(\d+) file postfix=(\S+) name=(\S+) offset=(0x[0-9a-fA-F]+)\s([^\n]{0,600})")
_BUFFER = re.compile(
    r"\.addr_base = \{\(unsigned char \*\)\(0x([0-9a-fA-F]{1,8})UL\)[^}]{0,80}\},\s*\.offset_start = \d{1,10},"
    r"\s*\.offset_end = (\d{1,10}),\s*(?:\.offset_limit = (\d{1,10}),)?"
)
#: Below: RAM; above: memories behind a controller, where weights are (Armv8-M ARM, memory map).
_EXTERNAL = 0x60000000
_SIZE = re.compile(r"\bsize=(\d{1,12})\b")
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


@dataclass(frozen=True)
class MemoryPool:
    """One pool.

    Attributes:
        file: what the pool's data file has in its name, such as "xSPI2".
        size_bytes: None where the code does not say.
        used_bytes: from the pool's start; an upper bound within its unit when only the comment says it. 0: not used.
        read_only: holds weights.
        is_view: joins other pools, which are listed too.
    """

    file: str
    name: str
    address: int
    size_bytes: int | None
    used_bytes: int
    read_only: bool
    is_view: bool = False

    @property
    def end(self) -> int:
        """Behind the last byte that is used."""
        return self.address + self.used_bytes


def read_pools(source: str, info: CInfo | None) -> tuple[MemoryPool, ...]:
    """The pools of a network's C file, with ST's report where there is one."""
    used = {index: _bytes(whole, part, unit) for index, whole, part, unit in _USED.findall(source)}
    found = []
    for index, file, name, offset, rest in _POOL.findall(source):
        size = _SIZE.search(rest)
        found.append(
            MemoryPool(
                file,
                name,
                int(offset, 16),
                int(size[1]) if size else None,
                used.get(index, 0),
                "READ_ONLY" in rest,
                "vpool" in rest.split(),
            )
        )
    known = tuple(_exact(pool, info) for pool in found) or _of_report(info)
    return (*known, *_of_buffers(source, known))


def _bytes(whole: str, part: str, unit: str) -> int:
    """The most that a rounded figure can stand for; 0 for "?"."""
    if not whole:
        return 0
    if unit == "B":
        return int(whole)
    half = 0.5 / float(10 ** len(part))
    return math.ceil((float(f"{whole}.{part or 0}") + half) * _UNITS[unit])


def _exact(pool: MemoryPool, info: CInfo | None) -> MemoryPool:
    for known in info.pools if info else ():
        if known.name == pool.name and known.address == pool.address and known.used_bytes:
            return replace(pool, used_bytes=known.used_bytes)
    return pool


def _of_report(info: CInfo | None) -> tuple[MemoryPool, ...]:
    """Without comments: what the report has at an address. Which of them hold weights it does not say."""
    pools = info.pools if info else ()
    return tuple(
        MemoryPool("", pool.name, pool.address, pool.size_bytes, pool.used_bytes or 0, read_only=False)
        for pool in pools
        if pool.address is not None
    )


def _of_buffers(source: str, known: tuple[MemoryPool, ...]) -> list[MemoryPool]:
    """Buffers in RAM that no known pool covers, by the address they count from."""
    ends: dict[int, int] = {}
    limits: dict[int, int] = {}
    for base, end, limit in _BUFFER.findall(source):
        start = int(base, 16)
        if start < _EXTERNAL:
            ends[start] = max(ends.get(start, 0), int(end))
            limits[start] = max(limits.get(start, 0), int(end), int(limit or 0))
    # What is read ahead of a buffer's end, up to its limit, does not make a pool's figure wrong.
    return [
        MemoryPool("", f"of the buffers at 0x{start:08x}", start, None, limits[start], read_only=False)
        for start, used in ends.items()
        if not any(pool.address <= start and start + used <= pool.end for pool in known if pool.used_bytes)
    ]
