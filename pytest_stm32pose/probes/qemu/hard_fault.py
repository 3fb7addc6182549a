"""HardFaults as a debugger wants them: where the handler is, and undoing the one that a BKPT causes.

QEMU has no halting debug: a BKPT that no breakpoint covers becomes a HardFault instead of a halt. The probe keeps a
breakpoint at the handler (the guard) and takes the exception back: the core is halted at the BKPT, as on hardware.
"""

from __future__ import annotations

from pytest_stm32pose.probes.qemu.faults import AccessFault
from pytest_stm32pose.probes.qemu.gdb_remote import GdbRemote
from pytest_stm32pose.probes.qemu.inject import Injector

HARD_FAULT = 3
_VTOR, _HFSR = 0xE000ED08, 0xE000ED2C
_PSP = 9
_BKPT = 0xBE


def halfword(gdb: GdbRemote, address: int) -> int:
    """The instruction halfword at `address`, 0 where nothing is mapped."""
    try:
        return int.from_bytes(gdb.read_memory(address & 0xFFFFFFFE, 2), "little")
    except AccessFault:
        return 0


def is_bkpt(gdb: GdbRemote, address: int) -> bool:
    return halfword(gdb, address) >> 8 == _BKPT


def handler_address(gdb: GdbRemote) -> int | None:
    """Of the HardFault handler by the present vector table; None when the table is nowhere."""
    try:
        vectors = int.from_bytes(gdb.read_memory(_VTOR, 4), "little")
        return int.from_bytes(gdb.read_memory(vectors + 4 * HARD_FAULT, 4), "little") & ~1
    except AccessFault:
        return None


def undo_bkpt(gdb: GdbRemote, injector: Injector) -> bool:
    """With the core at the handler's first instruction: goes back to the BKPT that caused it. False: it was none."""
    exc_return = gdb.read_register("lr")
    frame = injector.read_special(_PSP) if exc_return & 4 else gdb.read_register("sp")
    try:
        return_address = int.from_bytes(gdb.read_memory(frame + 0x18, 4), "little")
    except AccessFault:
        return False
    if not is_bkpt(gdb, return_address):
        return False
    injector.store(_HFSR, 0xFFFFFFFF, 4)  # write ones to clear
    injector.return_from_exception()
    return gdb.read_register("pc") == return_address & ~1
