"""The STM32N6 without its core: `device()` is what a twin runs on, `Device` a recorder for tests of single functions.

What the model is stricter about than silicon is said in each file. What it cannot see: the core's caches and MPU, so
neither whether the last 32 bytes of a window are read by a wrapping burst with the strobe (ES0620 2.4.5), nor what a
cache line was when memory changed. Sources: RM0486; ES0620 (blocks without a clock).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pytest_stm32pose.twins.device import Region, Serial
from pytest_stm32pose.twins.n6 import faults
from pytest_stm32pose.twins.n6.blocks import GPIOB as GPIOB
from pytest_stm32pose.twins.n6.blocks import GPIOE as GPIOE
from pytest_stm32pose.twins.n6.blocks import GPIOF as GPIOF
from pytest_stm32pose.twins.n6.blocks import (
    GPION,
    GPIOO,
    GPIOP,
    PWR,
    RAMCFG,
    RCC,
    XSPI1,
    XSPI2,
    XSPIM,
    block_of,
)
from pytest_stm32pose.twins.n6.blocks import SYSCFG as SYSCFG
from pytest_stm32pose.twins.n6.blocks import USART1 as USART1
from pytest_stm32pose.twins.n6.memory import BLOCKS, Fault, Memory
from pytest_stm32pose.twins.n6.nor import MX25UM51245G, MX66UW1G45G, Command, NorChip
from pytest_stm32pose.twins.n6.psram import Psram
from pytest_stm32pose.twins.n6.registers import UNIQUE_ID as UNIQUE_ID
from pytest_stm32pose.twins.n6.registers import VOSCR as VOSCR
from pytest_stm32pose.twins.n6.usart import IRQ
from pytest_stm32pose.twins.n6.usart import ISR as ISR
from pytest_stm32pose.twins.n6.usart import OVERRUN as OVERRUN
from pytest_stm32pose.twins.n6.windows import Windows
from pytest_stm32pose.twins.n6.xspi import AR, DLR, DR, FCR

SR, CFGR1, CFGR2 = RCC + 0x004, RCC + 0x020, RCC + 0x024
CR1 = PWR
HSI = 1 << 3
READ_ONLY = {CFGR1: 0x30300000, VOSCR: 0x00030002}
CORE = range(0xE0000000, 0xE0100000)
CCSIDR, CACHE_32K = 0xE000ED80, 255 << 13 | 3 << 3 | 1  # of the Cortex-M55's data cache: 256 sets, 4 ways, 32 bytes
_REGISTERS = range(0x40000000, 0x60000000)
_USART = range(USART1, USART1 + 0x400)
_MAPPING = {RCC, PWR, RAMCFG, GPION, GPIOO, GPIOP, XSPIM, XSPI1, XSPI2}  # decide what answers where
_CHANGE_NO_MAP = {base + at for base in (XSPI1, XSPI2) for at in (FCR, DLR, AR, DR)}  # written most
_BOOT_ACCESSES = 3  # refused until the boot ROM has opened the access port
_NEVER = 1 << 60
_CHIPS = {"n6": MX66UW1G45G, "n6-nucleo": MX25UM51245G}


class Twin:
    """A board of twins.device.Device."""

    cpu, core, core_port, boot = "cortex-m33", "cortex-m55", 1, 0
    has_boot_rom = True
    FAULTS: Mapping[str, str] = faults.FAULTS

    def __init__(self, board: str) -> None:
        self.wrong: list[str] = []
        self.chip = NorChip(*_CHIPS[board], notice=self._complain)
        self.psram = Psram(notice=self._complain) if board == "n6" else None
        self.memory = Memory(self.chip, self.psram, self._complain)
        self._windows = Windows(self.memory)
        self._port_stays_closed = False
        self._usart = self.memory.peripherals.usart
        self._usart.on_change = self._interrupt
        self.serial: Serial = self._usart
        self.irqs: set[int] = set()
        self.changed = True
        self.port_closed = 0
        self._state = self._windows.state()

    def _complain(self, text: str) -> None:
        if text not in self.wrong:
            self.wrong.append(text)

    def power_up(self) -> None:
        """RAM and registers as after power on; the NOR keeps its cells."""
        self.chip.power_up()
        if self.psram is not None:
            self.psram.power_up()
        for block in BLOCKS:
            self.memory.forget(block)
        self.serial.sent.clear()
        self.reset()
        self.port_closed = 0  # the boot ROM is done long ago

    def reset(self) -> None:
        """System reset: the boot ROM runs and opens the access port. The chips on the board are not reset."""
        self.memory.reset()
        self.port_closed = _NEVER if self._port_stays_closed else _BOOT_ACCESSES
        self._settle()
        self.changed = True

    def region_at(self, address: int) -> Region | None:
        return self._windows.region_at(address)

    def read(self, address: int, size: int) -> int:
        if address not in _REGISTERS:
            return int.from_bytes(self.memory.read(address, size), "little")
        value = self.memory.access(address, size, None)
        if address in _USART:
            self._interrupt()
        return value

    def write(self, address: int, size: int, value: int) -> None:
        if address in _REGISTERS:
            self.memory.access(address, size, value & (1 << 8 * size) - 1)
            if address in _USART:
                self._interrupt()
            elif block_of(address) in _MAPPING and address not in _CHANGE_NO_MAP:
                self._settle()
            return
        region = self._windows.region_at(address)
        if region is not None and not region.writable:
            self._complain(f"0x{address:08x} is written: the window of the NOR")
        self.memory.write(address, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def set_fault(self, name: str, value: str) -> None:
        if name == "port" and value != "closed-after-reset":
            raise ValueError(f"port has no fault {value!r}: {self.FAULTS[name]}")
        faults.plant(self.memory, name, value)
        self._port_stays_closed |= name == "port"
        self.changed = True

    def fingerprint(self) -> dict[str, str]:
        nor, psram = self.memory.peripherals.xspis[2], self.memory.peripherals.xspis[1]
        clocks = self.memory.peripherals.clocks
        return {
            "core_hz": str(clocks.core_hz),
            "nor_mode": self.chip.mode,
            "nor_hz": str(nor.hz),
            "nor_mapped_bytes": str(nor.shows()),
            "psram_hz": str(psram.hz),
            "psram_mapped_bytes": str(psram.shows() if psram.takes_writes() else 0),
        }

    def _settle(self) -> None:
        """After what may change the map."""
        state = self._windows.state()
        self.changed |= state != self._state
        self._state = state
        self._interrupt()

    def _interrupt(self) -> None:
        (self.irqs.add if self._usart.is_asserted else self.irqs.discard)(IRQ)


def device(board: str) -> Twin:
    """The board by its name in the catalog: "n6" or "n6-nucleo".

    Raises:
        KeyError: it is another one.
    """
    return Twin(board)


class Device:
    """Accesses to registers, recorded: as the boot ROM leaves them, or `memory` as a loader has left that.

    The core's private peripherals are registers that keep what is written.

    Attributes:
        accesses: (address, value), in order; value None: read.
        stuck: address -> bits that never become 1; `held`: bits that never become 0.
    """

    def __init__(self, chip: NorChip | None = None, memory: Memory | None = None) -> None:
        self.chip = chip or NorChip()
        self.memory = memory or Memory(self.chip)
        if memory is None:
            self.memory.extra = self._core
        self.registers = self.memory.registers
        self.serial = self.memory.peripherals.usart
        self.registers[CCSIDR] = CACHE_32K
        self.registers[SYSCFG + 0x10] = 0x34180400  # another program's, which ran before
        self.accesses: list[tuple[int, int | None]] = []
        self.faults: list[int] = []
        self.stuck: dict[int, int] = {}
        self.held: dict[int, int] = {}

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Accesses are those of the core meanwhile, not of a debugger (tests/support/n6_model/debug.py)."""
        before, self.memory.extra = self.memory.extra, self._core
        try:
            yield
        finally:
            self.memory.extra = before

    @property
    def sent(self) -> bytearray:
        return self.serial.sent

    @property
    def room(self) -> int:
        return self.serial.room

    @room.setter
    def room(self, count: int) -> None:
        self.serial.room = count

    def receive(self, data: bytes) -> None:
        """Bytes come in on the serial line; the USART keeps what fits."""
        if self.serial.receive(data) < len(data):
            self.serial.overrun()

    def read(self, address: int) -> int:
        return self._read(address, 4)

    def read_byte(self, address: int) -> int:
        return self._read(address, 1)

    def write(self, address: int, value: int) -> None:
        self._write(address, 4, value)

    def write_byte(self, address: int, value: int) -> None:
        self._write(address, 1, value & 0xFF)

    def _read(self, address: int, size: int) -> int:
        self.accesses.append((address, None))
        try:
            value = int.from_bytes(self.memory.read(address, size), "little")
        except Fault:
            self.faults.append(address)
            return 0
        return value & ~self.stuck.get(address, 0) | self.held.get(address, 0)

    def _write(self, address: int, size: int, value: int) -> None:
        self.accesses.append((address, value))
        try:
            self.memory.write(address, value.to_bytes(size, "little"))
        except Fault:
            self.faults.append(address)

    def _core(self, address: int, _size: int, value: int | None) -> int | None:
        if address not in CORE:
            return None
        if value is None:
            return self.registers.get(address, 0)
        self.registers[address] = value
        return 0

    @property
    def writes(self) -> list[tuple[int, int]]:
        """Without the read-only bits, which come back when a register is changed."""
        return [(at, value & ~READ_ONLY.get(at, 0)) for at, value in self.accesses if value is not None]

    def longest_poll(self) -> int:
        """Most reads of one register without a write or another register between them."""
        longest = count = 0
        last = None
        for access in self.accesses:
            count = count + 1 if access == last and access[1] is None else 1
            last, longest = access, max(longest, count)
        return longest


def program(chip: NorChip, address: int, data: bytes) -> None:
    """By the chip's own commands, in a chip that is erased."""
    for at in range(0, len(data), 256):
        chip.execute(Command(0x06))
        chip.execute(Command(0x12, address=address + at, address_bytes=4, data=data[at : at + 256]))
        while chip.execute(Command(0x05, read_bytes=1))[0] & 1:
            pass
