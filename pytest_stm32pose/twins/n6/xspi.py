"""The XSPI controller: indirect transfers through its FIFO, status polling, and the memory-mapped window.

Sources: RM0486, "XSPI"; CMSIS device header of the STM32N657. Stricter than silicon: a register written while the
controller is busy, or data that nobody expects, is an error of the driver; it raises, or is told to `complain` and
does nothing. A transfer without a clock, or one that waits for a strobe which does not come, never ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_stm32pose.twins.n6.nor_commands import Command
from pytest_stm32pose.twins.n6.wires import Chip, swapped
from pytest_stm32pose.twins.n6.wires import DriverError as DriverError
from pytest_stm32pose.twins.n6.wires import refuse as refuse

WINDOW = 0x70000000
WINDOW_BYTES = 0x10000000
PSRAM_WINDOW = 0x90000000
CR, DCR1, DCR2, DCR3, SR, FCR, DLR, AR, DR, PSMKR, PSMAR, CCR, WCCR = (
    0x00, 0x08, 0x0C, 0x10, 0x20, 0x24, 0x40, 0x48, 0x50, 0x80, 0x88, 0x100, 0x180,
)  # fmt: skip
_TCR, _IR = 8, 0x10  # from a CCR on
_EN, _ABORT, _TCEN = 1, 2, 1 << 3
_WRITE, _READ, _POLL, _MAPPED = range(4)
_TEF, _TCF, _FTF, _SMF, _BUSY = 1, 2, 4, 8, 1 << 5
_CALFCR = 0x210
_FIFO_BYTES = 64
_DRAINED_BYTES = 32  # leave the FIFO between two looks at the status
_LINES = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16}
_LOST_ADDRESS_BIT = 1 << 22
_DEAD_FROM = 5  # times what the pins reach
_SETTLING_POLLS = 2


class Xspi:
    """The controller, without its clock and pins.

    Args:
        wired: whether the chip is reached with so many lines, and with the strobe or not: supply, pins, port.
        kernel_hz: clock before the prescaler.
        pins_hz: up to which clock the pins do. Above, an address bit is lost; far above, nothing is heard.
        complain: told what the driver did wrong.
    """

    def __init__(
        self,
        chip: Chip | None,
        wired: Callable[[int, bool], bool],
        *,
        name: str = "XSPI2",
        kernel_hz: Callable[[], int] = lambda: 32_000_000,
        pins_hz: Callable[[], int] = lambda: 50_000_000,
        complain: Callable[[str], None] = refuse,
    ) -> None:
        self._chip, self._wired, self._name = chip, wired, name
        self._kernel_hz, self._pins_hz, self._complain = kernel_hz, pins_hz, complain
        self.reset()

    def reset(self) -> None:
        self._registers: dict[int, int] = {}
        self._flags = 0
        self._fifo = bytearray()
        self._is_long = False  # a read's last bytes wait for room in the FIFO
        self._writing = False
        self._expected = 0  # bytes that the write still expects
        self._sent = bytearray()  # bytes of it that left the FIFO
        self._polling: Command | None = None
        self._prefetching = False  # since a memory-mapped access, until the controller is disabled
        self._settling = 0  # polls until a new prescaler has taken effect
        self._hung = False  # until it is aborted
        self._glitched = False  # until it is reset

    def glitch(self) -> None:
        """The kernel clock changed while it ran."""
        self._glitched = True

    @property
    def is_on(self) -> bool:
        return bool(self._field(CR, 0, 1))

    @property
    def hz(self) -> int:
        """Of the clock on the wires."""
        return self._kernel_hz() // (self._field(DCR2, 0, 0xFF) + 1)

    # --- registers ---

    def read(self, offset: int, size: int) -> int:
        if offset == SR:
            return self._status()
        if offset == DR:
            if len(self._fifo) < size:
                self._complain(f"{self._name}: {size} bytes are read of {len(self._fifo)} in the FIFO")
            value = int.from_bytes(self._fifo[:size], "little")
            del self._fifo[:size]
            if self._is_long and len(self._fifo) <= _FIFO_BYTES:  # the last byte has come in
                self._is_long = False
                self._flags |= _TCF
            return value
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == FCR:
            self._flags &= ~value
        elif offset == DR:
            self._push((value & (1 << 8 * size) - 1).to_bytes(size, "little"))
        elif offset == CR:
            self._write_control(value)
        elif self._status_busy():
            self._complain(f"{self._name}: register 0x{offset:x} is written while the controller is busy")
        elif offset not in (SR, _CALFCR):
            self._registers[offset] = value
            if offset == DCR2:
                self._settling = _SETTLING_POLLS
            elif offset in (CCR + _IR, AR) and (offset == AR) == bool(self._field(CCR, 8, 7)):
                self._start()

    def _write_control(self, value: int) -> None:
        old = self._registers.get(CR, 0)
        is_busy = self._status_busy()
        if value & _ABORT or not value & _EN:
            was_running = is_busy and not self._settling
            self._stop()
            if value & _ABORT and was_running:
                self._flags |= _TCF
        elif is_busy and (old ^ value) >> 28 & 3 and old & _EN:
            self._complain(f"{self._name}: the mode is changed while the controller is busy")
            return
        elif self._settling and not old & _EN:
            self._complain(f"{self._name}: it is enabled while the prescaler settles")
        self._registers[CR] = value & ~_ABORT
        if value & _EN and value >> 28 & 3 == _MAPPED and (old >> 28 & 3 != _MAPPED or not old & _EN):
            self._check_map()

    def _check_map(self) -> None:
        if self._chip is not None and self._device_bytes > self._chip.size:
            self._complain(
                f"{self._name}: DEVSIZE says {self._device_bytes >> 20} MB, the chip has {self._chip.size >> 20}"
            )
        if self._registers.get(CCR + _TCR, 0) >> 30 & 1 and self._field(CCR, 27, 1):
            self._complain(f"{self._name}: SSHIFT is set in DTR mode")
        if self._chip is not None and self._chip.memory_type == 6 and not 1 <= self._field(DCR3, 16, 0x1F) <= 11:
            self._complain(f"{self._name}: without CSBOUND of at most 2 KB a burst wraps at the end of the PSRAM's row")

    def _stop(self) -> None:
        self._fifo.clear()
        self._sent.clear()
        self._writing = self._prefetching = self._hung = self._is_long = False
        self._expected, self._polling = 0, None

    @property
    def _device_bytes(self) -> int:
        return 2 << self._field(DCR1, 16, 0x1F)

    def _status(self) -> int:
        self._poll()
        busy = self._status_busy()
        self._settling -= self._settling > 0
        self._drain(_DRAINED_BYTES)
        threshold = self._field(CR, 8, 0x3F) + 1
        level = min(len(self._fifo), _FIFO_BYTES)
        ready = _FIFO_BYTES - level >= threshold if self._writing else level >= threshold or bool(self._fifo)
        return self._flags | _FTF * ready | _BUSY * busy | level << 8

    def _status_busy(self) -> bool:
        running = self._writing or bool(self._fifo) or self._prefetching or self._polling is not None
        return self._settling > 0 or running or self._hung or self._glitched

    def _field(self, register: int, shift: int, mask: int) -> int:
        return self._registers.get(register, 0) >> shift & mask

    # --- transfers ---

    def _start(self) -> None:
        mode = self._field(CR, 28, 3)
        if not self._field(CR, 0, 1) or mode == _MAPPED:
            return
        address = self._registers.get(AR, 0)
        length = self._registers.get(DLR, 0) + 1 if self._field(CCR, 24, 7) else 0
        if self._field(CCR, 8, 7) and address + length > self._device_bytes:
            self._flags |= _TEF
        elif mode == _POLL:
            self._polling = self._command(address, read_bytes=min(length, 4))
        elif mode == _READ:
            self._take(self._send(self._command(address, read_bytes=length)))
        elif length:
            self._writing, self._expected = True, length
        else:
            self._finish(self._send(self._command(address)))

    def _take(self, data: bytes | None) -> None:
        if data is not None:
            self._fifo += data
            self._is_long = len(data) > _FIFO_BYTES
            self._flags |= _TCF * (not self._is_long)

    def _finish(self, answer: bytes | None) -> None:
        if answer is not None:
            self._flags |= _TCF

    def _poll(self) -> None:
        """Automatic status polling: one read of the chip for each look at the controller."""
        if self._polling is None or self._hung or self._glitched:
            return
        answer = self._send(self._polling)
        if answer is None:
            return
        mask = self._registers.get(PSMKR, 0)
        equal = ~(int.from_bytes(answer, "little") ^ self._registers.get(PSMAR, 0)) & mask
        if equal == mask if not self._field(CR, 23, 1) else bool(equal):
            self._flags |= _SMF
            if self._field(CR, 22, 1):
                self._polling = None

    def _push(self, data: bytes) -> None:
        if len(data) > self._expected:
            self._complain(f"{self._name}: {len(data)} bytes are written where {self._expected} are expected")
            return
        if len(data) > _FIFO_BYTES - len(self._fifo):
            self._complain(f"{self._name}: the FIFO is written while it is full")
            return
        self._fifo += data
        self._expected -= len(data)
        self._drain(0)

    def _drain(self, count: int) -> None:
        """Bytes leave the FIFO while the driver polls; with the last one the chip has the command."""
        if self._writing and not self._hung and not self._glitched:
            self._sent += self._fifo[:count]
            del self._fifo[:count]
            if not self._expected and not self._fifo:
                data = bytes(self._sent)
                self._sent.clear()
                self._writing = False
                self._finish(self._send(self._command(self._registers.get(AR, 0), data=data)))

    def _command(self, address: int, *, data: bytes = b"", read_bytes: int = 0, side: int = CCR) -> Command:
        """What goes over the wires; `side` CCR: as the read side says, WCCR: the write side."""
        format_, timing = (self._registers.get(side + at, 0) for at in (0, _TCR))
        has_address = bool(format_ >> 8 & 7)
        return Command(
            opcode=self._registers.get(side + _IR, 0) & (1 << 8 * ((format_ >> 4 & 3) + 1)) - 1,
            opcode_bytes=(format_ >> 4 & 3) + 1,
            lines=_LINES.get(format_ & 7, 0),
            double_rate=bool(format_ >> 3 & 1),
            address=address if has_address else None,
            address_bytes=(format_ >> 12 & 3) + 1 if has_address else 0,
            dummy_cycles=timing & 0x1F,
            data=data,
            read_bytes=read_bytes,
            address_lines=_LINES.get(format_ >> 8 & 7, 0),
            data_lines=_LINES.get(format_ >> 24 & 7, 0),
            address_double=bool(format_ >> 11 & 1),
            data_double=bool(format_ >> 27 & 1),
            strobe=bool(format_ >> 29 & 1),
            held=bool(self._field(CCR + _TCR, 28, 1)),
            hz=self.hz,
        )

    def _send(self, command: Command) -> bytes | None:
        """What comes back; None: it never ends."""
        limit = self._pins_hz()
        reached = self._chip is not None and self._reaches(command) and command.hz <= _DEAD_FROM * limit
        waits = bool(command.strobe and command.read_bytes)
        if not command.hz or (waits and not (reached and self._chip and self._chip.drives_strobe(command))):
            self._hung = True
            return None
        if not reached or self._chip is None:
            return b"\0" * command.read_bytes
        if command.address is not None and command.hz > limit:
            command = replace(command, address=command.address & ~_LOST_ADDRESS_BIT)
        swap = command.is_data_double and not self._is_type_right
        if swap and command.data:
            command = replace(command, data=swapped(command.data))
        answer = self._chip.execute(command)
        if command.read_bytes and command.is_data_double and self._registers.get(CCR + _TCR, 0) >> 30 & 1:
            self._complain(f"{self._name}: SSHIFT is set in DTR mode")
        return swapped(answer) if swap else answer

    def _reaches(self, command: Command) -> bool:
        lines = max(command.lines, command.address_lines, command.data_lines)
        return self._wired(lines, bool(command.strobe))

    @property
    def _is_type_right(self) -> bool:
        return self._chip is None or self._field(DCR1, 24, 7) == self._chip.memory_type

    # --- memory-mapped ---

    @property
    def is_mapped(self) -> bool:
        """Somebody may read the window; without an answer the bus waits for ever, which is a fault here."""
        return self.is_on and self._field(CR, 28, 3) == _MAPPED and not self._hung and not self._glitched

    def shows(self, length: int = 32) -> int:
        """Bytes from the window's start on that show the chip's cells as they are; 0: some or none are others."""
        if self._chip is None or not self.is_mapped or not self._is_type_right:
            return 0
        read = self._command(0, read_bytes=length)
        if not self._reaches(read):
            return 0
        if not 0 < read.hz <= self._pins_hz() or not self._chip.shows_cells(read):
            return 0
        if read.strobe and not self._chip.drives_strobe(read):
            return 0
        return min(self._device_bytes, self._chip.size)

    def takes_writes(self) -> bool:
        """Whether writes to the window arrive as they are (PSRAM)."""
        return self._chip is not None and self._chip.shows_cells(self._command(0, data=b"\0\0", side=WCCR))

    def touch(self) -> None:
        """The window was read: the controller goes on reading ahead, without a time limit, until it is stopped."""
        self._prefetching = not self._registers.get(CR, 0) & _TCEN

    def mapped(self, offset: int, length: int) -> bytes | None:
        """What the window shows; None when the controller is not in memory-mapped mode or the chip ends before."""
        if not self.is_mapped or offset + length > self._device_bytes:
            return None
        self.touch()
        start = offset & ~1  # the controller fetches whole words of both edges
        answer = self._send(self._command(start, read_bytes=length + offset % 2 + (length + offset) % 2))
        return None if answer is None else answer[offset - start :][:length]

    def mapped_write(self, offset: int, data: bytes) -> bool:
        """False as mapped()."""
        if not self.is_mapped or offset + len(data) > self._device_bytes:
            return False
        self.touch()
        return self._send(self._command(offset, data=data, side=WCCR)) is not None
