"""The core's debug registers (Armv7-M ARM C1.6, Armv8-M ARM D1.2): DHCSR, DCRSR, DCRDR, DEMCR, DFSR, DSCSR, AIRCR."""

from __future__ import annotations

from pytest_stm32pose.probes.qemu.core import Core, Stop

DFSR, DHCSR, DCRSR, DCRDR, DEMCR, DSCSR, AIRCR = (
    0xE000ED30, 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC, 0xE000EE08, 0xE000ED0C,
)  # fmt: skip
ADDRESSES = frozenset({DFSR, DHCSR, DCRSR, DCRDR, DEMCR, DSCSR, AIRCR})

_DEBUG_KEY, _VECTOR_KEY = 0xA05F, 0x05FA
_C_DEBUGEN, _C_HALT, _C_STEP, _C_MASKINTS = 1, 2, 4, 8
_S_REGRDY, _S_HALT, _S_LOCKUP, _S_RETIRE_ST, _S_RESET_ST = 1 << 16, 1 << 17, 1 << 19, 1 << 24, 1 << 25
_DFSR_BITS = {Stop.REQUEST: 1, Stop.BREAKPOINT: 2, Stop.WATCHPOINT: 4, Stop.VECTOR_CATCH: 8}
_VC_CORERESET, _VC_HARDERR = 1, 1 << 10
_POLL_S = 0.001  # a debugger that polls DHCSR waits here instead of burning the host's processor

_SYSM = {17: 8, 18: 9, 24: 0x88, 25: 0x89, 26: 8, 27: 9, 28: 10, 29: 11, 30: 0x8A, 31: 0x8B}
_MASKS = (16, 17, 19, 20)  # PRIMASK, BASEPRI, FAULTMASK, CONTROL: bytes 0..3 of one DCRSR register
_MASK_REGISTERS = {20: 0, 34: 0, 35: 0x80}  # DCRSR number -> non-secure bit of SYSm


class CoreDebug:
    """Reads and writes go to ADDRESSES only, 32 bits wide."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._masked = False
        self._dfsr = 0
        self._dcrdr = 0
        self._demcr = 0
        self._reported_halt = False

    def read(self, address: int) -> int:
        if address == DHCSR:
            return self._read_dhcsr()
        if address == DFSR:
            self._core.poll(0.0)
            self._collect_stop()
            return self._dfsr
        if address == DSCSR:
            return 0x00010000 if self._core.model.v8m else 0
        if address == AIRCR:
            return int.from_bytes(self._core.read_memory(AIRCR, 4), "little")
        return {DCRDR: self._dcrdr, DEMCR: self._demcr}.get(address, 0)

    def write(self, address: int, value: int) -> None:
        if address == DHCSR and value >> 16 == _DEBUG_KEY:
            self._write_dhcsr(value)
        elif address == DFSR:
            self._dfsr &= ~value
        elif address == DCRDR:
            self._dcrdr = value
        elif address == DCRSR:
            self._transfer(value)
        elif address == DEMCR:
            self._demcr = value
            self._core.catch_hard_fault = bool(value & _VC_HARDERR)
        elif address == AIRCR and value >> 16 == _VECTOR_KEY:
            if value & 0x5:
                self.reset()
            else:
                self._core.store(AIRCR, value, 4)

    def reset(self) -> None:
        """System reset; the core halts at its first instruction when the debugger catches resets."""
        self._core.reset(halt=bool(self._demcr & _VC_CORERESET) and self._core.debug_enabled)
        self._reported_halt = False

    def _read_dhcsr(self) -> int:
        core = self._core
        if core.locked:
            return _C_DEBUGEN | _S_LOCKUP | _S_REGRDY
        halted = core.poll(_POLL_S)
        self._collect_stop()
        value = _C_DEBUGEN * core.debug_enabled | _S_REGRDY | _C_MASKINTS * self._masked
        value |= _C_HALT | _S_HALT if halted else _S_RETIRE_ST
        if core.was_reset:
            core.was_reset = False
            value |= _S_RESET_ST
        return value

    def _write_dhcsr(self, value: int) -> None:
        core = self._core
        self._masked = bool(value & _C_MASKINTS)
        was_enabled, enabled = core.debug_enabled, bool(value & _C_DEBUGEN)
        core.debug_enabled = enabled
        if not enabled:
            if was_enabled:
                core.release()
        elif value & _C_HALT:
            core.halt()
        elif value & _C_STEP and not core.running:
            core.step(self._masked)
            self._dfsr |= _DFSR_BITS[Stop.REQUEST]
        elif not core.running:
            core.resume()
            self._reported_halt = False
        self._collect_stop()

    def _collect_stop(self) -> None:
        """DFSR's bits are set once per stop and stay until the debugger clears them."""
        if self._core.running:
            self._reported_halt = False
        elif not self._reported_halt:
            self._reported_halt = True
            self._dfsr |= _DFSR_BITS[self._core.stop_reason]

    def _transfer(self, selector: int) -> None:
        number = selector & 0x7F
        if selector & (1 << 16):
            self._write_register(number, self._dcrdr)
        else:
            self._dcrdr = self._read_register(number)

    def _read_register(self, number: int) -> int:
        core = self._core
        if number in _SYSM:
            return core.injector.read_special(_SYSM[number])
        if number in _MASK_REGISTERS:
            bank = _MASK_REGISTERS[number]
            parts = (core.injector.read_special(sysm | bank) & 0xFF for sysm in _MASKS)
            return sum(part << (8 * index) for index, part in enumerate(parts))
        name, shift = _gdb_register(number)
        if name not in core.gdb.registers:
            return 0
        return core.gdb.read_register(name) >> shift & 0xFFFFFFFF

    def _write_register(self, number: int, value: int) -> None:
        core = self._core
        if number in _SYSM:
            core.injector.write_special(_SYSM[number], value)
        elif number in _MASK_REGISTERS:
            bank = _MASK_REGISTERS[number]
            for index, sysm in enumerate(_MASKS):
                core.injector.write_special(sysm | bank, value >> (8 * index) & 0xFF)
        else:
            name, shift = _gdb_register(number)
            if name not in core.gdb.registers:
                return
            if name == "pc":
                value &= ~1
            elif name.startswith("d"):
                other = core.gdb.read_register(name) & (0xFFFFFFFF << (32 - shift))
                value = value << shift | other
            core.gdb.write_register(name, value)


def _gdb_register(number: int) -> tuple[str, int]:
    """DCRSR register number -> gdb's register name and the bit where it starts; "" for one that does not exist."""
    if number < 13:
        return f"r{number}", 0
    if 64 <= number < 96:
        return f"d{(number - 64) // 2}", 32 * (number & 1)
    return {13: "sp", 14: "lr", 15: "pc", 16: "xpsr", 33: "fpscr", 36: "vpr"}.get(number, ""), 0
