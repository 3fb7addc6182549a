"""A core between two instructions: what a reset leaves, which exception is taken, what a fault leads to.

It runs nothing by itself (core.py does) and answers no access (accesses.py does). Armv8-M ARM (DDI 0553) B3, Armv7-M
ARM (DDI 0403) B1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from pytest_stm32pose.twins import bus, scs
from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.clock import Clock
from pytest_stm32pose.twins.device import Device, Fault
from pytest_stm32pose.twins.frames import Frames
from pytest_stm32pose.twins.machine import Machine
from pytest_stm32pose.twins.nvic import BUS_FAULT, HARD_FAULT, USAGE_FAULT, Nvic
from pytest_stm32pose.twins.replay import Access

_IBUSERR, _PRECISERR, _BFARVALID = 1 << 8, 1 << 9, 1 << 15
_FORCED, _DEBUGEVT = 1 << 30, 1 << 31
_ENABLED = {BUS_FAULT: 1 << 17, USAGE_FAULT: 1 << 18}
#: The boot ROM of a device without flash of its own: where the core is after it, and what it has left in registers.
_IN_ROM, _ROM_STACK = 0x18001234, 0x341FFF00
_ROM_LEAVES = {scs.VTOR: 0x18000000, scs.CCR: 0x00030201, 0xE000ED94: 5, 0xE000E100: 0x80}


LOCK_UP = 0xEFFFFFFE  #: where a core that is locked up is, also for a debugger that halts it


class State(Enum):
    RUNNING = "running"
    HALTED = "halted"
    LOCKED_UP = "locked up"
    IN_ROM = "in the boot ROM"


class Processor:
    """Attributes:
    stops: DFSR bits of the halts that no debugger has cleared.
    was_reset: since a debugger asked.
    """

    def __init__(self, device: Device, request_reset: Callable[[], None]) -> None:
        self.device = device
        self.clock, self.nvic = Clock(), Nvic()
        own = getattr(device, "PRIVATE_WORDS", {})  # few devices have any
        self.scs = scs.Scs(device.core, self.clock, self.nvic, request_reset, own)
        self.scs.lines = lambda: self.device.irqs
        self.debug_enabled = self.catches_reset = self.catches_faults = self.masks_interrupts = False
        self.breakpoints: set[int] = set()
        self.stops, self.was_reset = 0, True
        self.state = State.RUNNING

    # --- reset ---

    def _reset(self, machine: Machine) -> None:
        """Whatever ran is stopped; `machine` is a new one, which nothing has run on."""
        self.device.reset()
        self.device.changed = False
        self.clock.reset()
        self.nvic.reset()
        self.scs.reset()
        self._machine = machine
        self._frames = Frames(self._read_memory, self._write_memory)
        self._replay: Access | None = None
        self._fault: tuple[int, bool] | None = None
        self._exception = 0
        self.was_reset = True
        self.state = State.RUNNING
        if self.device.boot:
            self._boot()
        else:
            self._leave_rom()
        self._set_breakpoints()

    def _boot(self) -> None:
        vectors = self.device.boot
        self.scs.registers[scs.VTOR] = vectors
        try:
            stack, entry = (int.from_bytes(self._read_memory(vectors + at, 4), "little") for at in (0, 4))
        except Fault:
            stack, entry = 0, 0
        self._machine.set(uc.SP, stack & ~3)
        self._machine.set(uc.LR, 0xFFFFFFFF)
        self._machine.set(uc.XPSR, 1 << 24)
        self._pc = entry & ~1
        if self.debug_enabled and self.catches_reset:
            self._halt(8)
        elif not entry & 1:
            self._lock_up()

    def _leave_rom(self) -> None:
        for number, register in enumerate(uc.GENERAL[:13]):
            self._machine.set(register, 0xB0070000 + number)
        for address, value in _ROM_LEAVES.items():
            self.scs.write(address, value)
        self._machine.set(uc.SP, _ROM_STACK)
        self._machine.set(uc.PRIMASK, 1)
        self._pc = _IN_ROM
        self.state = State.IN_ROM

    def _set_breakpoints(self) -> None:
        self._machine.set_breakpoints(self.breakpoints if self.debug_enabled else set(), self._machine.stop)

    # --- exceptions ---

    def _due(self) -> int:
        if not self.nvic.pending(self.device.irqs):
            return 0
        return self.nvic.next(self.device.irqs, self._priority())

    def _priority(self) -> int:
        machine = self._machine
        return self.nvic.execution_priority(machine.get(uc.PRIMASK), machine.get(uc.BASEPRI), machine.get(uc.FAULTMASK))

    def _enter(self, exception: int) -> None:
        replay, self._replay = self._replay, None
        vectors = self.scs.registers.get(scs.VTOR, 0)
        self.nvic.take(exception)
        if not self._frames.enter(self._machine, exception, vectors, self._pc, replay):
            if exception == HARD_FAULT or HARD_FAULT in self.nvic.active:
                self._lock_up()
            else:
                self.nvic.leave(exception)
                self._hard_fault(_FORCED)
            return
        self._pc = self._machine.get(uc.PC) & ~1

    def _return(self) -> None:
        left = self._frames.leave(self._machine)
        if left is None:
            self._lock_up()
            return
        exception, self._pc, self._replay = left
        self.nvic.leave(exception)
        self._machine.set(uc.FAULTMASK, 0)

    def _raise_bus_fault(self, address: int, is_fetch: bool) -> None:
        if is_fetch:
            self._raise(BUS_FAULT, _IBUSERR)
        else:
            self.scs.registers[scs.BFAR] = address
            self._raise(BUS_FAULT, _PRECISERR | _BFARVALID)

    def _raise(self, exception: int, cause: int) -> None:
        """A fault of the program; a HardFault when its own handler is off or may not interrupt."""
        registers = self.scs.registers
        registers[scs.CFSR] = registers.get(scs.CFSR, 0) | cause
        enabled = registers.get(scs.SHCSR, 0) & _ENABLED[exception]
        if enabled and self.nvic.priority(exception) < self._priority():
            self._enter(exception)
        else:
            self._hard_fault(_FORCED)

    def _hard_fault(self, cause: int) -> None:
        self.scs.registers[scs.HFSR] = self.scs.registers.get(scs.HFSR, 0) | cause
        if self._priority() <= -1:
            self._lock_up()
            return
        self._enter(HARD_FAULT)
        if self.debug_enabled and self.catches_faults and self.state == State.RUNNING:
            self._halt(8)

    def _break(self) -> None:
        if self.debug_enabled:
            self._halt(2)
        else:
            self._hard_fault(_DEBUGEVT)

    def _lock_up(self) -> None:
        self._pc = LOCK_UP
        self.state = State.LOCKED_UP

    def _halt(self, why: int) -> None:
        self.state = State.HALTED
        self.stops |= why

    # --- memory and registers for exceptions and a debugger ---

    def _read_memory(self, address: int, length: int) -> bytes:
        return bus.read(self.device, address, length)

    def _write_memory(self, address: int, data: bytes) -> None:
        bus.write(self.device, address, data)

    def _read_or_nothing(self, address: int) -> bytes:
        try:
            return self._read_memory(address, 2)
        except Fault:
            return b""

    def get(self, register: int) -> int:
        """A register of unicorn's; only of a core that does not run."""
        return self._pc if register == uc.PC else self._machine.get(register)

    def set(self, register: int, value: int) -> None:
        if register == uc.PC:
            self._pc, self._replay = value & ~1, None
        else:
            self._machine.set(register, value)
