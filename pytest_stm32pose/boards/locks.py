"""One board, one user: a lock per debug probe, across processes and users of this host.

flock(2) on a file per probe: the kernel releases it when its holder ends, however it ends. The file holds who has it.
(Not the package filelock: in a directory that users share it refuses a file that another user made.)
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError, ProbeError
from pytest_stm32pose.probes.qemu.instances import Process

Say = Callable[[str], None]

_POLL_S = 0.2
_LOOK_S = 3.0  #: who only asks a probe what it is has its lock for less than this
_COMMAND_MAX = 200
_INFO_MAX = 4096
#: pytest-xdist gives the workers of one run the same value.
_RUN_VARIABLE = "PYTEST_XDIST_TESTRUNUID"
_WORKER_VARIABLE = "PYTEST_XDIST_WORKER"


@dataclass(frozen=True)
class Holder:
    """Who has a board. `started` tells the process from a later one with its number; `run` is pytest-xdist's."""

    pid: int
    started: int
    host: str
    user: str
    since: str
    command: str
    board: str
    run: str = ""
    worker: str = ""

    def __str__(self) -> str:
        worker = f", worker {self.worker}" if self.worker else ""
        return f"{self.user}@{self.host}, process {self.pid}{worker}, since {self.since}: {self.command}"

    @classmethod
    def myself(cls, board: str) -> Holder:
        me = Process.of(os.getpid())
        return cls(
            pid=me.pid,
            started=me.started,
            host=socket.gethostname(),
            user=_user(),
            since=datetime.now().astimezone().isoformat(timespec="seconds"),
            command=" ".join(sys.argv)[:_COMMAND_MAX],
            board=board,
            run=os.environ.get(_RUN_VARIABLE, ""),
            worker=os.environ.get(_WORKER_VARIABLE, ""),
        )

    def is_of_this_run(self) -> bool:
        """This process, or another worker of the same pytest-xdist run: it keeps the board until the run ends."""
        return self.pid == os.getpid() or (self.run != "" and self.run == os.environ.get(_RUN_VARIABLE))


class BoardLock:
    """The lock on the board behind one probe.

    Args:
        probe: unique id of the probe.
        board: name of the board, for messages; "" for a short look at the probe, which everybody waits for.
        wait_s: how long acquire() waits for another holder; 0 not at all.
        say: told, in one sentence, who is waited for.
        file: the lock file; that of the probe unless given.
    """

    def __init__(self, probe: str, board: str, *, wait_s: float, say: Say, file: Path | None = None) -> None:
        self._probe, self._board, self._wait_s, self._say = probe, board, wait_s, say
        self._file = file or lock_file(probe)
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            ProbeError: another process still has it after `wait_s`, or it is of this very run and will not give it up.
            ConfigError: the lock file cannot be opened.
        """
        if self._descriptor is not None:
            return
        descriptor = _open(self._file)
        try:
            self._wait_for(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(Holder.myself(self._board))).encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._wait_s
        told: Holder | None = None
        while not _try(descriptor):
            holder = holder_of(self._probe, self._file)
            looks = holder is not None and not holder.board
            if holder is not None and not looks and holder.is_of_this_run():
                raise self._kept_by_this_run(holder)
            if time.monotonic() >= deadline + (_LOOK_S if looks else 0):
                raise ProbeError(
                    f"Board {self._board} (probe {self._probe}) is in use by {holder or 'another process'}.",
                    remedy=f"Waited {self._wait_s:g} s; --pose-lock-wait sets how long.",
                )
            if holder is not None and not looks and holder != told:
                self._say(f"{self._board}: waiting up to {self._wait_s:g} s for {holder}")
                told = holder
            time.sleep(_POLL_S)

    def _kept_by_this_run(self, holder: Holder) -> ProbeError:
        if holder.pid == os.getpid():
            return ProbeError(
                f"Probe {self._probe} of board {self._board} is that of board {holder.board} of this run already.",
                remedy="Name one of the two.",
            )
        return ProbeError(
            f"Board {self._board} (probe {self._probe}) is in use by worker {holder.worker} of this run.",
            remedy="One board serves one worker: use --dist=load, which keeps its tests together, or -n 0.",
        )


def holder_of(probe: str, file: Path | None = None) -> Holder | None:
    """Who has the board behind this probe; None when nobody has, also when the last holder crashed."""
    try:
        with (file or lock_file(probe)).open("rb") as stream:
            data: dict[str, Any] = json.loads(stream.read(_INFO_MAX))
        holder = Holder(**data)
        return holder if Process(holder.pid, holder.started).is_alive() else None
    except (OSError, ValueError, TypeError):
        return None


def lock_file(probe: str) -> Path:
    return _directory() / f"{re.sub(r'[^A-Za-z0-9._-]', '_', probe)}.lock"


def _directory() -> Path:
    """One for all users of the host: neither TMPDIR nor XDG_RUNTIME_DIR, which differ between them."""
    if named := os.environ.get("STM32POSE_LOCK_DIR"):
        return Path(named)
    common = Path("/run/lock")  # where everybody may write to it, as on Debian; elsewhere it is root's
    return (common if common.is_dir() and common.stat().st_mode & 0o002 else Path("/tmp")) / "stm32pose"


def _open(path: Path) -> int:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o1777)
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:  # O_CREAT on another user's file would be refused where fs.protected_regular is set
            return os.open(path, flags)
        os.fchmod(descriptor, 0o666)
        return descriptor
    except OSError as error:
        raise ConfigError(
            f"The lock file {path} cannot be opened: {error.strerror}.",
            remedy="Make its folder writable for everyone who uses the boards, or name one with STM32POSE_LOCK_DIR.",
        ) from error


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the password database (containers)
        return str(os.getuid())
