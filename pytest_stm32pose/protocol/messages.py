"""Messages of the pose runner: their frame, commands and status codes, requests to bytes (firmware/PROTOCOL.md).

Pure: no I/O. Answers are read by answers.py.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_stm32pose.errors import ProtocolError

VERSION = 1
ANSWER_BIT = 0x80
FLAG_MORE = 1
HEADER = struct.Struct("<BBBBII")
CRC = struct.Struct("<I")
OVERHEAD = HEADER.size + CRC.size
#: Before HELLO the host does not know the device's limit.
MAX_BEFORE_HELLO = 64
assert OVERHEAD == 16

UPLOAD = struct.Struct("<B3xI")
INFER = struct.Struct("<B3xIII")
PLACE = struct.Struct("<BB")
OUTPUT = struct.Struct("<III")
assert (UPLOAD.size, INFER.size, PLACE.size, OUTPUT.size) == (8, 16, 2, 12)
#: In INFER: tensors whose data are asked for by number.
MAX_WANTED = 8
#: In PLACE: where the start has put it.
AS_STARTED = 0xFF


class Command(enum.IntEnum):
    """Types of requests."""

    HELLO = 0x01
    NETWORK_INFO = 0x02
    SELF_TEST = 0x03
    UPLOAD = 0x04
    INFER = 0x05
    MEMORY = 0x06
    RESET = 0x07
    DECODING = 0x08
    MEMORIES = 0x09
    PLACE = 0x0A
    MEMORY_SPEED = 0x0B
    OUTPUT = 0x0C


class Capability(enum.IntFlag):
    """Bits of HELLO's capability mask."""

    KEYPOINTS = 1
    OUTPUTS = 2
    INTERMEDIATES = 4
    PROFILE = 8
    UPLOAD_WHILE_RUNNING = 16
    SELF_TEST = 32
    MEMORY = 64
    RESET = 128
    MEMORIES = 256
    DIGESTS = 512


class InferOption(enum.IntFlag):
    """What an INFER answer contains; the bits equal the capabilities'."""

    KEYPOINTS = 1
    OUTPUTS = 2
    INTERMEDIATES = 4
    PROFILE = 8
    DIGESTS = 512


class Part(enum.IntEnum):
    """First byte of an INFER answer's payload."""

    TENSOR = 1
    CHUNK = 2
    PROFILE = 3
    RESULT = 4
    PERSONS = 5
    OP_NAME = 6


class Status(enum.IntEnum):
    """firmware/include/pose/status.h, as magnitudes."""

    OK = 0
    COMMAND = 1
    LENGTH = 2
    PARAM = 3
    VERSION = 4
    BUSY = 5
    STATE = 6
    CRC = 7
    NO_NETWORK = 8
    IMAGE = 9
    OPERATOR = 10
    MEMORY = 11
    SELF_TEST = 12
    INTERNAL = 13


STATUS_SENTENCES = {
    Status.COMMAND: "the firmware does not know this command",
    Status.LENGTH: "a length is wrong or out of bounds",
    Status.PARAM: "a parameter is out of range",
    Status.VERSION: "the firmware speaks another protocol version",
    Status.BUSY: "the device is running an inference",
    Status.STATE: "the device is not ready for this (no network is loaded, or the input slot is not filled)",
    Status.CRC: "a checksum does not match",
    Status.NO_NETWORK: "there is no network image at the network address",
    Status.IMAGE: "the network image is malformed",
    Status.OPERATOR: "the firmware has no kernel for an operator of the network",
    Status.MEMORY: "the network needs more memory than the board has",
    Status.SELF_TEST: "a self test failed",
    Status.INTERNAL: "an internal check of the firmware failed",
}


def status_sentence(status: int) -> str:
    """What a status of an answer means."""
    try:
        return STATUS_SENTENCES[Status(status)]
    except (KeyError, ValueError):
        return f"unknown status {status}"


@dataclass(frozen=True)
class Message:
    """One message. `type` has bit 7 set in answers; `status` is 0 or a `Status`."""

    type: int
    nonce: int
    payload: bytes = b""
    status: int = 0
    flags: int = 0
    version: int = VERSION

    @property
    def more(self) -> bool:
        """Further answers to the same request follow."""
        return bool(self.flags & FLAG_MORE)


def encode_message(message: Message) -> bytes:
    """The bytes of a message, checksum included."""
    head = HEADER.pack(
        message.version, message.type, message.status, message.flags, message.nonce, len(message.payload)
    )
    body = head + message.payload
    return body + CRC.pack(zlib.crc32(body))


def decode_message(data: bytes) -> Message:
    """Reads one message of this protocol version.

    Raises:
        ProtocolError: too short, wrong length, wrong CRC or another version; says what was expected and what came.
    """
    if len(data) < OVERHEAD:
        raise ProtocolError(f"A message needs at least {OVERHEAD} bytes, {len(data)} came.")
    version, type_, status, flags, nonce, length = HEADER.unpack_from(data)
    if length != len(data) - OVERHEAD:
        raise ProtocolError(f"A message announces {length} payload bytes at offset 8, has {len(data) - OVERHEAD}.")
    expected = zlib.crc32(data[: -CRC.size])
    (got,) = CRC.unpack_from(data, len(data) - CRC.size)
    if got != expected:
        raise ProtocolError(f"A message of {len(data)} bytes has CRC 0x{got:08X}, expected 0x{expected:08X}.")
    if version != VERSION:
        raise ProtocolError(f"A message has protocol version {version}, expected {VERSION}.")
    return Message(type_, nonce, data[HEADER.size : HEADER.size + length], status, flags, version)


def upload_payload(slot: int, offset: int, data: bytes) -> bytes:
    return UPLOAD.pack(slot, offset) + data


def infer_payload(
    slot: int, options: InferOption, input_bytes: int, input_crc32: int, wanted: Sequence[int] = ()
) -> bytes:
    return INFER.pack(slot, options, input_bytes, input_crc32) + struct.pack(f"<{len(wanted)}I", *wanted)
