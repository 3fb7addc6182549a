"""How the report writes numbers: one place, so that a value looks the same in every table.

A value that is absent or not a number is shown as a dash, never as 0 and never as `nan`.
"""

from __future__ import annotations

import math
from typing import TypeGuard

from pytest_stm32pose.record.accuracy import Figure, score
from pytest_stm32pose.report.markup import bounded

MISSING = "\N{EN DASH}"
#: Letters of a name that are shown.
MAX_NAME = 300
_KIB = 1024


def is_number(value: object) -> TypeGuard[int | float]:
    """True for a finite int or float (bool is not a number here, nor is an int beyond every float)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value.bit_length() < 1000 if isinstance(value, int) else math.isfinite(value)


def count(value: object) -> str:
    """Whole number with thousands separators; fractions of small numbers keep their digits."""
    if not is_number(value):
        return MISSING
    return f"{round(value):,}" if abs(value) >= 1000 else significant(value)


def significant(value: object) -> str:
    """Six significant digits, so that a value just over its limit does not look like the limit."""
    if not is_number(value):
        return MISSING
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.6g}" if 1e-4 <= abs(value) < 1e6 else (f"{value:,.1f}" if abs(value) >= 1e6 else f"{value:.3g}")


def share(value: object) -> str:
    """A score of 0..1 with four decimals; a value that only rounds to 1 or 0 keeps the digits that tell it apart."""
    return score(value) if is_number(value) else MISSING


def scored(found: Figure) -> str:
    """An accuracy figure with the pictures that it is of and its 95 % interval, where there are any."""
    parts = [f"n={found.n}"] if found.n is not None else []
    if found.persons is not None:
        parts.append(f"{found.persons:,} persons")
    if found.bounds is not None:
        parts.append(f"95 %: {share(found.bounds[0])} to {share(found.bounds[1])}")
    known = found.value is not None and parts
    return f"{share(found.value)} ({', '.join(parts)})" if known else share(found.value)


def percent(value: object) -> str:
    """A part of a whole, 0..1, as percent."""
    return f"{100 * value:.3g} %" if is_number(value) else MISSING


def kib(value_bytes: object) -> str:
    """Bytes as KiB with one decimal."""
    return f"{value_bytes / _KIB:,.1f} KiB" if is_number(value_bytes) else MISSING


def size(value_bytes: object) -> str:
    """Bytes in the unit that fits."""
    if not is_number(value_bytes):
        return MISSING
    if value_bytes < _KIB:
        return f"{value_bytes:,.0f} B"
    return kib(value_bytes) if value_bytes < _KIB * _KIB else f"{value_bytes / _KIB / _KIB:,.2f} MiB"


def seconds(value_s: object) -> str:
    """Host time: milliseconds below one second."""
    if not is_number(value_s):
        return MISSING
    return f"{value_s * 1000:.1f} ms" if value_s < 1 else f"{value_s:.2f} s"


def pixels(value_px: object) -> str:
    """A distance or coordinate in pixels, one decimal; a small distance that is not zero is not shown as zero."""
    if not is_number(value_px):
        return MISSING
    return f"{value_px:.1f}" if value_px == 0 or abs(value_px) >= 0.05 else "<0.05" if value_px > 0 else ">-0.05"


def megahertz(clock_hz: object) -> str:
    """A clock frequency."""
    return f"{clock_hz / 1e6:g} MHz" if is_number(clock_hz) else MISSING


def short_hash(value: object) -> str:
    """The first twelve digits of a checksum."""
    return str(value)[:12] if value else MISSING


def text(value: object) -> str:
    """A name, or a dash when there is none; a long one is cut."""
    return bounded(str(value), MAX_NAME) if value not in (None, "") else MISSING
