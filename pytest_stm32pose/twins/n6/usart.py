"""USART1 of the STM32N6 with its FIFOs, and the other end of its line (RM0486, "USART").

A byte that comes while USART, pins or baud rate are not right comes damaged or not at all, as on a line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pytest_stm32pose.twins.n6.blocks import USART1

IRQ = 159
CR1, CR3, BRR, PRESC = USART1, USART1 + 0x08, USART1 + 0x0C, USART1 + 0x2C
ISR, ICR, RDR, TDR = (USART1 + at for at in (0x1C, 0x20, 0x24, 0x28))
FRAMING, OVERRUN, RECEIVED, COMPLETE, ROOM = 1 << 1, 1 << 3, 1 << 5, 1 << 6, 1 << 7
_SENDS, _RECEIVES = 1 << 21, 1 << 22
_UE, _RE, _TE, _RXFNEIE, _TCIE, _TXFNFIE, _OVER8, _FIFOEN = 1, 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 15, 1 << 29
_EIE = 1
FIFO_BYTES = 16
LINE_BAUDRATE = 921_600
_TOLERANCE_PERCENT = 2.5
_DIVIDED_BY = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)
_DAMAGE = 0x55


class Usart:
    """The end of the line that the host holds (twins.device.Serial), and the registers.

    Args:
        registers: of the whole device, by address.
        clock_hz: kernel clock.
        wired: whether its pins are the USART's.
    """

    def __init__(
        self,
        registers: dict[int, int],
        clock_hz: Callable[[], int],
        wired: Callable[[], bool],
        complain: Callable[[str], None],
    ) -> None:
        self._registers, self._clock_hz, self._wired, self._complain = registers, clock_hz, wired, complain
        self.sent = bytearray()
        self.on_change: Callable[[], None] = lambda: None
        self._room = 1 << 30
        self.deaf = False
        self._received: deque[int] = deque()
        self._last = 0

    @property
    def room(self) -> int:
        return self._room

    @room.setter
    def room(self, count: int) -> None:
        self._room = count
        self.on_change()

    def reset(self) -> None:
        self._received.clear()

    def receive(self, data: bytes) -> int:
        """Bytes come in; the USART keeps what fits, and the host offers the rest again. All are lost on a dead line."""
        if self.deaf or not self._runs(_RE):
            return len(data)
        space = (FIFO_BYTES if self._control & _FIFOEN else 1) - len(self._received)
        fits = data[:space]
        self._received += fits if self._is_rate_right else bytes(value ^ _DAMAGE for value in fits)
        self._raise(FRAMING * (bool(fits) and not self._is_rate_right))
        self.on_change()
        return len(fits)

    def overrun(self) -> None:
        """More came than there was room for."""
        self._raise(OVERRUN)

    @property
    def is_asserted(self) -> bool:
        """The interrupt line."""
        control, flags = self._control, self._flags()
        errors = self._registers.get(CR3, 0) & _EIE and flags & FRAMING
        wanted = control & _RXFNEIE and flags & (RECEIVED | OVERRUN)
        room = (control & _TXFNFIE and flags & ROOM) or (control & _TCIE and flags & COMPLETE)
        return bool(control & _UE and (errors or wanted or room))

    def read(self, address: int) -> int:
        if address == ISR:
            return self._flags()
        if address == RDR:
            if self._received:
                self._last = self._received.popleft()
            return self._last
        return self._registers.get(address, 0)

    def write(self, address: int, value: int) -> None:
        if address == ICR:
            self._registers[ISR] = self._registers.get(ISR, 0) & ~value
        elif address == TDR:
            self._send(value & 0xFF)
        elif address in (BRR, PRESC) and self._control & _UE:
            self._complain("USART1: the divider is changed while it is on")
        else:
            self._registers[address] = value

    def _send(self, value: int) -> None:
        if self._room <= 0:
            self._complain("USART1: a byte is sent into a full FIFO")
        elif self._runs(_TE):
            self.sent.append(value if self._is_rate_right else value ^ _DAMAGE)
            self._room -= 1

    @property
    def _control(self) -> int:
        return self._registers.get(CR1, 0)

    def _runs(self, direction: int) -> bool:
        return self._control & (_UE | direction) == _UE | direction and self._wired()

    @property
    def _is_rate_right(self) -> bool:
        divider = self._registers.get(BRR, 0)
        clock = self._clock_hz() / _DIVIDED_BY[min(self._registers.get(PRESC, 0) & 0xF, 11)]
        if self._control & _OVER8:
            clock, divider = 2 * clock, divider & 0xFFF0 | (divider & 7) << 1
        rate = clock / divider if divider else 0.0
        return abs(rate - LINE_BAUDRATE) * 100 <= _TOLERANCE_PERCENT * LINE_BAUDRATE

    def _flags(self) -> int:
        control = self._control
        ready = _SENDS * bool(control & _TE) | _RECEIVES * bool(control & _RE)
        lines = RECEIVED * bool(self._received) | ROOM * (self._room > 0) | COMPLETE
        return self._registers.get(ISR, 0) | lines | ready * (control & _UE)

    def _raise(self, flags: int) -> None:
        self._registers[ISR] = self._registers.get(ISR, 0) | flags
