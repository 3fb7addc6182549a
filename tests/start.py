"""What the harness costs before the first verdict: `python -m tests.start`, in part of `make bench`.

Seconds are of this machine, medians of processes that are started in turn, so that what else it does falls on all.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.models.zoo import find_model

REPEAT = 7
#: The network of the published figures; without it the default network is measured.
LARGE = "st_movenet_lightning_heatmaps_192"
BOARD = "qemu-m55"
COLLECT_MUST_S, FIRST_MUST_S = 0.15, 2.5
_FIRST = "def test_first(pose_check, pose_images):\n    pose_check(pose_images[0])\n"
_PYTEST = (sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider")
_SUITE = ("--collect-only", "-q", "--pyargs", "pytest_stm32pose.suite")


@dataclass(frozen=True)
class Taken:
    """One process.

    Attributes:
        collected_s, first_s: from its start until its tests were collected, and the first was told to have passed; 0:
            that was not told.
        whole_s: to its end.
        cpu_s: of all its processors' time, with the emulator's.
    """

    collected_s: float
    first_s: float
    whole_s: float
    cpu_s: float


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Taken:
    """Starts pytest and reads along.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    began = time.perf_counter()
    child = subprocess.Popen(
        [*_PYTEST, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert child.stdout is not None
    said, seen = b"", {b"collected ": 0.0, b" PASSED": 0.0}
    while part := os.read(child.stdout.fileno(), 1 << 16):
        said += part
        for mark, at in seen.items():
            if not at and mark in said:
                seen[mark] = time.perf_counter() - began
    _, status, used = os.wait4(child.pid, 0)
    whole_s = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(said.decode(errors="replace"))
    collected_s, first_s = seen.values()
    return Taken(collected_s, first_s, whole_s, used.ru_utime + used.ru_stime)


@contextmanager
def _folder() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with one test, and an empty cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_first.py").write_text(_FIRST)
        yield folder, {"STM32POSE_CACHE": str(folder / "cache")}


def collecting() -> tuple[float, float]:
    """Of naming a board, over collecting the same tests without one: seconds, and seconds of processors."""
    commands = (_SUITE, (*_SUITE, f"--board={BOARD}"))
    with _folder() as (folder, environment):
        for command in commands:
            run(command, folder, environment)
        pairs = [[run(command, folder, environment) for command in commands] for _ in range(REPEAT)]
    differences = [(with_.whole_s - without.whole_s, with_.cpu_s - without.cpu_s) for without, with_ in pairs]
    return statistics.median(each[0] for each in differences), statistics.median(each[1] for each in differences)


def first_pictures() -> dict[str, list[Taken]]:
    """Runs up to the first picture: with networks compiled anew ("off"), and kept from an earlier run ("kept")."""
    model = find_model(LARGE)
    arguments = ["-v", "test_first.py", f"--board={BOARD}", *([f"--pose-model={model}"] if model else [])]
    runs: dict[str, list[Taken]] = {"off": [], "kept": []}
    with _folder() as (folder, environment):
        run(arguments, folder, environment)  # builds the firmware, and keeps the network
        for _ in range(REPEAT):
            runs["off"].append(run([*arguments, "--pose-cache=off"], folder, environment))
            runs["kept"].append(run(arguments, folder, environment))
    return runs


def main() -> int:
    """Prints the rows; 1: one is above its limit."""
    collect_s, collect_cpu_s = collecting()
    print(f"--collect-only with a board, over the same without   {collect_s:.2f} s ({collect_cpu_s:.2f} s of CPU), "
          f"at most {COLLECT_MUST_S} s")  # fmt: skip
    kept_s = 0.0
    for cache, runs in first_pictures().items():
        collected_s, kept_s, cpu_s = (
            statistics.median(getattr(each, name) for each in runs) for name in ("collected_s", "first_s", "cpu_s")
        )
        print(f"first picture's verdict, compiled networks {cache:5}     {kept_s:.2f} s, at most {FIRST_MUST_S} s; "
              f"{collected_s:.2f} s until tests were collected; {cpu_s:.2f} s of CPU of the whole run")  # fmt: skip
    return int(collect_s > COLLECT_MUST_S or kept_s > FIRST_MUST_S)


if __name__ == "__main__":
    sys.exit(main())
