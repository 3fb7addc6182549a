"""The STM32N6 boards as a Device (twins/device.py): the model of device.py behind a core that executes.

What is added: RAM and the mapped NOR as regions, the interrupt of the USART, faults to plant, the boot ROM's time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

from pytest_stm32pose.twins.device import Region
from pytest_stm32pose.twins.n6 import device as model
from pytest_stm32pose.twins.n6 import memory as map_of
from pytest_stm32pose.twins.n6 import nor
from pytest_stm32pose.twins.n6.nor import NorChip
from pytest_stm32pose.twins.n6.xspi import WINDOW

_CHIPS = {"n6": nor.MX66UW1G45G, "n6-nucleo": nor.MX25UM51245G}
_USART1_IRQ = 159
_CR1_RXFNEIE = 1 << 5
_BOOT_ACCESSES = 3
_XSPI_CR = map_of.XSPI2
_PLL_BITS = 0xF << 8
_MEMORY_SWITCHES = (map_of.RCC, map_of.RAMCFG, map_of.PWR, map_of.GPION)
_MARK = 16  # bytes by which the window is compared with the chip's cells


class _Serial:
    """The USART of the model, as the host's end of the line sees it."""

    def __init__(self, board: N6Board) -> None:
        self._board = board

    @property
    def sent(self) -> bytearray:
        return self._board.model.sent

    @property
    def room(self) -> int:
        return self._board.model.room

    @room.setter
    def room(self, value: int) -> None:
        self._board.model.room = value

    def receive(self, data: bytes) -> int:
        return self._board.receive(data)


class N6Board:
    """Attributes: those of Device; `model` is the register model."""

    cpu, core, core_port, boot = "cortex-m33", "cortex-m55", 1, 0
    FAULTS: Mapping[str, str] = {
        "nor": "silent, wrong-id, locked (write enable has no effect)",
        "pll": "never-ready: no PLL locks",
        "port": "closed-after-reset: the core's access port stays closed after a reset",
        "power": "lost-at-page-N: the supply goes away in the middle of the N-th page that is programmed",
    }

    def __init__(self, board: str) -> None:
        self._identity, size = _CHIPS[board]
        self.chip = NorChip(jedec_id=self._identity, size=size)
        self.changed, self.port_closed = False, 0
        self.irqs: set[int] = set()
        self.serial = _Serial(self)
        self.wrong: list[str] = []
        self._faults: dict[str, str] = {}
        self._window = Region("nor", WINDOW, size, (ctypes.c_ubyte * size)(), writable=False)
        ctypes.memset(self._window.buffer, 0xFF, size)
        self.power_up()

    def power_up(self) -> None:
        self.chip.power_up()
        self.model = model.Device(self.chip)
        memory = self.model.memory
        for block in map_of.BLOCKS:
            memory.forget(block)
        self._ram = {
            block.name: Region(block.name, block.start, block.length, memory.ram[block.name]) for block in map_of.BLOCKS
        }
        self._after_reset()

    def reset(self) -> None:
        memory = self.model.memory
        memory.reset()
        ram_and_chip = model.Device(self.chip, memory)
        ram_and_chip.memory.extra = ram_and_chip._beyond
        self.model = ram_and_chip
        self._after_reset()

    def _after_reset(self) -> None:
        for name, value in self._faults.items():
            self._plant(name, value)
        self.port_closed = 1 << 62 if "port" in self._faults else _BOOT_ACCESSES
        self._mapped = False
        self._visible = self._look()
        self.changed = True
        self._update_lines()

    # --- memory ---

    def region_at(self, address: int) -> Region | None:
        if 0x70000000 <= address < WINDOW + self._window.length:
            return self._window if self._mapped else None
        block = self.model.memory.block_at(address, 1)
        region = self._ram[block.name] if block is not None else None
        return region if region is not None and region.start <= address else None

    def read(self, address: int, size: int) -> int:
        held = self.model
        value = held.memory._register(address, size, None)
        if address == model.RDR and not held._received:
            self.irqs = set()
        return value & ~held.stuck.get(address, 0) if held.stuck else value

    def write(self, address: int, size: int, value: int) -> None:
        self.model.memory.write(address, value.to_bytes(size, "little"))
        base = address & ~0xFFF
        if base == map_of.XSPI2 and address == _XSPI_CR:
            self._map_window()
        elif any(start <= address < start + 0x1800 for start in _MEMORY_SWITCHES):
            visible = self._look()
            self.changed |= visible != self._visible
            self._visible = visible
        elif base == model.USART1 & ~0xFFF:
            self._update_lines()
        if self.chip.wrong:
            self.wrong.append(f"a command that the NOR does not understand: {self.chip.wrong[0]}")

    def _look(self) -> tuple[bool, ...]:
        return tuple(self.model.memory.is_on(number) for number in (3, 4, 5, 6))

    def _map_window(self) -> None:
        """Whether the window shows the chip's cells, compared where they hold something."""
        sectors = self.chip._sectors
        first = next((number for number, data in sectors.items() if data.strip(b"\xff")), None)
        at = 0
        if first is not None:
            data = sectors[first]
            at = first * nor.SECTOR_BYTES + (len(data) - len(data.lstrip(b"\xff"))) // _MARK * _MARK
        shown = self.model.memory.xspi.mapped(at, _MARK)
        mapped = shown is not None and shown == self.chip.peek(at, _MARK)
        if mapped and not self._mapped:
            for number, data in sectors.items():
                ctypes.memmove(
                    ctypes.addressof(self._window.buffer) + number * nor.SECTOR_BYTES, bytes(data), len(data)
                )
        self.changed |= mapped != self._mapped
        self._mapped = mapped

    # --- serial line ---

    def receive(self, data: bytes) -> int:
        control = self.model.registers.get(model.USART1, 0)
        if control & 5 != 5:
            return len(data)  # nobody listens: the line loses them
        waiting = self.model._received
        taken = data[: model.FIFO_BYTES - len(waiting)]
        self.model.receive(taken)
        self._update_lines()
        return len(taken)

    def _update_lines(self) -> None:
        asks = self.model.registers.get(model.USART1, 0) & _CR1_RXFNEIE and self.model._received
        self.irqs = {_USART1_IRQ} if asks else set()

    # --- faults ---

    def set_fault(self, name: str, value: str) -> None:
        if not self._plant(name, value):
            raise ValueError(f"{name} has no fault {value!r}: {self.FAULTS[name]}")
        self._faults[name] = value

    def _plant(self, name: str, value: str) -> bool:
        """False: there is no such fault. Those of registers are planted again after each reset."""
        known = (name, value)
        if known == ("nor", "silent"):
            self.chip.jedec_id = b"\xff\xff\xff"
        elif known == ("nor", "wrong-id"):
            self.chip.jedec_id = b"\xef" + self._identity[1:]
        elif known == ("nor", "locked"):
            self.chip.write_locked = True
        elif known == ("pll", "never-ready"):
            self.model.stuck[model.SR] = _PLL_BITS
        elif name == "power":
            number = value.removeprefix("lost-at-page-")
            if not number.isdecimal() or int(number) < 1:
                return False
            if name not in self._faults:
                self.chip.lose_power_at_page = int(number)
        else:
            return known == ("port", "closed-after-reset")
        return True
