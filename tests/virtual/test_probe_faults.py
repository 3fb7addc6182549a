"""What becomes of a lock-up, a killed and a silent emulator: clear errors within seconds, and a way back."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyocd.core import exceptions
from pyocd.core.target import Target

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import ConfigError, ProbeError
from pytest_stm32pose.probes.qemu import core, instances, machine
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.qemu.models import MODELS
from pytest_stm32pose.probes.session import ProbeSession
from tests.support.guest import assemble

BOARDS = ("qemu-m55", "qemu-m7", "qemu-f405")
#: Longer than any run of the tests may take: what ends a wait then is what the test is about, however busy the host.
LONG_S = 300.0
LOCK_UP = """
    ldr r0, =0x3F000000
    ldr r1, [r0]
    .thumb_func
hard_fault:
    ldr r0, =0x3F000000
    ldr r1, [r0]
end: b end
"""


@pytest.fixture(params=BOARDS)
def emulator(request: pytest.FixtureRequest) -> Iterator[Instance]:
    spec = board_spec(request.param)
    if reason := spec.unavailable_reason():
        pytest.skip(reason)
    instance = machine.start(spec.name, spec.machine, spec.target, icount_shift=5)
    try:
        yield instance
    finally:
        machine.stop(instance)


@pytest.fixture
def no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait for the emulator may take five minutes: only its end, or its being stopped, ends one."""
    monkeypatch.setattr(core, "REPLY_TIMEOUT_S", LONG_S)
    monkeypatch.setattr(core, "_RETRY_TIMEOUT_S", LONG_S)


@pytest.fixture
def probe(emulator: Instance) -> Iterator[ProbeSession]:
    with ProbeSession(f"stm32pose_qemu:{emulator.unique_id}", emulator.target) as session:
        yield session


def load(probe: ProbeSession, source: str) -> None:
    """Puts a program at the boot address."""
    boot = next(region.start for region in probe._spec.regions if region.boot)
    probe.program(boot, assemble(source, boot)[0])


def test_a_lock_up_is_a_state_that_a_reset_leaves(probe: ProbeSession, emulator: Instance) -> None:
    load(probe, LOCK_UP)
    survives = bool(MODELS[emulator.machine].shared_bytes)  # only RAM that a file backs
    if survives:
        probe.write(0x60001000, b"survives")
    probe.reset_and_halt()
    probe.resume()
    while probe.pyocd.target.get_state() != Target.State.LOCKUP:
        assert probe.state() in ("running", "lockup")
    assert "locked up" in probe.fault_report()
    with pytest.raises(ProbeError, match="locked up"):
        probe.read32(0x20000000)
    probe.reset_and_halt()
    assert probe.state() == "halted"
    assert not survives or probe.read(0x60001000, 8) == b"survives"
    load(probe, "    nop\nloop: b loop\n")
    probe.reset()
    assert probe.state() == "running"


@pytest.mark.usefixtures("no_deadline")
def test_a_killed_emulator_is_a_disconnected_probe(probe: ProbeSession, emulator: Instance) -> None:
    probe.resume()
    os.kill(emulator.qemu.pid, signal.SIGKILL)
    with pytest.raises(exceptions.ProbeDisconnected, match="signal 9"):
        probe.pyocd.target.read32(0x20000000)
    with pytest.raises(ProbeError, match="gone"):
        probe.read32(0x20000000)


@pytest.mark.usefixtures("no_deadline")
def test_an_emulator_killed_while_flashing_is_an_error(probe: ProbeSession, emulator: Instance) -> None:
    """One that dies right before a reset is started again by it: then the next one dies."""
    area = board_spec(emulator.board).network
    with pytest.raises(ProbeError, match=r"gone: QEMU was ended by signal 9"):
        for value in range(50):
            alive = instances.load(emulator.directory)
            assert alive is not None
            killer = threading.Timer(0.02, alive.qemu.kill)
            killer.start()
            while killer.is_alive():
                probe.program(area.address, bytes([value]) * min(1 << 18, area.bytes))


@pytest.mark.usefixtures("no_deadline")
def test_a_stopped_emulator_is_a_timeout_and_recovers(probe: ProbeSession, emulator: Instance) -> None:
    load(probe, "    ldr r0, =0x20002000\nloop:\n    adds r1, #1\n    str r1, [r0]\n    b loop\n")
    probe.reset()
    os.kill(emulator.qemu.pid, signal.SIGSTOP)
    try:
        with pytest.raises(exceptions.TransferTimeoutError, match=r"silent: QEMU is stopped \(SIGSTOP"):
            probe.pyocd.target.read32(0x20002000)
        with pytest.raises(exceptions.ProbeError, match="SIGSTOP"):  # pyOCD would ask again after a timeout
            probe.pyocd.target.read32(0x20002000)
    finally:
        os.kill(emulator.qemu.pid, signal.SIGCONT)
    first = probe.read32(0x20002000)
    while probe.read32(0x20002000) == first:
        assert probe.state() == "running"


@pytest.mark.usefixtures("no_deadline")
@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.1, 0.4])
def test_an_emulator_stopped_while_flashing_is_told_as_such(
    probe: ProbeSession, emulator: Instance, delay_s: float
) -> None:
    """At whatever instant: pyOCD's own waits for the flash algorithm are no longer either."""
    area = board_spec(emulator.board).network
    threading.Timer(delay_s, os.kill, (emulator.qemu.pid, signal.SIGSTOP)).start()
    try:
        with pytest.raises(ProbeError, match=r"QEMU is stopped \(SIGSTOP"):
            for value in itertools.cycle(range(256)):
                probe.program(area.address, bytes([value]) * min(1 << 18, area.bytes))
    finally:
        os.kill(emulator.qemu.pid, signal.SIGCONT)


@pytest.mark.usefixtures("no_deadline")
def test_a_stopped_emulator_is_not_connected_to(emulator: Instance) -> None:
    os.kill(emulator.qemu.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ProbeError, match=r"QEMU is stopped \(SIGSTOP"):
            ProbeSession(f"stm32pose_qemu:{emulator.unique_id}", emulator.target).open()
    finally:
        os.kill(emulator.qemu.pid, signal.SIGCONT)


@pytest.mark.usefixtures("no_deadline")
def test_closing_a_stopped_board_waits_for_nothing(emulator: Instance) -> None:
    session = ProbeSession(f"stm32pose_qemu:{emulator.unique_id}", emulator.target)
    session.open()
    session.resume()
    os.kill(emulator.qemu.pid, signal.SIGSTOP)
    session.close()


def test_a_probe_that_is_not_there_is_named() -> None:
    with pytest.raises(ProbeError, match="stm32pose_qemu:nobody"):
        ProbeSession("stm32pose_qemu:nobody", board_spec("qemu-m55").target).open()


def test_missing_qemu_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    spec = board_spec("qemu-m55")
    assert "apt-get install" in spec.unavailable_reason()
    with pytest.raises(ConfigError, match=r"qemu-system-arm not found.*apt-get install"):
        machine.start(spec.name, spec.machine, spec.target, icount_shift=5)


def test_what_a_dead_owner_left_is_swept(emulator: Instance) -> None:
    orphan = emulator.with_changes(owner=instances.Process(emulator.qemu.pid, 1))  # a process that is gone
    orphan.save()
    instances.sweep()
    assert not emulator.directory.exists()
    while machine.is_alive(emulator):
        time.sleep(0.01)


def test_the_directory_is_private_and_gone_after_stop(emulator: Instance) -> None:
    assert emulator.directory.stat().st_mode & 0o777 == 0o700
    assert emulator.directory.parent.stat().st_mode & 0o777 == 0o700
    assert instances.find(emulator.unique_id) == emulator
    machine.stop(emulator)
    assert not Path(emulator.directory).exists()
    assert instances.find(emulator.unique_id) is None


def test_a_board_says_why_its_core_stopped(tmp_path: Path) -> None:
    """A fault handler that leaves its record in the mailbox's header, as firmware/PROTOCOL.md says."""
    from pytest_stm32pose.boards.open import open_board
    from tests.support.guest import build_elf

    if reason := board_spec("qemu-m55").unavailable_reason():
        pytest.skip(reason)
    board = open_board("qemu-m55")
    board.open()
    try:
        board.flash_firmware(
            build_elf(
                tmp_path,
                """
    ldr r0, =0x60000000
    ldr r1, =0x584D4250
    str r1, [r0]
    ldr r2, =0x3F000000
bad:
    ldr r1, [r2]
end: b end
    .thumb_func
hard_fault:
    ldr r0, =0x60000000
    movs r1, #3
    str r1, [r0, #0x30]
    ldr r1, [sp, #0x18]
    str r1, [r0, #0x34]
spin: b spin
""",
            )
        )
        board.start()
        while "exception 3" not in board.why_dead():
            time.sleep(0.01)
        assert not board.is_alive()
        os.kill(board.emulator_pid(), signal.SIGKILL)
        with pytest.raises(ProbeError, match="signal 9"):
            while True:
                board.memory.read(0x60000000, 64)  # the file behind this RAM is still there; the core is not
        assert "signal 9" in board.why_dead()
    finally:
        board.close()
