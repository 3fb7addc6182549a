"""How ST's validation protocol cuts messages into packets: two framings, of three generations. Pure: no I/O.

    generation A     header of 1 byte, then 32 bytes: bit 7 = last packet, bits 6..0 = useful bytes
    B and C          header of 2 bytes, big endian, then 32 bytes: bit 15 = last packet, bits 14..0 = useful bytes;
                     after SYS_INFO the payload may be larger, until the next SYNC
    host -> device   the header is the number of useful bytes alone; the message starts with its own length as a varint;
                     after each packet but a message's last one the device sends the byte 0xAA, when it wants the next
    device -> host   all packets but the last are full; nothing is acknowledged; padding is whatever was there before

The version in SYNC's answer does not tell A from B: the framing of that answer does. No header of a device begins with
0xAA (42 useful bytes), so a credit and an early answer can be told apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.protocol.st_validation import wire
from pytest_stm32pose.protocol.st_validation.messages import Command, Request, Response, Sync

PAYLOAD_BYTES = 32
CREDIT = 0xAA
#: Of a large packet, in either direction (SYS_INFO's com_param).
MAX_PAYLOAD = 4094


@dataclass(frozen=True)
class Framing:
    """Packets of one size: a header, then so many bytes, zero padded."""

    header_bytes: int
    payload_bytes: int = PAYLOAD_BYTES

    @property
    def packet_bytes(self) -> int:
        return self.header_bytes + self.payload_bytes

    @property
    def last(self) -> int:
        """The bit of a device's header that says: last packet of the message."""
        return 1 << 8 * self.header_bytes - 1

    @property
    def letters(self) -> str:
        """The generations that are framed so, for messages."""
        return "A" if self.header_bytes == 1 else "B or C"

    def packet(self, useful: bytes) -> bytes:
        """A packet to the device."""
        return len(useful).to_bytes(self.header_bytes, "big") + useful.ljust(self.payload_bytes, b"\0")

    def packets(self, message: bytes) -> Iterator[bytes]:
        """The packets that carry a message to the device."""
        stream = wire.encode_varint(len(message)) + message
        for at in range(0, len(stream), self.payload_bytes):
            yield self.packet(stream[at : at + self.payload_bytes])

    def header(self, data: bytes) -> tuple[int, bool] | None:
        """Useful bytes of a packet from the device, and whether it is a message's last one; None: it is no packet."""
        value = int.from_bytes(data[: self.header_bytes], "big")
        useful, is_last = value & ~self.last, bool(value & self.last)
        if useful > self.payload_bytes or (not is_last and useful < self.payload_bytes):
            return None
        return useful, is_last


ONE_BYTE = Framing(1)  #: generation A
TWO_BYTES = Framing(2)  #: generations B and C


def framing_of(com_param: int) -> Framing:
    """The packets that a device of generation B or C wants after SYS_INFO.

    Raises:
        ProtocolError: no packet can be that large, or so small.
    """
    if com_param == 0:
        return TWO_BYTES
    if not PAYLOAD_BYTES <= com_param <= MAX_PAYLOAD:
        raise ProtocolError(
            f"The firmware asks for packets of {com_param} bytes (com_param of SYS_INFO), which cannot be: they have "
            f"{PAYLOAD_BYTES} to {MAX_PAYLOAD}."
        )
    return Framing(2, com_param)


def sync_packet(reqid: int, framing: Framing) -> bytes:
    """A whole SYNC request; it always fits in the smallest packet."""
    [packet] = framing.packets(wire.encode(Request(reqid, Command.SYNC, 0, "", 0)))
    return packet


@dataclass(frozen=True)
class SyncAnswer:
    """An answer to SYNC among what came; `end` is where it ends."""

    framing: Framing
    reqid: int
    sync: Sync
    end: int


def sync_answer(received: bytes, reqids: Collection[int]) -> SyncAnswer | None:
    """The last answer to one of these SYNCs in a stream that may begin and end with anything, in either framing."""
    for at in range(len(received) - ONE_BYTE.packet_bytes, -1, -1):
        for framing in (ONE_BYTE, TWO_BYTES):
            packet = received[at : at + framing.packet_bytes]
            answer = _whole_answer(packet, framing) if len(packet) == framing.packet_bytes else None
            if answer is not None and answer.sync is not None and answer.reqid in reqids:
                return SyncAnswer(framing, answer.reqid, answer.sync, at + framing.packet_bytes)
    return None


def _whole_answer(packet: bytes, framing: Framing) -> Response | None:
    """A message that is this one packet; SYNC's answer always is."""
    header = framing.header(packet)
    if header is None or not header[1] or not header[0]:
        return None
    try:
        return wire.decode(Response, packet[framing.header_bytes :][: header[0]])
    except ProtocolError:
        return None


def any_answer(received: bytes) -> Framing | None:
    """The framing of a short answer, to whatever, among what came."""
    for at in range(len(received)):
        for framing in (ONE_BYTE, TWO_BYTES):
            packet = received[at : at + framing.packet_bytes]
            if len(packet) == framing.packet_bytes and _whole_answer(packet, framing) is not None:
                return framing
    return None


def begins_answer(received: bytes) -> Framing | None:
    """The framing of an answer that what came begins with, whole or not; credits before it do not count."""
    data = received.lstrip(bytes([CREDIT]))
    for framing in (TWO_BYTES, ONE_BYTE):
        header = framing.header(data) if len(data) > framing.header_bytes else None
        if header is not None and header[0] and data[framing.header_bytes] == 0x08:  # the field reqid
            return framing
    return None
