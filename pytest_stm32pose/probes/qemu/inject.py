"""Runs one instruction of ours on the halted core: the way to what the gdb stub does not reach.

The stub drops writes to device registers and does not export MSP, PSP, CONTROL and the masks. One `str`, `mrs` or `msr`
in scratch RAM does it; registers, xPSR and the scratch RAM are put back. (Armv7-M and Armv8-M ARM: encodings.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pytest_stm32pose.probes.qemu.faults import LinkProtocol
from pytest_stm32pose.probes.qemu.gdb_remote import GdbRemote

_STORE = {1: 0x7001, 2: 0x8001, 4: 0x6001}  # strb/strh/str r1, [r0]
_BX_LR = 0x4770
_IT_BITS = 0x0600FC00
_THUMB = 0x01000000
_SCRATCH_BYTES = 4


class Injector:
    """`scratch`: address of 4 bytes of RAM that can execute. `step(mask_interrupts)` executes one instruction."""

    def __init__(self, gdb: GdbRemote, scratch: int, step: Callable[[bool], None]) -> None:
        self._gdb = gdb
        self._scratch = scratch
        self._step = step

    def store(self, address: int, value: int, size: int) -> None:
        """Writes 1, 2 or 4 bytes as the core would."""
        self._run(struct.pack("<H", _STORE[size]), {"r0": address, "r1": value})

    def read_special(self, sysm: int) -> int:
        """MRS: the special register number `sysm` (MSP 8, PSP 9, ... CONTROL 20)."""
        return self._run(struct.pack("<HH", 0xF3EF, 0x8000 | sysm), {"r0": 0})

    def write_special(self, sysm: int, value: int) -> None:
        """MSR."""
        self._run(struct.pack("<HH", 0xF380, 0x8800 | sysm), {"r0": value})

    def return_from_exception(self) -> None:
        """Executes `bx lr` with the EXC_RETURN that an exception entry left in LR; the stacked registers come back."""
        saved = self._gdb.read_memory(self._scratch, _SCRATCH_BYTES)
        self._gdb.write_memory(self._scratch, struct.pack("<H", _BX_LR))
        self._gdb.write_register("pc", self._scratch)
        try:
            self._step(True)
        finally:
            self._gdb.write_memory(self._scratch, saved)

    def _run(self, code: bytes, inputs: dict[str, int]) -> int:
        gdb = self._gdb
        saved = {name: gdb.read_register(name) for name in ("r0", "r1", "pc", "xpsr")}
        memory = gdb.read_memory(self._scratch, _SCRATCH_BYTES)
        gdb.write_memory(self._scratch, code)
        try:
            for name, value in inputs.items():
                gdb.write_register(name, value)
            # Inside an IT block the injected instruction would be conditional.
            gdb.write_register("xpsr", saved["xpsr"] & ~_IT_BITS | _THUMB)
            gdb.write_register("pc", self._scratch)
            self._step(True)
            result = gdb.read_register("r0")
            stopped_at = gdb.read_register("pc")
        finally:
            gdb.write_memory(self._scratch, memory)
            for name in ("xpsr", "r0", "r1", "pc"):
                gdb.write_register(name, saved[name])
        if stopped_at != self._scratch + len(code):
            raise LinkProtocol(f"an injected instruction faulted (core stopped at 0x{stopped_at:08x})")
        return result
