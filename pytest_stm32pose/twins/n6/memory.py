"""The memory map of the STM32N657: RAM blocks that answer only when they are on, peripherals with clocks, nothing else.

Sources: RM0486 (memory map, RCC, PWR, RAMCFG, GPIO); the CMSIS device header of the STM32N657 for addresses. Secure
aliases lie 0x10000000 above the others. Stricter than silicon: a peripheral without its clock faults; peripherals
answer at their secure addresses only; the RAMs of CACHEAXI and VENC are not there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

from pytest_stm32pose.twins.device import Fault as Fault
from pytest_stm32pose.twins.n6.blocks import AFTER_RESET, block_of
from pytest_stm32pose.twins.n6.blocks import BSEC as BSEC
from pytest_stm32pose.twins.n6.blocks import GPION as GPION
from pytest_stm32pose.twins.n6.blocks import PERIPHERALS as PERIPHERALS
from pytest_stm32pose.twins.n6.blocks import PWR as PWR
from pytest_stm32pose.twins.n6.blocks import RAMCFG as RAMCFG
from pytest_stm32pose.twins.n6.blocks import RCC as RCC
from pytest_stm32pose.twins.n6.blocks import XSPI2 as XSPI2
from pytest_stm32pose.twins.n6.blocks import XSPIM as XSPIM
from pytest_stm32pose.twins.n6.nor import NorChip
from pytest_stm32pose.twins.n6.psram import Psram
from pytest_stm32pose.twins.n6.registers import Registers
from pytest_stm32pose.twins.n6.xspi import PSRAM_WINDOW, WINDOW, WINDOW_BYTES, Xspi, refuse

_ALIAS = 0x10000000
_LOST = 0x5A  # what RAM that was without power holds
_MEMENR = 0x24C
_SHUT_DOWN = 1 << 20


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


class Memory:
    """Bytes by address, as the core's access port and the core itself see them.

    Args:
        psram: on XSPI1's port; None: nothing is there.
        complain: told what a driver did wrong; without it, that raises DriverError.

    Attributes:
        locked: (start, end) ranges of RAM that refuse writes.
        stuck_bits: address -> bits of RAM that are always 1.
        forbidden: writes to the one-time programmable fuses' block; must stay empty.
        extra: asked first, before everything but RAM and windows; None: not its address.
    """

    def __init__(self, chip: NorChip, psram: Psram | None = None, complain: Callable[[str], None] = refuse) -> None:
        self.ram = {block.name: (ctypes.c_ubyte * block.length)() for block in BLOCKS}
        self.chip, self.psram = chip, psram
        self.locked: list[tuple[int, int]] = []
        self.stuck_bits: dict[int, int] = {}
        self.forbidden: list[int] = []
        self.extra: Callable[[int, int, int | None], int | None] = lambda address, size, value: None
        self.peripherals = Registers(chip, psram, complain, self.forbidden)
        self.registers = self.peripherals.values
        self.xspi: Xspi = self.peripherals.xspis[2]
        self.reset()

    def reset(self) -> None:
        """System reset: registers start over; AXISRAM3-6 are off, and lose what they held."""
        self.registers.clear()
        self.registers.update(AFTER_RESET)
        self.peripherals.reset()
        for block in BLOCKS:
            if block.number:
                self.forget(block)

    def forget(self, block: Block) -> None:
        ctypes.memset(self.ram[block.name], _LOST, block.length)

    # --- accesses ---

    def read(self, address: int, length: int) -> bytes:
        if block := self.block_at(address, length):
            start = _secure(address) - block.start
            data = ctypes.string_at(ctypes.addressof(self.ram[block.name]) + start, length)
            return self._with_stuck_bits(_secure(address), data)
        if window := self._window(address):
            data_or_none = window[0].mapped(address - window[1], length)
            if data_or_none is None:
                raise Fault(address)
            return data_or_none
        return b"".join(self.access(at, size, None).to_bytes(size, "little") for at, size in _accesses(address, length))

    def write(self, address: int, data: bytes) -> None:
        if block := self.block_at(address, len(data)):
            for start, end in self.locked:
                if address < end and start < address + len(data):
                    raise Fault(max(address, start))
            ctypes.memmove(
                ctypes.addressof(self.ram[block.name]) + _secure(address) - block.start, bytes(data), len(data)
            )
            return
        if window := self._window(address):
            if not window[0].mapped_write(address - window[1], bytes(data)):
                raise Fault(address)
            return
        for at, size in _accesses(address, len(data)):
            self.access(at, size, int.from_bytes(data[at - address : at - address + size], "little"))

    def _window(self, address: int) -> tuple[Xspi, int] | None:
        """The controller whose window holds the address, and where that starts."""
        for number, start in ((2, WINDOW), (1, PSRAM_WINDOW)):
            if start <= address < start + WINDOW_BYTES:
                return self.peripherals.xspis[number], start
        return None

    def _with_stuck_bits(self, address: int, data: bytes) -> bytes:
        for at, bits in self.stuck_bits.items():
            if address <= at < address + len(data):
                found = bytearray(data)
                found[at - address] |= bits
                data = bytes(found)
        return data

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

    def access(self, address: int, size: int, value: int | None) -> int:
        """Reads a register, or writes `value`; returns what was read."""
        found = self.extra(address, size, value)
        if found is not None:
            return found
        base = block_of(address)
        if base is None:
            raise Fault(address)
        return self.peripherals.access(base, address, size, value)


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
