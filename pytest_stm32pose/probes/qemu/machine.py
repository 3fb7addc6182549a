"""Starts and stops QEMU for one board instance. Knows processes, files and the command line; nothing of pyOCD."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

from pytest_stm32pose.errors import ConfigError, ProbeError
from pytest_stm32pose.probes.base import TargetSpec
from pytest_stm32pose.probes.qemu import instances
from pytest_stm32pose.probes.qemu.boot_stub import boot_stub
from pytest_stm32pose.probes.qemu.faults import LinkError, stopped_reason
from pytest_stm32pose.probes.qemu.gdb_remote import GdbRemote
from pytest_stm32pose.probes.qemu.instances import Instance, Process
from pytest_stm32pose.probes.qemu.models import MODELS, MachineModel
from pytest_stm32pose.probes.qemu.qmp import QmpClient

_EXECUTABLE = "qemu-system-arm"
_START_TIMEOUT_S = 60.0
_REPLY_TIMEOUT_S = 30.0
#: From SIGKILL, or from the end of its sockets, to the process's end.
_END_TIMEOUT_S = 5.0
_LOCKUP = re.compile(r"[Ll]ockup[^\n]*")

_children: dict[int, subprocess.Popen[bytes]] = {}


def start(board: str, machine: str, target: TargetSpec, *, icount_shift: int, detached: bool = False) -> Instance:
    """Starts a machine; it is halted at the boot stub.

    Args:
        board: the catalog's name of the board.
        machine: a key of MODELS.
        icount_shift: one instruction takes 2**icount_shift ns of virtual time.
        detached: the board outlives this process; its UART is a unix socket for the bridge instead of a TCP port.

    Raises:
        ConfigError: no QEMU on this host, or one without this machine.
        ProbeError: QEMU ends or stays silent.
    """
    model = MODELS[machine]
    executable = shutil.which(_EXECUTABLE)
    if executable is None:
        raise ConfigError(f"{_EXECUTABLE} not found.", remedy=f"Install it (apt-get install {_EXECUTABLE}).")
    instances.sweep()
    directory = instances.new_directory(board)
    me = Process.of(os.getpid())
    (directory / "starter.json").write_text(json.dumps(asdict(me)), encoding="utf-8")
    uart = f"path={directory / 'uart'}" if detached else "host=127.0.0.1,port=0,nodelay=on"
    instance = Instance(
        board=board,
        unique_id=f"{board}-{secrets.token_hex(3)}",
        directory=directory,
        machine=machine,
        command=_command(executable, model, directory, icount_shift, uart),
        target=target,
        qemu=Process(0, 0),
        owner=None if detached else me,
        serial_url="",
    )
    try:
        instance = _launch(instance)
    except BaseException:
        instances.remove(instance)
        raise
    if not detached:
        atexit.register(_stop_by_id, instance.unique_id)
    return instance


def stop(instance: Instance) -> None:
    """Ends the machine and removes its directory. Nothing happens when it is gone already."""
    current = instances.load(instance.directory) or instance
    current.qemu.kill()
    _reap(current.qemu.pid, _END_TIMEOUT_S)
    instances.remove(current)


def restart(instance: Instance) -> Instance:
    """A fresh QEMU in the same directory, on the same serial port: what a power cycle is to hardware.

    The file-backed RAM keeps its contents; everything else starts empty. For a machine that locked up or died.
    """
    current = instances.load(instance.directory) or instance
    current.qemu.kill()
    _reap(current.qemu.pid, _END_TIMEOUT_S)
    for path in (current.gdb_socket, current.probe_qmp, current.control_qmp, current.qtest_socket, current.uart_socket):
        path.unlink(missing_ok=True)
    port = current.serial_url.rpartition(":")[2]
    command = tuple(part.replace("port=0,", f"port={port},") for part in current.command)
    return _launch(current.with_changes(command=command))


def is_alive(instance: Instance) -> bool:
    _reap(instance.qemu.pid)
    return instance.qemu.is_alive()


def await_end(instance: Instance, timeout_s: float = _END_TIMEOUT_S) -> None:
    """A socket closes a moment before its process ends: waits for the end, so that the reason can be told."""
    deadline = time.monotonic() + timeout_s
    while is_alive(instance) and time.monotonic() < deadline:
        time.sleep(0.002)


def death_reason(instance: Instance) -> str:
    """Why the machine is gone or does nothing, one clause, from the process table; "" while it runs, however slowly."""
    if instance.qemu.is_stopped():
        return stopped_reason(instance.qemu.pid)
    if is_alive(instance):
        return ""
    if lockup := lockup_report(instance):
        return f"the core locked up (QEMU: {lockup})"
    status = _exit_status(instance.qemu.pid)
    if status < 0:
        return f"QEMU was ended by signal {-status}"
    return "QEMU ended" + (f" ({tail})" if (tail := _log_tail(instance)) else "")


def lockup_report(instance: Instance) -> str:
    """QEMU's message when it aborted because the core locked up; "" otherwise."""
    found = _LOCKUP.search(_log_text(instance))
    return found.group(0).strip() if found and not is_alive(instance) else ""


def _command(executable: str, model: MachineModel, directory: Path, icount_shift: int, uart: str) -> tuple[str, ...]:
    ram: tuple[str, ...] = ("-machine", model.machine)
    if model.shared_bytes:
        backend = f"memory-backend-file,id=ram0,size={model.shared_bytes},share=on,mem-path={directory / 'ram'}"
        ram = ("-machine", f"{model.machine},memory-backend=ram0", "-object", backend)
    return (
        executable, *ram,
        "-S", "-nodefaults", "-display", "none", "-icount", f"shift={icount_shift},sleep=off",
        "-chardev", f"socket,id=gdb0,path={directory / 'gdb'},server=on,wait=off", "-gdb", "chardev:gdb0",
        "-qmp", f"unix:{directory / 'probe.qmp'},server=on,wait=off",
        "-accel", "tcg", "-qtest", f"unix:{directory / 'qtest'},server=on,wait=off", "-qtest-log", "none",
        "-qmp", f"unix:{directory / 'control.qmp'},server=on,wait=off",
        *_serial(model, uart),
    )  # fmt: skip


def _serial(model: MachineModel, uart: str) -> tuple[str, ...]:
    """QEMU's sockets hand a UART one byte each time the main loop turns, which waits for the core to read the last one.
    A multiplexer between them has a buffer of 32 bytes: as soon as one is read, the next is there. It has one user, and
    no escape character: that is none of 0 to 255.
    """
    link = f"socket,id=uart0,{uart},server=on,wait=off"
    if not model.uart_reads_ahead:
        return "-chardev", link, "-serial", "chardev:uart0"
    return "-chardev", f"{link},mux=on", "-echr", "256", "-serial", "chardev:uart0"


def _launch(instance: Instance) -> Instance:
    with instance.log_file.open("wb") as log:
        child = subprocess.Popen(
            instance.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _children[child.pid] = child
    instance = instance.with_changes(qemu=Process.of(child.pid))
    control = _wait_for_control(instance, child)
    try:
        _write_boot_stub(instance, control)
        if not instance.serial_url:
            instance = instance.with_changes(serial_url=_serial_url(instance, control))
    except LinkError as error:
        raise ProbeError(f"QEMU does not start {instance.board}: {error}.") from error
    finally:
        control.close()
    instance.save()
    return instance


def _wait_for_control(instance: Instance, child: subprocess.Popen[bytes]) -> QmpClient:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        if child.poll() is not None:
            text = _log_tail(instance) or f"exit status {child.returncode}"
            if "unsupported machine" in text:
                raise ConfigError(f"This QEMU has no machine for {instance.board}: {text}.", remedy="Use QEMU 7.2+.")
            raise ProbeError(f"QEMU does not start {instance.board}: {text}.")
        try:
            return QmpClient(instance.control_qmp, instance.qemu, _REPLY_TIMEOUT_S)
        except LinkError as error:
            if time.monotonic() > deadline:
                child.kill()
                raise ProbeError(f"QEMU for {instance.board} is silent for {_START_TIMEOUT_S:g} s.") from error
            time.sleep(0.005)


def _write_boot_stub(instance: Instance, control: QmpClient) -> None:
    """The stub goes in through the debugger: an image given to QEMU would come back at every reset."""
    gdb = GdbRemote(instance.gdb_socket, instance.qemu, _REPLY_TIMEOUT_S)
    try:
        gdb.write_memory(0, boot_stub(MODELS[instance.machine].stack_top))
        control.clear_events()
        control.command("system_reset")
        control.wait_event("RESET", _REPLY_TIMEOUT_S)
    finally:
        gdb.close()


def _serial_url(instance: Instance, control: QmpClient) -> str:
    for chardev in control.command("query-chardev"):
        if chardev["label"] in ("uart0", "uart0-base"):  # a multiplexer's has the other name
            found = re.search(r"tcp:127\.0\.0\.1:(\d+)", chardev["filename"])
            if found:
                return f"socket://127.0.0.1:{found.group(1)}"
    return f"unix:{instance.uart_socket}"


def _log_text(instance: Instance) -> str:
    try:
        return instance.log_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _log_tail(instance: Instance) -> str:
    lines = [line for line in _log_text(instance).splitlines() if line.strip() and "warning: nic" not in line]
    return lines[-1].strip() if lines else ""


def _exit_status(pid: int) -> int:
    """Of a child that has ended, negative for a signal; 0 when unknown.

    The process counts as ended when its first thread has; its status comes when the last one has.
    """
    child = _children.get(pid)
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(timeout=_END_TIMEOUT_S)
    return 0


def _reap(pid: int, timeout_s: float = 0.0) -> None:
    """Takes note of a child's end, which else stays in the process table; a killed one needs a moment."""
    child = _children.get(pid)
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=timeout_s)


def _stop_by_id(unique_id: str) -> None:
    for instance in instances.all_instances():
        if instance.unique_id == unique_id and instance.owner == Process.of(os.getpid()):
            stop(instance)
