"""What can go wrong on the way to QEMU. Translated into pyOCD's exceptions by probe.py, at one place."""

from __future__ import annotations


def stopped_reason(pid: int) -> str:
    """One clause for a process in the state "stopped" (proc(5), "T")."""
    return f"QEMU is stopped (SIGSTOP; `kill -CONT {pid}` continues it)"


class LinkError(Exception):
    """Base of this file's errors."""


class LinkClosed(LinkError):
    """The other end is gone: QEMU ended, was killed, or closed the socket."""


class LinkTimeout(LinkError):
    """No answer before the deadline."""


class LinkStopped(LinkTimeout):
    """No answer will come before somebody continues QEMU's process.

    `is_news` False: an access before this one has found the same.
    """

    def __init__(self, pid: int, *, is_news: bool = True) -> None:
        super().__init__(stopped_reason(pid))
        self.is_news = is_news


class LinkProtocol(LinkError):
    """An answer arrived that the protocol does not allow."""


class AccessFault(LinkError):
    """QEMU refused a memory access: nothing is mapped there."""

    def __init__(self, address: int, length: int) -> None:
        super().__init__(f"no memory at 0x{address:08x} ({length} bytes)")
        self.address = address
        self.length = length
