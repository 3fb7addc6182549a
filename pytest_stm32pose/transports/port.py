"""The bytes of a serial port, real or not: any URL that pyserial's `serial_for_url` opens."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from pytest_stm32pose.errors import TransportError, TransportTimeout

READ_BYTES = 65536
#: Left-overs of an earlier run have ended when nothing has come for this long.
QUIET_S = 0.03
POLL_S = 0.001
#: After this silence the link is nudged (see `SerialPort`).
NUDGE_AFTER_S = 0.5
REMEDIES = {
    errno.ENOENT: "Check the cable and the port's name.",
    errno.EACCES: "Add yourself to the port's group (Debian, Ubuntu: usermod -aG dialout USER, then log in again).",
    errno.EBUSY: "Another program has the port open: close it.",
    errno.EAGAIN: "Another program has the port open: close it.",  # its lock is held
    errno.ECONNREFUSED: "Nothing listens there: start the virtual board.",
}


class SerialPort:
    """One port. Not thread-safe; knows nothing of what the bytes mean.

    Args:
        url: "/dev/ttyACM0", "socket://127.0.0.1:4000", "loop://", ...
        baudrate: baud; ignored by sockets.
        nudge: called when the far end has been silent for a while; QEMU, for one, may hold bytes back until its main
            loop wakes.
    """

    def __init__(self, url: str, baudrate: int, *, nudge: Callable[[], None] | None = None) -> None:
        self.url = url
        self.baudrate = baudrate
        self._nudge = nudge
        self._port: Any = None

    def open(self) -> None:
        """Raises TransportError: the port cannot be opened; names it and the remedy."""
        import serial

        self.close()
        with self._errors("cannot be opened"):
            exclusive = {"exclusive": True} if self.url.startswith("/") else {}
            self._port = serial.serial_for_url(self.url, baudrate=self.baudrate, timeout=0, **exclusive)
            self._send_at_once()

    def close(self) -> None:
        """Releases the port; never raises."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(Exception):  # a port that has vanished cannot be closed properly
                port.close()

    def read(self, timeout_s: float) -> bytes:
        """What has come, at least one byte; b"" when nothing did in time. Raises TransportError: the port is gone."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            if self._ready(min(max(left, 0), NUDGE_AFTER_S)):
                return self._read()
            if left <= 0:
                return b""
            if self._nudge is not None:
                self._nudge()

    def write(self, data: bytes, timeout_s: float) -> None:
        """Sends all bytes. Raises TransportTimeout: the far end takes none; TransportError: the port is gone."""
        import serial

        port = self._opened()
        with self._errors("failed"):
            port.write_timeout = timeout_s
            try:
                port.write(data)
            except serial.SerialTimeoutException as error:
                raise TransportTimeout(f"{self.url} took no bytes for {timeout_s:g} s.") from error

    def drop_left_overs(self, limit_s: float) -> None:
        """Reads until nothing more comes."""
        deadline = time.monotonic() + limit_s
        while self._ready(QUIET_S) and time.monotonic() < deadline:
            self._read()

    def _send_at_once(self) -> None:
        """Requests are short and each waits for an answer: TCP must not collect them (Nagle: 40 ms each)."""
        if self.url.startswith("socket://"):
            with socket.socket(fileno=os.dup(self._port.fileno())) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _ready(self, timeout_s: float) -> bool:
        """Waits until bytes can be read."""
        port = self._opened()
        try:
            descriptor = port.fileno()
        except (AttributeError, OSError):  # loop:// and others have none
            deadline = time.monotonic() + timeout_s
            with self._errors("failed"):
                while not port.in_waiting:
                    if time.monotonic() >= deadline:
                        return False
                    time.sleep(POLL_S)
            return True
        with self._errors("failed"):
            return bool(select.select([descriptor], [], [], timeout_s)[0])

    def _read(self) -> bytes:
        with self._errors("failed"):
            data = self._opened().read(READ_BYTES)
        return bytes(data)

    def _opened(self) -> Any:
        if self._port is None:
            raise TransportError(f"Serial port {self.url} is not open.", remedy="Call open() first.")
        return self._port

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Translates pyserial's and the system's errors."""
        try:
            yield
        except (OSError, ValueError, TypeError) as error:  # SerialException is an OSError
            number = _errno(error)
            remedy = REMEDIES.get(number or 0, "Check the cable and the board's power.")
            self._port = None if what == "failed" else self._port
            raise TransportError(f"Serial port {self.url} {what}: {_text(error)}.", remedy=remedy) from error


def _errno(error: BaseException | None) -> int | None:
    """pyserial wraps the system's error, sometimes in text only."""
    while error is not None:
        number = getattr(error, "errno", None)
        if isinstance(number, int):
            return number
        for candidate in REMEDIES:
            if f"[Errno {candidate}]" in str(error):
                return candidate
        error = error.__context__
    return None


def _text(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__
