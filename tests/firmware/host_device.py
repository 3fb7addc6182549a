"""The real firmware as a device inside this process: host library, serial port on a socket, mailbox in its memory.

The library is one device with static state, so one `HostDevice` per kernel set runs at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from pytest_stm32pose.firmware.build import build_host_library
from pytest_stm32pose.transports.serial import SerialTransport
from pytest_stm32pose.transports.swd import MailboxTransport

NETWORK, MAILBOX = 0, 1
#: Where the mailbox seems to be; any address does, the memory is the library's.
MAILBOX_ADDRESS = 0x60000000
OPEN_TIMEOUT_S = 60.0
#: The device's stall time: no host is so busy that a test which lives is taken for one that reads no more.
PATIENCE_S = 600.0
SANITIZE = "POSE_TEST_SANITIZE"


def host_library() -> Path:
    """The library under test: with sanitizers when test_protocol_sanitized.py runs the tests once more."""
    return build_host_library("ref", sanitize=os.environ.get(SANITIZE) == "1")


class HostDevice:
    """Starts the firmware's main loop in a thread.

    Args:
        library: a host library; None builds the portable kernels'.
        network: a network image to "flash" before it starts.
        patience_s: how long nobody has to take a byte before it gives an answer up.
    """

    def __init__(self, library: Path | None = None, network: bytes = b"", patience_s: float = PATIENCE_S) -> None:
        self._lib = ctypes.CDLL(str(library or host_library()))
        self._lib.pose_host_patience(ctypes.c_uint64(round(patience_s * 1e9)))
        self._lib.pose_host_memory.restype = ctypes.c_void_p
        self._mailbox = self._area(MAILBOX)
        ctypes.memset(self._mailbox[0], 0, self._mailbox[1])
        self.flash(network)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self.doorbells = 0
        self._thread: threading.Thread | None = None

    def flash(self, network: bytes) -> None:
        """Puts a network image, or none, where the firmware looks for one when it starts or tests itself."""
        flash, size = self._area(NETWORK)
        ctypes.memset(flash, 0xFF, 4096)
        assert len(network) <= size
        ctypes.memmove(flash, network, len(network))

    def serve(self) -> None:
        """Starts it. Its serial port is plugged into each connection to `url`, one after the other."""
        threading.Thread(target=self._accept, daemon=True).start()
        self._thread = threading.Thread(target=self._lib.pose_host_serve, args=(-1,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread is not None:
            self._lib.pose_host_stop()
            self._thread.join(OPEN_TIMEOUT_S)
            assert not self._thread.is_alive(), "the firmware did not leave its main loop"
        for connection in self._connections:
            connection.close()

    def slot(self, index: int, size: int) -> bytes:
        """The first bytes of an input slot."""
        self._lib.pose_app_slot.restype = ctypes.c_void_p
        return ctypes.string_at(self._lib.pose_app_slot(index), size)

    def read(self, address: int, size: int) -> bytes:
        return ctypes.string_at(self._at(address, size), size)

    def write(self, address: int, data: bytes) -> None:
        ctypes.memmove(self._at(address, len(data)), data, len(data))

    def ring(self) -> None:
        """The host library's idle loop looks every millisecond: a doorbell is only counted."""
        self.doorbells += 1

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # stopped
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections.append(connection)
                self._lib.pose_host_plug(connection.fileno())

    def _area(self, which: int) -> tuple[int, int]:
        size = ctypes.c_uint32()
        return int(self._lib.pose_host_memory(which, ctypes.byref(size))), size.value

    def _at(self, address: int, size: int) -> int:
        offset = address - MAILBOX_ADDRESS
        assert 0 <= offset <= self._mailbox[1] - size
        return self._mailbox[0] + offset


@contextlib.contextmanager
def running(network: bytes = b"", library: Path | None = None, patience_s: float = PATIENCE_S) -> Iterator[HostDevice]:
    """A running device."""
    device = HostDevice(library, network, patience_s)
    device.serve()
    try:
        yield device
    finally:
        device.stop()


def serial_transport(device: HostDevice) -> SerialTransport:
    return SerialTransport(device.url)


def mailbox_transport(device: HostDevice) -> MailboxTransport:
    return MailboxTransport(device, MAILBOX_ADDRESS, device.ring)
