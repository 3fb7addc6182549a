"""One board, one process: the lock between real processes, also when its holder is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_stm32pose.boards.locks import BoardLock, Holder, holder_of, lock_file
from pytest_stm32pose.errors import ConfigError, ProbeError
from tests.support.waiting import LIMIT_S

UID = "0039003A3438510734313939"
HOLD = """
import sys
from pytest_stm32pose.boards.locks import BoardLock
lock = BoardLock(sys.argv[1], "bench", wait_s=float(sys.argv[2]), say=lambda text: print("say", text, flush=True))
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STM32POSE_LOCK_DIR", str(tmp_path / "locks"))
    monkeypatch.delenv("PYTEST_XDIST_TESTRUNUID", raising=False)


def start(wait_s: float = 0, run: str = "", worker: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTEST_XDIST_TESTRUNUID": run, "PYTEST_XDIST_WORKER": worker}
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, UID, str(wait_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip


@contextmanager
def other(run: str = "", worker: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that has the board."""
    process = start(run=run, worker=worker)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lock(wait_s: float = 0, said: list[str] | None = None) -> BoardLock:
    return BoardLock(UID, "bench", wait_s=wait_s, say=(said if said is not None else []).append)


def test_a_second_process_is_told_who_has_the_board() -> None:
    with other() as process:
        with pytest.raises(
            ProbeError, match=rf"bench \(probe {UID}\) is in use by .*process {process.pid}, since"
        ) as info:
            lock().acquire()
        assert info.value.verdict == "blocked" and "--pose-lock-wait" in info.value.remedy
        holder = holder_of(UID)
        assert holder is not None and (holder.pid, holder.board) == (process.pid, "bench")
        process.communicate("\n", timeout=LIMIT_S)
        assert holder_of(UID) is None
        free = lock()
        free.acquire()
        free.release()


def test_a_killed_holder_is_forgotten_at_once() -> None:
    with other() as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock_file(UID).stat().st_size > 0  # its description is still there, and not shown
        assert holder_of(UID) is None
        mine = lock()
        mine.acquire()
        holder = holder_of(UID)
        assert holder is not None and holder.pid == os.getpid()
        mine.release()
        assert holder_of(UID) is None


def test_a_waiting_run_says_for_whom_and_gets_the_board() -> None:
    said: list[str] = []
    with other() as process:

        def say(text: str) -> None:
            said.append(text)
            process.kill()  # not before: it does wait

        mine = BoardLock(UID, "bench", wait_s=LIMIT_S, say=say)
        mine.acquire()
        mine.release()
    [text] = said
    assert text.startswith(f"bench: waiting up to {LIMIT_S:g} s for ") and f"process {process.pid}" in text


def test_waiting_is_bounded() -> None:
    with other(), pytest.raises(ProbeError, match=r"Waited 0\.5 s"):
        lock(0.5).acquire()


def test_of_many_processes_one_at_a_time_has_it(tmp_path: Path) -> None:
    """Each adds one to a file without any other care."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    code = """
import sys, time
from pathlib import Path
from pytest_stm32pose.boards.locks import BoardLock
for _ in range(5):
    lock = BoardLock(sys.argv[1], "bench", wait_s=300, say=lambda text: None)
    lock.acquire()
    value = int(Path(sys.argv[2]).read_text())
    time.sleep(0.01)
    Path(sys.argv[2]).write_text(str(value + 1))
    lock.release()
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, UID, str(counter)]) for _ in range(4)]
    assert [process.wait(LIMIT_S) for process in processes] == [0] * 4
    assert counter.read_text() == "20"


def test_workers_of_one_run_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-xdist ends no worker before all have finished: the one that has the board would never give it up."""
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "run1")
    with other(run="run1", worker="gw0"), pytest.raises(ProbeError, match=r"worker gw0 of this run.*--dist=load"):
        lock(600).acquire()
    with other(run="run2", worker="gw0"), pytest.raises(ProbeError, match=r"Waited 0\.3 s"):
        lock(0.3).acquire()


def test_a_short_look_at_a_probe_is_waited_for_by_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by who would not wait, and by another worker of the run that looks; nobody is told."""
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "run1")
    said: list[str] = []
    events: list[str] = []
    look = BoardLock(UID, "", wait_s=0, say=said.append)
    look.acquire()

    def release() -> None:
        events.append("looked")
        look.release()

    threading.Timer(0.3, release).start()
    mine = lock(0, said)
    mine.acquire()
    assert events == ["looked"] and not said
    mine.release()


def test_one_process_that_takes_a_probe_twice_does_not_wait_for_itself() -> None:
    mine = lock()
    mine.acquire()
    with pytest.raises(ProbeError, match="of board bench of this run already"):
        lock(600).acquire()
    mine.release()


def test_what_a_child_inherits_does_not_keep_the_board() -> None:
    mine = lock()
    mine.acquire()
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        mine.release()
        again = lock()
        again.acquire()
        again.release()
    finally:
        child.kill()
        child.wait()


def test_the_files_serve_every_user(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        mine = lock()
        mine.acquire()
        mine.release()
    finally:
        os.umask(old)
    assert lock_file(UID).stat().st_mode & 0o777 == 0o666
    assert lock_file(UID).parent.stat().st_mode & 0o7777 == 0o1777  # sticky: nobody removes what another holds


def test_a_link_in_its_place_and_a_folder_that_cannot_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_file(UID).parent.mkdir()
    lock_file(UID).symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="cannot be opened"):
        lock().acquire()
    assert not (tmp_path / "victim").exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("STM32POSE_LOCK_DIR", str(tmp_path / "file" / "locks"))
    with pytest.raises(ConfigError, match="STM32POSE_LOCK_DIR"):
        lock().acquire()
    assert holder_of(UID) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"pid": "x"}', b"\xff" * 5000])
def test_a_damaged_description_is_nobody(content: bytes) -> None:
    lock_file(UID).parent.mkdir()
    lock_file(UID).write_bytes(content)
    assert holder_of(UID) is None


def test_an_odd_unique_id_stays_in_its_folder() -> None:
    assert lock_file("../../etc/passwd").parent == lock_file("x").parent
    assert Holder.myself("bench").pid == os.getpid()
