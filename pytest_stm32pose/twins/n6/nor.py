"""Macronix octal NOR as its data sheet describes it, at the level of one command between chip select low and high.

Sources: Macronix data sheets MX66UW1G45G and MX25UM51245G: commands in SPI and OPI mode, status and security register,
page program wraps inside 256 bytes, programming clears bits, erasing sets them; nor_commands.py for the commands.

Time does not pass here: a busy chip is ready after so many looks at its status, one that was reset while it erased
answers after so many reads. Stricter than silicon: in DTR data that are not taken with the strobe come a clock late,
addresses need DHQC, and dummy cycles that differ between controller and chip shift the data with the strobe too
(whether DQS decides where data start is told in both ways).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_stm32pose.twins.device import PowerLost as PowerLost
from pytest_stm32pose.twins.n6.nor_commands import (
    BY_CODE,
    DTR,
    DUMMY_CYCLES,
    DUMMY_MAX_HZ,
    MODES,
    OPI,
    SHAPES,
    SPI,
    Shape,
    sfdp,
)
from pytest_stm32pose.twins.n6.nor_commands import Command as Command

SECTOR_BYTES = 0x10000
PAGE_BYTES = 256
MX66UW1G45G = (b"\xc2\x81\x3b", 128 << 20)  # STM32N6570-DK
MX25UM51245G = (b"\xc2\x80\x3a", 64 << 20)  # NUCLEO-N657X0-Q
_BUSY, _WRITE_ENABLED = 1, 2
_PROGRAM_FAILED, _ERASE_FAILED = 0x20, 0x40
_PROGRAM_POLLS, _ERASE_POLLS, _CHIP_ERASE_POLLS, _RESET_SILENCE = 2, 6, 12, 3
_LOOKS = (0x05, 0x2B)  # that a busy chip answers
_RESET_ENABLE, _RESET = 0x66, 0x99
_MODE, _STROBE, _DUMMY, _PREAMBLE, _POWER_ON = 0x000, 0x200, 0x300, 0x500, 0x40000000
_CR2 = {_MODE: 0x03, _STROBE: 0x03, _DUMMY: 0x07, _PREAMBLE: 0x01}  # volatile registers and their bits
_NEVER = 1 << 60


@dataclass
class NorChip:
    """`mode` is "spi", "opi" or "dtr". Sectors that nobody wrote are not stored.

    `wrong` collects commands that this chip does not have or would misunderstand; a correct driver leaves it empty.

    Attributes:
        memory_type: what the controller's DCR1 must say so that the bytes of a double-rate pair come in order.
        generation: counts changes of the cells.
    """

    jedec_id: bytes = MX66UW1G45G[0]
    size: int = MX66UW1G45G[1]
    mode: str = SPI
    protected: set[int] = field(default_factory=set)  #: first addresses of sectors that refuse changes
    worn: dict[int, int] = field(default_factory=dict)  #: address -> value that the cell always has
    write_locked: bool = False  #: write enable has no effect, as with the write-protect pin
    lose_power_at_page: int = 0  #: power goes away in the middle of the n-th page program from now; 0: never
    garbled_ids: int = 0  #: after a reset, so many reads of the id give something else
    silent: bool = False  #: hears and says nothing
    stuck_busy: bool = False  #: what is begun never ends
    line_4_broken: bool = False  #: IO4 carries nothing back: octal reads have bit 4 clear
    falling_edge_lost: bool = False  #: double-rate reads give the first byte of a pair twice
    notice: Callable[[str], None] = lambda text: None  #: told of each entry of `wrong`, in words
    wrong: list[Command] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    programmed_pages: int = 0
    memory_type: int = 1
    generation: int = 0
    _sectors: dict[int, bytearray] = field(default_factory=dict)
    _registers: dict[int, int] = field(default_factory=dict)  # CR2, without the mode
    _configuration: int = 0
    _write_enabled: bool = False
    _reset_enabled: bool = False
    _busy_polls: int = 0
    _silent_ids: int = 0
    _security: int = 0

    def power_up(self) -> None:
        """Volatile state as after power on; the cells keep theirs."""
        self.mode, self._write_enabled, self._reset_enabled = SPI, False, False
        self._registers = {}
        self._busy_polls = self._security = self._silent_ids = self._configuration = 0

    def peek(self, address: int, length: int) -> bytes:
        """The cells, without a command."""
        found = bytearray()
        while len(found) < length:
            at = (address + len(found)) % self.size
            part = min(length - len(found), SECTOR_BYTES - at % SECTOR_BYTES)
            sector = self._sectors.get(at // SECTOR_BYTES)
            found += sector[at % SECTOR_BYTES : at % SECTOR_BYTES + part] if sector else b"\xff" * part
        for at, value in self.worn.items():
            if address <= at < address + length:
                found[at - address] = value
        return bytes(found)

    # --- the wires ---

    def drives_strobe(self, command: Command) -> bool:
        """Whether DQS moves with the data that this command reads."""
        if not self._hears(command) or self._silent_ids or not command.read_bytes:
            return False
        return self.mode == DTR or (self.mode == OPI and bool(self._registers.get(_STROBE, 0) & 2))

    def shows_cells(self, command: Command) -> bool:
        """Whether a read of the array by this command gives what the cells hold, each byte in its place."""
        opcode = self._opcode(command)
        if not self._hears(command) or opcode not in (0x03, 0x0B, 0x13, 0x0C, 0xEC, 0xEE) or self._silent_ids:
            return False
        shape = SHAPES[opcode]
        is_broken = (self.mode != SPI and self.line_4_broken) or (self.mode == DTR and self.falling_edge_lost)
        return self._fits(shape, command) and not self._busy_polls and not is_broken and not self._lag(shape, command)

    def execute(self, command: Command) -> bytes:
        """Runs one command; returns `read_bytes` bytes, all ones when the chip drives nothing."""
        nothing = b"\xff" * command.read_bytes
        if not self._hears(command):
            return nothing
        opcode = self._opcode(command)
        reset_enabled, self._reset_enabled = self._reset_enabled, opcode == _RESET_ENABLE
        if opcode == _RESET and reset_enabled:
            was_busy = self._busy_polls
            self.power_up()
            self._silent_ids = _RESET_SILENCE if was_busy else 0
        elif opcode not in (_RESET_ENABLE, _RESET):
            shape = SHAPES.get(opcode)
            if problem := self._problem(opcode, shape, command):
                self.wrong.append(command)
                self.notice(f"NOR: command 0x{command.opcode:x} {problem}")
                return nothing
            assert shape is not None
            if shape.reads:
                return self._on_the_wires(shape, command, self._answer(opcode, command))
            self._act(opcode, command)
        return nothing

    def _hears(self, command: Command) -> bool:
        if self.silent:
            return False
        if (command.lines, command.double_rate) != {SPI: (1, False), OPI: (8, False), DTR: (8, True)}[self.mode]:
            return False
        if command.opcode_bytes not in (0, 1 if command.lines == 1 else 2):
            return False
        return command.lines == 1 or (command.opcode >> 8 ^ command.opcode & 0xFF) == 0xFF

    def _opcode(self, command: Command) -> int:
        return command.opcode >> 8 if command.lines == 8 else command.opcode

    def _problem(self, opcode: int, shape: Shape | None, command: Command) -> str:
        """Why the chip does not understand; "" when it does."""
        if shape is None or self.mode not in shape.modes:
            return f"is not one of its commands in mode {self.mode}"
        if not self._fits(shape, command):
            return f"has not the shape that it has in mode {self.mode}"
        if self._busy_polls and opcode not in _LOOKS:
            return "comes while it is busy"
        if opcode == 0x72 and command.address == _POWER_ON:
            return "would change the mode after power on, which stays for ever"
        if self.mode == DTR and shape.octal_address and (command.address or 0) & 1 and opcode in (0x12, 0xEE):
            return "has an odd address"
        if self.mode == DTR and len(command.data) & 1:
            return "carries an odd number of bytes"
        return ""

    def _fits(self, shape: Shape, command: Command) -> bool:
        octal = self.mode != SPI
        address_bytes = shape.octal_address if octal else shape.spi_address
        if address_bytes is None or command.address_bytes != address_bytes:
            return False
        if (bool(command.data), bool(command.read_bytes)) != (shape.writes, shape.reads):
            return False
        lines, double = (8 if octal else 1), self.mode == DTR
        has_data = bool(command.data or command.read_bytes)
        if address_bytes and ((command.address_lines or lines) != lines or command.is_address_double != double):
            return False
        if has_data and (command.data_lines or lines) != lines:
            return False
        if has_data and command.is_data_double != double and not (double and command.read_bytes):
            return False
        if double and address_bytes and not command.held:
            return False
        return command.dummy_cycles == shape.spi_dummies if not octal else shape.reads or not command.dummy_cycles

    def _lag(self, shape: Shape, command: Command) -> int:
        """Clocks by which the chip's data come later than the controller looks; negative: earlier."""
        if self.mode == SPI:
            return 0
        code = self._registers.get(_DUMMY, 0)
        own = DUMMY_CYCLES[code] if shape.octal_dummies == BY_CODE else shape.octal_dummies
        is_too_fast = shape.octal_dummies == BY_CODE and command.hz > DUMMY_MAX_HZ[code]
        has_no_strobe = self.mode == DTR and command.strobe is False
        return own + is_too_fast + has_no_strobe - command.dummy_cycles

    def _on_the_wires(self, shape: Shape, command: Command, answer: Callable[[int], bytes]) -> bytes:
        """`answer` of the chip as the controller takes it. A register's bytes come again and again."""
        if self._silent_ids:
            self._silent_ids -= 1
            return b"\xff" * command.read_bytes
        per_clock = 2 if self.mode == DTR else 1
        shift = self._lag(shape, command) * per_clock
        every = 2 if self.mode == DTR and not command.is_data_double else 1
        wanted = command.read_bytes * every
        taken = b"\xff" * min(shift, wanted) + answer(wanted + abs(shift))[max(0, -shift) :]
        taken = taken[:wanted:every]
        if self.mode != SPI and self.line_4_broken:
            taken = bytes(value & ~0x10 for value in taken)
        if self.mode == DTR and self.falling_edge_lost and command.is_data_double:
            taken = bytes(taken[at & ~1] for at in range(len(taken)))
        return taken

    # --- what it says ---

    def _answer(self, opcode: int, command: Command) -> Callable[[int], bytes]:
        """Gives the first n bytes."""
        if opcode == 0x9F:
            identity = self._id()
            if self.mode == DTR:
                identity = bytes(value for value in identity for _ in range(2))
            return lambda count: identity.ljust(count, b"\xff")[:count]
        if opcode == 0x5A:
            table, start = sfdp(self.size), command.address or 0
            return lambda count: table[start : start + count].ljust(count, b"\xff")
        registers: dict[int, Callable[[], int]] = {
            0x05: self._status,
            0x15: lambda: self._configuration,
            0x2B: lambda: self._security,
            0x71: lambda: self._register2(command.address or 0),
        }
        if opcode in registers:
            value = registers[opcode]()
            return lambda count: bytes([value]) * count
        return lambda count: self.peek(command.address or 0, count)

    def _id(self) -> bytes:
        if self.garbled_ids:
            self.garbled_ids -= 1
            return bytes([0xC2 ^ self.garbled_ids, 0x81, 0x03])
        return self.jedec_id

    def _status(self) -> int:
        busy = self._busy_polls > 0
        if not self.stuck_busy:
            self._busy_polls -= busy
        if busy and not self._busy_polls:
            self._write_enabled = False
        return _BUSY * busy | _WRITE_ENABLED * self._write_enabled

    def _register2(self, address: int) -> int:
        return MODES.index(self.mode) if address == _MODE else self._registers.get(address, 0)

    # --- what it does ---

    def _act(self, opcode: int, command: Command) -> None:
        if opcode == 0x06:
            self._write_enabled = not self.write_locked
        elif opcode == 0x04:
            self._write_enabled = False
        elif opcode == 0x72:
            self._write_register2(command)
        elif opcode == 0x01:
            self._write_configuration(command)
        elif opcode in (0x02, 0x12):
            self._program(command)
        elif opcode == 0x60:
            self._erase(0, self.size, _CHIP_ERASE_POLLS)
        else:
            self._erase(command.address or 0, 4096 if opcode in (0x20, 0x21) else SECTOR_BYTES, _ERASE_POLLS)

    def _write_register2(self, command: Command) -> None:
        if not self._write_enabled:
            return
        self._write_enabled = False
        address, value = command.address or 0, command.data[0]
        if address not in _CR2 or value & ~_CR2[address] or (address == _MODE and value >= len(MODES)):
            self.wrong.append(command)
            self.notice(f"NOR: configuration 2 has no value 0x{value:x} at 0x{address:x}")
        elif address == _MODE:
            self.mode = MODES[value]
        else:
            self._registers[address] = value

    def _write_configuration(self, command: Command) -> None:
        """SPI: status, then configuration; octal: one of them, by address. Only configuration is kept."""
        if self._write_enabled:
            self._write_enabled = False
            self._busy_polls = _PROGRAM_POLLS
            if self.mode == SPI and len(command.data) > 1:
                self._configuration = command.data[1] & 0x1F
            elif self.mode != SPI and command.address == 1:
                self._configuration = command.data[0] & 0x1F

    def _erase(self, address: int, length: int, polls: int) -> None:
        if not self._may_change(address, _ERASE_FAILED):
            return
        first = address % self.size // length * length
        self.erased.append(first)
        if length < SECTOR_BYTES:
            offset = first % SECTOR_BYTES
            self._sector(first)[offset : offset + length] = b"\xff" * length
        else:
            numbers = range(first // SECTOR_BYTES, (first + length) // SECTOR_BYTES)
            for number in [each for each in self._sectors if each in numbers]:
                del self._sectors[number]
        self.generation += 1
        self._busy_polls = polls

    def _program(self, command: Command) -> None:
        address = command.address or 0
        if not self._may_change(address, _PROGRAM_FAILED):
            return
        if self.lose_power_at_page:
            self.lose_power_at_page -= 1
            if not self.lose_power_at_page:
                self._store(address, command.data[: len(command.data) // 2])
                raise PowerLost
        if len(command.data) > PAGE_BYTES:  # the last ones stay
            address += len(command.data) - PAGE_BYTES
        self._store(address, command.data[-PAGE_BYTES:])
        self.programmed_pages += 1
        self._busy_polls = _PROGRAM_POLLS

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
        self.generation += 1
        for index, value in enumerate(data):
            sector[page % SECTOR_BYTES + (address + index) % PAGE_BYTES] &= value

    def _sector(self, address: int) -> bytearray:
        return self._sectors.setdefault(address // SECTOR_BYTES, bytearray(b"\xff" * SECTOR_BYTES))
