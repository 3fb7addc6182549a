"""Keeps an access from being made twice when the instruction that made it is executed once more (machine.py)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """One access to a register; `value` is what was read or written."""

    is_write: bool
    address: int
    size: int
    value: int

    def is_repeated_by(self, is_write: bool, address: int, size: int, value: int) -> bool:
        same = (self.is_write, self.address, self.size) == (is_write, address, size)
        return same and (not is_write or value == self.value)
