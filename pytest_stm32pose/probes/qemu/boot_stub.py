"""What an empty board executes: valid vectors and a sleeping loop, so that it neither locks up nor burns the host."""

from __future__ import annotations

import struct

_VECTORS = 16
_CODE = _VECTORS * 4
_LOOP = struct.pack("<HH", 0xBF30, 0xE7FD)  # wfi; b .-2


def boot_stub(stack_top: int) -> bytes:
    """Image for address 0: initial stack pointer, reset vector to one loop, all others to another, the loops."""
    start, other = _CODE | 1, _CODE + len(_LOOP) | 1
    return struct.pack(f"<{_VECTORS}I", stack_top, start, *[other] * (_VECTORS - 2)) + _LOOP + _LOOP
