"""COBS frames on a byte stream (firmware/PROTOCOL.md, "Serial link"). Pure: no I/O.

COBS: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999.
"""

from __future__ import annotations

from pytest_stm32pose.errors import ProtocolError

FULL_BLOCK = 254
DELIMITER = b"\0"


def cobs_encode(data: bytes) -> bytes:
    """Returns the frame without its delimiter: no byte of it is 0."""
    out = bytearray()
    parts = data.split(DELIMITER)
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        while len(part) >= FULL_BLOCK:
            out.append(FULL_BLOCK + 1)
            out += part[:FULL_BLOCK]
            part = part[FULL_BLOCK:]
            if last and not part:
                return bytes(out)
        out.append(len(part) + 1)
        out += part
    return bytes(out)


def cobs_decode(frame: bytes) -> bytes:
    """Inverse of `cobs_encode`.

    Raises:
        ProtocolError: a 0 in the frame, or its last block is cut short (names the offset).
    """
    out = bytearray()
    position = 0
    while position < len(frame):
        code = frame[position]
        block = frame[position + 1 : position + code]
        if code == 0 or DELIMITER in block:
            raise ProtocolError(f"Frame of {len(frame)} bytes: a zero in the block at offset {position}.")
        if len(block) != code - 1:
            raise ProtocolError(
                f"Frame of {len(frame)} bytes: the block at offset {position} should have {code - 1} bytes, "
                f"has {len(block)}."
            )
        out += block
        position += code
        if code != FULL_BLOCK + 1 and position < len(frame):
            out.append(0)
    return bytes(out)


def encode_frame(message: bytes) -> bytes:
    """A message as it goes over the line, delimiter included."""
    return cobs_encode(message) + DELIMITER


def max_frame_bytes(max_message: int) -> int:
    """Bytes on the line of the longest message, delimiter included."""
    return max_message + max_message // FULL_BLOCK + 2


class FrameDecoder:
    """Cuts a byte stream into messages.

    Args:
        max_message: longer messages are dropped while they arrive, so that a broken stream cannot fill the memory.
    """

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._pending = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        """Takes what arrived; returns the messages that are complete now. A bad frame is returned as its error."""
        results: list[bytes | ProtocolError] = []
        *complete, rest = data.split(DELIMITER)
        for part in complete:
            self._extend(part)
            if self._overlong:
                results.append(ProtocolError(f"A frame is longer than the link's {self._max_message} bytes."))
            elif self._pending:
                results.append(self._decode(bytes(self._pending)))
            self.reset()
        self._extend(rest)
        return results

    def reset(self) -> None:
        """Forgets a frame that has begun."""
        self._pending.clear()
        self._overlong = False

    def _extend(self, part: bytes) -> None:
        if len(self._pending) + len(part) >= max_frame_bytes(self._max_message):
            self._overlong = True
            self._pending.clear()
        elif not self._overlong:
            self._pending += part

    def _decode(self, frame: bytes) -> bytes | ProtocolError:
        try:
            message = cobs_decode(frame)
        except ProtocolError as error:
            return error
        if len(message) > self._max_message:
            return ProtocolError(
                f"A message of {len(message)} bytes is longer than the link's {self._max_message} bytes."
            )
        return message
