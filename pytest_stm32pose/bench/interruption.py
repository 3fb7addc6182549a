"""What ended a request to a board in the middle, from outside: a time limit, not the board."""

from __future__ import annotations

import traceback

#: The rooms in which a request to a board may be under way: those that talk to a device, and the one that asks them to.
TALKING = frozenset({"bench", "boards", "measure", "probes", "protocol", "transports"})


def cut_off_by(error: BaseException | None) -> BaseException | None:
    """What from outside (a time limit of pytest-timeout) ended a request to a board in the middle; None for nothing.

    Also when the request, as it unwound, came upon an error of its own.
    """
    while isinstance(error, Exception):  # pytest's own way to fail a test is none
        error = error.__context__
    frames = traceback.walk_tb(error.__traceback__ if error else None)
    return error if any(_room(frame.f_globals.get("__name__", "")) in TALKING for frame, _ in frames) else None


def _room(module: str) -> str:
    """`bench` of `pytest_stm32pose.bench.session`; "" of a module that is not of this package."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "pytest_stm32pose" else ""
