"""Processes: which worker of pytest-xdist runs which tests, and how one that is told to end does so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from typing import Any


def scheduler_by_board(config: Any, log: Any, boards: Iterable[str]) -> Any:
    """A scheduler of pytest-xdist that keeps the tests of each of these boards on one worker and spreads all others.

    Args:
        config, log: as pytest-xdist's hook gets them.
    """
    from xdist.scheduler import LoadScopeScheduling

    names = sorted(boards, key=len, reverse=True)  # n6-nucleo before n6

    class BoardScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            parameters = f"-{nodeid.rpartition('[')[2].removesuffix(']')}-"
            return next((name for name in names if f"-{name}-" in parameters), nodeid)

    return BoardScheduling(config, log)


def end_orderly() -> None:
    """A terminated run (a cancelled CI job) ends like an interrupted one: boards closed, record written."""

    def terminate(signum: int, frame: object) -> None:
        # Not pytest.exit(): its exception is an Exception, which a decoder's "except Exception" would swallow.
        raise KeyboardInterrupt("terminated by SIGTERM")

    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
