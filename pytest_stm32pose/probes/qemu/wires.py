"""Wakes a core that was halted while it slept in WFI, through QEMU's qtest socket (QEMU docs/devel/testing: QTest).

QEMU would not execute a single instruction on such a core, and the gdb stub has no way to wake it. Bus accesses made
this way are non-secure, so device registers at large stay with inject.py.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

from .faults import LinkClosed, LinkProtocol, LinkTimeout

_ICSR, _PENDSVSET, _PENDSVCLR = 0xE000ED04, 1 << 28, 1 << 27


class Wires:
    """One qtest connection."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise LinkClosed(f"QEMU's test socket is gone ({error.strerror})") from error

    def close(self) -> None:
        self._socket.close()

    def pend_wake_up(self) -> bool:
        """Makes PendSV pending, which ends a WFI. False: it was pending already."""
        if int(self._command(f"readl 0x{_ICSR:x}"), 16) & _PENDSVSET:
            return False
        self._command(f"writel 0x{_ICSR:x} 0x{_PENDSVSET:x}")
        return True

    def clear_wake_up(self) -> None:
        self._command(f"writel 0x{_ICSR:x} 0x{_PENDSVCLR:x}")

    def _command(self, text: str) -> str:
        try:
            self._socket.sendall(text.encode() + b"\n")
        except OSError as error:
            raise LinkClosed("QEMU closed the test connection") from error
        while True:
            answer = self._line()
            if answer.startswith("OK"):
                return answer[3:]
            if not answer.startswith("IRQ"):
                raise LinkProtocol(f"QEMU refused {text}: {answer}")

    def _line(self) -> str:
        deadline = time.monotonic() + self._timeout_s
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self._socket.recv(4096)
            except TimeoutError as error:
                raise LinkTimeout("QEMU's test connection does not answer") from error
            except OSError as error:
                raise LinkClosed("QEMU closed the test connection") from error
            if not data:
                raise LinkClosed("QEMU closed the test connection")
            self._buffer += data
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return line.decode("ascii", "replace")
