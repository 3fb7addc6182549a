"""One unix socket to QEMU. Every wait has a deadline, and ends long before it when QEMU's process is stopped.

Only what the process table says ends a wait early: on a busy host a slow answer is an answer.
"""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

from pytest_stm32pose.probes.qemu.faults import LinkClosed, LinkStopped, LinkTimeout
from pytest_stm32pose.probes.qemu.instances import Process

#: A wait looks at the process this often.
LOOK_S = 0.25
_CHUNK_BYTES = 65536


class Stream:
    """One connection.

    Args:
        path: of the socket.
        name: what QEMU's manual calls it, for messages.
        process: QEMU.
        timeout_s: longest wait for the connection, and for QEMU to take bytes.

    Raises:
        LinkClosed: nothing listens there.
        LinkTimeout, LinkStopped: QEMU does not take the connection.
    """

    def __init__(self, path: Path, name: str, process: Process, timeout_s: float) -> None:
        self._name, self._process, self._timeout_s = name, process, timeout_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            self._connect(path)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, path: Path) -> None:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                self._socket.connect(str(path))
                return
            except BlockingIOError:  # others are in the queue before us: unix(7), EAGAIN
                self._check(deadline, f"QEMU's {self._name} socket takes no connection")
                time.sleep(0.01)
            except OSError as error:
                raise LinkClosed(f"QEMU's {self._name} socket is gone ({error.strerror})") from error

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends all bytes."""
        deadline = time.monotonic() + self._timeout_s
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                self._wait(deadline, f"QEMU's {self._name} connection takes no bytes", to_write=True)
            except OSError as error:
                raise LinkClosed(f"QEMU closed the {self._name} connection") from error

    def receive(self, deadline: float) -> bytes:
        """At least one byte; `deadline` by time.monotonic()."""
        self._wait(deadline, f"QEMU's {self._name} connection does not answer")
        try:
            data = self._socket.recv(_CHUNK_BYTES)
        except OSError as error:
            raise LinkClosed(f"QEMU closed the {self._name} connection") from error
        if not data:
            raise LinkClosed(f"QEMU closed the {self._name} connection")
        return data

    def _wait(self, deadline: float, silence: str, *, to_write: bool = False) -> None:
        """Waits until bytes can move."""
        while True:
            wait_s = min(max(deadline - time.monotonic(), 0.0), LOOK_S)
            ends = [self._socket]
            readable, writable, _ = select.select([] if to_write else ends, ends if to_write else [], [], wait_s)
            if readable or writable:
                return
            if wait_s < LOOK_S:  # a mere look at what has come costs no look at the process
                raise LinkTimeout(silence)
            self._check(deadline, silence)

    def _check(self, deadline: float, silence: str) -> None:
        if self._process.is_stopped():
            raise LinkStopped(self._process.pid)
        if time.monotonic() >= deadline:
            raise LinkTimeout(silence)
