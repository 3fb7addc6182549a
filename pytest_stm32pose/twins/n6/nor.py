"""Macronix octal NOR as its data sheet describes it, at the level of one command between chip select low and high.

Sources: Macronix data sheets MX66UW1G45G and MX25UM51245G: commands in SPI and OPI mode, status and security register,
page program wraps inside 256 bytes, programming clears bits, erasing sets them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_stm32pose.twins.device import PowerLost as PowerLost

SECTOR_BYTES = 0x10000
PAGE_BYTES = 256
MX66UW1G45G = (b"\xc2\x81\x3b", 128 << 20)  # STM32N6570-DK
MX25UM51245G = (b"\xc2\x80\x3a", 64 << 20)  # NUCLEO-N657X0-Q
_BUSY, _WRITE_ENABLED = 1, 2
_PROGRAM_FAILED, _ERASE_FAILED = 0x20, 0x40
_PROGRAM_POLLS, _ERASE_POLLS, _RESET_SILENCE = 2, 6, 3


@dataclass(frozen=True)
class Command:
    """What the wires carried. `opcode` has one byte in 1-line mode, two in octal; `address` may be absent."""

    opcode: int
    lines: int = 1
    double_rate: bool = False
    address: int | None = None
    address_bytes: int = 0
    dummy_cycles: int = 0
    data: bytes = b""
    read_bytes: int = 0


@dataclass
class NorChip:
    """`mode` is "spi", "opi" or "dtr". Sectors that nobody wrote are not stored.

    `wrong` collects commands that this chip does not have or would misunderstand; a correct driver leaves it empty.
    """

    jedec_id: bytes = MX66UW1G45G[0]
    size: int = MX66UW1G45G[1]
    mode: str = "spi"
    protected: set[int] = field(default_factory=set)  #: first addresses of sectors that refuse changes
    worn: dict[int, int] = field(default_factory=dict)  #: address -> value that the cell always has
    write_locked: bool = False  #: write enable has no effect, as with the write-protect pin
    lose_power_at_page: int = 0  #: power goes away in the middle of the n-th page program from now; 0: never
    garbled_ids: int = 0  #: after a reset, so many reads of the id give something else
    wrong: list[Command] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    programmed_pages: int = 0
    _sectors: dict[int, bytearray] = field(default_factory=dict)
    _write_enabled: bool = False
    _reset_enabled: bool = False
    _busy_polls: int = 0
    _silent_ids: int = 0
    _security: int = 0

    def power_up(self) -> None:
        """Volatile state as after power on; the cells keep theirs."""
        self.mode, self._write_enabled, self._reset_enabled = "spi", False, False
        self._busy_polls = self._security = self._silent_ids = 0

    def peek(self, address: int, length: int) -> bytes:
        """The cells, without a command."""
        return bytes(self._cell(at) for at in range(address, address + length))

    def execute(self, command: Command) -> bytes:
        """Runs one command; returns `read_bytes` bytes, all ones when the chip drives nothing."""
        nothing = b"\xff" * command.read_bytes
        if (command.lines, command.double_rate) != {"spi": (1, False), "opi": (8, False), "dtr": (8, True)}[self.mode]:
            return nothing
        opcode = command.opcode
        if command.lines == 8:
            if opcode >> 8 ^ opcode & 0xFF != 0xFF:
                return nothing
            opcode >>= 8
        reset_enabled, self._reset_enabled = self._reset_enabled, opcode == 0x66
        if opcode == 0x99 and reset_enabled:
            was_busy = self._busy_polls
            self.power_up()
            self._silent_ids = _RESET_SILENCE if was_busy else 0
        elif opcode not in (0x66, 0x99):
            handler = self._handler(opcode, command)
            if handler is None:
                self.wrong.append(command)
                return nothing
            return handler(command).ljust(command.read_bytes, b"\xff")[: command.read_bytes]
        return nothing

    def _handler(self, opcode: int, command: Command) -> Callable[[Command], bytes] | None:
        """None for a command that is unknown, has a wrong shape, or comes while the chip is busy."""
        shape = (command.address_bytes, command.dummy_cycles, bool(command.data), bool(command.read_bytes))
        known: dict[int, tuple[tuple[int, int, bool, bool], Callable[[Command], bytes]]] = {
            0x9F: ((0, 0, False, True), self._id),
            0x05: ((0, 0, False, True), self._status),
            0x2B: ((0, 0, False, True), lambda _: bytes([self._security])),
            0x06: ((0, 0, False, False), self._enable_writing),
            0x0C: ((4, 8, False, True), self._read),
            0x13: ((4, 0, False, True), self._read),
            0x12: ((4, 0, True, False), self._program),
            0x21: ((4, 0, False, False), lambda c: self._erase(c, 4096)),
            0xDC: ((4, 0, False, False), lambda c: self._erase(c, SECTOR_BYTES)),
        }
        wanted, handler = known.get(opcode, (None, self._status))
        if shape != wanted or (self._busy_polls and opcode not in (0x05, 0x2B)):
            return None
        return handler

    def _id(self, _: Command) -> bytes:
        if self._silent_ids:
            self._silent_ids -= 1
            return b""
        if self.garbled_ids:
            self.garbled_ids -= 1
            return bytes([0xC2 ^ self.garbled_ids, 0x81, 0x03])
        return self.jedec_id

    def _status(self, _: Command) -> bytes:
        busy = self._busy_polls > 0
        self._busy_polls -= busy
        if busy and not self._busy_polls:
            self._write_enabled = False
        return bytes([_BUSY * busy | _WRITE_ENABLED * self._write_enabled])

    def _enable_writing(self, _: Command) -> bytes:
        self._write_enabled = not self.write_locked
        return b""

    def _read(self, command: Command) -> bytes:
        assert command.address is not None
        return bytes(self._cell((command.address + i) % self.size) for i in range(command.read_bytes))

    def _erase(self, command: Command, length: int) -> bytes:
        assert command.address is not None
        if self._may_change(command.address, _ERASE_FAILED):
            first = command.address % self.size // length * length
            self.erased.append(first)
            sector = self._sector(first)
            offset = first % SECTOR_BYTES
            sector[offset : offset + length] = b"\xff" * length
            self._busy_polls = _ERASE_POLLS
        return b""

    def _program(self, command: Command) -> bytes:
        assert command.address is not None
        if not self._may_change(command.address, _PROGRAM_FAILED):
            return b""
        if self.lose_power_at_page:
            self.lose_power_at_page -= 1
            if not self.lose_power_at_page:
                self._store(command.address, command.data[: len(command.data) // 2])
                raise PowerLost
        self._store(command.address, command.data[-PAGE_BYTES:])
        self.programmed_pages += 1
        self._busy_polls = _PROGRAM_POLLS
        return b""

    def _may_change(self, address: int, failure: int) -> bool:
        if not self._write_enabled:
            return False
        refused = address % self.size // SECTOR_BYTES * SECTOR_BYTES in self.protected
        self._security = self._security & ~failure | failure * refused
        self._write_enabled = not refused
        return not refused

    def _store(self, address: int, data: bytes) -> None:
        page = address % self.size // PAGE_BYTES * PAGE_BYTES
        sector = self._sector(page)
        for index, value in enumerate(data):
            sector[page % SECTOR_BYTES + (address + index) % PAGE_BYTES] &= value

    def _sector(self, address: int) -> bytearray:
        return self._sectors.setdefault(address // SECTOR_BYTES, bytearray(b"\xff" * SECTOR_BYTES))

    def _cell(self, address: int) -> int:
        if address in self.worn:
            return self.worn[address]
        sector = self._sectors.get(address // SECTOR_BYTES)
        return sector[address % SECTOR_BYTES] if sector else 0xFF
