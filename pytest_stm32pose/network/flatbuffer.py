"""Bounds-checked reading of FlatBuffers tables from untrusted bytes (https://flatbuffers.dev/internals/).

Every offset is checked against the file before it is followed, so a malformed file ends in `FlatBufferError`, never in
a wrong read. Nothing here recurses: the depth of a walk is the caller's. Vectors come back as views without a copy.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_STRING_BYTES = 4096


class FlatBufferError(ValueError):
    """An offset, length or size points outside the file."""


class Table:
    """One table at byte `position` of `data`. Fields are named by their slot: 0 is the schema's first field."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        vtable = position - self._unpack("<i", position)
        vtable_bytes = self._unpack("<H", vtable)
        self._object_bytes = self._unpack("<H", vtable + 2)
        if vtable_bytes < 4 or vtable_bytes % 2 or vtable + vtable_bytes > len(data):
            raise FlatBufferError(f"the table at byte {position} has a bad field list")
        if self._object_bytes < 4 or position + self._object_bytes > len(data):
            raise FlatBufferError(f"the table at byte {position} does not fit the file")
        self._vtable = vtable
        self._slots = (vtable_bytes - 4) // 2

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The file's root table."""
        if len(data) < 8:
            raise FlatBufferError("the file is shorter than a header")
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _unpack(self, fmt: str, position: int) -> int:
        size = struct.calcsize(fmt)
        if position < 0 or position + size > len(self._data):
            raise FlatBufferError(f"an offset points to byte {position}, outside the file's {len(self._data)} bytes")
        value: int = struct.unpack_from(fmt, self._data, position)[0]
        return value

    def _field(self, slot: int, size: int) -> int | None:
        """Position of a field's `size` inline bytes, None when it is absent."""
        if slot >= self._slots:
            return None
        offset: int = struct.unpack_from("<H", self._data, self._vtable + 4 + 2 * slot)[0]
        if offset == 0:
            return None
        if offset < 4 or offset + size > self._object_bytes:
            raise FlatBufferError(f"field {slot} of the table at byte {self._position} lies outside it")
        return self._position + offset

    def scalar(self, slot: int, fmt: str, default: object) -> Any:
        """A number; `fmt` is its struct code with byte order, e.g. "<i"."""
        position = self._field(slot, struct.calcsize(fmt))
        return default if position is None else struct.unpack_from(fmt, self._data, position)[0]

    def place(self, slot: int, fmt: str) -> int | None:
        """Where in the file a number of scalar() stands; None when it is absent."""
        return self._field(slot, struct.calcsize(fmt))

    def has(self, slot: int) -> bool:
        """Whether an offset field is present."""
        return self._field(slot, 4) is not None

    def _target(self, slot: int) -> int | None:
        position = self._field(slot, 4)
        return None if position is None else position + self._unpack("<I", position)

    def table(self, slot: int) -> Table | None:
        """A sub-table."""
        target = self._target(slot)
        return None if target is None else Table(self._data, target)

    def _vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """First byte and number of items of a vector; (0, 0) when it is absent."""
        target = self._target(slot)
        if target is None:
            return 0, 0
        count = self._unpack("<I", target)
        if count * item_bytes > len(self._data) - target - 4:
            raise FlatBufferError(f"the vector at byte {target} has {count} items, more than the file holds")
        return target + 4, count

    def count(self, slot: int) -> int:
        """Number of items of a vector whose items are offsets."""
        return self._vector(slot, 4)[1]

    def item(self, slot: int, index: int) -> Table:
        """Item `index` (below `count`) of a vector of tables."""
        position = self._vector(slot, 4)[0] + 4 * index
        return Table(self._data, position + self._unpack("<I", position))

    def array(self, slot: int, dtype: str) -> NDArray[Any]:
        """A vector of numbers, a read-only view of the file; empty when absent."""
        kind = np.dtype(dtype)
        start, count = self._vector(slot, kind.itemsize)
        return np.frombuffer(self._data, kind, count, start) if count else np.empty(0, kind)

    def text(self, slot: int) -> str:
        """A string, cut where it is very long (converters join the names of what they fuse); bytes that are not UTF-8
        are replaced."""
        start, count = self._vector(slot, 1)
        return self._data[start : start + min(count, MAX_STRING_BYTES)].decode("utf-8", "replace")
