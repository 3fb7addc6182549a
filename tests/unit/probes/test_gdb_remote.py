"""The connection to QEMU's gdb stub, against a stub of the test's."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_stm32pose.probes.qemu import gdb_remote
from pytest_stm32pose.probes.qemu.faults import LinkTimeout
from pytest_stm32pose.probes.qemu.gdb_remote import GdbRemote
from pytest_stm32pose.probes.qemu.instances import Process

CORE = "".join(f'<reg name="{name}" bitsize="32"/>' for name in ("r0", "sp", "lr", "pc", "xpsr"))
FILES = {"target.xml": '<xi:include href="core.xml"/>', "core.xml": CORE}


class Stub:
    """Takes connections one after another; the first `deaf` of them get no answer."""

    def __init__(self, path: Path, deaf: int) -> None:
        self.deaf, self.connections = deaf, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while data := connection.recv(4096):
                    if self.connections > self.deaf and (asked := re.search(rb"read:([a-z.]+):", data)):
                        answer = b"l" + FILES[asked[1].decode()].encode()
                        connection.sendall(b"+$%s#%02x" % (answer, sum(answer) & 0xFF))


@pytest.fixture
def stub(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stub]:
    made = Stub(tmp_path / "gdb", request.param)
    yield made
    made.close()


@pytest.mark.parametrize("stub", [0, 1, 2], indirect=True)
def test_a_connection_that_never_answers_is_given_up_for_another(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gdb_remote, "FIRST_ANSWER_S", 0.3)
    connection = GdbRemote(tmp_path / "gdb", Process.of(os.getpid()), 60.0)
    connection.close()
    assert sorted(connection.registers) == ["lr", "pc", "r0", "sp", "xpsr"]
    assert stub.connections >= stub.deaf + 1  # a loaded host may be late with one more


@pytest.mark.parametrize("stub", [1000], indirect=True)
def test_a_stub_that_never_answers_is_told_in_time(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdb_remote, "FIRST_ANSWER_S", 0.1)
    start = time.monotonic()
    with pytest.raises(LinkTimeout, match="does not answer"):
        GdbRemote(tmp_path / "gdb", Process.of(os.getpid()), 0.5)
    assert time.monotonic() - start >= 0.5
    assert stub.connections > 1
