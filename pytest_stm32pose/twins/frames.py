"""Exception entry and return (Armv8-M ARM, B3.21; Armv7-M ARM, B1.5), which unicorn leaves to whoever uses it.

The frame on the stack is always the basic one of eight words. The floating-point registers that a function may change
are kept here instead, so that a handler which uses them does no harm. There is one stack: the main one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.device import Fault
from pytest_stm32pose.twins.machine import Machine
from pytest_stm32pose.twins.replay import Access

_STACKED = (uc.GENERAL[0], uc.GENERAL[1], uc.GENERAL[2], uc.GENERAL[3], uc.GENERAL[12], uc.LR)
_FRAME = struct.Struct("<8I")
_TO_THREAD, _TO_HANDLER = 0xFFFFFFF9, 0xFFFFFFF1
_ALIGNED, _THUMB = 1 << 9, 1 << 24
_IT = 0x0600FC00


@dataclass
class _Kept:
    exception: int
    floats: tuple[int, ...]
    access: Access | None


class Frames:
    """`read` and `write` reach the core's memory; they raise Fault."""

    def __init__(self, read: Callable[[int, int], bytes], write: Callable[[int, bytes], None]) -> None:
        self._read, self._write = read, write
        self._kept: list[_Kept] = []

    def enter(self, core: Machine, exception: int, vectors: int, back: int, access: Access | None) -> bool:
        """Begins a handler, to return to `back`. False: the vector or the stack cannot be reached.

        Args:
            exception: its number; the core's priorities are the caller's business.
            access: of an instruction at `back` that will be executed once more.
        """
        status, stack = core.get(uc.XPSR), core.get(uc.SP)
        floats = core.get_all(uc.SCRATCH_FP)
        frame = (stack - _FRAME.size) & ~7
        stacked = status | _ALIGNED if stack & 4 else status & ~_ALIGNED
        try:
            self._write(frame, _FRAME.pack(*core.get_all(_STACKED), back, stacked | _THUMB))
            handler = int.from_bytes(self._read(vectors + 4 * exception, 4), "little")
        except Fault:
            return False
        from_handler = status & 0x1FF
        core.set(uc.SP, frame)
        core.set(uc.XPSR, status & ~(_IT | 0x1FF) | exception | _THUMB)
        core.set(uc.LR, _TO_HANDLER if from_handler else _TO_THREAD)
        core.set(uc.PC, handler)
        self._kept.append(_Kept(exception, floats, access))
        return bool(handler & 1)

    def leave(self, core: Machine) -> tuple[int, int, Access | None] | None:
        """A handler has returned. Gives its exception, where the core goes on, enter()'s access; None: it cannot."""
        if not self._kept:
            return None
        kept = self._kept.pop()
        stack = core.get(uc.SP)
        try:
            *registers, back, status = _FRAME.unpack(self._read(stack, _FRAME.size))
        except Fault:
            return None
        core.set(uc.SP, stack + _FRAME.size + (4 if status & _ALIGNED else 0))
        core.set(uc.XPSR, status & ~_ALIGNED | _THUMB)
        core.set_all(_STACKED, tuple(registers))
        core.set_all(uc.SCRATCH_FP, kept.floats)
        core.set(uc.PC, back)
        return kept.exception, back & ~1, kept.access
