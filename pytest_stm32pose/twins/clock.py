"""Time on a twin: the DWT cycle counter and SysTick (Armv7-M ARM B3.3, C1.8; Armv8-M ARM, SysTick and DWT).

It is no measurement. While the core works, every access to a register is worth ACCESS_CYCLES and everything else
nothing, so that the same work counts the same every time. While it waits, as much passes as on the host's clock.
"""

from __future__ import annotations

ACCESS_CYCLES = 10
_ENABLE, _INTERRUPT, _WRAPPED = 1, 2, 1 << 16
_MASK24, _MASK32 = (1 << 24) - 1, (1 << 32) - 1


class Clock:
    """Attributes:
    cycles: since the start of the process.
    systick_pends: SysTick's interrupt became pending and nobody has taken note.
    """

    def __init__(self) -> None:
        self.cycles = 0
        self.reset()

    def reset(self) -> None:
        self.systick_pends = False
        self._control = self._reload = self._frozen = 0
        self._wrapped = False
        self._since = 0  # when the value was 0: it reloads one cycle later
        self._next_wrap = 1 << 62
        self._counts = False
        self._count = 0  # CYCCNT while it stands still; else the cycle at which it was 0

    def advance(self, cycles: int) -> None:
        self.cycles += cycles
        while self.cycles >= self._next_wrap:
            self._next_wrap += self._reload + 1
            self._wrapped = True
            self.systick_pends |= bool(self._control & _INTERRUPT)

    # --- SysTick ---

    @property
    def control(self) -> int:
        """Reading it clears the flag that the counter has reached 0."""
        value = self._control | 4 | _WRAPPED * self._wrapped
        self._wrapped = False
        return value

    @control.setter
    def control(self, value: int) -> None:
        now = self.value
        self._control = value & 3
        self._start(now)

    @property
    def reload(self) -> int:
        return self._reload

    @reload.setter
    def reload(self, value: int) -> None:
        now = self.value
        self._reload = value & _MASK24
        self._start(now)

    @property
    def value(self) -> int:
        if not self._control & _ENABLE or not self._reload:
            return self._frozen
        passed = self.cycles - self._since
        return self._reload - (passed - 1) % (self._reload + 1) if passed else 0

    @value.setter
    def value(self, _: int) -> None:
        self._wrapped = False
        self._start(0)

    def _start(self, value: int) -> None:
        self._frozen = value
        self._since = self.cycles if value == 0 else self.cycles - 1 - max(0, self._reload - value)
        runs = self._control & _ENABLE and self._reload
        self._next_wrap = self._since + self._reload + 1 if runs else 1 << 62

    # --- DWT ---

    @property
    def counts(self) -> bool:
        return self._counts

    @counts.setter
    def counts(self, on: bool) -> None:
        if on != self._counts:
            self._count = self.cycles - self._count
            self._counts = on

    @property
    def cyccnt(self) -> int:
        return (self.cycles - self._count if self._counts else self._count) & _MASK32

    @cyccnt.setter
    def cyccnt(self, value: int) -> None:
        self._count = self.cycles - value if self._counts else value
