"""A core that executes a device's program, in a thread of its own; a debugger stops it and looks at it from another.

Exceptions and interrupts are taken between two instructions (processor.py), when something asks the emulation to stop
(machine.py): an access to a register that makes one due (accesses.py), a fault, a debugger. Nothing is called per
instruction or per block.

Waiting costs nothing: a program that goes round on the spot, or has executed WFI, sleeps until something comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.accesses import Accesses
from pytest_stm32pose.twins.device import Device
from pytest_stm32pose.twins.machine import Machine
from pytest_stm32pose.twins.nvic import SV_CALL, USAGE_FAULT
from pytest_stm32pose.twins.processor import LOCK_UP, State

_SWI, _BKPT, _EXCEPTION_EXIT, _NO_COPROCESSOR, _INVALID_STATE, _STACK_OVERFLOW = 2, 7, 8, 17, 18, 19
_USAGE = {_NO_COPROCESSOR: 1 << 19, _INVALID_STATE: 1 << 17, _STACK_OVERFLOW: 1 << 20}
_UNDEFINED = 1 << 16
_EXC_RETURN = 0xFF000000
_WFI = b"\x30\xbf"
_PATIENCE_S = 0.002
_STOP_TIMEOUT_S = 30.0


class Core(Accesses):
    """`clock_hz` is how fast time passes while the program waits; `notify` is called when it has sent or has ended."""

    def __init__(self, device: Device, clock_hz: int, notify: Callable[[], None] = lambda: None) -> None:
        super().__init__(device, self._request_reset, clock_hz, notify)
        self._inside = False
        self._thread_of_call = self._looked_at = self._sampled_pc = 0
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
        self._start_over()
        if not self.device.boot:
            self.device.port_closed = 0  # its boot ROM was done long ago

    def reset(self) -> None:
        """System reset, from the debugger's side."""
        with self.lock:
            self._pause()
            self._start_over()
            self._wake.notify_all()

    def _request_reset(self) -> None:
        if threading.get_ident() == self._thread_of_call:
            self._wants_reset = True
        else:
            self.reset()

    def _start_over(self) -> None:
        """System reset, while nothing is executed."""
        self._waits_for_interrupt = self._spins = self._dirty = self._wants_reset = False
        self._sample: tuple[int, ...] = ()
        self._looks = self._rests = 0
        self._reset(Machine(self.device, self._read, self._write, self._refused, self._raised))

    # --- the thread ---

    def _turn(self) -> None:
        with self.lock:
            while self._must_wait() and not self._ended:
                self._wake.wait()
            if self._ended:
                return
            if self._wants_reset:
                self._start_over()
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

    def halt(self) -> None:
        with self.lock:
            self._pause()
            if self.state != State.HALTED:
                self._halt(1)

    def resume(self) -> None:
        with self.lock:
            if self.state == State.HALTED:
                self.state = State.IN_ROM if 0x18000000 <= self._pc < 0x18020000 else State.RUNNING
                if self._pc == LOCK_UP:
                    self.state = State.LOCKED_UP
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

    def code_changed(self) -> None:
        """A debugger has written memory while nothing was executed. With the lock."""
        self._dirty = True

    @property
    def is_inside(self) -> bool:
        return self._inside
