"""CACHEAXI, the NPU's cache: its registers. What it caches is not modelled: no NPU reads through it here.

Sources: RM0486 "CACHEAXI"; ST's public HAL (order of commands); CMSIS device header. Stricter than silicon: without the
clock of its RAM every access faults, as one user saw it do now and then.
"""

from __future__ import annotations

from collections.abc import Callable

CR1, SR, FCR, CR2, FIRST, LAST = 0x000, 0x004, 0x00C, 0x100, 0x104, 0x108
_EN, _INVALIDATE, _START = 1, 2, 1
_BUSY, _BUSY_END, _ERROR, _BUSY_COMMAND, _COMMAND_END = 1, 2, 4, 8, 16
_POLLS = 3


class CacheAxi:
    """`busy` and `commanding` count looks at the status until the work is done."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self.reset()

    def reset(self) -> None:
        """It invalidates itself."""
        self._registers: dict[int, int] = {}
        self._flags = 0
        self._busy, self._commanding = _POLLS, 0

    def read(self, offset: int) -> int:
        if offset != SR:
            return self._registers.get(offset, 0)
        status = self._flags | _BUSY * (self._busy > 0) | _BUSY_COMMAND * (self._commanding > 0)
        if self._busy:
            self._busy -= 1
            self._flags |= _BUSY_END * (not self._busy)
        if self._commanding:
            self._commanding -= 1
            self._flags |= _COMMAND_END * (not self._commanding)
        return status

    def write(self, offset: int, value: int) -> None:
        is_busy = self._busy > 0 or self._commanding > 0
        if offset == FCR:
            self._flags &= ~value
        elif offset == CR1:
            self._control(value, is_busy)
        elif offset == CR2:
            self._command(value, is_busy)
        elif offset != SR:
            self._registers[offset] = value

    def _control(self, value: int, is_busy: bool) -> None:
        if value & _INVALIDATE:
            if is_busy:
                self._complain("CACHEAXI: it is invalidated while it is busy")
            else:
                self._busy = _POLLS
        old = self._registers.get(CR1, 0)
        kept = old & _EN if is_busy else value & _EN  # not taken while it is busy
        self._registers[CR1] = value & ~(_EN | _INVALIDATE) | kept

    def _command(self, value: int, is_busy: bool) -> None:
        self._registers[CR2] = value & ~_START
        if not value & _START:
            return
        if is_busy:
            self._complain("CACHEAXI: a command is given while it is busy")
        elif self._registers.get(FIRST, 0) > self._registers.get(LAST, 0) or not value >> 1 & 3:
            self._flags |= _ERROR
        else:
            self._commanding = _POLLS
