"""Waiting for what must come: for the event, never for a time in which it should have come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: No host is so busy; what has not come by then does not come.
LIMIT_S = 300.0
_POLL_S = 0.002


def eventually(look: Callable[[], T], what: object = "it did not come") -> T:
    """Looks until something true is there, and returns it. `what` is said when nothing comes, and may be a function."""
    deadline = time.monotonic() + LIMIT_S
    while not (found := look()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(_POLL_S)
    return found
