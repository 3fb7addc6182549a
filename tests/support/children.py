"""Runs of `python -m MODULE` in a process of their own, without each waiting for what others have to import.

What a run shows is as from `subprocess.run`, which commands of another kind are left to.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

#: Until a run begins, which may be the first, on a loaded machine.
START_S = 600.0


@cache
def _server() -> socket.socket:
    """The end of a socket at whose other end tests/support/warm.py waits; it ends with this process."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(Path(__file__).with_name("warm.py")), str(there.fileno())]
    subprocess.Popen(command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
    there.close()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    atexit.register(here.close)
    return here


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, timeout: float
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with captured text and check=False. Raises subprocess.TimeoutExpired."""
    environment = dict(os.environ if env is None else env)
    if list(command[:2]) != [sys.executable, "-m"]:
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    request = {"arguments": [str(each) for each in command[2:]], "folder": str(cwd), "environment": environment}
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        answer, given = os.pipe()
        try:
            outputs = [stdout.fileno(), stderr.fileno(), given]
            socket.send_fds(_server(), [json.dumps(request).encode()], outputs)
            os.close(given)
            code = _wait(answer, command, timeout)
        finally:
            os.close(answer)
        return subprocess.CompletedProcess(command, code, _text(stdout), _text(stderr))


def _wait(answer: int, command: Sequence[str], timeout: float) -> int:
    """The exit code, which follows the process id."""
    process = _number(answer, START_S)
    if process is not None and (code := _number(answer, timeout)) is not None:
        return code
    if process is not None:
        os.kill(process, signal.SIGKILL)
        _number(answer, timeout)
    raise subprocess.TimeoutExpired(command, timeout)


def _number(answer: int, timeout: float) -> int | None:
    """None: none within so many seconds."""
    if not select.select([answer], [], [], timeout)[0]:
        return None
    data = os.read(answer, 4)
    assert len(data) == 4, "tests/support/warm.py has ended"
    return int(struct.unpack("<i", data)[0])


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
