"""Starts and stops the process of a twin. It is an Instance as an emulator of QEMU's is, found in the same places."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from pytest_stm32pose.errors import ConfigError, ProbeError
from pytest_stm32pose.probes.base import TargetSpec
from pytest_stm32pose.probes.qemu import instances
from pytest_stm32pose.probes.qemu.instances import Instance, Process

_SERVER = "pytest_stm32pose.twins.server"
_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 5.0
REFUSED = "refused: "  #: how a line of the server's log begins that says why it does not start
ENDED = "ended: "  #: or why it has ended

_children: dict[int, subprocess.Popen[bytes]] = {}


def start(
    board: str, machine: str, target: TargetSpec, *, clock_hz: int, faults: tuple[str, ...], detached: bool = False
) -> Instance:
    """Starts a twin, as its board is after power on.

    Args:
        board, target: of the catalog's entry; `machine` too: "twin:<board>".
        clock_hz: how fast its time passes while it waits.
        faults: to plant, each "name" or "name=value".
        detached: as for QEMU's boards.

    Raises:
        ConfigError: there is no such fault, or it takes no such value.
        ProbeError: the process ends or stays silent.
    """
    instances.sweep()
    directory = instances.new_directory(board)
    me = Process.of(os.getpid())
    (directory / "starter.json").write_text(json.dumps(asdict(me)), encoding="utf-8")
    owner = None if detached else me
    settings = {
        "machine": machine, "clock_hz": clock_hz, "faults": faults, "owner": asdict(owner) if owner else None,
    }  # fmt: skip
    (directory / "twin.json").write_text(json.dumps(settings), encoding="utf-8")
    instance = Instance(
        board=board,
        unique_id=f"{board}-{secrets.token_hex(3)}",
        directory=directory,
        machine=machine,
        command=(sys.executable, "-m", _SERVER, str(directory)),
        target=target,
        qemu=Process(0, 0),
        owner=owner,
        serial_url="",
    )
    try:
        instance = _launch(instance)
    except BaseException:
        instances.remove(instance)
        raise
    if not detached:
        atexit.register(_stop_if_mine, instance)
    return instance


def stop(instance: Instance) -> None:
    """Ends the twin and removes its directory. Nothing happens when it is gone already."""
    current = instances.load(instance.directory) or instance
    current.qemu.kill()
    _wait(current.qemu.pid)
    instances.remove(current)


def death_reason(instance: Instance) -> str:
    """Why the twin is gone or does nothing, one clause; "" while it runs."""
    if instance.qemu.is_stopped():
        return f"its process is stopped (SIGSTOP; `kill -CONT {instance.qemu.pid}` continues it)"
    if instance.qemu.is_alive():
        return ""
    if reason := _said(instance, ENDED):
        return reason
    child = _children.get(instance.qemu.pid)
    status = child.poll() if child is not None else None
    if status is not None and status < 0:
        return f"its process was ended by signal {-status}"
    return "its process ended"


def await_end(instance: Instance) -> None:
    """A socket closes a moment before its process ends: waits, so that the reason can be told."""
    deadline = time.monotonic() + _END_TIMEOUT_S
    while instance.qemu.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)


def _launch(instance: Instance) -> Instance:
    with instance.log_file.open("wb") as log:
        child = subprocess.Popen(
            instance.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _children[child.pid] = child
    instance = instance.with_changes(qemu=Process.of(child.pid))
    deadline = time.monotonic() + _START_TIMEOUT_S
    ready = instance.directory / "ready.json"
    while not ready.exists():
        if child.poll() is not None:
            if refused := _said(instance, REFUSED):
                raise ConfigError(refused)
            raise ProbeError(f"The twin {instance.board} does not start: {_last_line(instance)}.")
        if time.monotonic() > deadline:
            child.kill()
            raise ProbeError(f"The twin {instance.board} is silent for {_START_TIMEOUT_S:g} s.")
        time.sleep(0.01)
    instance = instance.with_changes(serial_url=json.loads(ready.read_text(encoding="utf-8"))["serial_url"])
    instance.save()
    return instance


def _said(instance: Instance, how: str) -> str:
    lines = [line for line in _log(instance) if line.startswith(how)]
    return lines[0].removeprefix(how) if lines else ""


def _last_line(instance: Instance) -> str:
    lines = _log(instance)
    return lines[-1].strip() if lines else "its process ended"


def _log(instance: Instance) -> list[str]:
    try:
        return [line for line in instance.log_file.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return []


def _wait(pid: int) -> None:
    child = _children.pop(pid, None)
    if child is not None:
        try:
            child.wait(timeout=_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return


def _stop_if_mine(instance: Instance) -> None:
    current = instances.load(Path(instance.directory))
    if current is not None and current.owner == Process.of(os.getpid()):
        stop(current)
