"""USARTs as the core and the other end of the line see them: the older one without a FIFO, the newer one with 16 bytes.

Sources: RM0090 chapter 30, RM0433 chapter 48. A byte takes no time here: whoever holds the line offers bytes when the
core had time to take the last ones, and none is ever lost to an overrun. What arrives while the receiver is off, has no
clock or no pin is lost, as on a wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pytest_stm32pose.twins.stm32.registers import Registers

_RECEIVED, _COMPLETE, _ROOM = 1 << 5, 1 << 6, 1 << 7
_FIFO_BYTES = 16


class Usart(Registers):
    """RM0090's: SR, DR, BRR, CR1. `listens` and `talks`: clock and pin are there; `hertz`: of the kernel clock.

    `line` is told whether the interrupt line is asserted, whenever that may have changed.

    Attributes:
        sent, room: see twins/device.py, Serial.
        deaf: a planted fault: nothing arrives.
    """

    SR, DATA_IN, DATA_OUT, BRR, CR1 = 0x00, 0x04, 0x04, 0x08, 0x0C
    ENABLED = 1 << 13
    DEPTH, ROOM = 1, 2

    def __init__(
        self,
        blame: Callable[[str], None],
        listens: Callable[[], bool],
        talks: Callable[[], bool],
        hertz: Callable[[], float],
        line: Callable[[bool], None],
    ) -> None:
        self._blame, self._listens, self._talks, self._hertz, self._line = blame, listens, talks, hertz, line
        self.sent = bytearray()
        self._room = self.ROOM
        self.deaf = False
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self._received: deque[int] = deque()
        self._tell()

    def _tell(self) -> None:
        enabled = self.field(self.CR1, 0, _RECEIVED | _COMPLETE | _ROOM)
        self._line(bool(self.values.get(self.CR1, 0) & self.ENABLED and self.status() & enabled))

    # --- the line ---

    @property
    def room(self) -> int:
        return self._room

    @room.setter
    def room(self, room: int) -> None:
        self._room = room
        self._tell()

    def receive(self, data: bytes) -> int:
        on = self.field(self.CR1, 0, self.ENABLED | 4) == self.ENABLED | 4
        if self.deaf or not on or not self._listens():
            return len(data)
        fits = data[: self.depth() - len(self._received)]
        self._received += fits
        self._tell()
        return len(fits)

    def depth(self) -> int:
        return self.DEPTH

    @property
    def baud(self) -> float:
        """Bits per second that the divider gives; 0 while there is none."""
        divider = self.values.get(self.BRR, 0) & 0xFFFF
        if self.field(self.CR1, 15, 1):  # OVER8
            divider = divider & 0xFFF0 | divider << 1 & 0xF
            return 2 * self._hertz() / divider if divider else 0.0
        return self._hertz() / divider if divider else 0.0

    # --- the core ---

    def status(self) -> int:
        return _RECEIVED * bool(self._received) | _COMPLETE | _ROOM * (self.room > 0)

    def read(self, offset: int, size: int) -> int:
        if offset == self.SR:
            return self.status()
        if offset == self.DATA_IN:
            byte = self._received.popleft() if self._received else 0
            self._tell()
            return byte
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == self.DATA_OUT:
            self._send(value & 0xFF)
        elif offset != self.SR:
            super().write(offset, value, size)
        self._tell()

    def _send(self, byte: int) -> None:
        on = self.field(self.CR1, 0, self.ENABLED | 8) == self.ENABLED | 8
        if not on:
            self._blame("USART: a byte is sent while the transmitter is off")
        elif self.room <= 0:
            self._blame("USART: a byte is sent into a full transmitter")
        elif self._talks():
            self.sent.append(byte)
            self.room -= 1


class FifoUsart(Usart):
    """RM0433's: ISR, ICR, RDR, TDR, and a FIFO when FIFOEN is set."""

    CR1, CR2, CR3, BRR, SR, ICR, DATA_IN, DATA_OUT, PRESC = 0x00, 0x04, 0x08, 0x0C, 0x1C, 0x20, 0x24, 0x28, 0x2C
    ENABLED = 1
    ROOM = _FIFO_BYTES
    _FIFO = 1 << 29
    _ONLY_WHILE_OFF = 0x3000D400  # FIFOEN, M1, OVER8, M0, PCE: of CR1

    def depth(self) -> int:
        return _FIFO_BYTES if self.values.get(self.CR1, 0) & self._FIFO else 1

    def status(self) -> int:
        control = self.values.get(self.CR1, 0)
        acknowledged = (control >> 3 & 1) << 21 | (control >> 2 & 1) << 22 if control & 1 else 0
        full = len(self._received) >= self.depth()
        flags = (full << 24 | (self.room >= self.ROOM) << 23) if control & self._FIFO else 0
        return super().status() | acknowledged | flags

    def write(self, offset: int, value: int, size: int) -> None:
        before = self.values.get(self.CR1, 0)
        fixed = (value ^ before) & self._ONLY_WHILE_OFF if offset == self.CR1 else 0
        if offset in (self.CR2, self.CR3, self.BRR, self.PRESC) and value != self.values.get(offset, 0):
            fixed = value
        if before & 1 and fixed:
            self._blame(f"USART: register 0x{offset:02x} is changed while UE is 1")
            return
        super().write(offset, value, size)
        if offset == self.CR1 and not value & 1:
            self._received.clear()
            self._tell()
