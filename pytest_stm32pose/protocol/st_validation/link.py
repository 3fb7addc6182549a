"""Messages of ST's validation protocol over a serial port, in packets of either framing (framing.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pytest_stm32pose.errors import ProtocolError, TransportTimeout
from pytest_stm32pose.protocol.st_validation.framing import CREDIT, ONE_BYTE, Framing
from pytest_stm32pose.protocol.st_validation.search import Port

#: Longest message of a device: the largest memory of any board, with room to spare.
MAX_MESSAGE = 32 * 1024 * 1024


def packets(message: bytes, framing: Framing = ONE_BYTE) -> Iterator[bytes]:
    """The packets that carry a message to the device."""
    return framing.packets(message)


class Link:
    """Messages over an open serial port. Not thread-safe.

    Args:
        port: the caller opens and closes it.
        framing: of the device's generation.
        credit_timeout_s: how long the device may take until it wants the next packet.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        port: Port,
        framing: Framing = ONE_BYTE,
        *,
        credit_timeout_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.port = port
        self.framing = framing
        self.clock = clock
        self._credit_timeout_s = credit_timeout_s
        self._received = bytearray()

    def send(self, message: bytes) -> bool:
        """Sends a message. False: the device answered before it had all of it, and the rest was not sent.

        Raises:
            TransportTimeout: the device stopped asking for more.
            TransportError: the port is gone.
        """
        parts = list(self.framing.packets(message))
        for number, part in enumerate(parts, 1):
            self.port.write(part, self._credit_timeout_s)
            if number < len(parts) and not self._credit(number, len(parts)):
                return False
        return True

    def receive(self, timeout_s: float) -> bytes:
        """The next message of the device; a long one takes its time.

        Raises:
            TransportTimeout: no packet of it came for `timeout_s`.
            TransportError: the port is gone.
            ProtocolError: what came are no packets; says which header.
        """
        message = bytearray()
        while True:
            packet = self._packet(timeout_s)
            header = self.framing.header(packet)
            if header is None:
                start = packet[: self.framing.header_bytes].hex()
                raise ProtocolError(f"{self.port.url}: a packet starts with 0x{start}, which no packet does.")
            useful, is_last = header
            message += packet[self.framing.header_bytes :][:useful]
            if is_last:
                return bytes(message)
            if len(message) > MAX_MESSAGE:
                raise ProtocolError(f"{self.port.url}: a message of more than {MAX_MESSAGE} bytes came.")

    def forget(self) -> None:
        """Drops what has been received and belongs to nothing any more."""
        self._received.clear()

    def _credit(self, number: int, count: int) -> bool:
        """Whether the device asks for the next packet; an answer in its place stays for receive()."""
        if not self._received:
            self._received += self.port.read(self._credit_timeout_s)
        if not self._received:
            raise TransportTimeout(
                f"{self.port.url}: the device took packet {number} of {count} and asked for no more within "
                f"{self._credit_timeout_s:g} s.",
                remedy="A packet was lost: check cable, speed and ground.",
            )
        if self._received[0] != CREDIT:
            return False
        del self._received[0]
        return True

    def _packet(self, timeout_s: float) -> bytes:
        """The next packet; credits that nobody waits for are skipped."""
        deadline = self.clock() + timeout_s
        size = self.framing.packet_bytes
        is_late = False
        while True:
            while self._received[:1] == bytes([CREDIT]):
                del self._received[0]
            if len(self._received) >= size:
                packet = bytes(self._received[:size])
                del self._received[:size]
                return packet
            if is_late:  # also of a line that never falls silent
                raise TransportTimeout(f"{self.port.url}: no whole answer came within {timeout_s:g} s.")
            left = deadline - self.clock()
            is_late = left <= 0
            self._received += self.port.read(max(left, 0))
