"""What a program reads and writes beside its memory: registers and the serial line behind them; how it waits for them.

After each access that makes an exception due the emulation is asked to stop; core.py then does what follows.

Waiting costs nothing: a program that only looks at the time sleeps until a byte, a debugger's write or, for what has a
time limit, a moment has come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pytest_stm32pose.twins import bus, scs
from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.clock import ACCESS_CYCLES
from pytest_stm32pose.twins.device import Device, Fault, PowerLost
from pytest_stm32pose.twins.nvic import FIRST_IRQ, SYS_TICK
from pytest_stm32pose.twins.processor import Processor
from pytest_stm32pose.twins.replay import Access

_REFUSES = "the model refuses what the program did"
_CHUNK = 16  # bytes of the serial line that are offered at once
_LOOKS = 3000  # at the time, one after the other, without a write to a peripheral: the program waits
_LOOKS_AGAIN = 64
_ALIKE = 256  # reads of one register in a row that gave the same: of those that follow the device sees every 16th
_REST_S, _REST_MAX_S = 0.0005, 0.25


class Accesses(Processor):
    """Attributes:
    lock: held for every access to the device; conditions of this class wait with it.
    failure: why the program cannot go on, one clause; "" while it can.
    inbox: bytes of the serial line that the USART has not taken yet.
    """

    def __init__(
        self, device: Device, request_reset: Callable[[], None], clock_hz: int, notify: Callable[[], None]
    ) -> None:
        super().__init__(device, request_reset)
        self._hz, self._notify = clock_hz, notify
        self.lock = threading.RLock()
        self._wake = threading.Condition(self.lock)
        self.inbox = bytearray()
        self.failure = ""
        self._calling = self._ended = self._stopping = self._wants_halt = self._wants_reset = False
        self._sleeping = self._has_sent = False
        self._accesses = self._looks = self._rests = self._same = 0
        self._last = 0, 0

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

    def _refused(self, kind: int, address: int) -> None:
        self._fault = address, kind in uc.FETCH

    def _raised(self, number: int) -> None:
        self._exception = number
        self._stopping = True
        self._machine.stop()

    # --- serial line ---

    def collect(self) -> bytes:
        """What the serial port has sent. With the lock."""
        sent = self.device.serial.sent
        data = bytes(sent)
        sent.clear()
        self._has_sent = False
        return data

    def _pump(self) -> None:
        """The next bytes of the serial line, once the program has dealt with those before."""
        if self.inbox and not self.nvic.active:
            taken = self.device.serial.receive(bytes(self.inbox[:_CHUNK]))
            if taken:
                del self.inbox[:taken]
                self._looks = self._rests = 0

    # --- waiting ---

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
