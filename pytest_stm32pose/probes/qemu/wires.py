"""Wakes a core that was halted while it slept in WFI, through QEMU's qtest socket (QEMU docs/devel/testing: QTest).

QEMU would not execute a single instruction on such a core, and the gdb stub has no way to wake it. Bus accesses made
this way are non-secure, so device registers at large stay with inject.py.
"""

from __future__ import annotations

import time
from pathlib import Path

from pytest_stm32pose.probes.qemu.faults import LinkProtocol
from pytest_stm32pose.probes.qemu.instances import Process
from pytest_stm32pose.probes.qemu.stream import Stream

_ICSR, _PENDSVSET, _PENDSVCLR = 0xE000ED04, 1 << 28, 1 << 27


class Wires:
    """One qtest connection."""

    def __init__(self, path: Path, process: Process, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._owed = 0  #: answers that QEMU has not given yet
        self._stream = Stream(path, "test", process, timeout_s)

    def close(self) -> None:
        self._stream.close()

    def pend_wake_up(self) -> bool:
        """Makes PendSV pending, which ends a WFI. False: it was pending already."""
        if int(self._command(f"readl 0x{_ICSR:x}"), 16) & _PENDSVSET:
            return False
        self._command(f"writel 0x{_ICSR:x} 0x{_PENDSVSET:x}")
        return True

    def clear_wake_up(self) -> None:
        self._command(f"writel 0x{_ICSR:x} 0x{_PENDSVCLR:x}")

    def _command(self, text: str) -> str:
        self._stream.send(text.encode() + b"\n")
        self._owed += 1
        answer = ""
        while self._owed:  # those to commands that were given up come first
            answer = self._line()
            self._owed -= not answer.startswith("IRQ")
        if not answer.startswith("OK"):
            raise LinkProtocol(f"QEMU refused {text}: {answer}")
        return answer[3:]

    def _line(self) -> str:
        deadline = time.monotonic() + self._timeout_s
        while b"\n" not in self._buffer:
            self._buffer += self._stream.receive(deadline)
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return line.decode("ascii", "replace")
