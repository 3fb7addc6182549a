"""Waits for QEMU: a stopped process ends them, a slow one does not. Deadlines of an hour, so that only an event can."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_stm32pose.probes.qemu import stream
from pytest_stm32pose.probes.qemu.faults import LinkClosed, LinkStopped, LinkTimeout
from pytest_stm32pose.probes.qemu.instances import Process
from pytest_stm32pose.probes.qemu.stream import Stream

HOUR_S = 3600.0
#: A server that takes no connection, and tells when its socket is there.
SERVER = "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0); print(flush=True); time.sleep(600)"  # noqa: E501


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, Process]]:
    path = tmp_path / "s"
    child = subprocess.Popen([sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read(1)
    yield path, Process.of(child.pid)
    child.kill()
    child.wait()
    child.stdout.close()


def stop(process: Process) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    while not process.is_stopped():
        time.sleep(0.001)


class Slow(Process):
    """A process that is never stopped, and counts how often it was looked at."""

    looks = 0

    def is_stopped(self) -> bool:
        Slow.looks += 1
        return False


def test_the_state_of_a_process(server: tuple[Path, Process]) -> None:
    _, process = server
    assert process.is_alive()
    assert not process.is_stopped()
    stop(process)
    assert process.is_alive()
    assert not Process(process.pid, process.started + 1).is_stopped(), "another process with the same number"
    os.kill(process.pid, signal.SIGCONT)
    while process.is_stopped():
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    while process.is_alive():
        time.sleep(0.001)
    assert not process.is_stopped()  # a zombie, or gone
    assert not Process(1 << 22, 1).is_stopped()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_stopped_process_ends_a_wait(server: tuple[Path, Process], when: str) -> None:
    path, process = server
    one = Stream(path, "debug", process, HOUR_S)
    if when == "before":
        stop(process)
    else:
        threading.Timer(0.3, stop, (process,)).start()
    with pytest.raises(LinkStopped, match=rf"QEMU is stopped \(SIGSTOP; `kill -CONT {process.pid}` continues it\)"):
        one.receive(time.monotonic() + HOUR_S)
    one.close()


def test_a_stopped_process_ends_a_connect_and_a_send(server: tuple[Path, Process]) -> None:
    path, process = server
    first = Stream(path, "debug", process, HOUR_S)
    stop(process)
    with pytest.raises(LinkStopped):
        while True:
            first.send(bytes(1 << 20))
    with pytest.raises(LinkStopped):
        waiting = [Stream(path, "debug", process, HOUR_S) for _ in range(100)]  # its queue is short
        assert not waiting
    first.close()


def test_a_slow_process_has_its_time(server: tuple[Path, Process], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again and again, and only the deadline ends the wait."""
    monkeypatch.setattr(stream, "LOOK_S", 0.001)
    path, process = server
    one = Stream(path, "debug", Slow(process.pid, process.started), HOUR_S)
    began, Slow.looks = time.monotonic(), 0
    with pytest.raises(LinkTimeout, match="debug connection does not answer") as caught:
        one.receive(began + 0.1)
    assert not isinstance(caught.value, LinkStopped)
    assert time.monotonic() >= began + 0.1
    assert Slow.looks > 1
    one.close()


def test_a_look_without_waiting_asks_nobody(server: tuple[Path, Process]) -> None:
    path, process = server
    one = Stream(path, "debug", Slow(process.pid, process.started), HOUR_S)
    Slow.looks = 0
    with pytest.raises(LinkTimeout):
        one.receive(time.monotonic())
    assert Slow.looks == 0
    one.close()


def test_a_socket_that_closes_or_is_not_there(tmp_path: Path) -> None:
    me = Process.of(os.getpid())
    with pytest.raises(LinkClosed, match="QEMU's test socket is gone"):
        Stream(tmp_path / "nothing", "test", me, HOUR_S)
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        one = Stream(path, "test", me, HOUR_S)
        other, _ = listener.accept()
        other.sendall(b"last")
        other.close()
        assert one.receive(time.monotonic() + HOUR_S) == b"last"
        with pytest.raises(LinkClosed, match="closed the test connection"):
            one.receive(time.monotonic() + HOUR_S)
        with pytest.raises(LinkClosed):
            while True:
                one.send(bytes(1024))
        one.close()
