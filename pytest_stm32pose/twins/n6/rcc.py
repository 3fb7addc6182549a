"""The STM32N6's clocks, computed from what the RCC's registers hold: which sources are ready, and how fast they are.

Sources: RM0486 "RCC"; CMSIS device header of the STM32N657 (fields); ST's LL driver (what the numbers of a selection
mean). Stricter than silicon: a PLL whose VCO would leave 800 to 3200 MHz never becomes ready.
"""

from __future__ import annotations

from collections.abc import Callable

MHZ = 1_000_000
CR, SR, CFGR1, CFGR2, HSICFGR, DIVENR = 0x000, 0x004, 0x020, 0x024, 0x048, 0x240
CCIPR6, CCIPR7, CCIPR13 = 0x158, 0x15C, 0x174
HSI_ON, HSE_ON = 1 << 3, 1 << 4
HSE_HZ = 48 * MHZ
PLL_READY = 0xF00
_VCO_HZ = (800 * MHZ, 3200 * MHZ)
CORE_NOMINAL_HZ, HCLK_MAX_HZ = 600 * MHZ, 200 * MHZ


class Clocks:
    """`register` gives a register of the RCC by its offset. A clock that does not run has 0 Hz."""

    def __init__(self, register: Callable[[int], int]) -> None:
        self._register = register
        self.plls_never_ready = False

    def status(self) -> int:
        """SR: what of CR is ready."""
        on = self._register(CR)
        ready = on & ~PLL_READY
        for number in (1, 2, 3, 4):
            ready |= (bool(self.pll_hz(number)) and on) & 1 << 7 + number
        return ready

    def switched(self) -> int:
        """The status bits of CFGR1: a switch stays where it was, at HSI, until its new source runs."""
        wanted = self._register(CFGR1)
        core, buses = wanted >> 16 & 3, wanted >> 24 & 3
        if core == 3 and not self.ic_hz(1):
            core = 0
        if buses == 3 and not all(map(self.ic_hz, (2, 6, 11))):
            buses = 0
        return core << 20 | buses << 28

    @property
    def hsi_hz(self) -> int:
        return 64 * MHZ >> (self._register(HSICFGR) >> 7 & 3)

    def pll_hz(self, number: int) -> int:
        """After both post-dividers."""
        base = 0x080 + 0x10 * (number - 1)
        first, fraction, third = (self._register(base + at) for at in (0, 4, 8))
        if self.plls_never_ready or not self._register(CR) >> 7 + number & 1:
            return 0
        reference = {0: self.hsi_hz, 2: HSE_HZ if self._register(CR) & HSE_ON else 0}.get(first >> 28 & 7, 0)
        m, n = first >> 20 & 0x3F, (first >> 8 & 0xFFF) + (fraction & 0xFFFFFF) / (1 << 24)
        p1, p2 = third >> 27 & 7, third >> 24 & 7
        if first >> 27 & 1:
            return reference
        vco = reference / m * n if m else 0
        if not third >> 30 & 1 or not p1 or not p2 or not _VCO_HZ[0] <= vco <= _VCO_HZ[1]:
            return 0
        return round(vco / p1 / p2)

    def ic_hz(self, number: int) -> int:
        """Of a divider IC1 to IC20; 0 when it is off or its PLL does not run."""
        if not self._register(DIVENR) >> number - 1 & 1:
            return 0
        chosen = self._register(0x0C4 + 4 * (number - 1))
        return self.pll_hz((chosen >> 28 & 3) + 1) // ((chosen >> 16 & 0xFF) + 1)

    @property
    def core_hz(self) -> int:
        return (self.hsi_hz, 4 * MHZ, HSE_HZ, self.ic_hz(1))[self.switched() >> 20 & 3]

    @property
    def bus_hz(self) -> int:
        return (self.hsi_hz, 4 * MHZ, HSE_HZ, self.ic_hz(2))[self.switched() >> 28 & 3]

    @property
    def hclk_hz(self) -> int:
        return self.bus_hz >> (self._register(CFGR2) >> 20 & 7)

    def xspi_hz(self, number: int) -> int:
        """Kernel clock of XSPI `number`: HCLK, CLKP, IC3 or IC4. CLKP is the HSI; no other source of it is modelled."""
        chosen = self._register(CCIPR6) >> 4 * (number - 1) & 3
        if chosen == 1:
            return self.hsi_hz if self._register(CCIPR7) & 7 == 0 else 0
        return (self.hclk_hz, 0, self.ic_hz(3), self.ic_hz(4))[chosen]

    @property
    def usart1_hz(self) -> int:
        sources = {
            0: self.hclk_hz >> max(0, (self._register(CFGR2) >> 4 & 7)),
            1: self.hsi_hz,
            2: self.ic_hz(9),
            3: self.ic_hz(14),
            6: self.hsi_hz,
        }
        return sources.get(self._register(CCIPR13) & 7, 0)
