"""What can go wrong on the way to QEMU. Translated into pyOCD's exceptions by probe.py, at one place."""

from __future__ import annotations


class LinkError(Exception):
    """Base of this file's errors."""


class LinkClosed(LinkError):
    """The other end is gone: QEMU ended, was killed, or closed the socket."""


class LinkTimeout(LinkError):
    """No answer before the deadline: QEMU is stopped (SIGSTOP) or overloaded."""


class LinkProtocol(LinkError):
    """An answer arrived that the protocol does not allow."""


class AccessFault(LinkError):
    """QEMU refused a memory access: nothing is mapped there."""

    def __init__(self, address: int, length: int) -> None:
        super().__init__(f"no memory at 0x{address:08x} ({length} bytes)")
        self.address = address
        self.length = length
