"""A link whose bytes and requests are counted, as they would be on a serial line."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pytest_stm32pose.protocol.messages import ANSWER_BIT, HEADER, Command
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import encode_frame

#: Of 8N1, with start and stop bit.
BITS_PER_BYTE = 10


class Counted:
    """Passes everything on to a transport.

    Attributes:
        sent: bytes to the device, frames and all, by command.
        received: bytes from it.
        requests: by command.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.sent: Counter[Command] = Counter()
        self.received: Counter[Command] = Counter()
        self.requests: Counter[Command] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def clear(self) -> None:
        """Counting begins anew."""
        for counter in (self.sent, self.received, self.requests):
            counter.clear()

    def send(self, message: bytes, timeout_s: float) -> None:
        """See Transport."""
        command = Command(HEADER.unpack_from(message)[1])
        self.requests[command] += 1
        self.sent[command] += len(encode_frame(message))
        self._transport.send(message, timeout_s)

    def receive(self, timeout_s: float) -> bytes:
        """See Transport."""
        message = self._transport.receive(timeout_s)
        self.received[Command(HEADER.unpack_from(message)[1] & ~ANSWER_BIT)] += len(encode_frame(message))
        return message

    def seconds(self, baud: int) -> float:
        """What went to the device and came back, one after the other, at this speed."""
        return (self.sent.total() + self.received.total()) * BITS_PER_BYTE / baud
