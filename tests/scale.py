"""What records of thousands of pictures cost: `python -m tests.scale [PICTURES ...]` prints a row for each command.

Seconds are the processor's, of a whole process from its start, and memory is the largest it had.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.record.write import write_record
from tests.support.many_pictures import record

COUNTS = (1000, 10_000, 20_000)
_MB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Of a process."""

    seconds: float
    peak_bytes: int


def cost(*arguments: str | Path) -> Cost:
    """Of `stm32pose` with these arguments, which must succeed."""
    command = [sys.executable, "-m", "pytest_stm32pose.cli", *map(str, arguments)]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1), f"{' '.join(command)} failed"  # 1: a gate that is closed
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def rows(pictures: int, folder: Path) -> list[tuple[str, Cost]]:
    """What a command costs with records of so many pictures."""
    base, same, other, worse = (folder / f"{name}.json" for name in ("base", "same", "other", "worse"))
    write_record(base, record(pictures))
    write_record(same, record(pictures, seed=1))
    write_record(other, record(pictures, seed=2, network="cd"))
    write_record(worse, record(pictures, seed=3, network="ef", worse=0.04))
    history = folder / "history.sqlite"
    return [
        ("compare, the same network", cost("compare", base, same)),
        ("compare, another network", cost("compare", base, other)),
        ("compare, another network that is worse", cost("compare", base, worse)),
        ("history add", cost("history", "add", base, f"--pose-history={history}")),
        ("report", cost("report", base, "-o", folder / "report.html")),
    ]


def main() -> None:
    """A line for each command and number of pictures."""
    for pictures in [int(each) for each in sys.argv[1:]] or COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            for what, found in rows(pictures, Path(folder)):
                print(
                    f"{pictures:6} pictures, {what:38} {found.seconds:5.2f} s, {found.peak_bytes / _MB:4.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
