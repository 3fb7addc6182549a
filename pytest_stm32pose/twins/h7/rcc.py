"""Reset and clock control of the STM32H743 and H747, and the clocks that follow from it.

Sources: RM0433 and RM0399, chapter RCC. Oscillators and PLLs are ready at the first look, or never. What the clock tree
may not do (limits of the PLLs, of each voltage scale, of the flash) goes to `wrong`; limits: DS12110, RM0433 table 17.
Left out: CSI's and HSI48's calibration, clock security, low-power clocks, fractional PLLs, the second core's own
enable registers.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.stm32.registers import Registers

CR, CFGR, D1CFGR, D2CFGR, D3CFGR = 0x00, 0x10, 0x18, 0x1C, 0x20
PLLCKSELR, PLLCFGR, PLL1DIVR, D1CCIPR, D2CCIP2R = 0x28, 0x2C, 0x30, 0x4C, 0x54
AHB3RSTR, RSR, AHB3ENR, AHB2ENR, AHB4ENR, APB1LENR, APB2ENR, APB4ENR = 0x7C, 0xD0, 0xD4, 0xDC, 0xE0, 0xE8, 0xF0, 0xF4
HSI_HZ, CSI_HZ = 64_000_000, 4_000_000
#: Registers from here on are the Cortex-M7's own view of those 0x60 before.
_OWN_VIEW = range(0x130, 0x180)
_POWER_ON_FLAGS, _SYSTEM_RESET_FLAGS, _CLEAR_FLAGS = 0x00E80000, 0x015A0000, 1 << 16
_HSION, _CSION, _HSEON, _HSEBYP = 1, 1 << 7, 1 << 16, 1 << 18
_READY = {_HSION: 1 << 2, _CSION: 1 << 8, 1 << 12: 1 << 13, _HSEON: 1 << 17, 1 << 24: 1 << 25, 1 << 26: 1 << 27}
_ALWAYS_READY = 1 << 14 | 1 << 15  # both domains' clocks
_DIVIDER_TAKEN = 1 << 5
_AHB = (1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 64, 128, 256, 512)
_APB = (1, 1, 1, 1, 2, 4, 8, 16)
#: Voltage scale -> most Hz of the core, and of AXI and AHB.
LIMITS = {0: (480e6, 240e6), 1: (400e6, 200e6), 2: (300e6, 150e6), 3: (200e6, 100e6)}
#: Voltage scale -> most Hz of AXI with 0, 1, ... wait states of the flash.
_WAITS = {
    0: (70e6, 140e6, 210e6, 225e6, 240e6), 1: (70e6, 140e6, 210e6, 225e6),
    2: (55e6, 110e6, 165e6, 225e6), 3: (45e6, 90e6, 135e6, 180e6, 225e6),
}  # fmt: skip


class Rcc(Registers):
    """`hse_hz` comes from outside with `bypass`, else from a crystal; `scale` and `flash_waits` are asked for limits.

    Attributes:
        broken: "hse", "pll": what never becomes ready.
        on_change: is called after each write.
    """

    def __init__(self, hse_hz: int, bypass: bool, blame: Callable[[str], None]) -> None:
        self._hse_hz, self._bypass, self._blame = hse_hz, bypass, blame
        self.broken: set[str] = set()
        self.scale: Callable[[], int] = lambda: 3
        self.flash_waits: Callable[[], tuple[int, int]] = lambda: (7, 3)
        self.on_change: Callable[[], None] = lambda: None
        self._flags = 0
        super().__init__({CR: 1, PLLCKSELR: 0x02020200, PLLCFGR: 0x01FF0000, PLL1DIVR: 0x01010280, 0x38: 0x01010280,
                          0x40: 0x01010280, AHB4ENR: 0, APB4ENR: 1 << 16})  # fmt: skip

    def power_up(self) -> None:
        self._flags = _POWER_ON_FLAGS
        super().reset()
        self._running = 0

    def reset(self) -> None:
        super().reset()
        self._flags |= _SYSTEM_RESET_FLAGS
        self._running = 0

    def read(self, offset: int, size: int) -> int:
        offset -= 0x60 if offset in _OWN_VIEW else 0
        if offset == CR:
            return self._control()
        if offset == CFGR:
            return self.values.get(CFGR, 0) & ~0x38 | self._switch() << 3
        return self._flags if offset == RSR else super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        offset -= 0x60 if offset in _OWN_VIEW else 0
        if offset == CR:
            self._write_control(value)
        elif offset == RSR:
            self._flags = 0 if value & _CLEAR_FLAGS else self._flags
        elif offset in (PLLCKSELR, PLLCFGR, PLL1DIVR) and self.values[CR] & 1 << 24 and value != self.values[offset]:
            self._blame("RCC: PLL1 is changed while it is on")
        else:
            super().write(offset, value, size)
        self._switch()
        self.check()
        self.on_change()

    def enabled(self, register: int, bit: int) -> bool:
        return bool(self.values.get(register, 0) >> bit & 1)

    # --- oscillators ---

    def _control(self) -> int:
        value = self.values[CR]
        for on, ready in _READY.items():
            value = value & ~ready | ready * bool(value & on and self._comes_up(on))
        return value | _ALWAYS_READY | _DIVIDER_TAKEN

    def _comes_up(self, on: int) -> bool:
        if on == _HSEON:
            return self._hse_runs()
        if on == 1 << 24:
            return "pll" not in self.broken and self._pll_input() > 0
        return True

    def _hse_runs(self) -> bool:
        on = (_HSEON | _HSEBYP) if self._bypass else _HSEON
        return "hse" not in self.broken and self.values[CR] & (_HSEON | _HSEBYP) == on

    def _write_control(self, value: int) -> None:
        before = self.values[CR]
        if before & _HSEON and (value ^ before) & _HSEBYP:
            self._blame("RCC: HSEBYP is changed while HSEON is 1")
            value = value & ~_HSEBYP | before & _HSEBYP
        used = {0: _HSION, 1: _CSION, 2: _HSEON, 3: 1 << 24}[self._switch()]
        if before & used & ~value:
            self._blame("RCC: the clock that the core runs from is switched off")
            value |= used
        if value & 1 << 24 and not before & 1 << 24:
            self._check_pll()
        self.values[CR] = value & ~sum(_READY.values())

    def _switch(self) -> int:
        """The clock in use: what SW asks for, once that is ready."""
        wanted = self.values.get(CFGR, 0) & 7
        ready = {0: 1 << 2, 1: 1 << 8, 2: 1 << 17, 3: 1 << 25}.get(wanted, 0)
        if wanted != self._running and self._control() & ready:
            self._running = wanted
        elif wanted != self._running:
            self._blame("RCC: the core is switched to a clock that is not ready")
        return self._running

    # --- frequencies in Hz ---

    @property
    def hsi(self) -> float:
        return HSI_HZ / (1 << self.field(CR, 3, 3))

    def _pll_input(self) -> float:
        source = {0: self.hsi, 1: CSI_HZ, 2: self._hse_hz if self._hse_runs() else 0}
        divider = self.field(PLLCKSELR, 4, 0x3F)
        return source.get(self.field(PLLCKSELR, 0, 3), 0) / divider if divider else 0.0

    def pll1(self, shift: int) -> float:
        """Output P (shift 9), Q (16) or R (24)."""
        if not self._control() & 1 << 25 or not self.field(PLLCFGR, {9: 16, 16: 17, 24: 18}[shift], 1):
            return 0.0
        return self._pll_input() * (self.field(PLL1DIVR, 0, 0x1FF) + 1) / (self.field(PLL1DIVR, shift, 0x7F) + 1)

    @property
    def core(self) -> float:
        system = {0: self.hsi, 1: CSI_HZ, 2: self._hse_hz, 3: self.pll1(9)}[self._switch()]
        return system / _AHB[self.field(D1CFGR, 8, 0xF)]

    @property
    def bus(self) -> float:
        """AXI, AHB: "HCLK3" of the memories' controllers too."""
        return self.core / _AHB[self.field(D1CFGR, 0, 0xF)]

    def kernel(self, shift: int) -> float:
        """Of FMC (shift 0) or QUADSPI (4): D1CCIPR. 0 with PLL2, which is left out."""
        return {0: self.bus, 1: self.pll1(16), 3: self.hsi}.get(self.field(D1CCIPR, shift, 3), 0.0)

    def usart(self, shift: int, fast_bus: bool) -> float:
        """Of a USART: D2CCIP2R. 0 with PLL2, PLL3 and LSE, which are left out."""
        bus = self.bus / _APB[self.field(D2CFGR, 8 if fast_bus else 4, 7)]
        return {0: bus, 3: self.hsi, 4: CSI_HZ}.get(self.field(D2CCIP2R, shift, 7), 0.0)

    # --- limits ---

    def _check_pll(self) -> None:
        reference, multiplier = self._pll_input(), self.field(PLL1DIVR, 0, 0x1FF) + 1
        medium, bounds = self.field(PLLCFGR, 1, 1), ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))
        low, high = bounds[self.field(PLLCFGR, 2, 3)]
        if reference and not low <= reference <= high:
            self._blame(f"RCC: {reference / 1e6:g} MHz into PLL1, PLL1RGE says {low / 1e6:g} to {high / 1e6:g}")
        low, high = (150e6, 420e6) if medium else (192e6, 960e6)
        if reference and not low <= reference * multiplier <= high:
            self._blame(f"RCC: PLL1's oscillator at {reference * multiplier / 1e6:g} MHz")
        divider = self.field(PLL1DIVR, 9, 0x7F) + 1
        if divider > 1 and divider % 2:
            self._blame(f"RCC: PLL1's output P is divided by {divider}, an odd number")

    def check(self) -> None:
        """After any change of clock, voltage or wait states."""
        scale, (waits, signal_delay) = self.scale(), self.flash_waits()
        core, bus = LIMITS[scale]
        slow = self.bus / 1e6
        if self.core > core or self.bus > bus:
            self._blame(f"RCC: core {self.core / 1e6:g} MHz, AHB {slow:g} MHz at voltage scale {scale}")
        for name, register, shift in (("1", D2CFGR, 4), ("2", D2CFGR, 8), ("3", D1CFGR, 4), ("4", D3CFGR, 4)):
            if self.bus / _APB[self.field(register, shift, 7)] > max(bus / 2, HSI_HZ):  # a reset leaves 64 MHz
                self._blame(f"RCC: APB{name} above {bus / 2e6:g} MHz at voltage scale {scale}")
        allowed = _WAITS[scale]
        if self.bus > allowed[min(waits, len(allowed) - 1)] or self.bus > (70e6, 185e6, 240e6, 240e6)[signal_delay]:
            self._blame(f"FLASH: {waits} wait states with WRHIGHFREQ {signal_delay} at {slow:g} MHz, scale {scale}")
