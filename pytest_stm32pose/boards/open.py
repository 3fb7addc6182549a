"""Opens a board by name."""

from __future__ import annotations

import logging
from pathlib import Path

from pytest_stm32pose.boards.base import Board, Rig
from pytest_stm32pose.boards.catalog import board_spec, boards
from pytest_stm32pose.boards.locks import Say
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.settings import LOCK_WAIT_S


def open_board(
    name: str,
    *,
    probe: str | None = None,
    serial: str | None = None,
    user_file: Path | None = None,
    wait_s: float = LOCK_WAIT_S,
    say: Say | None = None,
    faults: tuple[str, ...] = (),
) -> Board:
    """A board of the catalog or of the user's boards.toml, not open yet: call open(), and close() at the end.

    A virtual board starts an emulator of its own, unless `probe` names one that runs already (`stm32pose boards
    start`); that one keeps running after close(). A hardware board is found by its probe, which `probe` may name.

    Args:
        wait_s: how long open() waits for another process that uses the board.
        say: told, in one sentence, who is waited for; the log unless given.
        faults: to plant in the model of a twin that is started, each "name" or "name=value".

    Raises:
        ConfigError: no such board (lists those there are); faults for a board that runs already.
    """
    say = say or logging.getLogger(__name__).warning
    spec = board_spec(name, user_file)
    probe = probe or spec.probe
    if faults and probe:
        raise ConfigError(
            f"{probe} runs already: no fault can be planted in it any more.",
            remedy=f"Start it with the fault: stm32pose boards start {name} --pose-twin-fault=NAME.",
        )
    serial = serial or spec.serial or None
    if spec.kind == "virtual":
        from pytest_stm32pose.boards.virtual import AttachedRig, EmulatorRig

        rig: Rig = AttachedRig(spec, probe, wait_s=wait_s, say=say) if probe else EmulatorRig(spec, faults)
        return PyOcdBoard(spec, rig, serial)
    from pytest_stm32pose.boards.physical import ProbeRig

    return PyOcdBoard(spec, ProbeRig(spec, probe, list(boards(user_file).values()), wait_s=wait_s, say=say), serial)
