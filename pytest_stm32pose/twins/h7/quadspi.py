"""The QUADSPI controller of the STM32H747 with its two dies: indirect transfers, status polling, the mapped window.

Sources: RM0399, chapter QUADSPI (dual-flash mode: half of the address to each die, even addresses and lengths only).
Stricter than silicon: in memory-mapped mode the controller is always busy, as if a read had just been made, so that
the mode is left by ABORT only. Left out: DMA, timeout counter, alternate bytes, send-instruction-only-once, the FIFO's
speed (a byte that is written has left at once; a read is complete at once).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_stm32pose.twins.device import Fault, Region
from pytest_stm32pose.twins.h7.mt25 import DIE_BYTES, READS, Command, Die
from pytest_stm32pose.twins.stm32.board import Memory, Supply
from pytest_stm32pose.twins.stm32.registers import Registers
from pytest_stm32pose.twins.stm32.storage import erased, view

START, BYTES = 0x90000000, 2 * DIE_BYTES
#: (port, pin, alternate function) of clock and chip select, and of each die's IO0 to IO3.
SHARED_PINS = (("B", 2, 9), ("G", 6, 10))
DIE_PINS = (
    (("D", 11, 9), ("F", 9, 10), ("F", 7, 9), ("F", 6, 9)),
    (("H", 2, 9), ("H", 3, 9), ("G", 9, 9), ("G", 14, 9)),
)
_CR, _DCR, _SR, _FCR, _DLR, _CCR, _AR, _DR, _PSMKR, _PSMAR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x20, 0x24, 0x28
_EN, _ABORT, _DUAL, _SECOND, _STOP_ON_MATCH, _ANY = 1, 2, 1 << 6, 1 << 7, 1 << 22, 1 << 23
_ERROR, _COMPLETE, _FIFO, _MATCH, _BUSY = 1, 2, 4, 8, 1 << 5
_WRITE, _READ, _POLL, _MAPPED = range(4)
_FIFO_BYTES = 32
_FIXED_WHILE_BUSY = 0xFF0000D0  # PRESCALER, FSEL, DFM, SSHIFT
_LINES = (0, 1, 2, 4)
_MOST_HZ, _MOST_HZ_WITHOUT_DUMMIES = 108e6, 66e6


class Quadspi(Registers):
    """`kernel` gives its clock in Hz; `wired(pins)` whether these pins are on their functions.

    Attributes:
        cells: both dies, as the window shows them.
        dies: the first has the even bytes.
    """

    def __init__(
        self,
        blame: Callable[[str], None],
        touch: Callable[[], None],
        kernel: Callable[[], float],
        wired: Callable[[tuple[tuple[str, int, int], ...]], bool],
        supply: Supply,
    ) -> None:
        self._blame, self._touch, self._kernel, self._wired = blame, touch, kernel, wired
        self.cells = erased(BYTES)
        self._bytes = view(self.cells)
        self.dies = tuple(Die(self._bytes[half::2], blame, supply) for half in (0, 1))
        super().__init__()

    def reset(self) -> None:
        """The controller's; the dies have no reset line."""
        super().reset()
        self._flags = 0
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._expected = 0  # bytes that a write still waits for
        self._polling = False
        self._touch()

    def memory(self) -> Memory:
        region = Region("qspi", START, BYTES, self.cells, writable=False)
        return Memory(region, on=lambda: self.mode == _MAPPED, direct=self._shows_the_cells, load=self._load)

    @property
    def mode(self) -> int | None:
        """FMODE; None while the controller is off."""
        return self.field(_CCR, 26, 3) if self.values.get(_CR, 0) & _EN else None

    # --- registers ---

    def read(self, offset: int, size: int) -> int:
        if offset == _SR:
            return self._status()
        if offset == _DR:
            if len(self._incoming) < size:
                self._blame(f"QUADSPI: {size} bytes are read of {len(self._incoming)} in the FIFO")
            taken = bytes(self._incoming[:size])
            del self._incoming[:size]
            return int.from_bytes(taken, "little")
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == _CR:
            self._control(value)
        elif offset == _FCR:
            self._flags &= ~value
        elif offset == _DR:
            self._push(value.to_bytes(size, "little"))
        elif self._busy():
            self._blame(f"QUADSPI: register 0x{offset:02x} is written while the controller is busy")
        else:
            self._set(offset, value, size)

    def _set(self, offset: int, value: int, size: int) -> None:
        dual = bool(self.values.get(_CR, 0) & _DUAL)
        if dual and offset == _DLR and not value & 1:
            self._blame(f"QUADSPI: an odd number of bytes ({value + 1}) with two dies")
            value |= 1
        if dual and offset == _AR and value & 1:
            self._blame(f"QUADSPI: the odd address 0x{value:x} with two dies")
            value &= ~1
        super().write(offset, value, size)
        if offset == _CCR:
            self._touch()
        if offset == _AR or (offset == _CCR and not self.field(_CCR, 10, 3)):
            self._start()

    def _control(self, value: int) -> None:
        before = self.values.get(_CR, 0)
        if self._busy() and (value ^ before) & _FIXED_WHILE_BUSY and value & _EN and not value & _ABORT:
            self._blame("QUADSPI: prescaler, shift or flash selection is changed while the controller is busy")
            value = value & ~_FIXED_WHILE_BUSY | before & _FIXED_WHILE_BUSY
        if value & _ABORT or not value & _EN:
            if self._busy():
                self._flags |= _COMPLETE if value & _ABORT else 0
            self._end()
        self.values[_CR] = value & ~_ABORT
        self._touch()

    def _end(self) -> None:
        self._incoming.clear()
        self._outgoing.clear()
        self._expected, self._polling = 0, False
        if self.field(_CCR, 26, 3) == _MAPPED:
            self.values[_CCR] &= ~(3 << 26)

    def _busy(self) -> bool:
        return bool(self._incoming or self._expected or self._polling or self.mode == _MAPPED)

    def _status(self) -> int:
        if self._polling:
            self._poll()
        level = min(len(self._incoming), _FIFO_BYTES)
        threshold = self.field(_CR, 8, 0x1F) + 1
        if self._expected:
            ready = threshold <= _FIFO_BYTES
        else:
            ready = level >= threshold or bool(level and self._flags & _COMPLETE)
        return self._flags | _FIFO * ready | _BUSY * self._busy() | level << 8

    # --- transfers ---

    def _start(self) -> None:
        if self.mode is None:
            self._blame("QUADSPI: a command while the controller is off")
            return
        self._check_speed()
        size = 2 << self.field(_DCR, 16, 0x1F)
        if self.field(_CCR, 10, 3) and self.mode != _MAPPED and self.values.get(_AR, 0) >= size:
            self._blame(f"QUADSPI: address 0x{self.values[_AR]:x} beyond the size that DCR gives")
            self._flags |= _ERROR
            return
        length = self.values.get(_DLR, 0) + 1 if self.field(_CCR, 24, 3) else 0
        if self.mode == _READ:
            self._incoming += self._send(read_bytes=length)
            self._flags |= _COMPLETE
        elif self.mode == _POLL:
            self._polling = True
        elif self.mode == _WRITE and length:
            self._expected = length
        elif self.mode == _WRITE:
            self._send()
            self._flags |= _COMPLETE

    def _push(self, data: bytes) -> None:
        if len(data) > self._expected:
            self._blame(f"QUADSPI: {len(data)} bytes are written where {self._expected} are expected")
            data = data[: self._expected]
        self._outgoing += data
        self._expected -= len(data)
        if self._outgoing and not self._expected:
            sent = bytes(self._outgoing)
            self._outgoing.clear()
            self._send(data=sent)
            self._flags |= _COMPLETE

    def _poll(self) -> None:
        length = min(self.values.get(_DLR, 0) + 1, 4)
        found = int.from_bytes(self._send(read_bytes=length), "little")
        mask, wanted = self.values.get(_PSMKR, 0), self.values.get(_PSMAR, 0)
        control = self.values.get(_CR, 0)
        same = ~(found ^ wanted) & mask
        if (same if control & _ANY else same == mask) and mask:
            self._flags |= _MATCH
            self._polling = not control & _STOP_ON_MATCH

    def _check_speed(self) -> None:
        hertz = self._kernel() / (self.field(_CR, 24, 0xFF) + 1)
        opcode = self.field(_CCR, 0, 0xFF)
        plain = opcode in READS and not self.field(_CCR, 18, 0x1F)
        most = _MOST_HZ_WITHOUT_DUMMIES if plain else _MOST_HZ
        if hertz > most:
            self._blame(f"QUADSPI: command 0x{opcode:02x} at {hertz / 1e6:g} MHz, at most {most / 1e6:g}")

    def _command(self, data: bytes = b"", read_bytes: int = 0) -> Command:
        """As CCR describes it; address and data are those of one die."""
        lines = tuple(_LINES[self.field(_CCR, shift, 3)] for shift in (8, 10, 24))
        addressed = bool(lines[1])
        return Command(
            opcode=self.field(_CCR, 0, 0xFF),
            lines=(lines[0], lines[1], lines[2]),
            address=self.values.get(_AR, 0) if addressed else 0,
            address_bytes=self.field(_CCR, 12, 3) + 1 if addressed else 0,
            dummies=self.field(_CCR, 18, 0x1F),
            data=data,
            read_bytes=read_bytes,
            double_rate=bool(self.field(_CCR, 31, 1)),
        )

    def _send(self, data: bytes = b"", read_bytes: int = 0) -> bytes:
        """To one die, or every other byte to each."""
        command = self._command(data, read_bytes)
        if not self.values[_CR] & _DUAL:
            return self._one(1 if self.values[_CR] & _SECOND else 0, command)
        answer = bytearray(b"\xff" * read_bytes)
        for half in (0, 1):
            answer[half::2] = self._one(half, _half(command, half))
        return bytes(answer)

    def _one(self, number: int, command: Command) -> bytes:
        if not self._wired(SHARED_PINS + DIE_PINS[number]):
            return b"\xff" * command.read_bytes
        return self.dies[number].execute(command)

    # --- the window ---

    def _shows_the_cells(self) -> bool:
        pins = SHARED_PINS + DIE_PINS[0] + DIE_PINS[1]
        whole = self.values.get(_CR, 0) & _DUAL and 2 << self.field(_DCR, 16, 0x1F) >= BYTES
        if self.mode != _MAPPED or not whole or not self._wired(pins):
            return False
        return all(die.ready_to_map(self._command()) for die in self.dies)

    def _load(self, offset: int, size: int) -> int:
        """What the core does not read by itself: a window that is wrong, smaller, or of one die."""
        if offset + size > 2 << self.field(_DCR, 16, 0x1F):
            raise Fault(START + offset)
        self.values[_AR] = offset & ~1
        found = self._send(read_bytes=size + offset % 2 + (size + offset) % 2)
        return int.from_bytes(found[offset % 2 : offset % 2 + size], "little")


def _half(command: Command, half: int) -> Command:
    """What one die gets of a command to both."""
    data = command.data[half::2]
    return replace(command, address=command.address // 2, data=data, read_bytes=len(range(half, command.read_bytes, 2)))
