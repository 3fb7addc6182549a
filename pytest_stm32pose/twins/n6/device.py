"""A model of the STM32N6 for the firmware's own code: the loader's (memory.py), and what that leaves out.

The core's private peripherals, more ports, the USART, and that clocks, supply and switches become ready. A block
without its clock faults, as it would hang on silicon. Sources: RM0486; ES0620 (blocks without a clock).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from pytest_stm32pose.twins.device import Device as AnyDevice
from pytest_stm32pose.twins.n6.memory import BSEC, PWR, RCC, Fault, Memory
from pytest_stm32pose.twins.n6.nor import Command, NorChip

SR, CFGR1, CFGR2 = RCC + 0x004, RCC + 0x020, RCC + 0x024
CR1, VOSCR = PWR, PWR + 0x20
HSI = 1 << 3
SYSCFG, USART1 = 0x56008000, 0x52001000
GPIOB, GPIOE, GPIOF, GPION = 0x56020400, 0x56021000, 0x56021400, 0x56023400
#: Blocks that the loader's model does not need: length, and the enable register (offset in the RCC) and bit.
BLOCKS = {
    GPIOB: (0x400, 0x25C, 1),
    GPIOE: (0x400, 0x25C, 4),
    GPIOF: (0x400, 0x25C, 5),
    SYSCFG: (0x400, 0x278, 0),
    USART1: (0x400, 0x26C, 4),
}
ISR, ICR, RDR, TDR = (USART1 + at for at in (0x1C, 0x20, 0x24, 0x28))
OVERRUN, RECEIVED, ROOM = 1 << 3, 1 << 5, 1 << 7
FIFO_BYTES = 16
READ_ONLY = {CFGR1: 0x30300000, VOSCR: 0x00030002}
CORE = range(0xE0000000, 0xE0100000)
CCSIDR, CACHE_32K = 0xE000ED80, 255 << 13 | 3 << 3 | 1  # of the Cortex-M55's data cache: 256 sets, 4 ways, 32 bytes
UNIQUE_ID = {BSEC + 0x14: 0x00410032, BSEC + 0x18: 0x34315117, BSEC + 0x1C: 0x36363936}


class Device:
    """The model as the boot ROM leaves it, or `memory` as a loader has left that.

    Attributes:
        accesses: (address, value), in order; value None: read.
        stuck: address -> bits that never become 1; `held`: bits that never become 0.
        sent: what the serial port has sent; `room`: how many more bytes it takes.
    """

    def __init__(self, chip: NorChip | None = None, memory: Memory | None = None) -> None:
        self.chip = chip or NorChip()
        self.memory = memory or Memory(self.chip)
        if memory is None:
            self.memory.extra = self._beyond
        self.registers = self.memory.registers
        for port in (GPIOB, GPIOE, GPIOF, GPION):
            self.registers[port] = 0xFFFFFFFF  # analog
        self.registers |= {RCC: HSI, CFGR2: 0x00100000, CR1: 1 << 2, CCSIDR: CACHE_32K}
        self.registers[SYSCFG + 0x10] = 0x34180400  # another program's, which ran before
        self.accesses: list[tuple[int, int | None]] = []
        self.faults: list[int] = []
        self.sent = bytearray()
        self.room = 1 << 30
        self._received: deque[int] = deque()
        self.stuck: dict[int, int] = {}
        self.held: dict[int, int] = {}

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Accesses are those of the core meanwhile, not of a debugger (tests/support/n6_model/debug.py)."""
        before, self.memory.extra = self.memory.extra, self._beyond
        try:
            yield
        finally:
            self.memory.extra = before

    def receive(self, data: bytes) -> None:
        """Bytes come in on the serial line; the USART keeps what fits."""
        fits = data[: FIFO_BYTES - len(self._received)]
        self._received += fits
        self.registers[ISR] = self.registers.get(ISR, 0) | OVERRUN * (len(fits) < len(data))

    def read(self, address: int) -> int:
        self.accesses.append((address, None))
        try:
            value = int.from_bytes(self.memory.read(address, 4), "little")
        except Fault:
            self.faults.append(address)
            return 0
        return value & ~self.stuck.get(address, 0) | self.held.get(address, 0)

    def write(self, address: int, value: int) -> None:
        self.accesses.append((address, value))
        try:
            self.memory.write(address, value.to_bytes(4, "little"))
        except Fault:
            self.faults.append(address)

    def _beyond(self, address: int, _size: int, value: int | None) -> int | None:
        """What the loader's model leaves out: the core, more peripherals, and that clocks become ready."""
        own = address in CORE
        for base, (length, enable, bit) in BLOCKS.items():
            if base <= address < base + length:
                if not self.memory.rcc(enable) >> bit & 1:
                    raise Fault(address)
                own = True
        if own and value is not None:
            self._write_own(address, value)
            return 0
        if value is not None:
            return None
        if address in UNIQUE_ID and self.memory.rcc(0x278) & 2:
            return UNIQUE_ID[address]
        if address == SR:
            return self.memory.rcc(0)
        if address == CFGR1:
            return self.memory.rcc(0x20) | (self.memory.rcc(0x20) & 0x03030000) << 4
        if address == VOSCR:
            return self.registers.get(VOSCR, 0) | 1 << 1 | 1 << 17
        if address == ISR:
            return self.registers.get(ISR, 0) | RECEIVED * bool(self._received) | ROOM * (self.room > 0)
        if address == RDR:
            return self._received.popleft()
        return self.registers.get(address, 0) if own else None

    def _write_own(self, address: int, value: int) -> None:
        if address == ICR:
            self.registers[ISR] = self.registers.get(ISR, 0) & ~value
        elif address == TDR:
            assert self.room > 0, "a byte is sent into a full FIFO"
            self.sent.append(value)
            self.room -= 1
        else:
            self.registers[address] = value

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


def device(board: str) -> AnyDevice:
    """The board "n6" or "n6-nucleo" as a Device of twins/device.py."""
    made: AnyDevice = import_module("pytest_stm32pose.twins.n6.board").N6Board(board)  # it imports this module
    return made
