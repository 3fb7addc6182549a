"""Reading a record whose keys may be absent, null or of another kind: it may come from anywhere. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

Entry = Mapping[str, Any]


def is_number(value: object) -> TypeGuard[int | float]:
    """True for a finite int or float (bool is not a number here, nor is an int beyond every float)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value.bit_length() < 1000 if isinstance(value, int) else math.isfinite(value)


def entries(owner: Entry, key: str) -> list[Entry]:
    """The objects in a list of the record; a list that is absent holds none."""
    return [each for each in owner.get(key) or () if isinstance(each, Mapping)]


def part(owner: Entry, key: str) -> Entry:
    """An object of the record; empty when it is absent."""
    found = owner.get(key)
    return found if isinstance(found, Mapping) else {}
