"""What of the STM32N6's memory answers by itself: RAM, and the windows of NOR and PSRAM while they show the cells.

The NOR's window comes in parts of 1 MB, each filled from the chip when it is asked for: a process that reads 3 MB of
128 holds 3. A window whose settings are not right is no region: every access goes to the controller then, and gives
what the settings give.
"""

from __future__ import annotations

import ctypes

from pytest_stm32pose.twins.device import Region
from pytest_stm32pose.twins.n6.memory import Block, Memory
from pytest_stm32pose.twins.n6.nor import NorChip
from pytest_stm32pose.twins.n6.xspi import PSRAM_WINDOW, WINDOW

PART_BYTES = 1 << 20
_PAGE = 0x1000


class NorWindow:
    def __init__(self, chip: NorChip) -> None:
        self._chip = chip
        self._parts: dict[int, tuple[Region, int]] = {}

    def part(self, number: int) -> Region:
        """With the cells as they are now."""
        region, generation = self._parts.get(number) or (self._made(number), -1)
        if generation != self._chip.generation:
            ctypes.memmove(region.buffer, self._chip.peek(number * PART_BYTES, PART_BYTES), PART_BYTES)
            self._parts[number] = region, self._chip.generation
        return region

    def _made(self, number: int) -> Region:
        buffer = (ctypes.c_ubyte * PART_BYTES)()
        return Region(f"nor{number}", WINDOW + number * PART_BYTES, PART_BYTES, buffer, writable=False)


class Windows:
    """region_at() of the device. Regions are made once and stay the same objects."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._nor = NorWindow(memory.chip)
        self._regions: dict[tuple[str, int, int], Region] = {}

    def region_at(self, address: int) -> Region | None:
        block = self._memory.block_at(address, 1)
        if block is not None:
            return self._ram(block, address)
        if WINDOW <= address < WINDOW + (1 << 28):
            return self._of_nor(address - WINDOW)
        if PSRAM_WINDOW <= address < PSRAM_WINDOW + (1 << 28):
            return self._of_psram(address - PSRAM_WINDOW)
        return None

    def state(self) -> tuple[object, ...]:
        """Differs when region_at() may answer otherwise than before."""
        memory = self._memory
        on = tuple(memory.is_on(number) for number in (3, 4, 5, 6))
        nor, psram = memory.peripherals.xspis[2], memory.peripherals.xspis[1]
        return (
            *on,
            nor.shows(),
            memory.chip.generation if nor.is_mapped else 0,
            psram.shows() and psram.takes_writes(),
        )

    def _of_nor(self, offset: int) -> Region | None:
        xspi = self._memory.peripherals.xspis[2]
        number = offset // PART_BYTES
        if (number + 1) * PART_BYTES > xspi.shows():
            return None
        xspi.touch()
        return self._nor.part(number)

    def _of_psram(self, offset: int) -> Region | None:
        xspi, psram = self._memory.peripherals.xspis[1], self._memory.psram
        if psram is None or xspi.shows() < psram.size or offset >= psram.size or not xspi.takes_writes():
            return None
        xspi.touch()
        psram.is_used = True
        return self._region("psram", PSRAM_WINDOW, psram.size, psram.cells)

    def _ram(self, block: Block, address: int) -> Region | None:
        """All of the block; with a stuck bit in it, what lies before or behind that page, which has to be asked."""
        start = block.start - (0x10000000 if address < block.start else 0)
        first, last = 0, block.length
        for at in self._memory.stuck_bits:
            page = (at - block.start) & ~(_PAGE - 1)
            if 0 <= page < block.length:
                offset = address - start
                if page <= offset < page + _PAGE:
                    return None
                first, last = (max(first, page + _PAGE), last) if offset > page else (first, min(last, page))
        buffer = self._memory.ram[block.name]
        if (first, last) != (0, block.length):
            buffer = (ctypes.c_ubyte * (last - first)).from_buffer(buffer, first)
        return self._region(block.name, start + first, last - first, buffer)

    def _region(self, name: str, start: int, length: int, buffer: object) -> Region:
        return self._regions.setdefault((name, start, length), Region(name, start, length, buffer))
