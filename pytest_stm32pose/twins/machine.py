"""Unicorn as a Cortex-M: registers, memory by a device's regions, and callbacks for everything that is no memory.

What unicorn does here that one must know: emu_stop() inside a callback gives up the instruction that made the access,
before it changes a register (except in an IT block, where it completes), so that it is executed once more afterwards.
For a fault this is what silicon does; for a stop the access itself must not be made twice (replay.py).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Set
from typing import Any

import unicorn
from unicorn import arm_const as arm

from pytest_stm32pose.twins.device import Device, Region

_CPUS = {
    "cortex-m33": arm.UC_CPU_ARM_CORTEX_M33,
    "cortex-m7": arm.UC_CPU_ARM_CORTEX_M7,
    "cortex-m4": arm.UC_CPU_ARM_CORTEX_M4,
}
_PAGE = 0x1000
#: Peripherals of every STM32; a device may have registers elsewhere too, whose pages are mapped when they are used.
_PERIPHERALS = ((0x40000000, 0x20000000), (0xE0000000, 0x00100000))
_NOWHERE = 0xFFFFFFFE
FETCH = (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT)

R0, SP, LR, PC, XPSR, PRIMASK, BASEPRI, FAULTMASK, CONTROL, FPSCR = (
    arm.UC_ARM_REG_R0, arm.UC_ARM_REG_SP, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC, arm.UC_ARM_REG_XPSR,
    arm.UC_ARM_REG_PRIMASK, arm.UC_ARM_REG_BASEPRI, arm.UC_ARM_REG_FAULTMASK, arm.UC_ARM_REG_CONTROL,
    arm.UC_ARM_REG_FPSCR,
)  # fmt: skip
GENERAL = (*(getattr(arm, f"UC_ARM_REG_R{number}") for number in range(13)), SP, LR, PC)
SINGLES = tuple(getattr(arm, f"UC_ARM_REG_S{number}") for number in range(32))
#: What a function may change, and the status register: S0 to S15 (AAPCS), as doubles.
SCRATCH_FP = (*(getattr(arm, f"UC_ARM_REG_D{number}") for number in range(8)), FPSCR)


class Machine:
    """One core and what it can reach.

    Args:
        read, write: an access to a register: (address, size), (address, size, value).
        refused: an access that nothing answers: (unicorn's kind, address).
        exception: unicorn's number of an exception that an instruction raises.
    """

    def __init__(
        self,
        device: Device,
        read: Callable[[int, int], int],
        write: Callable[[int, int, int], None],
        refused: Callable[[int, int], None],
        exception: Callable[[int], None],
    ) -> None:
        self._device, self._read, self._write, self._refused = device, read, write, refused
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS, _CPUS[device.cpu])
        self._regions: dict[int, Region] = {}
        self._pages: set[int] = set()
        self._points: dict[int, Any] = {}
        for start, length in _PERIPHERALS:
            self._map_registers(start, length)
        self._uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._invalid)
        self._uc.hook_add(unicorn.UC_HOOK_INTR, lambda _, number, __: exception(number))

    # --- execution ---

    def run(self, address: int, *, one: bool = False) -> str:
        """Until stop(); one instruction only for a debugger's step. Returns unicorn's complaint, or ""."""
        try:
            self._uc.emu_start(address | 1, _NOWHERE, count=1 if one else 0)
        except unicorn.UcError as error:
            return str(error)
        return ""

    def stop(self) -> None:
        self._uc.emu_stop()

    def forget_code(self) -> None:
        """A debugger has written memory: what was translated may be of other instructions."""
        self._uc.ctl_flush_tb()

    def get(self, register: int) -> int:
        return int(self._uc.reg_read(register))

    def set(self, register: int, value: int) -> None:
        self._uc.reg_write(register, value)

    def get_all(self, registers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self._uc.reg_read_batch(registers))

    def set_all(self, registers: tuple[int, ...], values: tuple[int, ...]) -> None:
        self._uc.reg_write_batch(list(zip(registers, values, strict=True)))

    def set_breakpoints(self, addresses: Set[int], reached: Callable[[], None]) -> None:
        """`reached` is called before the instruction at one of `addresses`. Only while nothing runs."""
        for address in self._points.keys() - addresses:
            self._uc.hook_del(self._points.pop(address))
        for address in addresses - self._points.keys():
            self._points[address] = self._uc.hook_add(
                unicorn.UC_HOOK_CODE, lambda *_: reached(), begin=address, end=address
            )
        self.forget_code()

    # --- memory ---

    def refresh(self) -> None:
        """Takes away what the device does not answer for any more; the rest comes with its first use."""
        for start, region in list(self._regions.items()):
            if not _same(self._device.region_at(start), region):
                self._uc.mem_unmap(start, region.length)
                del self._regions[start]
        for page in list(self._pages):
            if self._device.region_at(page) is not None:
                self._uc.mem_unmap(page, _PAGE)
                self._pages.discard(page)

    def _invalid(self, _: Any, kind: int, address: int, __: int, ___: int, ____: Any) -> bool:
        """The first use of memory, or of registers outside the peripherals' range; or a fault."""
        if kind in (unicorn.UC_MEM_READ_UNMAPPED, unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_FETCH_UNMAPPED):
            region = self._device.region_at(address) if address < 0xE0000000 else None
            if region is not None and region.start not in self._regions:
                self._map(region)
                return True
            page = address & -_PAGE
            if region is None and kind not in FETCH and address < 0xE0000000 and page not in self._pages:
                self._pages.add(page)
                self._map_registers(page, _PAGE)
                return True
        self._refused(kind, address)
        return False

    def _map(self, region: Region) -> None:
        rights = unicorn.UC_PROT_READ
        rights |= unicorn.UC_PROT_WRITE if region.writable else 0
        rights |= unicorn.UC_PROT_EXEC if region.executable else 0
        where = ctypes.addressof((ctypes.c_ubyte * region.length).from_buffer(region.buffer))
        self._uc.mem_map_ptr(region.start, region.length, rights, where)
        self._regions[region.start] = region

    def _map_registers(self, start: int, length: int) -> None:
        self._uc.mmio_map(
            start,
            length,
            lambda _, offset, size, __: self._read(start + offset, size),
            None,
            lambda _, offset, size, value, __: self._write(start + offset, size, value),
            None,
        )


def _same(now: Region | None, before: Region) -> bool:
    return now is before or (
        now is not None
        and (now.start, now.length, now.writable, now.executable)
        == (before.start, before.length, before.writable, before.executable)
        and now.buffer is before.buffer
    )
