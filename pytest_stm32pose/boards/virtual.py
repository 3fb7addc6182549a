"""Emulated boards: the rig that starts one for a test run, and those that stay up in the background."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_stm32pose.boards import bridge
from pytest_stm32pose.boards.catalog import BoardSpec, board_spec
from pytest_stm32pose.boards.locks import BoardLock, Say
from pytest_stm32pose.errors import ConfigError, ProbeError
from pytest_stm32pose.probes.qemu import instances, machine
from pytest_stm32pose.probes.qemu.faults import LinkError
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.qemu.qmp import QmpClient
from pytest_stm32pose.probes.twin import process

_PROBE_TYPES = {False: "stm32pose_qemu", True: "stm32pose_twin"}
_NUDGE_TIMEOUT_S = 2.0
_CONTROL_TIMEOUT_S = 30.0
_BRIDGE_TIMEOUT_S = 60.0
#: pyOCD's patience with flash algorithms and resets: a busy host is slow, and an emulator that is dead or stopped is
#: known without it.
_PATIENT: dict[str, object] = {
    **{f"flash.timeout.{step}": 60.0 for step in ("init", "erase_sector", "program", "analyzer")},
    "reset.halt_timeout": 20.0,
}


class _InstanceRig:
    """What both rigs share once there is an instance."""

    def __init__(self, spec: BoardSpec) -> None:
        self._spec = spec
        self._known: Instance | None = None

    @property
    def _instance(self) -> Instance:
        """As board.json says now: a reset after a lock-up gives the board a new emulator process."""
        if self._known is None:
            raise ProbeError(f"Board {self._spec.name} is not open.")
        self._known = instances.load(self._known.directory) or self._known
        return self._known

    @property
    def probe(self) -> str:
        return f"{_PROBE_TYPES[self._instance.is_twin]}:{self.probe_uid}"

    @property
    def probe_uid(self) -> str:
        return self._instance.unique_id

    @property
    def session_options(self) -> dict[str, object]:
        """Nothing that costs the firmware instructions or time: its own fault handler runs undisturbed."""
        return _PATIENT if self._instance.is_twin else {"stm32pose_qemu.catch_bkpt": False, **_PATIENT}

    @property
    def serial_url(self) -> str:
        return self._instance.serial_url

    def nudge(self) -> None:
        """Any control command wakes QEMU's main loop, which then hands waiting bytes to the UART. A twin needs none.

        Raises:
            ProbeError: it is of no use, because the emulator is stopped or gone.
        """
        with contextlib.suppress(LinkError):
            if not self._instance.is_twin:
                QmpClient(self._instance.control_qmp, self._instance.qemu, _NUDGE_TIMEOUT_S).close()
        if reason := self.death_reason():
            raise ProbeError(f"Board {self._spec.name} does not answer: {reason}.")

    def power_cycle(self) -> float:
        """An emulator of this run starts with cleared memory; one that stays up is not ours to switch."""
        return 0.0

    def emulator_pid(self) -> int:
        return self._instance.qemu.pid

    def death_reason(self) -> str:
        return _driver(self._instance).death_reason(self._instance) if self._known else ""


class EmulatorRig(_InstanceRig):
    """An emulator of this board alone: started by open(), ended by close() or at the end of this process."""

    def __init__(self, spec: BoardSpec, faults: tuple[str, ...] = ()) -> None:
        super().__init__(spec)
        self._faults = faults

    def open(self) -> None:
        if self._known is None:
            self._known = _start(self._spec, self._faults, detached=False)

    def close(self) -> None:
        if self._known is not None:
            _driver(self._known).stop(self._known)
            self._known = None


class AttachedRig(_InstanceRig):
    """An emulator that runs already and goes on running. Like hardware it serves one process at a time."""

    def __init__(self, spec: BoardSpec, unique_id: str, *, wait_s: float, say: Say) -> None:
        super().__init__(spec)
        self._unique_id = unique_id.rpartition(":")[2]
        self._wait_s, self._say = wait_s, say
        self._lock: BoardLock | None = None

    def open(self) -> None:
        instance = instances.find(self._unique_id)
        if instance is None:
            known = ", ".join(item.unique_id for item in instances.all_instances()) or "none"
            raise ConfigError(f"No virtual board {self._unique_id} runs here (running: {known}).")
        if instance.machine != self._spec.machine:
            raise ConfigError(f"{self._unique_id} is a {instance.board}, not a {self._spec.name}.")
        lock = BoardLock(
            instance.unique_id, self._spec.name, wait_s=self._wait_s, say=self._say, file=lock_of(instance.directory)
        )
        lock.acquire()
        self._known, self._lock = instance, lock

    def close(self) -> None:
        self._known = None
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


def lock_of(directory: Path) -> Path:
    """Lock file of a board that stays up: it goes when the board goes, and only its user reaches the board."""
    return directory / "lock"


def start_detached(name: str, user_file: Path | None = None, faults: tuple[str, ...] = ()) -> dict[str, Any]:
    """Starts a virtual board that stays up after this process. Starting one twice gives two boards.

    Args:
        faults: of a twin's model, to plant.

    Returns:
        name, unique_id, pid, pty (device path), serial_url, gdb (socket for `target remote`), machine, directory.
    """
    spec = board_spec(name, user_file)
    if spec.kind != "virtual":
        raise ConfigError(f"Board {name} is hardware; only virtual boards are started.")
    instance = _start(spec, faults, detached=True)
    try:
        instance = _start_bridge(instance)
        if not instance.is_twin:
            control = QmpClient(instance.control_qmp, instance.qemu, _CONTROL_TIMEOUT_S)
            control.command("cont")
            control.close()
    except LinkError as error:
        machine.stop(instance)
        raise ProbeError(f"The emulator of {name} does not run: {error}.") from error
    except BaseException:
        _driver(instance).stop(instance)
        raise
    return _info(instance)


def stop_detached(name: str) -> int:
    """Stops the boards that stay up under this catalog name or unique id. Returns how many; none is a ConfigError."""
    chosen = [instance for instance in _detached() if name in (instance.board, instance.unique_id)]
    if not chosen:
        known = ", ".join(instance.unique_id for instance in _detached()) or "none"
        raise ConfigError(f"No board {name} runs in the background (running: {known}).")
    for instance in chosen:
        _driver(instance).stop(instance)
    return len(chosen)


def running() -> list[dict[str, Any]]:
    """The boards that run in the background, as start_detached() described them."""
    return [_info(instance) for instance in _detached()]


def _detached() -> list[Instance]:
    return [instance for instance in instances.all_instances() if instance.owner is None]


def _start(spec: BoardSpec, faults: tuple[str, ...], *, detached: bool) -> Instance:
    if spec.is_twin:
        if reason := spec.unavailable_reason():
            raise ConfigError(reason)
        return process.start(
            spec.name, spec.machine, spec.target, clock_hz=spec.clock_hz, faults=faults, detached=detached
        )
    if faults:
        raise ConfigError(
            f"{spec.name} is no twin: no fault can be planted in it.", remedy="Leave out --pose-twin-fault."
        )
    shift = spec.icount_ns.bit_length() - 1
    return machine.start(spec.name, spec.machine, spec.target, icount_shift=shift, detached=detached)


def _driver(instance: Instance) -> ModuleType:
    """What starts and stops such an instance: stop(), death_reason()."""
    return process if instance.is_twin else machine


def _start_bridge(instance: Instance) -> Instance:
    child = subprocess.Popen(
        [sys.executable, "-m", bridge.__name__, str(instance.directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + _BRIDGE_TIMEOUT_S
    while (ends := bridge.read_ends(instance.directory)) is None:
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            raise ProbeError(f"The serial bridge of {instance.board} does not start.")
        time.sleep(0.01)
    instance = instance.with_changes(
        pty=ends.pty, serial_url=f"socket://127.0.0.1:{ends.port}", bridge=instances.Process.of(child.pid)
    )
    instance.save()
    return instance


def _info(instance: Instance) -> dict[str, object]:
    return {
        "name": instance.board,
        "unique_id": instance.unique_id,
        "pid": instance.qemu.pid,
        "pty": instance.pty,
        "serial_url": instance.serial_url,
        "gdb": "" if instance.is_twin else str(instance.gdb_socket),
        "machine": instance.machine,
        "directory": str(instance.directory),
    }
