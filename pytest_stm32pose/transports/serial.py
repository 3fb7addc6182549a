"""Messages as COBS frames over a serial port."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from pytest_stm32pose.errors import ProtocolError, TransportTimeout
from pytest_stm32pose.transports.framing import DELIMITER, FrameDecoder, encode_frame
from pytest_stm32pose.transports.port import SerialPort

#: Of the serial link (firmware/PROTOCOL.md); HELLO may lower it.
MAX_MESSAGE = 8192
#: More is of no use to a line that is not several times as fast as any adapter, whatever the device says.
MAX_WINDOW = 65536
MAX_FLUSH_S = 5.0


class SerialTransport:
    """A serial port; for the arguments see `SerialPort`."""

    name = "serial"
    window = MAX_WINDOW

    def __init__(self, url: str, baudrate: int = 921600, *, nudge: Callable[[], None] | None = None) -> None:
        self.max_message = MAX_MESSAGE
        self.port = SerialPort(url, baudrate, nudge=nudge)
        self._decoder = FrameDecoder(MAX_MESSAGE)
        self._received: deque[bytes | ProtocolError] = deque()

    def open(self, timeout_s: float) -> None:
        self.close()
        self.port.open()
        self.port.write(DELIMITER, timeout_s)  # ends what the device may have received in part
        self.port.drop_left_overs(min(timeout_s, MAX_FLUSH_S))

    def close(self) -> None:
        self._received.clear()
        self._decoder.reset()
        self.port.close()

    def send(self, message: bytes, timeout_s: float) -> None:
        self.port.write(encode_frame(message), timeout_s)

    def receive(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while not self._received:
            data = self.port.read(max(deadline - time.monotonic(), 0))
            if not data and time.monotonic() >= deadline:
                raise TransportTimeout(f"Nothing came from {self.port.url} within {timeout_s:g} s.")
            self._received.extend(self._decoder.feed(data))
        item = self._received.popleft()
        if isinstance(item, ProtocolError):
            raise item
        return item
