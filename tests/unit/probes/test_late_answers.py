"""QEMU's answer to a command that was given up (its process stood still) is not taken for that to the next one."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_stm32pose.probes.qemu.faults import LinkTimeout
from pytest_stm32pose.probes.qemu.instances import Process
from pytest_stm32pose.probes.qemu.qmp import QmpClient
from pytest_stm32pose.probes.qemu.wires import Wires

TIMEOUT_S = 0.5
SELF = Process.of(os.getpid())
Answer = Callable[[bytes], bytes]


class Late:
    """Answers line by line; what it is asked while `holds` it answers together with the next line."""

    def __init__(self, path: Path, greeting: bytes, answer: Answer) -> None:
        self.holds = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        threading.Thread(target=self._serve, args=(greeting, answer), daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self, greeting: bytes, answer: Answer) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(greeting)
            held = b""
            for line in lines:
                held += answer(line)
                if not self.holds:
                    connection.sendall(held)
                    held = b""


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "s"


def test_of_the_test_socket(path: Path) -> None:
    server = Late(path, b"", lambda line: b"IRQ raise 3\nOK 0x10000000\n" if line.startswith(b"readl") else b"OK\n")
    wires = Wires(path, SELF, TIMEOUT_S)
    server.holds = True
    with pytest.raises(LinkTimeout):
        wires.clear_wake_up()
    server.holds = False
    assert wires.pend_wake_up() is False  # it reads what is pending: no "OK" of the command before
    wires.close()
    server.close()


def test_of_the_control_socket(path: Path) -> None:
    def answer(line: bytes) -> bytes:
        asked = json.loads(line)
        said = {"return": {"running": asked["execute"] == "query-status"}, "id": asked["id"]}
        return json.dumps({"event": "STOP"}).encode() + b"\n" + json.dumps(said).encode() + b"\n"

    server = Late(path, b'{"QMP": {}}\n', answer)
    client = QmpClient(path, SELF, TIMEOUT_S)
    server.holds = True
    with pytest.raises(LinkTimeout):
        client.command("stop")
    server.holds = False
    assert client.command("query-status") == {"running": True}
    assert client.wait_event("STOP", TIMEOUT_S)
    client.close()
    server.close()
