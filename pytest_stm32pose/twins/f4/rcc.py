"""Clocks and voltage of the STM32F405: RCC and PWR.

Sources: RM0090 chapters 5 (PWR) and 7 (RCC), table 10 (wait states at 2.7 V to 3.6 V); DS8626 for the limits.
Oscillators and PLL are ready at the first look, or never. Left out: PLLI2S, RTC, clock security, low-power clocks.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.stm32.registers import Registers

CR, PLLCFGR, CFGR, AHB1ENR, APB1ENR, APB2ENR, CSR = 0x00, 0x04, 0x08, 0x30, 0x40, 0x44, 0x74
HSI_HZ = 16_000_000
_HSION, _HSEON, _HSEBYP, _PLLON = 1, 1 << 16, 1 << 18, 1 << 24
_READY = {_HSION: 1 << 1, _HSEON: 1 << 17, _PLLON: 1 << 25}
_POWER_ON_FLAGS, _SYSTEM_RESET_FLAGS, _CLEAR_FLAGS = 0x0E000000, 0x14000000, 1 << 24
_AHB = (1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 64, 128, 256, 512)
_APB = (1, 1, 1, 1, 2, 4, 8, 16)
_MOST_HZ, _MOST_HZ_AT_SCALE_2, _WAIT_HZ, _APB1_HZ, _APB2_HZ = 168e6, 144e6, 30e6, 42e6, 84e6


class Rcc(Registers):
    """`hse_hz` is the crystal's. `fast` (voltage scale 1) and `waits` (of the flash) are asked for the limits.

    Attributes:
        broken: "hse", "pll": what never becomes ready.
    """

    def __init__(self, hse_hz: int, blame: Callable[[str], None]) -> None:
        self._hse_hz, self._blame = hse_hz, blame
        self.broken: set[str] = set()
        self.fast: Callable[[], bool] = lambda: True
        self.waits: Callable[[], int] = lambda: 0
        self._flags = 0
        super().__init__({CR: 0x80 | _HSION, PLLCFGR: 0x24003010, AHB1ENR: 0x00100000})

    def power_up(self) -> None:
        self.reset()
        self._flags = _POWER_ON_FLAGS

    def reset(self) -> None:
        super().reset()
        self._running = 0
        self._flags |= _SYSTEM_RESET_FLAGS

    def read(self, offset: int, size: int) -> int:
        if offset == CR:
            return self._control()
        if offset == CFGR:
            return self.values.get(CFGR, 0) & ~0xC | self._switch() << 2
        if offset == CSR:
            value = self.values.get(CSR, 0)
            return value & 1 | (value & 1) << 1 | self._flags
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == CR:
            self._write_control(value)
        elif offset == PLLCFGR and self.values[CR] & _PLLON:
            self._blame("RCC: PLLCFGR is written while the PLL is on")
        else:
            if offset == CSR and value & _CLEAR_FLAGS:
                self._flags = 0
            super().write(offset, value, size)
        self._switch()
        self.check()

    def enabled(self, register: int, bit: int) -> bool:
        return bool(self.values.get(register, 0) >> bit & 1)

    def _control(self) -> int:
        value = self.values[CR]
        for on, ready in _READY.items():
            value = value & ~ready | ready * bool(value & on and self._comes_up(on))
        return value

    def _comes_up(self, on: int) -> bool:
        if on == _HSEON:
            return self._hse_runs()
        return on != _PLLON or ("pll" not in self.broken and self._pll_input() > 0)

    def _hse_runs(self) -> bool:
        return "hse" not in self.broken and self.values[CR] & (_HSEON | _HSEBYP) == _HSEON

    def _write_control(self, value: int) -> None:
        used = (_HSION, _HSEON, _PLLON)[self._switch()]
        if self.values[CR] & used & ~value:
            self._blame("RCC: the clock that the core runs from is switched off")
            value |= used
        if value & _PLLON and not self.values[CR] & _PLLON:
            self._check_pll()
        self.values[CR] = value & ~sum(_READY.values())

    def _switch(self) -> int:
        """The clock in use: what SW asks for, once that is ready."""
        wanted = self.values.get(CFGR, 0) & 3
        ready = {0: 1 << 1, 1: 1 << 17, 2: 1 << 25}.get(wanted, 0)
        if wanted != self._running and self._control() & ready:
            self._running = wanted
        elif wanted != self._running:
            self._blame("RCC: the core is switched to a clock that is not ready")
        return self._running

    # --- frequencies in Hz, and their limits ---

    def _pll_input(self) -> float:
        """Before the divider M."""
        if not self.field(PLLCFGR, 22, 1):
            return HSI_HZ
        return self._hse_hz if self._hse_runs() else 0

    def _vco(self) -> float:
        return self._pll_input() / max(self.field(PLLCFGR, 0, 0x3F), 1) * self.field(PLLCFGR, 6, 0x1FF)

    @property
    def core(self) -> float:
        pll = self._vco() / (2 * (self.field(PLLCFGR, 16, 3) + 1))
        return (HSI_HZ, self._hse_hz, pll)[self._switch()] / _AHB[self.field(CFGR, 4, 0xF)]

    def apb(self, number: int) -> float:
        return self.core / _APB[self.field(CFGR, {1: 10, 2: 13}[number], 7)]

    def _check_pll(self) -> None:
        divider = self.field(PLLCFGR, 0, 0x3F)
        reference = self._pll_input() / max(divider, 1)
        if divider < 2 or (reference and not 0.95e6 <= reference <= 2.1e6):
            self._blame(f"RCC: {reference / 1e6:g} MHz into the PLL, M is {divider}")
        if reference and not 100e6 <= self._vco() <= 432e6:
            self._blame(f"RCC: the PLL's oscillator at {self._vco() / 1e6:g} MHz")

    def check(self) -> None:
        """After any change of clock, voltage or wait states."""
        core = self.core
        if core > (_MOST_HZ if self.fast() else _MOST_HZ_AT_SCALE_2):
            self._blame(f"RCC: core {core / 1e6:g} MHz at voltage scale {1 if self.fast() else 2}")
        if core > _WAIT_HZ * (self.waits() + 1):
            self._blame(f"FLASH: {self.waits()} wait states at {core / 1e6:g} MHz")
        for number, most in ((1, _APB1_HZ), (2, _APB2_HZ)):
            if self.apb(number) > most:
                self._blame(f"RCC: APB{number} at {self.apb(number) / 1e6:g} MHz, at most {most / 1e6:g}")


_PWR_CR, _PWR_CSR, _VOS, _VOSRDY = 0x00, 0x04, 1 << 14, 1 << 14


class Pwr(Registers):
    """`on_change` is called after each write."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        super().__init__({_PWR_CR: _VOS})

    def fast(self) -> bool:
        """Voltage scale 1."""
        return bool(self.values.get(_PWR_CR, 0) & _VOS)

    def read(self, offset: int, size: int) -> int:
        return super().read(offset, size) | _VOSRDY * (offset == _PWR_CSR)

    def write(self, offset: int, value: int, size: int) -> None:
        super().write(offset, value, size)
        self.on_change()
