"""Which kind of firmware a board runs in a run: the one place that knows them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench import faults
from pytest_stm32pose.bench.own import OwnFirmware
from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.settings import ST_BACKEND

if TYPE_CHECKING:
    from pytest_stm32pose.bench.firmware import Firmware
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.firmware.generated import GeneratedNetwork
    from pytest_stm32pose.settings import Settings


def session_of(
    board: Board, path: Path | None, settings: Settings, generated: GeneratedNetwork | None = None
) -> BoardSession:
    """The session of a board, with the firmware that the settings ask for. Nothing is opened yet.

    Args:
        path: the firmware to flash; None: the board runs what it has.
        generated: what was linked into it (backends stedgeai and aton).

    Raises:
        ConfigError: the fault that is asked for cannot be made on this board, or with this firmware.
    """
    fault = faults.on_board(settings.fault, board.spec)
    firmware: Firmware
    if generated is not None:  # each kind is imported where it is used
        from pytest_stm32pose.bench.linked import LinkedFirmware

        firmware = LinkedFirmware(board, path, settings, generated, fault)
    elif settings.backend == ST_BACKEND:
        from pytest_stm32pose.bench.st import StFirmware

        firmware = StFirmware(board, path, settings, fault)
    else:
        firmware = OwnFirmware(board, path, settings, fault)
    return BoardSession(board, firmware, settings, fault)
