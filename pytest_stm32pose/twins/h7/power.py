"""Voltage and supply of the STM32H743 and H747: PWR, and SYSCFG's overdrive bit.

Sources: RM0433 and RM0399, chapter PWR: CR3 is written once after power-on, before the voltage is changed; ES0392 for
revisions. A supply that the board is not wired for is taken, recorded and never becomes active, until the power goes;
on silicon the core stops there and a probe may not reach it any more.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.stm32.registers import Registers

_CSR1, _CR3, _D3CR, _PWRCR = 0x04, 0x0C, 0x18, 0x2C
_SUPPLY, _UNDECIDED, LDO, SMPS = 7, 6, 2, 4
_ACTIVE_READY, _READY = 1 << 13, 1 << 13


class Syscfg(Registers):
    """`on_change` is called after each write."""

    on_change: Callable[[], None] = staticmethod(lambda: None)

    @property
    def overdrive(self) -> bool:
        return bool(self.field(_PWRCR, 0, 1))

    def write(self, offset: int, value: int, size: int) -> None:
        super().write(offset, value, size)
        self.on_change()


class Pwr(Registers):
    """`wired` is the supply that the board is made for, as in CR3."""

    def __init__(self, wired: int, syscfg: Syscfg, blame: Callable[[str], None]) -> None:
        self._wired, self._syscfg, self._blame = wired, syscfg, blame
        self.on_change: Callable[[], None] = lambda: None
        self._supply = _UNDECIDED
        syscfg.on_change = self._overdriven
        super().__init__({_D3CR: 1 << 14})

    def power_up(self) -> None:
        self._supply = _UNDECIDED
        self.reset()

    def read(self, offset: int, size: int) -> int:
        good = self._supply == self._wired
        if offset == _CR3:
            return self.values.get(_CR3, 0) & ~_SUPPLY | self._supply
        if offset == _CSR1:
            return self.values[_D3CR] & 3 << 14 | _ACTIVE_READY * good
        if offset == _D3CR:
            return self.values[_D3CR] | _READY * (good or self._supply == _UNDECIDED)
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == _CR3:
            self._decide(value & _SUPPLY)
        if offset == _D3CR:
            value = self._voltage(value)
        super().write(offset, value, size)
        self.on_change()

    def scale(self) -> int:
        """0 (fastest) to 3."""
        plain = {3: 1, 2: 2}.get(self.field(_D3CR, 14, 3), 3)
        return 0 if plain == 1 and self._syscfg.overdrive else plain

    def _decide(self, supply: int) -> None:
        if self._supply != _UNDECIDED:
            if supply != self._supply:
                self._blame(f"PWR: CR3 is written again, with supply {supply} after {self._supply}")
        elif supply != _UNDECIDED:
            self._supply = supply
            if supply != self._wired:
                self._blame(
                    f"PWR: CR3 chooses supply {supply}, the board is wired for {self._wired}; locked until power-off"
                )

    def _voltage(self, value: int) -> int:
        before, wanted = self.values[_D3CR] >> 14 & 3, value >> 14 & 3
        if wanted != before and self._supply != self._wired:
            self._blame("PWR: the voltage is changed before the supply is decided")
            return self.values[_D3CR]
        if wanted == 0:
            self._blame("PWR: VOS 0 is reserved")
        return value & 3 << 14

    def _overdriven(self) -> None:
        if self._syscfg.overdrive and (self.field(_D3CR, 14, 3) != 3 or self._supply != LDO):
            self._blame("SYSCFG: overdrive without voltage scale 1, or without the LDO")
        self.on_change()
