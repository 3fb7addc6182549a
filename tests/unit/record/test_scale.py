"""Ten times the pictures take ten times the processor's time, not a hundred times; and a page stays a page."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.judge.gate import compare
from pytest_stm32pose.judge.gate_limits import Limits
from pytest_stm32pose.record.read import read_record
from pytest_stm32pose.record.write import write_record
from pytest_stm32pose.report.accuracy import MAX_ROWS
from pytest_stm32pose.report.standalone import page
from pytest_stm32pose.run.history import History
from tests.support.many_pictures import record

FEW, MANY = 150, 1500
#: Twice of what is linear; what is quadratic takes a hundred times as long.
MOST = 20.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, RunEntry, RunEntry]]:
    """By number of pictures: a file, its record, and another network's."""
    folder, found = tmp_path_factory.mktemp("records"), {}
    for pictures in (FEW, MANY):
        path, of_this = folder / f"{pictures}.json", record(pictures)
        write_record(path, of_this)
        found[pictures] = path, of_this, record(pictures, seed=1, network="cd")
    return found


def seconds(work: Callable[[], object]) -> float:
    """The processor's, the least of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def works(path: Path, one: RunEntry, other: RunEntry, folder: Path) -> dict[str, Callable[[], object]]:
    """What is done with records."""
    return {
        "read": lambda: read_record(path),
        "write": lambda: write_record(folder / "new.json", one),
        "page": lambda: page(one),
        "history": lambda: History(folder / "history.sqlite").add(one, "it"),
        "compare": lambda: compare([one], other, Limits(), "it"),
    }


@pytest.mark.parametrize("what", ["read", "write", "page", "history", "compare"])
def test_time_is_linear(made: dict[int, tuple[Path, RunEntry, RunEntry]], tmp_path: Path, what: str) -> None:
    taken = {pictures: seconds(works(*each, tmp_path)[what]) for pictures, each in made.items()}
    assert taken[MANY] < MOST * taken[FEW], taken


def test_a_page_is_bounded_and_says_what_it_leaves_out(made: dict[int, tuple[Path, RunEntry, RunEntry]]) -> None:
    few, many = page(made[FEW][1]), page(made[MANY][1])
    assert f"The worst {MAX_ROWS} of {MANY:,} pictures." in many
    assert "(the worst 20 of 1,500)" in many
    assert len(re.findall("<tr", many)) < MAX_ROWS + len(re.findall("<tr", few))
    assert len(many) < 1_000_000


def test_a_picture_of_a_record_takes_little_memory() -> None:
    """Keypoints of device and golden that are equal are there once."""
    record(1)  # what is imported and cached
    tracemalloc.start()
    kept = record(200)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept.models[0].images) == 200
    assert taken / 200 < 20_000, "bytes of a picture"
