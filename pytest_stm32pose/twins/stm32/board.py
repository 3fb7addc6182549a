"""Memories and blocks of registers on one bus: what the models of STM32 boards are made of (twins/device.py: Device).

A block without its clock reads 0 and ignores writes, as on an STM32H7 and F4 (the models of the STM32N6 fault); that a
driver did so is kept in `wrong`. An address that no model has faults, also where silicon has a peripheral that these
models leave out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_stm32pose.twins.device import Fault, PowerLost, Region
from pytest_stm32pose.twins.stm32.registers import Block, Registers
from pytest_stm32pose.twins.stm32.storage import view

_PAGE_BITS = 12


def _always() -> bool:
    return True


@dataclass
class Memory:
    """A region and when it answers. `load` and `store` get (offset, size[, value]); without them it is plain RAM.

    Attributes:
        on: answers at all; else an access faults.
        direct: answers without being asked, so that the core may run on its bytes.
    """

    region: Region
    on: Callable[[], bool] = _always
    direct: Callable[[], bool] = _always
    load: Callable[[int, int], int] | None = None
    store: Callable[[int, int, int], None] | None = None
    bytes_: memoryview = field(init=False)

    def __post_init__(self) -> None:
        self.bytes_ = view(self.region.buffer)

    def has(self, address: int, size: int = 1) -> bool:
        return self.region.start <= address and address + size <= self.region.start + self.region.length

    def read(self, offset: int, size: int) -> int:
        if self.load:
            return self.load(offset, size)
        return int.from_bytes(self.bytes_[offset : offset + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        if self.store:
            self.store(offset, size, value)
        elif not self.region.writable:
            raise Fault(self.region.start + offset)
        else:
            self.bytes_[offset : offset + size] = value.to_bytes(size, "little")


@dataclass(frozen=True)
class Place:
    """A block of registers at an address. `clocked`: it has its clock."""

    name: str
    start: int
    length: int
    block: Block
    clocked: Callable[[], bool] = _always


class Supply:
    """Counts what changes flash, and takes the power away in the middle of the `lost_at`th change; 0: never."""

    def __init__(self) -> None:
        self.lost_at = self.changes = 0

    def change(self, apply: Callable[[int], None], length: int) -> None:
        """`apply(n)` changes the first n of `length` bytes."""
        self.changes += 1
        if self.changes == self.lost_at:
            apply(length // 2)
            raise PowerLost
        apply(length)


class Board:
    """The part of a Device (twins/device.py) that does not depend on the microcontroller."""

    FAULTS: Mapping[str, str]
    port_closed = 0

    def __init__(self) -> None:
        self.changed = True
        self.wrong: list[str] = []
        self.memories: list[Memory] = []
        self.places: list[Place] = []
        self.supply = Supply()
        self._pages: dict[int, Memory | None] = {}

    def blame(self, what: str) -> None:
        """Keeps what a driver did, once."""
        if what not in self.wrong:
            self.wrong.append(what)

    def touch(self) -> None:
        self.changed = True

    # --- the bus ---

    def region_at(self, address: int) -> Region | None:
        memory = self._memory_at(address, 1)
        return memory.region if memory and memory.on() and memory.direct() else None

    def read(self, address: int, size: int) -> int:
        if memory := self._memory_at(address, size):
            if not memory.on():
                raise Fault(address)
            return memory.read(address - memory.region.start, size)
        place = self._place_at(address)
        if not self._is_clocked(place):
            return 0
        word = place.block.read((address - place.start) & ~3, size)
        return word >> 8 * (address % 4) & (1 << 8 * size) - 1

    def write(self, address: int, size: int, value: int) -> None:
        if memory := self._memory_at(address, size):
            if not memory.on():
                raise Fault(address)
            memory.write(address - memory.region.start, size, value)
            return
        place = self._place_at(address)
        if not self._is_clocked(place):
            return
        offset, shift = (address - place.start) & ~3, 8 * (address % 4)
        if shift and isinstance(place.block, Registers):
            mask = (1 << 8 * size) - 1 << shift
            value = place.block.values.get(offset, 0) & ~mask | value << shift
            size = 4
        place.block.write(offset, value, size)

    def _memory_at(self, address: int, size: int) -> Memory | None:
        """Kept by page, since every access of a driver asks; memories are whole pages."""
        page = address >> _PAGE_BITS
        if page not in self._pages:
            self._pages[page] = next((memory for memory in self.memories if memory.has(address)), None)
        memory = self._pages[page]
        return memory if memory and memory.has(address, size) else None

    def _place_at(self, address: int) -> Place:
        for place in self.places:
            if place.start <= address < place.start + place.length:
                return place
        raise Fault(address)

    def _is_clocked(self, place: Place) -> bool:
        if not place.clocked():
            self.blame(f"{place.name} is used without its clock: it reads 0 and ignores writes")
            return False
        return True

    # --- faults ---

    def set_fault(self, name: str, value: str) -> None:
        if name not in self.FAULTS:
            raise ValueError(f"there is no fault {name!r}, only {', '.join(self.FAULTS)}")
        if name == "power":
            found = re.fullmatch(r"lost-at-write-([1-9]\d{0,8})", value)
            if not found:
                raise ValueError(f"power takes lost-at-write-N with N from 1 on, not {value!r}")
            self.supply.lost_at = self.supply.changes + int(found[1])
            return
        plants = self._plants()[name]
        if value not in plants:
            raise ValueError(f"{name} takes {' or '.join(plants)}, not {value!r}")
        plants[value]()
        self.touch()

    def _plants(self) -> dict[str, dict[str, Callable[[], None]]]:
        """Name of a fault -> its values and what plants them; without the power's."""
        raise NotImplementedError
