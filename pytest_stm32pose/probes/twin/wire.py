"""What probe and twin say to each other over a socket: one request, one answer, little-endian.

    request   op (1), access port (1), 0 (2), address (4), length (4); with WRITE, that many bytes follow
    answer    status (1), 0 (3), a number (4), length (4); that many bytes follow

The number is the faulting address with FAULT, the core's access port with STATUS. The bytes are the memory read, or
with GONE one clause of text.
"""

from __future__ import annotations

import socket
import struct

STATUS, READ, WRITE, RESET = range(4)
OK, FAULT, GONE = range(3)
REQUEST = struct.Struct("<BB2xII")
ANSWER = struct.Struct("<B3xII")
MOST_BYTES = 1 << 28  #: that one access may have


def receive(link: socket.socket, length: int) -> bytes:
    """Exactly `length` bytes. Raises ConnectionError when the other end is gone."""
    data = bytearray(length)
    view, got = memoryview(data), 0
    while got < length:
        count = link.recv_into(view[got:])
        if not count:
            raise ConnectionError("the other end is gone")
        got += count
    return bytes(data)
