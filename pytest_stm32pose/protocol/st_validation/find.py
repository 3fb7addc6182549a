"""Who is at the far end of a serial port: a device of which generation, at which speed; or what else, in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pytest_stm32pose.errors import TransportTimeout
from pytest_stm32pose.protocol.st_validation.heard import Heard, told
from pytest_stm32pose.protocol.st_validation.search import Found, Port, Search

#: After so long it is known that nothing speaks the protocol, at all speeds together.
NOBODY_S = 4.3  # with the opening of ports it is 5
#: A device that asks for the rest of a message, or sends one, is given so long.
BUSY_S = 60.0
LEAVE_S = 0.3  #: of that, for the question whether a pose runner is there


def find(
    open_at: Callable[[int], Port],
    speeds: Sequence[int],
    *,
    patience_s: float = NOBODY_S,
    first_s: float = 0.2,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Finds the device; the port of the speed at which it answered is the one that was opened last.

    Args:
        open_at: opens the port at a speed (baud), and closes what it opened before.
        speeds: the likeliest first.
        patience_s: for all speeds together, unless something speaks the protocol.
        first_s: how long a device that waits for a request may take to answer.

    Raises:
        TransportTimeout: nothing answers; says what was heard instead, at which speed.
        TransportError: the port cannot be opened, or is gone.
    """
    deadline = clock() + patience_s
    heard: dict[int, Heard] = {}
    url = ""
    rounds = [(baud, True) for baud in speeds if len(speeds) > 1] + [(baud, False) for baud in speeds]
    for number, (baud, is_quick) in enumerate(rounds):
        port = open_at(baud)
        url = port.url
        search = Search(port, first_s=first_s, clock=clock)
        search.wait_until_quiet()
        found = search.quick()
        if found is None and (not is_quick or search.heard.speaks):
            left = len(rounds) - max(number, len(rounds) - len(speeds))  # speeds that are still to be searched
            found = search.thorough(max(deadline - clock(), 0.0) / left - LEAVE_S, BUSY_S)
        if found is not None:
            return found
        if not is_quick:
            search.leave()
        heard[baud] = max(
            search.heard, heard.get(baud, Heard()), key=lambda each: (each.is_own, each.speaks, each.count)
        )
        if heard[baud].speaks and not is_quick:
            break
    words, remedy = told(heard)
    tried = " or ".join(str(baud) for baud in speeds)
    raise TransportTimeout(f"{url}: nothing answers ST's SYNC at {tried} baud: {words}.", remedy=remedy)
