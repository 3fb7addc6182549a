"""FPB and DWT register blocks: pyOCD's breakpoint and watchpoint comparators, turned into points.

Registers: Armv7-M ARM C1.8 and C1.11, Armv8-M ARM D1.2 (FP_*, DWT_*).
"""

from __future__ import annotations

from pytest_stm32pose.probes.qemu.points import Point, Points

FPB_BASE = 0xE0002000
DWT_BASE = 0xE0001000
_BREAKPOINTS = 8
_WATCHPOINTS = 4
_FP_CTRL = 0x10000000 | (_BREAKPOINTS << 4)  # revision 2: any address
_NO_CYCLE_COUNTER = 0x02000000
_V7_KINDS = {5: 3, 6: 2, 7: 4}  # FUNCTION -> gdb kind
_V8_KINDS = {0b0110: 3, 0b0101: 2, 0b0100: 4}  # MATCH -> gdb kind


class BreakpointUnit:
    """FPB. Offsets are from FPB_BASE."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self._enabled = False
        self._comparators = [0] * _BREAKPOINTS

    def read(self, offset: int) -> int:
        if offset == 0:
            return _FP_CTRL | self._enabled
        index = (offset - 8) // 4
        return self._comparators[index] if 0 <= index < _BREAKPOINTS else 0

    def write(self, offset: int, value: int) -> None:
        index = (offset - 8) // 4
        if offset == 0 and value & 2:
            self._enabled = bool(value & 1)
        elif 0 <= index < _BREAKPOINTS:
            self._comparators[index] = value
        self._points.comparators["fpb"] = frozenset(
            Point(0, value & ~1, 2) for value in self._comparators if self._enabled and value & 1
        )


class WatchpointUnit:
    """DWT without cycle counter (QEMU counts none). Offsets are from DWT_BASE."""

    def __init__(self, points: Points, v8m: bool) -> None:
        self._points = points
        self._v8m = v8m
        self._registers: dict[int, int] = {}

    def read(self, offset: int) -> int:
        if offset == 0:
            return (_WATCHPOINTS << 28) | _NO_CYCLE_COUNTER
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if 0x20 <= offset < 0x20 + 16 * _WATCHPOINTS:
            self._registers[offset] = value
            found = (self._point(0x20 + 16 * index) for index in range(_WATCHPOINTS))
            self._points.comparators["dwt"] = frozenset(point for point in found if point)

    def _point(self, base: int) -> Point | None:
        function = self._registers.get(base + 8, 0)
        address = self._registers.get(base, 0)
        if self._v8m:
            kind, length = _V8_KINDS.get(function & 0xF), 1 << ((function >> 10) & 3)
        else:
            kind, length = _V7_KINDS.get(function & 0xF), 1 << self._registers.get(base + 4, 0)
        return Point(kind, address & ~(length - 1), length) if kind is not None else None
