"""The core's private registers as the core and a debugger read and write them: NVIC, SysTick, DWT, system control.

Armv8-M ARM (DDI 0553) D1.2, Armv7-M ARM (DDI 0403) B3.2 and C1; identification registers from the technical reference
manuals of Cortex-M55, M7 and M4. Caches and the MPU keep what is written and do nothing: an access is neither cached
nor refused. The debug registers themselves are in debug.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_stm32pose.probes.qemu.rom_table import RomTable
from pytest_stm32pose.twins.clock import Clock
from pytest_stm32pose.twins.nvic import PEND_SV, SYS_TICK, Nvic

CPUID, ICSR, VTOR, AIRCR, CCR, SHPR, SHCSR, CFSR, HFSR, MMFAR, BFAR, CPACR = (
    0xE000ED00, 0xE000ED04, 0xE000ED08, 0xE000ED0C, 0xE000ED14, 0xE000ED18, 0xE000ED24, 0xE000ED28, 0xE000ED2C,
    0xE000ED34, 0xE000ED38, 0xE000ED88,
)  # fmt: skip
DEMCR = 0xE000EDFC
_SYST_CSR, _SYST_RVR, _SYST_CVR, _STIR = 0xE000E010, 0xE000E014, 0xE000E018, 0xE000EF00
_ISER, _ICER, _ISPR, _ICPR, _IABR, _IPR = 0xE000E100, 0xE000E180, 0xE000E200, 0xE000E280, 0xE000E300, 0xE000E400
_DWT_CTRL, _DWT_CYCCNT, _DWT_LAR, _DWT_LSR = 0xE0001000, 0xE0001004, 0xE0001FB0, 0xE0001FB4
_LAR_KEY = 0xC5ACCE55
_VECTOR_KEY, _VECTOR_READ, _RESET_REQUEST = 0x05FA, 0xFA05, 4
_TRACE = 1 << 24
#: Registers that only say what the core is.
_CONSTANTS = {
    "cortex-m55": {
        CPUID: 0x411FD221, 0xE000ED40: 0x20000030, 0xE000ED44: 0x00000230, 0xE000ED48: 0x10200000,
        0xE000ED60: 0x01103110, 0xE000ED6C: 0x01310132, 0xE000ED78: 0x09000003, 0xE000ED90: 0x00000800,
        0xE000EF40: 0x10110221, 0xE000EF44: 0x12100211,
    },
    "cortex-m7": {
        CPUID: 0x411FC271, 0xE000ED78: 0x09000003, 0xE000ED90: 0x00001000, 0xE000EF40: 0x10110221,
        0xE000EF44: 0x12000011, 0xE000EF48: 0x00000040,
    },
    "cortex-m4": {CPUID: 0x410FC241, 0xE000ED90: 0x00000800, 0xE000EF40: 0x10110021, 0xE000EF44: 0x11000011},
}  # fmt: skip
_CCSIDR = 0xE000ED80
#: Data cache: 32 KB in 4 ways of 32 bytes (N6), 16 KB in 4 ways (H7).
_CCSIDRS = {"cortex-m55": 255 << 13 | 3 << 3 | 1, "cortex-m7": 127 << 13 | 3 << 3 | 1}
#: Written for what they do; they read as 0.
_COMMANDS = frozenset({0xE000EF50, *range(0xE000EF58, 0xE000EF7C, 4)})
#: What a reset leaves other than 0. CCR: the stack is aligned to 8 bytes.
_RESET = {CCR: 0x200, 0xE000EF34: 0xC0000000}
CLOCKS = frozenset({_SYST_CSR, _SYST_CVR, _DWT_CYCCNT, ICSR})  #: what a program that waits looks at


class Scs:
    """`request_reset` is called when the program or a debugger asks for a system reset.

    `own` are words that the device has among the core's registers and that only say what it is: an STM32F4's DBGMCU.
    """

    def __init__(
        self, core: str, clock: Clock, nvic: Nvic, request_reset: Callable[[], None], own: Mapping[int, int]
    ) -> None:
        self._clock, self._nvic, self._request_reset = clock, nvic, request_reset
        self._constants = {**_CONSTANTS[core], **own}
        self._rom = RomTable(core)
        self._ccsidr = _CCSIDRS.get(core, 0)
        self._has_lock = core == "cortex-m7"
        self.lines: Callable[[], set[int]] = set
        self.registers: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """Of the system; what belongs to the debugger stays."""
        kept = {DEMCR: self.registers.get(DEMCR, 0) & ~_TRACE}
        self.registers = {**_RESET, **kept}
        self._locked = self._has_lock

    # --- reading ---

    def read(self, address: int, size: int = 4) -> int:
        return self._word(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1

    def _word(self, address: int) -> int:
        if address == _DWT_CYCCNT:
            return self._clock.cyccnt
        if address == _SYST_CVR:
            return self._clock.value
        if address == ICSR:
            return self._icsr()
        if address in self._constants:
            return self._constants[address]
        if _ISER <= address < _IPR + 0x200:
            return self._nvic_word(address)
        if address == _SYST_CSR:
            return self._clock.control
        if address == _SYST_RVR:
            return self._clock.reload
        if address == AIRCR:
            return _VECTOR_READ << 16
        if address == _DWT_CTRL:
            return self.registers.get(_DWT_CTRL, 0) & 1  # NUMCOMP is 0: no watchpoints, which a debugger then refuses
        if address == _DWT_LSR:
            return (1 | self._locked << 1) if self._has_lock else 0
        if address == _CCSIDR:
            return self._ccsidr
        if SHPR <= address < SHPR + 12:
            return sum(self._nvic.priority(address - SHPR + 4 + n) << 8 * n for n in range(4))
        identity = self._rom.read(address)
        return identity if identity is not None else self.registers.get(address, 0)

    def _icsr(self) -> int:
        nvic = self._nvic
        pending = nvic.pending(self.lines())
        active = nvic.active[-1] if nvic.active else 0
        first = min(pending, key=lambda exception: (nvic.priority(exception), exception), default=0)
        value = active | (len(nvic.active) <= 1) << 11 | first << 12 | any(one >= 16 for one in pending) << 22
        return value | (SYS_TICK in nvic.system) << 26 | (PEND_SV in nvic.system) << 28

    def _nvic_word(self, address: int) -> int:
        nvic = self._nvic
        if address >= _IPR:
            return sum(nvic.priority(16 + address - _IPR + n) << 8 * n for n in range(4))
        shift = (address & 0x7F) * 8
        if address >= _IABR:
            active = sum(1 << exception - 16 for exception in nvic.active if exception >= 16)
            return active >> shift & 0xFFFFFFFF
        if address < _ISPR:
            return nvic.enabled >> shift & 0xFFFFFFFF
        waiting = nvic.latched
        for line in self.lines():
            waiting |= 1 << line
        return waiting >> shift & 0xFFFFFFFF

    # --- writing ---

    def write(self, address: int, value: int, size: int = 4, *, by_debugger: bool = False) -> None:
        if size != 4:
            self._write_part(address, value, size)
        elif _ISER <= address < _IABR:
            self._write_nvic(address, value)
        elif address in (_SYST_CSR, _SYST_RVR, _SYST_CVR):
            name = {_SYST_CSR: "control", _SYST_RVR: "reload", _SYST_CVR: "value"}[address]
            setattr(self._clock, name, value)
        elif 0xE0001000 <= address < 0xE0002000:
            self._write_dwt(address, value, by_debugger)
        elif address == ICSR:
            self._write_icsr(value)
        elif address == AIRCR:
            if value >> 16 == _VECTOR_KEY and value & _RESET_REQUEST:
                self._request_reset()
        elif address in (CFSR, HFSR):
            self.registers[address] = self.registers.get(address, 0) & ~value
        elif _IPR <= address < _IPR + 0x200 or SHPR <= address < SHPR + 12:
            for index in range(4):
                self._write_part(address + index, value >> 8 * index & 0xFF, 1)
        elif address == _STIR:
            self._nvic.latched |= 1 << (value & 0x1FF)
        elif address not in self._constants and address not in _COMMANDS:
            self.registers[address] = value
            if address == DEMCR:
                self._count()

    def _write_part(self, address: int, value: int, size: int) -> None:
        for index in range(size):
            at, byte = address + index, value >> 8 * index & 0xFF
            if _IPR <= at < _IPR + 0x200:
                self._nvic.set_priority(16 + at - _IPR, byte)
            elif SHPR <= at < SHPR + 12:
                self._nvic.set_priority(at - SHPR + 4, byte)
            else:
                old, shift = self.registers.get(at & ~3, 0), 8 * (at & 3)
                self.registers[at & ~3] = old & ~(0xFF << shift) | byte << shift

    def _write_nvic(self, address: int, value: int) -> None:
        bits = value << (address & 0x7F) * 8
        nvic = self._nvic
        if address < _ICER:
            nvic.enabled |= bits
        elif address < _ISPR:
            nvic.enabled &= ~bits
        elif address < _ICPR:
            nvic.latched |= bits
        else:
            nvic.latched &= ~bits

    def _write_icsr(self, value: int) -> None:
        for bit, exception in ((26, SYS_TICK), (28, PEND_SV)):
            if value >> bit & 1:
                self._nvic.system.add(exception)
            elif value >> bit - 1 & 1:
                self._nvic.system.discard(exception)

    def _write_dwt(self, address: int, value: int, by_debugger: bool) -> None:
        if address == _DWT_LAR:
            self._locked = self._has_lock and value != _LAR_KEY
        elif self._locked and not by_debugger:
            return  # CoreSight's software lock (IHI 0029)
        elif address == _DWT_CYCCNT:
            self._clock.cyccnt = value
        else:
            self.registers[address] = value
            self._count()

    def _count(self) -> None:
        on = self.registers.get(DEMCR, 0) & _TRACE and self.registers.get(_DWT_CTRL, 0) & 1
        self._clock.counts = bool(on)
