"""The peripherals of the STM32N657 by their registers: what is written stays, and what hardware derives is derived.

Sources: RM0486 (RCC, PWR, SYSCFG, BSEC, GPIO, XSPIM, RIFSC); CMSIS device header of the STM32N657; ES0620 (blocks
without a clock; a controller whose kernel clock changes). Stricter than silicon: a supply is ready only while it is
monitored; a chip select without its pull-up is not reached; a changed kernel clock always stops a controller.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.device import Fault
from pytest_stm32pose.twins.n6.blocks import (
    AFTER_RESET,
    BSEC,
    CACHEAXI,
    CACHEAXI_RAM,
    GPIOE,
    GPION,
    GPIOO,
    GPIOP,
    MEMENR,
    NPU,
    PERIPHERALS,
    PORTS,
    PWR,
    RCC,
    SYSCFG,
    USART1,
    XSPI1,
    XSPI2,
    XSPIM,
    gpio,
)
from pytest_stm32pose.twins.n6.cacheaxi import CacheAxi
from pytest_stm32pose.twins.n6.nor import NorChip
from pytest_stm32pose.twins.n6.psram import Psram
from pytest_stm32pose.twins.n6.rcc import CFGR1, CORE_NOMINAL_HZ, CR, HCLK_MAX_HZ, SR, Clocks
from pytest_stm32pose.twins.n6.usart import Usart
from pytest_stm32pose.twins.n6.xspi import Xspi

VOSCR, SVMCR3 = PWR + 0x20, PWR + 0x3C
_MONITORED = 0x17  # VDDIO2, VDDIO3, USB33, analog: enables of the monitors; ready bits are 16 above
_CELLS = tuple(SYSCFG + at for at in (0x48, 0x50, 0x58, 0x60, 0x68))  # status of the compensation cells
_CELL_ON = 1 << 8
#: Identification in the fuses' shadow, and the word with the bits of ports that are fast at 1.8 V.
UNIQUE_ID = {BSEC + 0x14: 0x00410032, BSEC + 0x18: 0x34315117, BSEC + 0x1C: 0x36363936}
FUSE_124 = BSEC + 4 * 124
HSLV_VDDIO3, HSLV_VDDIO2 = 1 << 15, 1 << 16
SLOW_PINS_HZ, FAST_PINS_HZ = 50_000_000, 200_000_000
_MODER, _PUPDR, _AFRL, _ODR, _BSRR = 0x00, 0x0C, 0x20, 0x14, 0x18
_PLLS = range(RCC + 0x080, RCC + 0x0C0)


class Registers:
    """`values` by address: what is stored. `xspis` by number.

    Attributes:
        fuses: word 124 of the fuses, as its shadow shows it.
    """

    def __init__(
        self, chip: NorChip, psram: Psram | None, complain: Callable[[str], None], forbidden: list[int]
    ) -> None:
        self.values: dict[int, int] = dict(AFTER_RESET)
        self.fuses = 0
        self._complain, self._forbidden = complain, forbidden
        self.clocks = Clocks(lambda offset: self.values.get(RCC + offset, 0))
        self.xspis = {
            1: Xspi(
                psram,
                self._psram_is_wired,
                name="XSPI1",
                kernel_hz=lambda: self._kernel_hz(1, XSPI1),
                pins_hz=lambda: self._pins_hz(HSLV_VDDIO2, 1 << 25),
                complain=complain,
            ),
            2: Xspi(
                chip,
                self._nor_is_wired,
                name="XSPI2",
                kernel_hz=lambda: self._kernel_hz(2, XSPI2),
                pins_hz=lambda: self._pins_hz(HSLV_VDDIO3, 1 << 26),
                complain=complain,
            ),
        }
        self._by_base = {XSPI1: self.xspis[1], XSPI2: self.xspis[2]}
        self.usart = Usart(self.values, lambda: self.clocks.usart1_hz, self._usart_is_wired, complain)
        self.cache = CacheAxi(complain)

    def reset(self) -> None:
        for xspi in self.xspis.values():
            xspi.reset()
        self.usart.reset()
        self.cache.reset()

    def access(self, base: int, address: int, size: int, value: int | None) -> int:
        """Reads, or writes `value`; returns what was read."""
        if not self._answers(base):
            raise Fault(address)
        if base in self._by_base:
            return self._access_xspi(self._by_base[base], address - base, size, value)
        word, shift = address & ~3, 8 * (address & 3)
        if value is None:
            return self._read(base, word) >> shift & (1 << 8 * size) - 1
        if size < 4 and base != RCC:
            mask = (1 << 8 * size) - 1 << shift
            value = self.values.get(word, 0) & ~mask | (value << shift) & mask
        else:
            value <<= shift
        self._write(base, word, value)
        return 0

    def _answers(self, base: int) -> bool:
        """Clocked, and not held in reset."""
        found = PERIPHERALS[base]
        if found.enable and not self.values.get(RCC + found.enable, 0) >> found.bit & 1:
            return False
        if found.reset and self.values.get(RCC + found.reset, 0) >> found.bit & 1:
            return False
        return base != CACHEAXI or bool(self.values.get(RCC + MEMENR, 0) & CACHEAXI_RAM)

    def _access_xspi(self, xspi: Xspi, offset: int, size: int, value: int | None) -> int:
        if value is None:
            return xspi.read(offset, size)
        xspi.write(offset, value, size)
        return 0

    def _read(self, base: int, address: int) -> int:
        if base == USART1:
            return self.usart.read(address)
        if base == CACHEAXI:
            return self.cache.read(address - base)
        value = self.values.get(address, 0)
        if base == BSEC:
            return UNIQUE_ID.get(address, self.fuses if address == FUSE_124 else 0)
        if address == RCC + SR:
            return self.clocks.status()
        if address == RCC + CFGR1:
            return value & ~0x30300000 | self.clocks.switched()
        if address == VOSCR:
            return value | 1 << 1 | 1 << 17
        if address == SVMCR3:
            return value & 0xFFFF | value & 0xFF000000 | (value & _MONITORED) << 16
        if address in _CELLS:
            return _CELL_ON * bool(self.values.get(address - 4, 0) & _CELL_ON)
        return value

    def _write(self, base: int, address: int, value: int) -> None:
        if base == BSEC:
            self._forbidden.append(address)
            self._complain(f"BSEC: 0x{address:08x} is written; the fuses are never touched")
            raise Fault(address)
        if base == RCC:
            self._write_rcc(address - base, value)
        elif base == USART1:
            self.usart.write(address, value)
        elif base == CACHEAXI:
            self.cache.write(address - base, value)
        else:
            if base == XSPIM and any(xspi.is_on for xspi in self.xspis.values()):
                self._complain("XSPIM: it is written while an XSPI is enabled")
            self.values[address] = value
            if address & 0x3FF == _BSRR and base in map(gpio, PORTS):
                driven = self.values.get(base + _ODR, 0)
                self.values[base + _ODR] = driven & ~(value >> 16) | value & 0xFFFF
            if base == PWR:
                self._check_speed()

    # --- clocks ---

    def _write_rcc(self, offset: int, value: int) -> None:
        """Registers from 0x800 set bits of those 0x800 below, those from 0x1000 clear them."""
        plain, kind = RCC + offset % 0x800, offset // 0x800
        old = self.values.get(plain, 0)
        before = {number: xspi.is_on and self.clocks.xspi_hz(number) for number, xspi in self.xspis.items()}
        core_ran_on = self.clocks.switched() >> 20 & 3
        new = (value, old | value, old & ~value)[kind]
        if plain in _PLLS and new != old and self.values.get(RCC, 0) >> 8 + (plain - _PLLS.start) // 0x10 & 1:
            self._complain(f"RCC: PLL{(plain - _PLLS.start) // 0x10 + 1} is changed while it is on")
        self.values[plain] = new
        if core_ran_on == 3 and self.values.get(RCC + CFGR1, 0) >> 16 & 3 == 3 and not self.clocks.ic_hz(1):
            self._complain("RCC: the clock that the core runs on is switched off")
        for number, xspi in self.xspis.items():
            if xspi.is_on and before[number] != self.clocks.xspi_hz(number):
                xspi.glitch()
        self._reset_blocks()
        self._check_speed()

    def _reset_blocks(self) -> None:
        for base, found in PERIPHERALS.items():
            if not found.reset or not self.values.get(RCC + found.reset, 0) >> found.bit & 1:
                continue
            if base in self._by_base:
                self._by_base[base].reset()
            elif base == CACHEAXI:
                self.cache.reset()
            elif base in (NPU, XSPIM):
                for address in [each for each in self.values if base <= each < base + found.length]:
                    del self.values[address]

    def _check_speed(self) -> None:
        if self.values.get(RCC + CR, 0) & 0xF00 == 0:
            return
        if self.clocks.core_hz > CORE_NOMINAL_HZ and not self.values.get(VOSCR, 0) & 1:
            self._complain("RCC: the core is faster than 600 MHz without the voltage range for it")
        if self.clocks.hclk_hz > HCLK_MAX_HZ:
            self._complain("RCC: HCLK is faster than 200 MHz")

    def _kernel_hz(self, number: int, base: int) -> int:
        return self.clocks.xspi_hz(number) if self._answers(base) else 0

    # --- pins ---

    def _pins_hz(self, fuse: int, low_range: int) -> int:
        fast = self.fuses & fuse and self.values.get(SVMCR3, 0) & low_range
        return FAST_PINS_HZ if fast else SLOW_PINS_HZ

    def _has_function(self, port: int, pins: tuple[int, ...], function: int) -> bool:
        modes = self.values.get(port + _MODER, 0)
        functions = self.values.get(port + _AFRL, 0) | self.values.get(port + _AFRL + 4, 0) << 32
        return all(modes >> 2 * pin & 3 == 2 and functions >> 4 * pin & 0xF == function for pin in pins)

    def _is_pulled_up(self, port: int, pin: int) -> bool:
        return self.values.get(port + _PUPDR, 0) >> 2 * pin & 3 == 1

    def _is_straight(self, number: int) -> bool:
        """XSPIM leads XSPI n to port n alone, and its chip select is the first one."""
        chosen = self.values.get(XSPIM, 0)
        if chosen & 3:
            return False
        second = chosen >> 4 + number & 1 if chosen >> 4 & 1 else self.xspis[number].read(0, 4) >> 24 & 1
        return not second

    def _nor_is_wired(self, lines: int, has_strobe: bool) -> bool:
        """Supply declared valid; chip select (pulled up), clock and the lines in use on alternate function 9."""
        pins = (1, 6, 2, 3) + ((4, 5, 8, 9, 10, 11) if lines == 8 else ()) + ((0,) if has_strobe else ())
        is_supplied = bool(self.values.get(SVMCR3, 0) >> 9 & 1)
        return (
            is_supplied and self._is_pulled_up(GPION, 1) and self._is_straight(2) and self._has_function(GPION, pins, 9)
        )

    def _psram_is_wired(self, lines: int, has_strobe: bool) -> bool:
        """As the NOR; PO0, PO2 to PO4 and PP0 to PP15."""
        strobes = (2, 3) if has_strobe else ()
        is_supplied = bool(self.values.get(SVMCR3, 0) >> 8 & 1)
        has_lines = self._has_function(GPIOP, tuple(range(16 if lines == 16 else 8)), 9)
        return (
            is_supplied
            and has_lines
            and self._is_pulled_up(GPIOO, 0)
            and self._is_straight(1)
            and self._has_function(GPIOO, (0, 4, *strobes), 9)
        )

    def _usart_is_wired(self) -> bool:
        return self._has_function(GPIOE, (5, 6), 7)
