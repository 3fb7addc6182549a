"""Who is blamed for a request that failed: first of all emulator and probe, by what process table and USB say."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_stm32pose.bench.kinds import session_of
from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import (
    ConfigError,
    DeviceError,
    FlashError,
    GoldenError,
    PoseError,
    ProbeError,
    ProtocolError,
    TransportError,
    TransportTimeout,
)
from pytest_stm32pose.settings import Settings

GONE = "QEMU is stopped (SIGSTOP; `kill -CONT 7` continues it)"
LINK = [TransportError, TransportTimeout, ProbeError, FlashError, ProtocolError]


class FakeBoard:
    """What is wrong with its rig, and with its core."""

    spec = board_spec("qemu-m55")

    def __init__(self, gone: str = "", dead: str = "") -> None:
        self.gone, self.dead = gone, dead
        self.asked: list[str] = []

    def why_gone(self) -> str:
        self.asked.append("rig")
        return self.gone

    def why_dead(self) -> str:
        self.asked.append("core")
        return self.gone or self.dead


def explained(board: Any, error: PoseError) -> PoseError:
    return session_of(board, None, Settings()).explain(error)


@pytest.mark.parametrize("kind", [*LINK, DeviceError])
def test_a_rig_that_is_gone_is_blamed_for_everything(kind: type[PoseError]) -> None:
    """Never the device, and the remedy for a link that is well is not that for an emulator that is not."""
    error = explained(FakeBoard(gone=GONE), kind("It did not work.", remedy="Check the cable."))
    assert str(error) == f"It did not work. qemu-m55: {GONE}."
    assert error.verdict == "blocked"
    assert type(error) is (ProbeError if kind is DeviceError else kind)


@pytest.mark.parametrize("kind", [*LINK, DeviceError])
def test_it_is_said_once(kind: type[PoseError]) -> None:
    board = FakeBoard(gone=GONE)
    once = explained(board, kind(f"It is silent: {GONE}.", remedy="Check the cable."))
    assert str(once) == f"It is silent: {GONE}."
    assert str(explained(board, once)) == str(once)
    assert once.verdict == "blocked"


@pytest.mark.parametrize("kind", [TransportError, TransportTimeout])
def test_a_dead_core_is_behind_a_dead_link(kind: type[PoseError]) -> None:
    error = explained(FakeBoard(dead="HardFault"), kind("No answer.", remedy="Check."))
    assert (str(error), type(error)) == ("No answer. qemu-m55: HardFault. Check.", kind)
    error = explained(FakeBoard(), kind("No answer.", remedy="Check."))
    assert str(error) == "No answer. Check."


@pytest.mark.parametrize("kind", [ProbeError, ProtocolError, DeviceError])
def test_only_a_dead_link_is_reason_to_ask_the_core(kind: type[PoseError]) -> None:
    board = FakeBoard(dead="HardFault")
    error = kind("It did not work.", remedy="Check.")
    assert explained(board, error) is error
    assert board.asked == ["rig"]


@pytest.mark.parametrize("kind", [ConfigError, GoldenError])
def test_what_no_rig_has_to_do_with(kind: type[PoseError]) -> None:
    board = FakeBoard(gone=GONE)
    error = kind("There is no such file.")
    assert explained(board, error) is error
    assert board.asked == []
