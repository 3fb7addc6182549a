"""ST's validation protocol on the wire: packets of 33 bytes, one header byte and 32 bytes, zero padded.

    host -> device   header = useful bytes, 1..32; the message starts with its own length as a varint; after each
                     packet but a message's last one the device sends the byte 0xAA, when it wants the next
    device -> host   header bit 7 = last packet, bits 6..0 = useful bytes, 32 in every packet but the last; nothing is
                     acknowledged

No header of the device equals 0xAA (42 useful bytes), so a credit and an early answer can be told apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from pytest_stm32pose.errors import ProtocolError, TransportTimeout
from pytest_stm32pose.protocol.st_validation.wire import encode_varint
from pytest_stm32pose.transports.port import SerialPort

PAYLOAD_BYTES = 32
PACKET_BYTES = 1 + PAYLOAD_BYTES
CREDIT = 0xAA
LAST = 0x80
#: Longest message of a device: the largest memory of any board, with room to spare.
MAX_MESSAGE = 32 * 1024 * 1024
MAX_FLUSH_S = 2.0


def packets(message: bytes) -> Iterator[bytes]:
    """The packets that carry a message to the device."""
    stream = encode_varint(len(message)) + message
    for at in range(0, len(stream), PAYLOAD_BYTES):
        part = stream[at : at + PAYLOAD_BYTES]
        yield bytes([len(part)]) + part.ljust(PAYLOAD_BYTES, b"\0")


class Link:
    """Messages over an open serial port. Not thread-safe.

    Args:
        port: the caller opens and closes it.
        credit_timeout_s: how long the device may take until it wants the next packet.
    """

    def __init__(self, port: SerialPort, *, credit_timeout_s: float = 5.0) -> None:
        self.port = port
        self._credit_timeout_s = credit_timeout_s
        self._received = bytearray()

    def send(self, message: bytes) -> bool:
        """Sends a message. False: the device answered before it had all of it, and the rest was not sent.

        Raises:
            TransportTimeout: the device stopped asking for more.
            TransportError: the port is gone.
        """
        parts = list(packets(message))
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
            header, payload = self._packet(timeout_s)
            useful = header & ~LAST
            if useful > PAYLOAD_BYTES or (not header & LAST and useful < PAYLOAD_BYTES):
                raise ProtocolError(f"{self.port.url}: a packet starts with 0x{header:02x}, which no packet does.")
            message += payload[:useful]
            if header & LAST:
                return bytes(message)
            if len(message) > MAX_MESSAGE:
                raise ProtocolError(f"{self.port.url}: a message of more than {MAX_MESSAGE} bytes came.")

    def packet(self, data: bytes) -> None:
        """Sends bytes as they are: for getting back into step."""
        self.port.write(data, self._credit_timeout_s)

    def wants_more(self, timeout_s: float) -> bool | None:
        """Whether the device asks for a packet; None when it says nothing. An answer stays for receive()."""
        if not self._received:
            self._received += self.port.read(timeout_s)
        if not self._received:
            return None
        if self._received[0] != CREDIT:
            return False
        del self._received[0]
        return True

    def drop_left_overs(self) -> None:
        """Forgets what came, and reads until nothing more does."""
        self._received.clear()
        self.port.drop_left_overs(MAX_FLUSH_S)

    def _credit(self, number: int, count: int) -> bool:
        wanted = self.wants_more(self._credit_timeout_s)
        if wanted is None:
            raise TransportTimeout(
                f"{self.port.url}: the device took packet {number} of {count} and asked for no more within "
                f"{self._credit_timeout_s:g} s.",
                remedy="A packet was lost: check cable, speed and ground.",
            )
        return wanted

    def _packet(self, timeout_s: float) -> tuple[int, bytes]:
        """Header and payload of the next packet; credits that nobody waits for are skipped."""
        deadline = time.monotonic() + timeout_s
        while True:
            while self._received[:1] == bytes([CREDIT]):
                del self._received[0]
            if len(self._received) >= PACKET_BYTES:
                packet = bytes(self._received[:PACKET_BYTES])
                del self._received[:PACKET_BYTES]
                return packet[0], packet[1:]
            left = deadline - time.monotonic()
            data = self.port.read(max(left, 0))
            if not data and left <= 0:
                raise TransportTimeout(f"{self.port.url}: no whole answer came within {timeout_s:g} s.")
            self._received += data
