"""The memory map of the STM32N657: RAM blocks that answer only when they are on, peripherals with clocks, nothing else.

Sources: RM0486 (memory map, RCC, PWR, RAMCFG, GPIO); the CMSIS device header of the STM32N657 for addresses. Secure
aliases lie 0x10000000 above the others. Stricter than silicon: a peripheral without its clock faults.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

from pytest_stm32pose.twins.device import Fault as Fault
from pytest_stm32pose.twins.n6.nor import NorChip
from pytest_stm32pose.twins.n6.xspi import WINDOW, WINDOW_BYTES, Xspi

_ALIAS = 0x10000000
_LOST = 0x5A  # what RAM that was without power holds


@dataclass(frozen=True)
class Block:
    """One RAM; `number` is that of its AXISRAM when clock and power must be switched on."""

    name: str
    start: int
    length: int
    number: int = 0


BLOCKS = (
    Block("itcm", 0x10000000, 0x40000),
    Block("dtcm", 0x30000000, 0x40000),
    Block("flexram", 0x34000000, 0x64000),
    Block("axisram1", 0x34064000, 0x9C000),
    Block("axisram2", 0x34100000, 0x100000),
    *(Block(f"axisram{n}", 0x34200000 + (n - 3) * 0x70000, 0x70000, n) for n in (3, 4, 5, 6)),
)
RCC, PWR, RAMCFG, GPION, XSPIM, XSPI2, BSEC = (
    0x56028000, 0x56024800, 0x52023000, 0x56023400, 0x5802B400, 0x5802A000, 0x56009000,
)  # fmt: skip
#: Peripheral -> length, and the enable register (offset in the RCC) and bit that clock it.
PERIPHERALS = {
    RCC: (0x1800, 0, 0),
    PWR: (0x400, 0x25C, 18),
    RAMCFG: (0x400, 0x254, 12),
    GPION: (0x400, 0x25C, 13),
    XSPIM: (0x400, 0x260, 13),
    XSPI2: (0x400, 0x260, 12),
}
_MEMENR, _AHB5RSTR, _XSPI2_BIT = 0x24C, 0x220, 12
_SHUT_DOWN = 1 << 20
_SVMCR3, _VDDIO3_VALID = PWR + 0x3C, 1 << 9


class Memory:
    """Bytes by address, as the core's access port and the core itself see them.

    Attributes:
        locked: (start, end) ranges of RAM that refuse writes.
        forbidden: accesses to the one-time programmable fuses; must stay empty.
    """

    def __init__(self, chip: NorChip) -> None:
        self.ram = {block.name: (ctypes.c_ubyte * block.length)() for block in BLOCKS}
        self.xspi = Xspi(chip, self._chip_is_wired)
        self.locked: list[tuple[int, int]] = []
        self.forbidden: list[int] = []
        self.extra: Callable[[int, int, int | None], int | None] = lambda address, size, value: None
        self.reset()

    def reset(self) -> None:
        """System reset: registers start over; AXISRAM3-6 are off, and lose what they held."""
        self.registers: dict[int, int] = dict.fromkeys(map(_ramcfg, (3, 4, 5, 6)), _SHUT_DOWN)
        self.xspi.reset()
        for block in BLOCKS:
            if block.number:
                self.forget(block)

    def forget(self, block: Block) -> None:
        ctypes.memset(self.ram[block.name], _LOST, block.length)

    # --- accesses ---

    def read(self, address: int, length: int) -> bytes:
        if block := self.block_at(address, length):
            start = _secure(address) - block.start
            return ctypes.string_at(ctypes.addressof(self.ram[block.name]) + start, length)
        if WINDOW <= address < WINDOW + WINDOW_BYTES:
            data = self.xspi.mapped(address - WINDOW, length)
            if data is None:
                raise Fault(address)
            return data
        return b"".join(
            self._register(at, size, None).to_bytes(size, "little") for at, size in _accesses(address, length)
        )

    def write(self, address: int, data: bytes) -> None:
        if block := self.block_at(address, len(data)):
            for start, end in self.locked:
                if address < end and start < address + len(data):
                    raise Fault(max(address, start))
            ctypes.memmove(
                ctypes.addressof(self.ram[block.name]) + _secure(address) - block.start, bytes(data), len(data)
            )
            return
        for at, size in _accesses(address, len(data)):
            self._register(at, size, int.from_bytes(data[at - address : at - address + size], "little"))

    def block_at(self, address: int, length: int) -> Block | None:
        """The RAM that holds all of it and is on."""
        start = _secure(address)
        for block in BLOCKS:
            if block.start <= start and start + length <= block.start + block.length:
                return block if not block.number or self.is_on(block.number) else None
        return None

    def is_on(self, number: int) -> bool:
        return bool(self.rcc(_MEMENR) >> (number - 3) & 1) and not self.registers[_ramcfg(number)] & _SHUT_DOWN

    def rcc(self, offset: int) -> int:
        return self.registers.get(RCC + offset, 0)

    # --- registers ---

    def _register(self, address: int, size: int, value: int | None) -> int:
        """Reads, or writes `value`; returns what was read."""
        found = self.extra(address, size, value)
        if found is not None:
            return found
        if BSEC <= address < BSEC + 0x1000:
            self.forbidden.append(address)
            raise Fault(address)
        for base, (length, enable, bit) in PERIPHERALS.items():
            if base <= address < base + length:
                if enable and not self.rcc(enable) >> bit & 1:
                    raise Fault(address)
                return self._peripheral(base, address, size, value)
        raise Fault(address)

    def _peripheral(self, base: int, address: int, size: int, value: int | None) -> int:
        if base == XSPI2:
            if self.rcc(_AHB5RSTR) >> _XSPI2_BIT & 1:
                raise Fault(address)
            if value is None:
                return self.xspi.read(address - base, size)
            self.xspi.write(address - base, value, size)
        elif value is None:
            return self.registers.get(address, 0) & (1 << 8 * size) - 1
        elif base == RCC:
            self._write_rcc(address - base, value)
        else:
            self.registers[address] = value
        return 0

    def _write_rcc(self, offset: int, value: int) -> None:
        """Registers from 0x800 set bits of those 0x800 below, those from 0x1000 clear them."""
        plain, kind = RCC + offset % 0x800, offset // 0x800
        old = self.registers.get(plain, 0)
        self.registers[plain] = (value, old | value, old & ~value)[kind]
        if self.rcc(_AHB5RSTR) >> _XSPI2_BIT & 1:
            self.xspi.reset()

    def _chip_is_wired(self) -> bool:
        """Supply of the port declared valid; chip select, clock, IO0 and IO1 on alternate function 9."""
        functions = self.registers.get(GPION + 0x20, 0)
        modes = self.registers.get(GPION, 0)
        pins = all(modes >> 2 * pin & 3 == 2 and functions >> 4 * pin & 0xF == 9 for pin in (1, 2, 3, 6))
        return pins and bool(self.registers.get(_SVMCR3, 0) & _VDDIO3_VALID)


def _ramcfg(number: int) -> int:
    return RAMCFG + 0x80 * (number - 1)


def _secure(address: int) -> int:
    return address + _ALIAS if address < 0x10000000 or 0x20000000 <= address < 0x30000000 else address


def _accesses(address: int, length: int) -> list[tuple[int, int]]:
    """(address, size) of the aligned words, halfwords and bytes that an access is made of."""
    found = []
    end = address + length
    while address < end:
        size = next(size for size in (4, 2, 1) if address % size == 0 and address + size <= end)
        found.append((address, size))
        address += size
    return found
