"""The debug side of a twin: memory through the core's access port, DHCSR and its companions, breakpoint comparators.

Armv8-M ARM (DDI 0553) D1.2, Armv7-M ARM (DDI 0403) C1.6 and C1.11.
"""

from __future__ import annotations

from pytest_stm32pose.twins import bus
from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.core import Core
from pytest_stm32pose.twins.device import Fault
from pytest_stm32pose.twins.processor import State
from pytest_stm32pose.twins.scs import DEMCR

DFSR, DHCSR, DCRSR, DCRDR, DSCSR = 0xE000ED30, 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EE08
_DEBUG_KEY = 0xA05F
_C_DEBUGEN, _C_HALT, _C_STEP, _C_MASKINTS = 1, 2, 4, 8
_S_REGRDY, _S_HALT, _S_LOCKUP, _S_RETIRE_ST, _S_RESET_ST = 1 << 16, 1 << 17, 1 << 19, 1 << 24, 1 << 25
_VC_CORERESET, _VC_HARDERR = 1, 1 << 10
_FP_CTRL, _FP_COMP, _COMPARATORS = 0xE0002000, 0xE0002008, 8
_PC, _XPSR, _MASKS, _FPSCR, _FIRST_FLOAT = 15, 16, 20, 33, 64
_SECURE = 0x00010000  # DSCSR: the current state is Secure
_BYTES = (uc.PRIMASK, uc.BASEPRI, uc.FAULTMASK, uc.CONTROL)


class Debug:
    """What a debug probe reaches. Every access takes the core's lock."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._control = 0
        self._dcrdr = 0
        self._others: dict[int, int] = {}  # core registers that unicorn does not show
        self._comparators: dict[int, int] = {}
        self._unit_enabled = False

    def read(self, port: int, address: int, length: int) -> bytes:
        """Raises Fault."""
        with self._core.lock:
            self._admit(port, address)
            if address < bus.PRIVATE:
                return bus.read(self._core.device, address, length)
            first, last = address & ~3, address + length + 3 & ~3
            words = b"".join(self._read(at).to_bytes(4, "little") for at in range(first, last, 4))
            return words[address - first : address - first + length]

    def write(self, port: int, address: int, data: bytes) -> None:
        """Raises Fault, PowerLost."""
        core = self._core
        with core.lock:
            self._admit(port, address)
            if address < bus.PRIVATE:
                bus.write(core.device, address, data)
                if not core.is_inside:
                    core.code_changed()
                core.touched()
                return
            done = 0
            while done < len(data):
                size = bus.access_size(address + done, len(data) - done)
                self._write(address + done, int.from_bytes(data[done : done + size], "little"), size)
                done += size

    def reset(self) -> None:
        """By the reset pin."""
        self._core.reset()

    def _admit(self, port: int, address: int) -> None:
        device = self._core.device
        if port != device.core_port:
            raise Fault(address)
        if device.port_closed:
            device.port_closed -= 1
            raise Fault(address)

    # --- registers ---

    def _read(self, address: int) -> int:
        core = self._core
        if address == DHCSR:
            return self._status()
        if address == DFSR:
            return core.stops
        if address == DCRDR:
            return self._dcrdr
        if address == DSCSR:
            return _SECURE if core.device.core == "cortex-m55" else 0
        if address == _FP_CTRL:
            return 0x10000000 | _COMPARATORS << 4 | self._unit_enabled
        if _FP_COMP <= address < _FP_COMP + 4 * _COMPARATORS:
            return self._comparators.get(address, 0)
        return core.scs.read(address)

    def _write(self, address: int, value: int, size: int) -> None:
        core = self._core
        if address == DHCSR:
            if value >> 16 == _DEBUG_KEY:
                self._command(value)
        elif address == DFSR:
            core.stops &= ~value
        elif address == DCRDR:
            self._dcrdr = value
        elif address == DCRSR:
            self._transfer(value)
        elif _FP_CTRL <= address < _FP_COMP + 4 * _COMPARATORS:
            self._write_comparator(address, value)
        else:
            core.scs.write(address, value, size, by_debugger=True)
            core.touched()
            if address == DEMCR:
                core.catches_reset, core.catches_faults = bool(value & _VC_CORERESET), bool(value & _VC_HARDERR)

    def _status(self) -> int:
        core = self._core
        value = self._control & (_C_DEBUGEN | _C_STEP | _C_MASKINTS) | _S_REGRDY
        if core.state == State.HALTED:
            value |= _S_HALT | _C_HALT
        elif core.state == State.LOCKED_UP:
            value |= _S_LOCKUP
        else:
            value |= _S_RETIRE_ST
        value |= _S_RESET_ST * core.was_reset
        core.was_reset = False
        return value

    def _command(self, value: int) -> None:
        core = self._core
        self._control = value & 0xF
        was_enabled, core.debug_enabled = core.debug_enabled, bool(value & _C_DEBUGEN)
        core.masks_interrupts = bool(value & _C_MASKINTS)
        if was_enabled != core.debug_enabled:
            self._use_comparators()
        if not core.debug_enabled:
            core.resume()
        elif value & _C_HALT:
            core.halt()
        elif value & _C_STEP and core.state == State.HALTED:
            core.step()
        else:
            core.resume()

    def _write_comparator(self, address: int, value: int) -> None:
        if address == _FP_CTRL:
            if value & 2:
                self._unit_enabled = bool(value & 1)
        else:
            self._comparators[address] = value
        self._use_comparators()

    def _use_comparators(self) -> None:
        on = self._unit_enabled and self._core.debug_enabled
        self._core.set_breakpoints({value & ~1 for value in self._comparators.values() if on and value & 1})

    # --- the core's registers ---

    def _transfer(self, selector: int) -> None:
        if self._core.state != State.HALTED:
            raise Fault(DCRSR)
        number = selector & 0x7F
        if selector >> 16 & 1:
            self._write_register(number, self._dcrdr)
        else:
            self._dcrdr = self._read_register(number)

    def _read_register(self, number: int) -> int:
        core = self._core
        if number in (_MASKS, 34):
            return sum((core.get(register) & 0xFF) << 8 * index for index, register in enumerate(_BYTES))
        register = _register(number)
        return core.get(register) & 0xFFFFFFFF if register else self._others.get(number, 0)

    def _write_register(self, number: int, value: int) -> None:
        core = self._core
        if number in (_MASKS, 34):
            for index, register in enumerate(_BYTES):
                core.set(register, value >> 8 * index & 0xFF)
        elif register := _register(number):
            core.set(register, value)
        else:
            self._others[number] = value


def _register(number: int) -> int:
    """DCRSR's number -> unicorn's; 0 for one that unicorn does not have."""
    if number <= _PC:
        return int(uc.GENERAL[number])
    if _FIRST_FLOAT <= number < _FIRST_FLOAT + 32:
        return int(uc.SINGLES[number - _FIRST_FLOAT])
    return int({_XPSR: uc.XPSR, 17: uc.SP, 26: uc.SP, _FPSCR: uc.FPSCR}.get(number, 0))  # one stack, the main one
