"""What a transport is: it carries whole protocol messages (firmware/PROTOCOL.md) over one link.
It knows nothing of what they say.

Adding one is one file with this interface that passes tests/contract/test_transports.py.
"""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """One link to one device. Not thread-safe.

    Attributes:
        name: "serial" or "swd", for messages and records.
        max_message: largest message the link carries, bytes; the client lowers it to what HELLO says.
        window: bytes of unanswered requests, as they go over the link, that may be under way at most, however many the
            device says it holds; 0: strictly request, answer.
    """

    # Read only, so that a transport around another one may pass on what that one says.
    @property
    def name(self) -> str: ...

    @property
    def max_message(self) -> int: ...

    @property
    def window(self) -> int: ...

    def open(self, timeout_s: float) -> None:
        """Connects and drops whatever an earlier run left in the link.

        Raises:
            TransportError: the link cannot be opened (names the port or address, and the remedy).
            TransportTimeout: the device does not answer on the link layer (mailbox magic) in time.
        """

    def close(self) -> None:
        """Releases the link; never raises, may be called twice."""

    def send(self, message: bytes, timeout_s: float) -> None:
        """Sends one message.

        Raises:
            TransportTimeout: the device does not take it.
            TransportError: the link died.
        """

    def receive(self, timeout_s: float) -> bytes:
        """Returns the next whole message, at most max_message bytes.

        Raises:
            TransportTimeout: nothing came.
            TransportError: the link died.
            ProtocolError: what came is no message (bad framing); the next call goes on behind it.
        """
