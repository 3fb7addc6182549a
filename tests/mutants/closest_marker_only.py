"""Of several markers of one name, only the closest counts, as pytest's get_closest_marker gives it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_stm32pose.plugin import markers


def closest(marks: Iterable[markers.Mark]) -> dict[str, Any]:
    return dict(next((mark.kwargs for mark in marks), {}))


markers.closest = closest
