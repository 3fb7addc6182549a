"""An emulator that is stopped or dies, at any instant of a run: the sentence names that, whatever was under way.

No wait here has a deadline that a run of the tests could reach: a stop is noticed, or the test hangs until its limit.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.bench import kinds, start
from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.qemu import core
from pytest_stm32pose.protocol import exchange
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.settings import Settings

pytestmark = pytest.mark.timeout(300)

LONG_S = 300.0
STOPPED, KILLED = "QEMU is stopped (SIGSTOP", "QEMU was ended by signal 9"


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


@pytest.fixture(scope="module")
def firmware() -> Path:
    if reason := board_spec("qemu-m55").unavailable_reason():
        pytest.skip(reason)
    return build_firmware("qemu/mps3_an547", "dsp")


@pytest.fixture(autouse=True)
def no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "REPLY_TIMEOUT_S", LONG_S)
    monkeypatch.setattr(core, "_RETRY_TIMEOUT_S", LONG_S)
    monkeypatch.setattr(start, "START_S", LONG_S)
    monkeypatch.setattr(exchange, "SEND_TIMEOUT_S", LONG_S)
    patient = PoseClient.__init__

    def without_deadline(client: PoseClient, *arguments: object, **options: object) -> None:
        options.setdefault("request_timeout_s", LONG_S)
        patient(client, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(PoseClient, "__init__", without_deadline)


def session_of(firmware: Path, **settings: object) -> BoardSession:
    made = Settings(boards=("qemu-m55",), **settings)  # type: ignore[arg-type]
    return kinds.session_of(open_board("qemu-m55"), firmware, made)


def infer(session: BoardSession, network: CompiledNetwork) -> None:
    device = session.device(network)
    device.start(np.zeros(network.description.input_shape, np.uint8), intermediates=True)
    device.finish()


#: What a run does with a board; each is repeated until the emulator is noticed.
WORK: dict[str, Callable[[BoardSession, CompiledNetwork], object]] = {
    "flash": lambda session, network: session.flash_again(),
    "start": lambda session, network: session._start(),
    "hello": lambda session, network: session.client.hello(),
    "memory": lambda session, network: session.client.memory(),
    "self test": lambda session, network: session.client.self_test(),
    "reset": lambda session, network: session.client.reset(),
    "upload": lambda session, network: session.client.upload(0, bytes(20_000)),
    "infer": infer,
    "read": lambda session, network: session.board.read(0x20000000, 64),
    "mailbox": lambda session, network: session.board.read(0x60000000, 64),
    "verify": lambda session, network: session.verify_firmware(),
}


#: Has nothing to do with the link.
OF_THE_PROBE = ("flash", "read", "mailbox", "verify")


def told(
    session: BoardSession, work: Callable[[], object], ending: signal.Signals = signal.SIGSTOP, delay_s: float = 0.0
) -> str:
    """What a run says of the work that it repeats until the emulator gets a signal."""
    threading.Timer(delay_s, os.kill, (session.board.emulator_pid(), ending)).start()
    with pytest.raises(PoseError) as caught:
        while True:
            work()
    error = session.explain(caught.value)
    assert error.verdict == "blocked", error
    return str(error)


def go_on(session: BoardSession) -> None:
    """A person continues the emulator, and the next test starts the firmware anew."""
    os.kill(session.board.emulator_pid(), signal.SIGCONT)
    session.suspect = True
    session.open()


@pytest.mark.parametrize("transport", ["swd", "serial"])
def test_stopped_in_any_step(firmware: Path, network: CompiledNetwork, transport: str) -> None:
    session = session_of(firmware, transport=transport)
    try:
        session.device(network)
        for what, work in WORK.items():
            if transport == "serial" and what in OF_THE_PROBE:
                continue
            for delay_s in (0.0, 0.04):
                said = told(session, lambda work=work: work(session, network), delay_s=delay_s)  # type: ignore[misc]
                assert STOPPED in said, f"{what} after {delay_s} s: {said}"
                assert said.count("SIGSTOP") == 1, said
                go_on(session)
        infer(session, network)
    finally:
        session.close()


@pytest.mark.parametrize("what", ["upload", "infer", "read"])  # a reset, and with it a start, revives a dead emulator
@pytest.mark.parametrize("transport", ["swd", "serial"])
def test_killed_in_a_step(firmware: Path, network: CompiledNetwork, transport: str, what: str) -> None:
    session = session_of(firmware, transport=transport)
    try:
        session.device(network)
        said = told(session, lambda: WORK[what](session, network), signal.SIGKILL, 0.05)
        assert KILLED in said, said
    finally:
        session.close()


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.5])
def test_stopped_while_the_board_is_brought_up(firmware: Path, delay_s: float) -> None:
    """The first failure is remembered: every test that needs the board says the same."""
    session = session_of(firmware)
    session.board.open()

    def bring_up() -> None:
        session.firmware.state.forget()
        session.open()

    try:
        said = told(session, bring_up, delay_s=delay_s)
        assert STOPPED in said, said
        with pytest.raises(PoseError, match=re.escape(said)):
            session.open()
    finally:
        session.close()


@pytest.mark.parametrize(("ending", "reason"), [(signal.SIGSTOP, STOPPED), (signal.SIGKILL, KILLED)])
def test_in_the_words_of_st(firmware: Path, network: CompiledNetwork, ending: signal.Signals, reason: str) -> None:
    session = session_of(firmware, backend="st-validation")
    try:
        session.device(network)
        said = told(session, lambda: infer(session, network), ending, 0.05)
        assert reason in said, said
    finally:
        session.close()
