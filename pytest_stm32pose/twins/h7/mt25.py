"""Two dies of Micron's serial NOR (MT25TL01G), wired as one: even bytes are in the first, odd ones in the second.

Sources: Micron's MT25Q data sheets: commands, status and flag status, volatile configuration, dummy cycles, programming
clears bits inside a page of 256 bytes. One die at the level of commands between chip select low and high. Stricter
than the part: a command that it does not have, or in another shape, goes to `wrong`. Left out: non-volatile
configuration (writing it goes to `wrong`), protection, suspend, one-time programmable bytes, SFDP, XIP, DTR commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.twins.stm32.board import Supply

DIE_BYTES, PAGE_BYTES = 64 << 20, 256
ID = b"\x20\xba\x20"
_BUSY, _ENABLED = 1, 2
_READY, _ERASE_FAILED, _PROGRAM_FAILED, _PROTECTED, _FOUR_BYTE = 0x80, 0x20, 0x10, 2, 1
_PROGRAM_LOOKS, _ERASE_LOOKS = 2, 6
_VCR, _EVCR = 0xFB, 0xFF
#: Opcode -> lines of address and of data, bytes of the address (0: as the mode says), dummies by default.
READS = {
    0x03: (1, 1, 0, 0), 0x13: (1, 1, 4, 0), 0x0B: (1, 1, 0, 8), 0x0C: (1, 1, 4, 8), 0x6B: (1, 4, 0, 8),
    0x6C: (1, 4, 4, 8), 0xEB: (4, 4, 0, 10), 0xEC: (4, 4, 4, 10),
}  # fmt: skip
PROGRAMS = {
    0x02: (1, 1, 0), 0x12: (1, 1, 4), 0x32: (1, 4, 0), 0x34: (1, 4, 4), 0x38: (4, 4, 0), 0x3E: (4, 4, 4),
}  # fmt: skip
ERASES = {0x20: (4 << 10, 0), 0x21: (4 << 10, 4), 0x52: (32 << 10, 0), 0x5C: (32 << 10, 4), 0xD8: (64 << 10, 0),
          0xDC: (64 << 10, 4)}  # fmt: skip
_SIMPLE = (0x06, 0x04, 0x66, 0x99, 0xB7, 0xE9, 0x35, 0xF5, 0x50)


@dataclass(frozen=True)
class Command:
    """What the wires of one die carried: how many lines of instruction, address and data; 0: that phase is absent."""

    opcode: int
    lines: tuple[int, int, int] = (1, 0, 0)
    address: int = 0
    address_bytes: int = 0
    dummies: int = 0
    data: bytes = b""
    read_bytes: int = 0
    double_rate: bool = False


class Die:
    """`cells` are its bytes, a view with a step where the other die's lie between them.

    Attributes:
        mode: "spi" or "qpi".
        silent, jedec: planted faults.
    """

    def __init__(self, cells: memoryview, blame: Callable[[str], None], supply: Supply) -> None:
        self._cells, self._blame, self._supply = cells, blame, supply
        self.silent = False
        self.jedec = ID
        self.power_up()

    def power_up(self) -> None:
        self.mode = "spi"
        self._start_over()

    def _start_over(self) -> None:
        self.four_byte = False
        self._vcr, self._evcr = _VCR, _EVCR
        self._enabled = self._reset_enabled = False
        self._busy = self._failed = 0

    def execute(self, command: Command) -> bytes:
        """Returns `read_bytes` bytes, all ones when the die drives nothing."""
        nothing = b"\xff" * command.read_bytes
        if self.silent or command.lines[0] != {"spi": 1, "qpi": 4}[self.mode]:
            return nothing
        armed, self._reset_enabled = self._reset_enabled, command.opcode == 0x66
        if command.opcode == 0x99 and armed:
            self.power_up()
            return nothing
        if command.double_rate:
            self._complain(command, "in double rate")
            return nothing
        if self._busy and command.opcode not in (0x05, 0x70, 0x66, 0x99):
            self._complain(command, "while it is busy")
            return nothing
        found = self._register(command) or self._array(command)
        if found is None:
            self._complain(command, "in that shape")
            return nothing
        return found().ljust(command.read_bytes, b"\xff")[: command.read_bytes]

    def _complain(self, command: Command, why: str) -> None:
        lines = "-".join(map(str, command.lines))
        self._blame(
            f"NOR: command 0x{command.opcode:02x} {why}: {lines}, {command.address_bytes} bytes of address, "
            f"{command.dummies} dummies, {self.mode}"
        )

    # --- commands without an address ---

    def _register(self, command: Command) -> Callable[[], bytes] | None:
        if command.lines[1] or command.dummies:
            return None
        width = {"spi": 1, "qpi": 4}[self.mode]
        if command.opcode in _SIMPLE and not command.lines[2]:
            return lambda: self._simple(command.opcode)
        reads: dict[int, Callable[[int], bytes]] = {
            0x05: lambda count: bytes([self._status()]) * count,
            0x70: lambda count: bytes([self._flag_status()]) * count,
            0x85: lambda count: bytes([self._vcr]) * count,
            0x65: lambda count: bytes([self._evcr]) * count,
            0xAF: lambda _: self.jedec,
        }
        if self.mode == "spi":
            reads[0x9F] = reads[0xAF]
        if command.opcode in reads and command.read_bytes and command.lines[2] == width:
            return lambda: reads[command.opcode](command.read_bytes)
        if command.opcode in (0x81, 0x61) and len(command.data) == 1 and command.lines[2] == width:
            return lambda: self._configure(command.opcode, command.data[0])
        if command.opcode in (0xC7, 0x60) and not command.lines[2]:
            return lambda: self._erase(0, DIE_BYTES)
        return None

    def _simple(self, opcode: int) -> bytes:
        if opcode in (0xB7, 0xE9) and not self._enabled:
            self._blame("NOR: address mode without write enable")
        elif opcode in (0xB7, 0xE9):
            self.four_byte, self._enabled = opcode == 0xB7, False
        elif opcode in (0x06, 0x04):
            self._enabled = opcode == 0x06
        elif opcode in (0x35, 0xF5):
            self.mode = "qpi" if opcode == 0x35 else "spi"
        elif opcode == 0x50:
            self._failed = 0
        return b""

    def _status(self) -> int:
        busy = self._look()
        return _BUSY * busy | _ENABLED * self._enabled

    def _flag_status(self) -> int:
        return _READY * (not self._look()) | self._failed | _FOUR_BYTE * self.four_byte

    def _look(self) -> bool:
        busy = self._busy > 0
        self._busy -= busy
        self._enabled &= not busy or self._busy > 0  # the latch goes with the end of the operation
        return busy

    def _configure(self, opcode: int, value: int) -> bytes:
        if not self._enabled:
            self._blame(f"NOR: configuration 0x{opcode:02x} without write enable")
        elif opcode == 0x81:
            self._vcr = value
        else:
            self._evcr = value
            self.mode = "spi" if value & 0x80 else "qpi"
        self._enabled = False
        return b""

    # --- the array ---

    def dummies(self, opcode: int) -> int:
        """Cycles that a read takes now."""
        default = READS[opcode][3]
        if not default:
            return 0
        chosen = self._vcr >> 4
        return chosen if chosen not in (0, 15) else 10 if self.mode == "qpi" else default

    def reads_as(self, command: Command) -> bool:
        """Whether it is a read that this die understands now."""
        if command.opcode not in READS:
            return False
        address, data, width, _ = READS[command.opcode]
        if self.mode == "qpi":
            if command.opcode not in (0x0B, 0x0C, 0xEB, 0xEC):
                return False
            address = data = 4
        return (command.lines[1:], command.address_bytes, command.dummies) == (
            (address, data), width or self._address_bytes, self.dummies(command.opcode),
        )  # fmt: skip

    @property
    def _address_bytes(self) -> int:
        return 4 if self.four_byte else 3

    def ready_to_map(self, command: Command) -> bool:
        """Whether a mapped window shows the cells."""
        wide = {"spi": 1, "qpi": 4}[self.mode]
        if self.silent or self._busy or command.double_rate:
            return False
        return command.lines[0] == wide and self.reads_as(command)

    def _array(self, command: Command) -> Callable[[], bytes] | None:
        opcode, width = command.opcode, self._address_bytes
        at = command.address % DIE_BYTES
        if opcode in READS and command.read_bytes and self.reads_as(command):
            return lambda: self._read(at, command.read_bytes)
        if opcode in PROGRAMS and command.data and not command.dummies:
            address, data, fixed = PROGRAMS[opcode]
            lines = (4, 4) if self.mode == "qpi" else (address, data)
            if (command.lines[1:], command.address_bytes) == (lines, fixed or width):
                return lambda: self._program(at, command.data)
        if opcode in ERASES and not command.dummies:
            length, fixed = ERASES[opcode]
            lines = (4 if self.mode == "qpi" else 1, 0)
            if (command.lines[1:], command.address_bytes) == (lines, fixed or width):
                return lambda: self._erase(at // length * length, length)
        return None

    def _read(self, at: int, count: int) -> bytes:
        first = bytes(self._cells[at : at + count])
        return first + bytes(self._cells[: count - len(first)])

    def _program(self, at: int, data: bytes) -> bytes:
        if self._may_change("programmed"):
            page, cells = at // PAGE_BYTES * PAGE_BYTES, self._cells
            latch = {page + (at + index) % PAGE_BYTES: value for index, value in enumerate(data)}

            def apply(count: int) -> None:
                for place in list(latch)[:count]:
                    cells[place] &= latch[place]

            self._supply.change(apply, len(latch))
            self._busy = _PROGRAM_LOOKS
        return b""

    def _erase(self, first: int, length: int) -> bytes:
        if self._may_change("erased"):
            cells: Any = self._cells

            def apply(count: int) -> None:
                for at in range(first, first + count, 4096):
                    block = slice(at, at + min(4096, first + count - at))
                    ones = b"\xff" * (block.stop - block.start)
                    if bytes(cells[block]) != ones:
                        cells[block] = ones

            self._supply.change(apply, length)
            self._busy = _ERASE_LOOKS
        return b""

    def _may_change(self, what: str) -> bool:
        if not self._enabled:
            self._blame(f"NOR: it is {what} without write enable")
        return self._enabled
