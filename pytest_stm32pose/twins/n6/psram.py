"""The APS256XX PSRAM of the STM32N6570-DK: 32 MB on 16 lines, at the level of one command.

Sources: ST's component driver aps256xx.h (commands, phases, mode registers, ids) and DK board support (values, dummy
cycles); AP Memory's data sheet is not among them: what the mode registers hold after power on is chosen so that nobody
can rely on it. Read latency with fixed latency: ST ships both one and two latencies (N6, H7RS), so both do.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_stm32pose.twins.n6.nor_commands import Command

BYTES = 32 << 20
ROW_BYTES_LOG2 = 11  # x16: a burst that reaches a row's end wraps
_READS, _WRITES = (0x20, 0x00), (0xA0, 0x80)
_READ_REGISTER, _WRITE_REGISTER, _RESET = 0x40, 0xC0, 0xFF
_WRITABLE = (0, 4, 8)
_AFTER_POWER_ON = {0: 0x08, 1: 0x8D, 2: 0xCF, 4: 0x40, 8: 0x00}
_WRITE_LATENCIES = {0: 3, 4: 4, 2: 5, 6: 6, 1: 7}
_FIXED, _X16 = 1 << 5, 1 << 6
_BYTES_PER_CLOCK = 4
_LOST = 0x5A


def _sparse(size: int) -> ctypes.Array[ctypes.c_ubyte]:
    """Zeros that take up memory only where somebody has written."""
    return (ctypes.c_ubyte * size).from_buffer(mmap.mmap(-1, size))


@dataclass
class Psram:
    """`cells` is what the window shows, and stays the same object."""

    silent: bool = False
    notice: Callable[[str], None] = lambda text: None
    size: int = BYTES
    memory_type: int = 6
    generation: int = 0
    registers: dict[int, int] = field(default_factory=lambda: dict(_AFTER_POWER_ON))
    cells: ctypes.Array[ctypes.c_ubyte] = field(default_factory=lambda: _sparse(BYTES))
    is_used: bool = False

    def power_up(self) -> None:
        self.registers = dict(_AFTER_POWER_ON)
        if self.is_used:  # untouched pages cost nothing
            ctypes.memset(self.cells, _LOST, self.size)
            self.is_used = False

    def drives_strobe(self, command: Command) -> bool:
        return not self.silent and bool(command.read_bytes) and self._hears(command)

    def shows_cells(self, command: Command) -> bool:
        """Whether this read of the array gives, or this write leaves, each byte in its place."""
        is_read = command.opcode in _READS
        if self.silent or not self._hears(command) or not (is_read or command.opcode in _WRITES):
            return False
        return self._is_wide(command) and not self._lag(command, is_read)

    def execute(self, command: Command) -> bytes:
        nothing = b"\xff" * command.read_bytes
        if self.silent or not self._hears(command):
            return nothing
        opcode, address = command.opcode, command.address or 0
        if opcode == _RESET:
            self.registers = dict(_AFTER_POWER_ON)
        elif opcode == _WRITE_REGISTER:
            self._write_register(command, address)
        elif opcode == _READ_REGISTER:
            return self._read_register(command, address)
        elif opcode in _READS and self._is_wide(command):
            return self._read(command, address)
        elif opcode in _WRITES and self._is_wide(command):
            self._write(command, address)
        elif opcode not in (*_READS, *_WRITES):
            self.notice(f"PSRAM: command 0x{opcode:x} is not one of its commands")
        return nothing

    def _hears(self, command: Command) -> bool:
        """Opcode on 8 lines and one edge, address on 8 lines and both."""
        if (command.lines, command.double_rate) != (8, False):
            return False
        if command.address is None or command.opcode_bytes not in (0, 1):
            return False
        if command.opcode == _RESET:
            return command.address_bytes == 3
        return (command.address_bytes, command.address_lines, command.is_address_double) == (4, 8, True)

    def _is_wide(self, command: Command) -> bool:
        """Both have 16 lines, both edges, strobe; else half of the data are nobody's."""
        wide = command.data_lines == 16 and command.is_data_double and command.strobe is not False
        return wide and bool(self.registers[8] & _X16)

    def _lag(self, command: Command, is_read: bool) -> int:
        """Clocks by which the chip is later than the controller."""
        if not is_read:
            return _WRITE_LATENCIES.get(self.registers[4] >> 5 & 7, 3) - 1 - command.dummy_cycles
        latency = (self.registers[0] >> 2 & 7) + 3
        fixed = bool(self.registers[0] & _FIXED)
        if not fixed:
            return latency + 1 - command.dummy_cycles  # a refresh comes in between whenever it does harm
        return 0 if command.dummy_cycles in (latency - 1, 2 * latency - 1) else latency - 1 - command.dummy_cycles

    def _write_register(self, command: Command, address: int) -> None:
        """The second byte belongs to the next register, which is none that can be written."""
        if command.data_lines != 8 or len(command.data) != 2 or command.dummy_cycles:
            self.notice("PSRAM: a mode register takes two bytes on 8 lines without a dummy cycle")
        elif address not in _WRITABLE:
            self.notice(f"PSRAM: mode register {address} cannot be written")
        else:
            self.registers[address] = command.data[0]

    def _read_register(self, command: Command, address: int) -> bytes:
        if command.data_lines != 8 or not command.is_data_double:
            return b"\xff" * command.read_bytes
        both = bytes([self.registers.get(address, 0), self.registers.get(address + 1, 0)])
        stream = both * (command.read_bytes // 2 + 1)
        lag = 0 if command.address is None else self._lag(command, True)
        early = b"\xff" * min(2 * max(0, lag), command.read_bytes)
        return (early + stream)[: command.read_bytes]

    def _read(self, command: Command, address: int) -> bytes:
        shift = self._lag(command, True) * _BYTES_PER_CLOCK
        count = command.read_bytes + abs(shift)
        stream = bytes(self.cells[(address + at) % self.size] for at in range(count))
        return (b"\xff" * max(0, shift) + stream[max(0, -shift) :])[: command.read_bytes]

    def _write(self, command: Command, address: int) -> None:
        shift = self._lag(command, False) * _BYTES_PER_CLOCK
        data = command.data[shift:] if shift > 0 else b"\xff" * -shift + command.data
        self.is_used = True
        for index, value in enumerate(data[: len(command.data)]):
            self.cells[(address + index) % self.size] = value
