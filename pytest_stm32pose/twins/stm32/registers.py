"""Blocks of registers: plain ones, GPIO, the CRC unit. Sources: RM0090 chapters 4 and 8, RM0433 chapters 11 and 20."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Block(Protocol):
    """Registers of one peripheral; offsets are those from its base, aligned to words."""

    def reset(self) -> None: ...

    def read(self, offset: int, size: int) -> int: ...

    def write(self, offset: int, value: int, size: int) -> None: ...


class Registers:
    """Registers that keep what is written. `values` has them by offset; what is not there is 0."""

    def __init__(self, reset: Mapping[int, int] | None = None) -> None:
        self._reset = dict(reset or {})
        self.reset()

    def reset(self) -> None:
        self.values = dict(self._reset)

    def read(self, offset: int, size: int) -> int:
        return self.values.get(offset, 0)

    def write(self, offset: int, value: int, size: int) -> None:
        self.values[offset] = value

    def field(self, offset: int, shift: int, mask: int) -> int:
        return self.values.get(offset, 0) >> shift & mask


class Constants(Registers):
    """Read-only words: unique id, flash size, id code."""

    def write(self, offset: int, value: int, size: int) -> None:
        pass


_MODER, _OSPEEDR, _IDR, _ODR, _BSRR, _AFRL = 0x00, 0x08, 0x10, 0x14, 0x18, 0x20


class Gpio(Registers):
    """One port. Inputs read what its outputs drive."""

    def read(self, offset: int, size: int) -> int:
        return self.values.get(_ODR, 0) if offset == _IDR else super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == _BSRR:
            self.values[_ODR] = self.values.get(_ODR, 0) & ~(value >> 16) & 0xFFFF | value & 0xFFFF
        elif offset != _IDR:
            super().write(offset, value, size)

    def function(self, pin: int) -> int | None:
        """The alternate function that the pin is given to; None when it is none."""
        if self.field(_MODER, 2 * pin, 3) != 2:
            return None
        return self.field(_AFRL + 4 * (pin // 8), 4 * (pin % 8), 0xF)

    def speed(self, pin: int) -> int:
        """0 (slowest) to 3."""
        return self.field(_OSPEEDR, 2 * pin, 3)


_DR, _CR, _INIT, _POL = 0x00, 0x08, 0x10, 0x14


class Crc(Registers):
    """The CRC unit with words of 32 bits, Ethernet's polynomial unless another is set.

    Left out: polynomials of other lengths. The STM32F4's has no reversal, start value or polynomial to set.
    """

    def __init__(self) -> None:
        super().__init__({_INIT: 0xFFFFFFFF, _POL: 0x04C11DB7})

    def reset(self) -> None:
        super().reset()
        self._sum = 0xFFFFFFFF

    def read(self, offset: int, size: int) -> int:
        if offset == _DR:
            return _reversed(self._sum, 32) if self.field(_CR, 7, 1) else self._sum
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == _CR:
            super().write(offset, value & ~1, size)
            if value & 1:
                self._sum = self.values[_INIT]
        elif offset == _DR:
            self._add(value, 8 * size)
        else:
            super().write(offset, value, size)
            if offset == _INIT:
                self._sum = value

    def _add(self, value: int, bits: int) -> None:
        unit = {0: 0, 1: 8, 2: 16, 3: 32}[self.field(_CR, 5, 3)]
        if unit:
            unit = min(unit, bits)
            value = sum(_reversed(value >> at & (1 << unit) - 1, unit) << at for at in range(0, bits, unit))
        for shift in range(bits - 1, -1, -1):
            top = self._sum >> 31 ^ value >> shift & 1
            self._sum = self._sum << 1 & 0xFFFFFFFF ^ (self.values[_POL] if top else 0)


def _reversed(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2)
