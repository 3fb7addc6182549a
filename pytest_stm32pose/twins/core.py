"""A core that executes a device's program, in a thread of its own; a debugger stops it and looks at it from another.

Exceptions and interrupts are taken between two instructions, when something asks the emulation to stop (machine.py): an
access to a register that makes one due, a fault, a debugger. Nothing is called per instruction or per block.

Waiting costs nothing: a program that only looks at the time, or goes round on the spot, sleeps until a byte, a
debugger's write or, for what has a time limit, a moment has come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum

from pytest_stm32pose.twins import bus, scs
from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.clock import ACCESS_CYCLES, Clock
from pytest_stm32pose.twins.device import Device, Fault, PowerLost
from pytest_stm32pose.twins.frames import Frames
from pytest_stm32pose.twins.machine import Machine
from pytest_stm32pose.twins.nvic import BUS_FAULT, FIRST_IRQ, HARD_FAULT, SV_CALL, SYS_TICK, USAGE_FAULT, Nvic
from pytest_stm32pose.twins.replay import Access

_SWI, _BKPT, _EXCEPTION_EXIT, _NO_COPROCESSOR, _INVALID_STATE, _STACK_OVERFLOW = 2, 7, 8, 17, 18, 19
_USAGE = {_NO_COPROCESSOR: 1 << 19, _INVALID_STATE: 1 << 17, _STACK_OVERFLOW: 1 << 20}
_UNDEFINED = 1 << 16
_IBUSERR, _PRECISERR, _BFARVALID = 1 << 8, 1 << 9, 1 << 15
_FORCED, _DEBUGEVT = 1 << 30, 1 << 31
_ENABLED = {BUS_FAULT: 1 << 17, USAGE_FAULT: 1 << 18}
_EXC_RETURN = 0xFF000000
_REFUSES = "the model refuses what the program did"
_WFI = b"\x30\xbf"
_CHUNK = 16  # bytes of the serial line that are offered at once
_LOOKS = 3000  # at the time, one after the other, without a write to a peripheral: the program waits
_LOOKS_AGAIN = 64
_ALIKE = 256  # reads of one register in a row that gave the same: of those that follow the device sees every 16th
_REST_S, _REST_MAX_S = 0.0005, 0.25
_PATIENCE_S = 0.002
_STOP_TIMEOUT_S = 30.0
#: The boot ROM of a device without flash of its own: where the core is after it, and what it has left in registers.
_IN_ROM, _ROM_STACK = 0x18001234, 0x341FFF00
_ROM_LEAVES = {scs.VTOR: 0x18000000, scs.CCR: 0x00030201, 0xE000ED94: 5, 0xE000E100: 0x80}


class State(Enum):
    RUNNING = "running"
    HALTED = "halted"
    LOCKED_UP = "locked up"
    IN_ROM = "in the boot ROM"


class Core:
    """Attributes:
    lock: held for every access to the device; conditions of this class wait with it.
    stops: DFSR bits of the halts that no debugger has cleared.
    was_reset: since a debugger asked.
    failure: why the program cannot go on, one clause; "" while it can.
    inbox: bytes of the serial line that the USART has not taken yet.
    """

    def __init__(self, device: Device, clock_hz: int, notify: Callable[[], None] = lambda: None) -> None:
        self.device, self._hz, self._notify = device, clock_hz, notify
        self.lock = threading.RLock()
        self._wake = threading.Condition(self.lock)
        self.clock, self.nvic = Clock(), Nvic()
        self.scs = scs.Scs(device.core, self.clock, self.nvic, self._request_reset)
        self.scs.lines = lambda: self.device.irqs
        self.inbox = bytearray()
        self.debug_enabled = self.catches_reset = self.catches_faults = self.masks_interrupts = False
        self.breakpoints: set[int] = set()
        self.stops, self.failure, self.was_reset = 0, "", True
        self.state = State.RUNNING
        self._inside = self._calling = self._ended = self._stopping = self._wants_halt = self._wants_reset = False
        self._accesses = 0
        self._sleeping = False
        self._cold_start()

    # --- life ---

    def run(self) -> None:
        """The thread's: until end()."""
        try:
            while not self._ended:
                self._turn()
        except Exception as error:
            self.failure = self.failure or f"the twin has a defect ({type(error).__name__}: {error})"
            raise
        finally:
            self._ended = True
            self._notify()

    def end(self) -> None:
        with self.lock:
            self._ended = True
            self._pause()

    def _cold_start(self) -> None:
        self.device.power_up()
        self._reset()
        if not self.device.boot:
            self.device.port_closed = 0  # its boot ROM was done long ago

    def reset(self) -> None:
        """System reset, from the debugger's side."""
        with self.lock:
            self._pause()
            self._reset()
            self._wake.notify_all()

    def _request_reset(self) -> None:
        if threading.get_ident() == self._thread_of_call:
            self._wants_reset = True
        else:
            self.reset()

    _thread_of_call = 0

    def _reset(self) -> None:
        """Whatever ran is stopped."""
        self.device.reset()
        self.device.changed = False
        self.clock.reset()
        self.nvic.reset()
        self.scs.reset()
        self._machine = Machine(self.device, self._read, self._write, self._refused, self._raised)
        self._frames = Frames(self._read_memory, self._write_memory)
        self._replay: Access | None = None
        self._fault: tuple[int, bool] | None = None
        self._exception = 0
        self._waits_for_interrupt = self._spins = self._dirty = self._wants_reset = False
        self._sample: tuple[int, ...] = ()
        self._looks = self._rests = 0
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

    # --- the thread ---

    def _turn(self) -> None:
        with self.lock:
            while self._must_wait() and not self._ended:
                self._wake.wait()
            if self._ended:
                return
            if self._wants_reset:
                self._reset()
                return
            self._prepare()
            if self.state != State.RUNNING:
                return
            self._begin()
        self._execute()

    def _begin(self) -> None:
        self._stopping, self._inside = False, True
        self._fault, self._exception = None, 0
        self._thread_of_call = threading.get_ident()

    def _execute(self, *, one: bool = False) -> None:
        complaint = self._machine.run(self._pc, one=one)
        with self.lock:
            self._inside, self._thread_of_call = False, 0
            self._pc = self._machine.get(uc.PC) & ~1
            self._finish(complaint, one)
            self._wake.notify_all()

    def _must_wait(self) -> bool:
        if self._wants_halt or self.state != State.RUNNING:
            return not self._wants_reset
        if self._spins:
            return True
        if self._waits_for_interrupt:
            self._pump()
            self._waits_for_interrupt = not self.nvic.pending(self.device.irqs)
        return self._waits_for_interrupt

    def _prepare(self) -> None:
        """What has to be done between two instructions."""
        if self.device.changed:
            self.device.changed = False
            self._machine.refresh()
        if self._dirty:
            self._dirty = False
            self._machine.forget_code()
        self._pump()
        if not (self.debug_enabled and self.masks_interrupts) and (due := self._due()):
            self._enter(due)

    def _due(self) -> int:
        if not self.nvic.pending(self.device.irqs):
            return 0
        return self.nvic.next(self.device.irqs, self._priority())

    def _priority(self) -> int:
        machine = self._machine
        return self.nvic.execution_priority(machine.get(uc.PRIMASK), machine.get(uc.BASEPRI), machine.get(uc.FAULTMASK))

    def _finish(self, complaint: str, one: bool) -> None:
        """Why the emulation has stopped, and what follows from it."""
        if self._pc >= _EXC_RETURN:
            self._return()
        elif self._fault is not None:
            address, is_fetch = self._fault
            self._raise_bus_fault(address, is_fetch)
        elif self._exception == _BKPT:
            self._break()
        elif self._exception == _SWI:
            self.nvic.system.add(SV_CALL)
        elif self._exception or complaint:
            self._raise(USAGE_FAULT, _USAGE.get(self._exception, _UNDEFINED))
        elif not self._stopping and not one and not self._at_breakpoint():
            self._waits_for_interrupt = self._read_or_nothing(self._pc - 2) == _WFI

    def _at_breakpoint(self) -> bool:
        if self._pc in self.breakpoints:
            self._halt(2)
            return True
        return False

    # --- exceptions ---

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
        self._pc = 0xEFFFFFFE
        self.state = State.LOCKED_UP

    def _halt(self, why: int) -> None:
        self.state = State.HALTED
        self.stops |= why

    # --- accesses of the program ---

    def _read(self, address: int, size: int) -> int:
        return self._access(False, address, size, 0)

    def _write(self, address: int, size: int, value: int) -> None:
        self._access(True, address, size, value)

    def _access(self, is_write: bool, address: int, size: int, value: int) -> int:
        """The one place where time goes: some microseconds for each register that the program reads or writes."""
        if self._same > _ALIKE and not is_write and address == self._last[0] and self._may_repeat():
            return self._last[1]
        self._calling = True
        with self.lock:
            try:
                self._accesses += 1
                before, self._replay = self._replay, None
                if before is not None and before.is_repeated_by(is_write, address, size, value):
                    return before.value
                found = self._answer(is_write, address, size, value)
                if self._stopping or self._something_is_due():
                    self._stopping, self._replay = True, Access(is_write, address, size, found)
                    self._machine.stop()
                return found
            except Fault as error:
                self._fault = error.address, False
            except PowerLost:
                self.fail("its supply went away")
            except Exception as error:  # must not pass through the C code that called
                self.fail(f"{_REFUSES}: {error}")
            finally:
                self._calling = False
            self._stopping = True
            self._machine.stop()
            return 0

    def fail(self, why: str) -> None:
        self.failure, self._ended = self.failure or why, True

    def _may_repeat(self) -> bool:
        """One more read of what has long been the same, which the device does not see."""
        if self._stopping or self._wants_halt or self._replay or not self._same & 15:
            return False
        self._same += 1
        self._accesses += 1
        self.clock.advance(ACCESS_CYCLES)
        return True

    def _answer(self, is_write: bool, address: int, size: int, value: int) -> int:
        clock, device = self.clock, self.device
        clock.advance(ACCESS_CYCLES)
        if address >= bus.PRIVATE:
            if is_write:
                self.scs.write(address, value, size)
                return value
            if address in scs.CLOCKS:
                self._wait_a_little()
            return self.scs.read(address, size)
        if not is_write:
            found = device.read(address, size)
            self._same = self._same + 1 if self._last == (address, found) else 0
            self._last = address, found
            return found
        self._looks = self._same = 0
        device.write(address, size, value)
        if device.wrong:
            self.fail(f"{_REFUSES}: {device.wrong[0]}")
        if not self._has_sent and device.serial.sent:
            self._has_sent = True
            self._notify()
        return value

    def _something_is_due(self) -> bool:
        """After each access: whether the emulation has to stop for something."""
        nvic, device = self.nvic, self.device
        if self.clock.systick_pends:
            self.clock.systick_pends = False
            nvic.system.add(SYS_TICK)
        if self.inbox and not nvic.active:
            self._pump()
        if self._ended or self._wants_reset or self._wants_halt or device.changed:
            return True
        if nvic.latched or nvic.system:
            return self._due() != 0
        lines = device.irqs
        if not lines or (nvic.active and lines <= {one - FIRST_IRQ for one in nvic.active}):
            return False
        return self._due() != 0

    def collect(self) -> bytes:
        """What the serial port has sent. With the lock."""
        sent = self.device.serial.sent
        data = bytes(sent)
        sent.clear()
        self._has_sent = False
        return data

    _has_sent = False
    _same, _last = 0, (0, 0)

    def _pump(self) -> None:
        """The next bytes of the serial line, once the program has dealt with those before."""
        if self.inbox and not self.nvic.active:
            taken = self.device.serial.receive(bytes(self.inbox[:_CHUNK]))
            if taken:
                del self.inbox[:taken]
                self._looks = self._rests = 0

    def _refused(self, kind: int, address: int) -> None:
        self._fault = address, kind in uc.FETCH

    def _raised(self, number: int) -> None:
        self._exception = number
        self._stopping = True
        self._machine.stop()

    def _wait_a_little(self) -> None:
        """The program looks at the time again. When it has done nothing else for long, it waits for something."""
        self._looks += 1
        if self._looks < _LOOKS or self._wants_halt or self.inbox:
            return
        began = time.monotonic()
        self._sleeping = True
        self._wake.wait(min(_REST_S * 2**self._rests, _REST_MAX_S))
        self._looks, self._rests = _LOOKS - _LOOKS_AGAIN, self._rests + 1 if self._rests < 10 else 10
        if not self._sleeping:
            self._looks = self._rests = 0
        self._sleeping = False
        self.clock.advance(int((time.monotonic() - began) * self._hz))

    # --- from other threads ---

    def touched(self) -> None:
        """Something came from outside: a program that waits looks again. With the lock."""
        self._sleeping = self._spins = False
        self._sample = ()
        self._looks = self._rests = self._same = 0
        self._wake.notify_all()

    def receive(self, data: bytes) -> None:
        """Bytes of the serial line."""
        with self.lock:
            self.inbox.extend(data)
            self.touched()

    def look(self) -> None:
        """Now and then: a program that goes round on the spot, without an access to any register, is put to sleep."""
        with self.lock:
            if not self._inside or self._sleeping or self._calling:
                return
            seen, self._looked_at = self._looked_at, self._accesses
            if seen == self._accesses:
                self._pause()
                sample = self._machine.get_all(uc.GENERAL[:15])
                near = abs(self._pc - self._sampled_pc) <= 16
                self._spins = self.state == State.RUNNING and near and sample == self._sample
                self._sample, self._sampled_pc = sample, self._pc

    _looked_at = _sampled_pc = 0

    def halt(self) -> None:
        with self.lock:
            self._pause()
            if self.state in (State.RUNNING, State.IN_ROM):
                self._halt(1)

    def resume(self) -> None:
        with self.lock:
            if self.state == State.HALTED:
                self.state = State.IN_ROM if 0x18000000 <= self._pc < 0x18020000 else State.RUNNING
                self._waits_for_interrupt = False
                self.touched()

    def step(self) -> None:
        """One instruction, in the caller's thread."""
        with self.lock:
            if self.state == State.HALTED:
                self.state = State.RUNNING
                self._prepare()
                self._machine.set_breakpoints(set(), lambda: None)
                self._begin()
                self._execute(one=True)
                self._set_breakpoints()
                if self.state == State.RUNNING:
                    self._halt(1)

    def set_breakpoints(self, addresses: set[int]) -> None:
        with self.lock:
            if addresses != self.breakpoints:
                self._pause()
                self.breakpoints = set(addresses)
                self._set_breakpoints()

    def _set_breakpoints(self) -> None:
        self._machine.set_breakpoints(self.breakpoints if self.debug_enabled else set(), self._machine.stop)

    def _pause(self) -> None:
        """Returns once nothing is executed; afterwards the program goes on by itself. With the lock.

        The next access to a register stops the emulation. Only when none is made for a while is it stopped from
        here, because of what machine.py says about stops.
        """
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while self._inside and self._thread_of_call != threading.get_ident():
            self._stopping = True
            self._wake.notify_all()
            seen, self._wants_halt = self._accesses, True
            self._wake.wait(_PATIENCE_S)
            if self._inside and seen == self._accesses and not self._calling:
                self._machine.stop()
            if time.monotonic() > deadline:
                raise TimeoutError("the emulation does not stop")
        self._wants_halt = False
        self._wake.notify_all()

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

    def code_changed(self) -> None:
        """A debugger has written memory while nothing was executed. With the lock."""
        self._dirty = True

    @property
    def is_inside(self) -> bool:
        return self._inside

    def get(self, register: int) -> int:
        """A register of unicorn's; only of a core that does not run."""
        return self._pc if register == uc.PC else self._machine.get(register)

    def set(self, register: int, value: int) -> None:
        if register == uc.PC:
            self._pc, self._replay = value & ~1, None
        else:
            self._machine.set(register, value)
