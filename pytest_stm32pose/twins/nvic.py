"""Which exception is taken next: the NVIC and the priorities of the system's exceptions (Armv8-M ARM B3; Armv7-M B1.5).

Numbers are exception numbers: 3 HardFault, 11 SVCall, 14 PendSV, 15 SysTick, 16 + n interrupt n. No priority grouping:
all implemented bits of a priority are for preemption, which is what a reset leaves.
"""

from __future__ import annotations

HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SV_CALL, PEND_SV, SYS_TICK, FIRST_IRQ = 3, 4, 5, 6, 11, 14, 15, 16
_FIXED = {1: -3, 2: -2, 3: -1}
THREAD = 256  #: priority of code that is no handler


class Nvic:
    """Attributes:
    enabled, latched: bit n is interrupt n; latched ones are pending until they are taken.
    system: exceptions below 16 that are pending.
    active: those whose handlers have begun, the last one innermost.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.enabled = self.latched = 0
        self.system: set[int] = set()
        self.active: list[int] = []
        self._priorities: dict[int, int] = {}

    def priority(self, exception: int) -> int:
        return _FIXED.get(exception, self._priorities.get(exception, 0))

    def set_priority(self, exception: int, value: int) -> None:
        self._priorities[exception] = value & 0xF0

    def execution_priority(self, primask: int = 0, basepri: int = 0, faultmask: int = 0) -> int:
        """Of what runs now; a smaller number is more urgent."""
        now = min((self.priority(exception) for exception in self.active), default=THREAD)
        if basepri & 0xFF:
            now = min(now, basepri & 0xFF)
        if primask & 1:
            now = min(now, 0)
        return min(now, -1) if faultmask & 1 else now

    def pending(self, lines: set[int]) -> list[int]:
        """Exceptions that are enabled and pending, with interrupts whose `lines` are asserted."""
        found = list(self.system)
        waiting = self.latched
        for line in lines:
            waiting |= 1 << line
        for exception in self.active:
            if exception >= FIRST_IRQ and not self.latched >> exception - FIRST_IRQ & 1:
                waiting &= ~(1 << exception - FIRST_IRQ)  # its line is looked at again when its handler returns
        waiting &= self.enabled
        while waiting:
            lowest = waiting & -waiting
            found.append(FIRST_IRQ + lowest.bit_length() - 1)
            waiting ^= lowest
        return found

    def next(self, lines: set[int], execution_priority: int) -> int:
        """The exception that is taken now; 0 for none."""
        found = self.pending(lines)
        best = min(found, key=lambda exception: (self.priority(exception), exception), default=0)
        return best if best and self.priority(best) < execution_priority else 0

    def take(self, exception: int) -> None:
        self.system.discard(exception)
        if exception >= FIRST_IRQ:
            self.latched &= ~(1 << exception - FIRST_IRQ)
        self.active.append(exception)

    def leave(self, exception: int) -> bool:
        """A handler returns. False: it was not active."""
        if exception not in self.active:
            return False
        self.active.remove(exception)
        return True
