"""pyOCD's memory accesses as reads and writes of bytes."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

from pyocd.core.memory_interface import MemoryInterface


class BytesMemory(MemoryInterface):  # type: ignore[misc]
    """A subclass has _read() and _write()."""

    def _read(self, address: int, length: int) -> bytes:
        raise NotImplementedError

    def _write(self, address: int, data: bytes) -> None:
        raise NotImplementedError

    def read_memory(self, addr: int, transfer_size: int = 32, now: bool = True, **attrs: object) -> Any:
        value = int.from_bytes(self._read(addr, transfer_size // 8), "little")
        return value if now else lambda: value

    def write_memory(self, addr: int, data: int, transfer_size: int = 32, **attrs: object) -> None:
        self._write(addr, (data & (1 << transfer_size) - 1).to_bytes(transfer_size // 8, "little"))

    def read_memory_block32(self, addr: int, size: int, **attrs: object) -> Sequence[int]:
        return array.array("I", self._read(addr, size * 4)).tolist()

    def write_memory_block32(self, addr: int, data: Sequence[int], **attrs: object) -> None:
        self._write(addr, array.array("I", data).tobytes())

    def read_memory_block8(self, addr: int, size: int, **attrs: object) -> Sequence[int]:
        return list(self._read(addr, size))

    def write_memory_block8(self, addr: int, data: Sequence[int], **attrs: object) -> None:
        self._write(addr, bytes(data))
