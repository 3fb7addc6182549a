"""Which peripherals the model has: where they are, what clocks them, what resets them, what they hold after a reset.

Secure addresses only, as ST's builds use them. Sources: RM0486 (memory map, RCC); CMSIS device header of the STM32N657.
"""

from __future__ import annotations

from dataclasses import dataclass

RCC, PWR, RAMCFG, XSPIM, XSPI1, XSPI2, BSEC, SYSCFG, USART1, RIFSC, IAC, CACHEAXI, NPU, DBGMCU = (
    0x56028000, 0x56024800, 0x52023000, 0x5802B400, 0x58025000, 0x5802A000, 0x56009000, 0x56008000, 0x52001000,
    0x54024000, 0x54025000, 0x580DFC00, 0x580E0000, 0x54001000,
)  # fmt: skip
#: The letters of the ports that there are, each with its number.
PORTS = {letter: ord(letter) - ord("A") for letter in "ABCDEFGHNOPQ"}
_AHB2, _AHB3, _AHB4, _AHB5, _APB2, _APB4_2 = 0x254, 0x258, 0x25C, 0x260, 0x26C, 0x278
AHB5RSTR = 0x220
MEMENR, CACHEAXI_RAM = 0x24C, 1 << 10
RISAFS = tuple(0x54026000 + 0x1000 * at for at in (*range(9), *range(10, 15)))


def gpio(letter: str) -> int:
    return 0x56020000 + 0x400 * PORTS[letter]


GPIOB, GPIOE, GPIOF, GPION, GPIOO, GPIOP = (gpio(letter) for letter in "BEFNOP")


@dataclass(frozen=True)
class Peripheral:
    """`enable`, `reset`: offsets in the RCC of the registers whose `bit` clocks and resets it; 0: always on, never."""

    length: int
    enable: int = 0
    bit: int = 0
    reset: int = 0


PERIPHERALS: dict[int, Peripheral] = {
    RCC: Peripheral(0x1800),
    PWR: Peripheral(0x400, _AHB4, 18),
    RAMCFG: Peripheral(0x1000, _AHB2, 12),
    **{gpio(letter): Peripheral(0x400, _AHB4, number) for letter, number in PORTS.items()},
    XSPIM: Peripheral(0x400, _AHB5, 13, AHB5RSTR),
    XSPI1: Peripheral(0x400, _AHB5, 5, AHB5RSTR),
    XSPI2: Peripheral(0x400, _AHB5, 12, AHB5RSTR),
    SYSCFG: Peripheral(0x1000, _APB4_2, 0),
    BSEC: Peripheral(0x1000, _APB4_2, 1),
    USART1: Peripheral(0x400, _APB2, 4),
    RIFSC: Peripheral(0x1000, _AHB3, 9),
    IAC: Peripheral(0x400, _AHB3, 10),
    **{risaf: Peripheral(0x1000, _AHB3, 14) for risaf in RISAFS},
    CACHEAXI: Peripheral(0x400, _AHB5, 30, AHB5RSTR),
    NPU: Peripheral(0x20000, _AHB5, 31, AHB5RSTR),
    DBGMCU: Peripheral(0x1000),
}

_SHUT_DOWN = 1 << 20
#: Registers that are not 0 after a system reset.
AFTER_RESET = {
    RCC: 1 << 3,  # the internal oscillator runs
    RCC + 0x024: 0x00100000,  # HCLK is half of it
    PWR: 1 << 2,  # the internal converter
    **{gpio(letter): 0xFFFFFFFF for letter in PORTS},  # analog
    **{RAMCFG + 0x80 * (number - 1): _SHUT_DOWN for number in (3, 4, 5, 6)},
    DBGMCU: 0x20000486,
}


_PAGE_BITS = 10
_PAGES = {
    page: base
    for base, found in PERIPHERALS.items()
    for page in range(base >> _PAGE_BITS, base + found.length >> _PAGE_BITS)
}


def block_of(address: int) -> int | None:
    """The base of the peripheral whose registers `address` is among."""
    return _PAGES.get(address >> _PAGE_BITS)
