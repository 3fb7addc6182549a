"""What a failed build says: one sentence where the reason is known, else the lines of the output that matter."""

from __future__ import annotations

import re
from collections.abc import Sequence

OUTPUT_LINES_SHOWN = 40
#: Regions of the boards' linker scripts.
REGIONS = {
    "CODE": "code and constants",
    "RAM": "data and stack",
    "STACK": "the stack",
    "NETWORK": "the network's constants",
    "M4": "what the second core runs",
}
_OVERFLOW = re.compile(r"region [`']?(\w+)'? overflowed by (\d+) bytes")
_UNDEFINED = re.compile(r"undefined reference to [`']([^'`]+)'")
#: A compiler's or linker's command line, which ninja prints before its output.
_COMMAND = re.compile(r"(?::\s*&&\s*)?\S*/?(?:arm-none-eabi-)?(?:gcc|g\+\+|ld|ar|cmake)\b.{400,}", re.DOTALL)
_SYMBOLS_SHOWN = 3


def overflow(lines: Sequence[str]) -> str:
    """What does not fit and by how much, as clauses; "" when the linker says nothing of that."""
    found: dict[str, int] = {}
    for line in lines:
        if match := _OVERFLOW.search(line):
            found[match[1]] = max(found.get(match[1], 0), int(match[2]))
    return " and ".join(
        f"{name} ({REGIONS.get(name, 'of the linker script')}) is {bytes_} bytes ({bytes_ / 1024:.1f} KiB) too small"
        for name, bytes_ in found.items()
    )


def undefined(lines: Sequence[str]) -> list[str]:
    """Functions that nothing linked has, in the order of the output."""
    return list(dict.fromkeys(match[1] for line in lines if (match := _UNDEFINED.search(line))))


def undefined_sentence(symbols: Sequence[str]) -> str:
    shown = ", ".join(symbols[:_SYMBOLS_SHOWN])
    more = len(symbols) - _SYMBOLS_SHOWN
    return f"{shown}{f' and {more} more' if more > 0 else ''}"


def interesting(lines: Sequence[str]) -> list[str]:
    """The part of the output to show: from the first error on, or the end; without command lines."""
    lines = [line for line in lines if not _COMMAND.match(line)]
    first = next((i for i, line in enumerate(lines) if "error" in line.lower() or "FAILED" in line), None)
    if first is None:
        return lines[-OUTPUT_LINES_SHOWN:]
    return lines[first : first + OUTPUT_LINES_SHOWN]
