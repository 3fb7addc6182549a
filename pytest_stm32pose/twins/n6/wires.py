"""What a controller and a chip on its wires know of each other, and what happens to a driver's mistake."""

from __future__ import annotations

from typing import NoReturn, Protocol

from pytest_stm32pose.twins.n6.nor_commands import Command


class DriverError(AssertionError):
    """The driver did what the reference manual forbids."""


class Chip(Protocol):
    """What hangs on the wires (nor.py, psram.py)."""

    size: int
    memory_type: int

    def drives_strobe(self, command: Command) -> bool: ...

    def shows_cells(self, command: Command) -> bool: ...

    def execute(self, command: Command) -> bytes: ...


def refuse(text: str) -> NoReturn:
    raise DriverError(text)


def swapped(data: bytes) -> bytes:
    """The bytes of each pair changed over."""
    return bytes(data[at ^ 1] if at ^ 1 < len(data) else data[at] for at in range(len(data)))
