"""Running virtual boards on this host: one private directory each, with a board.json that other processes find.

<runtime>/stm32pose-<uid>/<board>-<random>/   board.json, gdb, probe.qmp, control.qmp, qtest, ram, qemu.log
                                              of a twin: board.json, twin.json, ready.json, probe, qemu.log
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pytest_stm32pose.probes.base import TargetSpec

_SOCKET_PATH_MAX = 100
_STARTING_S = 60.0
TWIN = "twin:"  #: how the machine of a twin begins; the board that it is the twin of follows


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one with the same number by its start time (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, _start_ticks(pid) or 0)

    def is_alive(self) -> bool:
        return self.started != 0 and _start_ticks(self.pid) == self.started

    def is_stopped(self) -> bool:
        """Whether a signal has stopped it (SIGSTOP); it does nothing until it is continued. Busy is not stopped."""
        return _stat(self.pid) == ("T", self.started)

    def kill(self) -> None:
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Instance:
    """One running board, as written to board.json.

    `owner` is the process that stops the board when it ends; None for a board that stays up (`boards start`).
    `serial_url` opens with pyserial's serial_for_url(); `pty` is a device path, or "".
    """

    board: str
    unique_id: str
    directory: Path
    machine: str
    command: tuple[str, ...]
    target: TargetSpec
    qemu: Process
    owner: Process | None
    serial_url: str
    pty: str = ""
    bridge: Process | None = None

    @property
    def is_twin(self) -> bool:
        """A twin's process (probes/twin/), not QEMU."""
        return self.machine.startswith(TWIN)

    @property
    def probe_socket(self) -> Path:
        """Where a twin's probe connects."""
        return self.directory / "probe"

    @property
    def gdb_socket(self) -> Path:
        return self.directory / "gdb"

    @property
    def probe_qmp(self) -> Path:
        return self.directory / "probe.qmp"

    @property
    def control_qmp(self) -> Path:
        return self.directory / "control.qmp"

    @property
    def qtest_socket(self) -> Path:
        return self.directory / "qtest"

    @property
    def uart_socket(self) -> Path:
        return self.directory / "uart"

    @property
    def ram_file(self) -> Path:
        return self.directory / "ram"

    @property
    def log_file(self) -> Path:
        return self.directory / "qemu.log"

    def save(self) -> None:
        """Writes board.json so that a reader sees the old one or the new one, never half of it."""
        data: dict[str, object] = asdict(self)
        data["directory"] = str(self.directory)
        data["target"] = self.target.to_json()
        temporary = self.directory / "board.json.new"
        temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")
        temporary.replace(self.directory / "board.json")

    def with_changes(self, **changes: Any) -> Instance:
        return replace(self, **changes)


def load(directory: Path) -> Instance | None:
    """The instance described in `directory`, or None when there is none (yet)."""
    try:
        data = json.loads((directory / "board.json").read_text(encoding="utf-8"))
        data["directory"] = directory
        data["command"] = tuple(data["command"])
        data["target"] = TargetSpec.from_json(data["target"])
        for key in ("qemu", "owner", "bridge"):
            data[key] = Process(**data[key]) if data[key] else None
        return Instance(**data)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def runtime_root() -> Path:
    """The user's directory for running boards, mode 0700. Made when missing; refused when somebody else's."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if not base or not os.access(base, os.W_OK) or len(base) > _SOCKET_PATH_MAX - 60:
        base = tempfile.gettempdir()
    if len(base) > _SOCKET_PATH_MAX - 60:
        base = "/tmp"
    root = Path(base) / f"stm32pose-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    info = root.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) != 0o700:
        raise PermissionError(f"{root} is not a private directory of this user")
    return root


def new_directory(board: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{board}-", dir=runtime_root()))


def all_instances() -> list[Instance]:
    """Boards whose emulator runs, oldest first."""
    directories = sorted(runtime_root().iterdir(), key=lambda path: path.name)
    found = [instance for instance in map(load, directories) if instance and instance.qemu.is_alive()]
    return sorted(found, key=lambda instance: instance.qemu.started)


def find(unique_id: str) -> Instance | None:
    return next((instance for instance in all_instances() if instance.unique_id == unique_id), None)


def remove(instance: Instance) -> None:
    """Ends the instance's processes and deletes its directory."""
    instance.qemu.kill()
    if instance.bridge:
        instance.bridge.kill()
    shutil.rmtree(instance.directory, ignore_errors=True)


def sweep() -> None:
    """Deletes what dead boards left behind, and ends boards whose owner died without stopping them."""
    for directory in runtime_root().iterdir():
        instance = load(directory)
        if instance is None:
            _remove_if_abandoned(directory)
        elif instance.owner is not None:
            if not instance.owner.is_alive():
                remove(instance)
        elif not instance.qemu.is_alive() and not (instance.bridge and instance.bridge.is_alive()):
            remove(instance)


def _remove_if_abandoned(directory: Path) -> None:
    """A directory without board.json belongs to a board that is just starting, unless its starter is gone."""
    try:
        starter = json.loads((directory / "starter.json").read_text(encoding="utf-8"))
        alive = Process(**starter).is_alive()
    except (OSError, ValueError, TypeError):
        alive = False
        with contextlib.suppress(OSError):
            alive = time.time() - directory.stat().st_mtime < _STARTING_S
    if not alive:
        shutil.rmtree(directory, ignore_errors=True)


def _start_ticks(pid: int) -> int | None:
    """When a process began; None for one that has ended, also when nobody reaped it."""
    state, started = _stat(pid)
    return None if state in ("", "Z", "X") else started


def _stat(pid: int) -> tuple[str, int]:
    """State and start time, fields 3 and 22 of /proc/<pid>/stat (proc(5)); the state is "" when there is no process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return "", 0
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])
