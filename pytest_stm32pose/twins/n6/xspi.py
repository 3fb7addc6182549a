"""The XSPI controller: indirect transfers through its FIFO, and the memory-mapped window (RM0486, "XSPI").

Stricter than silicon: a register written while the controller is busy, or data that nobody expects, is an error of the
driver and raises.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.n6.nor import Command, NorChip

WINDOW = 0x70000000
WINDOW_BYTES = 0x10000000
_CR, _DCR1, _DCR2, _SR, _FCR, _DLR, _AR, _DR, _CCR, _TCR, _IR = (
    0x00, 0x08, 0x0C, 0x20, 0x24, 0x40, 0x48, 0x50, 0x100, 0x108, 0x110,
)  # fmt: skip
_EN, _READ, _MAPPED = 1, 1, 3
_TCF, _FTF, _BUSY = 2, 4, 1 << 5
_FIFO_BYTES = 64
_DRAINED_BYTES = 32  # leave the FIFO between two looks at the status
_LINES = {1: 1, 2: 2, 3: 4, 4: 8}


class DriverError(AssertionError):
    """The driver did what the reference manual forbids."""


class Xspi:
    """`wired` tells whether the chip is reached: supply, pins, clocks of the pins."""

    def __init__(self, chip: NorChip, wired: Callable[[], bool]) -> None:
        self._chip = chip
        self._wired = wired
        self.reset()

    def reset(self) -> None:
        self._registers: dict[int, int] = {}
        self._flags = 0
        self._fifo = bytearray()
        self._writing = False
        self._expected = 0  # bytes that the write still expects
        self._sent = bytearray()  # bytes of it that left the FIFO
        self._prefetching = False  # since a memory-mapped access, until the controller is disabled
        self._settling = 0  # polls until a new prescaler has taken effect

    # --- registers ---

    def read(self, offset: int, size: int) -> int:
        if offset == _SR:
            return self._status()
        if offset == _DR:
            if len(self._fifo) < size:
                raise DriverError(f"XSPI: {size} bytes are read of {len(self._fifo)} in the FIFO")
            value = int.from_bytes(self._fifo[:size], "little")
            del self._fifo[:size]
            return value
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == _FCR:
            self._flags &= ~value
            return
        if offset == _DR:
            self._push(value.to_bytes(size, "little"))
            return
        if self._status_busy() and offset != _CR:
            raise DriverError(f"XSPI: register 0x{offset:x} is written while the controller is busy")
        self._registers[offset] = value
        self._prefetching &= offset != _CR or bool(value & _EN)
        if offset == _DCR2:
            self._settling = 2
        elif offset in (_IR, _AR) and (offset == _AR) == bool(self._field(_CCR, 8, 7)):
            self._start()

    def _status(self) -> int:
        busy = self._status_busy()
        self._settling -= self._settling > 0
        self._drain(_DRAINED_BYTES)
        threshold = self._field(_CR, 8, 0x3F) + 1
        ready = _FIFO_BYTES - len(self._fifo) if self._writing else len(self._fifo)
        return self._flags | _FTF * (ready >= threshold) | _BUSY * busy

    def _status_busy(self) -> bool:
        return self._settling > 0 or self._writing or self._prefetching

    def _field(self, register: int, shift: int, mask: int) -> int:
        return self._registers.get(register, 0) >> shift & mask

    # --- transfers ---

    def _start(self) -> None:
        mode = self._field(_CR, 28, 3)
        if not self._field(_CR, 0, 1) or mode == _MAPPED:
            return
        self._fifo.clear()
        length = self._registers.get(_DLR, 0) + 1 if self._field(_CCR, 24, 7) else 0
        if mode == _READ:
            self._fifo += self._send(self._command(self._registers.get(_AR, 0), read_bytes=length))
            self._flags |= _TCF
        elif length:
            self._writing, self._expected = True, length
        else:
            self._send(self._command(self._registers.get(_AR, 0)))
            self._flags |= _TCF

    def _push(self, data: bytes) -> None:
        if len(data) > self._expected:
            raise DriverError(f"XSPI: {len(data)} bytes are written where {self._expected} are expected")
        if len(data) > _FIFO_BYTES - len(self._fifo):
            raise DriverError("XSPI: the FIFO is written while it is full")
        self._fifo += data
        self._expected -= len(data)
        self._drain(0)

    def _drain(self, count: int) -> None:
        """Bytes leave the FIFO while the driver polls; with the last one the chip has the command."""
        if self._writing:
            self._sent += self._fifo[:count]
            del self._fifo[:count]
            if not self._expected and not self._fifo:
                data = bytes(self._sent)
                self._sent.clear()
                self._writing = False
                self._send(self._command(self._registers.get(_AR, 0), data=data))
                self._flags |= _TCF

    def _command(self, address: int, *, data: bytes = b"", read_bytes: int = 0) -> Command:
        has_address = bool(self._field(_CCR, 8, 7))
        return Command(
            opcode=self._registers.get(_IR, 0),
            lines=_LINES.get(self._field(_CCR, 0, 7), 0),
            double_rate=bool(self._field(_CCR, 3, 1)),
            address=address if has_address else None,
            address_bytes=self._field(_CCR, 12, 3) + 1 if has_address else 0,
            dummy_cycles=self._field(_TCR, 0, 0x1F),
            data=data,
            read_bytes=read_bytes,
        )

    def _send(self, command: Command) -> bytes:
        return self._chip.execute(command) if self._wired() else b"\0" * command.read_bytes

    # --- memory-mapped ---

    def mapped(self, offset: int, length: int) -> bytes | None:
        """What the window shows; None when the controller is not in memory-mapped mode or the chip ends before."""
        chip_bytes = 2 << self._field(_DCR1, 16, 0x1F)
        if not self._field(_CR, 0, 1) or self._field(_CR, 28, 3) != _MAPPED or offset + length > chip_bytes:
            return None
        self._prefetching = True
        return self._send(self._command(offset, read_bytes=length))
