"""The Cortex-M55's debug registers and identification, enough for pyOCD (Armv8-M ARM, D1.2; Cortex-M55 TRM).

The core runs nothing but calls by the debugger: a resume whose LR points at a BKPT instruction. After any other
resume it counts as running, with the registers it was resumed with.
"""

from __future__ import annotations

from pytest_stm32pose.probes.qemu.rom_table import RomTable
from pytest_stm32pose.twins.n6.memory import Fault, Memory
from pytest_stm32pose.twins.n6.nor import PowerLost
from pytest_stm32pose.twins.n6.xspi import DriverError
from tests.support.n6_model.calls import call

DHCSR, DCRSR, DCRDR, DEMCR, DFSR, DSCSR, AIRCR, VTOR = (
    0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC, 0xE000ED30, 0xE000EE08, 0xE000ED0C, 0xE000ED08,
)  # fmt: skip
_PRIVATE = 0xE0000000
_DEBUG_KEY, _VECTOR_KEY = 0xA05F, 0x05FA
_C_DEBUGEN, _C_HALT = 1, 2
_S_REGRDY, _S_HALT, _S_LOCKUP, _S_RETIRE_ST, _S_RESET_ST = 1 << 16, 1 << 17, 1 << 19, 1 << 24, 1 << 25
#: CPUID of a Cortex-M55 r1p1, with Security extension 8.1, MVE and double-precision FPU, caches, MPU.
_CONSTANTS = {
    0xE000ED00: 0x411FD221, 0xE000ED40: 0x20000030, 0xE000ED44: 0x00000230, 0xE000ED48: 0x10200000,
    0xE000ED60: 0x01103110, 0xE000ED6C: 0x01310132, 0xE000ED78: 0x09000003, 0xE000ED90: 0x00000800,
    0xE000EF40: 0x10110221, 0xE000EF44: 0x12100211, DSCSR: 0x00010000,
    0xE0002000: 0x10000080, 0xE0001000: 0x42000000,
}  # fmt: skip
#: What the boot ROM leaves in the core: nothing that a program may rely on.
_ROM_LEAVES = {VTOR: 0x18000000, 0xE000ED14: 0x00030201, 0xE000ED94: 5, 0xE000E180: 0x80, 0xE000E010: 7}
_BOOT_ACCESSES = 3
XPSR, MSP, SP, LR, PC, CONTROL_AND_MASKS = 16, 17, 13, 14, 15, 20


class Core:
    """`registers` by DCRSR number. `boot_accesses`: refused accesses until the boot ROM opens the access port."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._rom = RomTable("cortex-m55")
        self.boot_accesses = _BOOT_ACCESSES
        self.resets = 0
        self.problem: Exception | None = None
        self._start_over()
        memory.extra = self._private
        self._closed = 0  # the boot ROM is done long ago

    def reset(self) -> None:
        """System reset: the boot ROM runs; a vector catch does not stop it, because the access port is closed."""
        self.resets += 1
        self._memory.reset()
        self._start_over()

    def _start_over(self) -> None:
        self.running, self._was_reset, self.locked_up = True, True, False
        self._closed = self.boot_accesses
        self.registers = {number: 0xB0070000 + number for number in range(16)}
        self.registers |= {PC: 0x18001234, SP: 0x341FFF00, XPSR: 0x01000003, CONTROL_AND_MASKS: 1, 28: 0x341F0000}
        self._scs = dict(_ROM_LEAVES)
        self._debug = 0

    def refuse_while_booting(self, address: int) -> None:
        if self._closed:
            self._closed -= 1
            raise Fault(address)

    # --- registers ---

    def _private(self, address: int, size: int, value: int | None) -> int | None:
        if address < _PRIVATE:
            return None
        if value is None:
            return self._read(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1
        self._write(address, value)
        return 0

    def _read(self, address: int) -> int:
        if address == DHCSR:
            status = self._debug & 0xF & ~_C_HALT | _S_REGRDY | _S_RESET_ST * self._was_reset
            self._was_reset = False
            return status | (_S_RETIRE_ST if self.running else _S_HALT | _C_HALT) | _S_LOCKUP * self.locked_up
        if address in _CONSTANTS:
            return _CONSTANTS[address]
        identity = self._rom.read(address)
        return identity if identity is not None else self._scs.get(address, 0)

    def _write(self, address: int, value: int) -> None:
        if address == DHCSR:
            if value >> 16 == _DEBUG_KEY:
                self._debug = value & 0xF
                self._control()
        elif address == DCRSR:
            self._transfer(value)
        elif address == AIRCR:
            if value >> 16 == _VECTOR_KEY and value & 4:
                self.reset()
        elif address == DFSR:
            self._scs[DFSR] = self._scs.get(DFSR, 0) & ~value
        elif 0xE000E180 <= address < 0xE000E1C0 or 0xE000E280 <= address < 0xE000E2C0:
            self._scs[address] = self._scs.get(address, 0) & ~value
        elif address not in _CONSTANTS:
            self._scs[address] = value

    def _transfer(self, selector: int) -> None:
        number = selector & 0x7F
        number = SP if number == MSP else number
        if self.running:
            raise Fault(DCRSR)
        if selector >> 16 & 1:
            self.registers[number] = self._scs.get(DCRDR, 0) & (~1 if number == PC else 0xFFFFFFFF)
        else:
            self._scs[DCRDR] = self.registers.get(number, 0)

    # --- execution ---

    def _control(self) -> None:
        if not self._debug & _C_DEBUGEN:
            self.running = True
        elif self._debug & _C_HALT:
            self.running = False
        elif not self.running:
            if self._is_call():
                self._call()
            else:
                self.running = True

    def _is_call(self) -> bool:
        back = self.registers[LR] & ~1
        return self._memory.block_at(back, 2) is not None and self._memory.read(back, 2)[1] == 0xBE

    def _call(self) -> None:
        problem = call(self._memory, self.registers)
        self._scs[DFSR] = self._scs.get(DFSR, 0) | 2
        if isinstance(problem, (PowerLost, DriverError)):
            raise problem
        if problem is not None:
            self.problem = problem
            self.running, self.locked_up = True, True
