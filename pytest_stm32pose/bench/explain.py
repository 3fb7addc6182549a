"""What is behind a request that failed, asked of the board: emulator, probe and core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_stm32pose.errors import DeviceError, PoseError, ProbeError, ProtocolError, TransportError

if TYPE_CHECKING:
    from pytest_stm32pose.boards.base import Board


def explained(board: Board, error: PoseError) -> PoseError:
    """The end of emulator or probe, the fault behind a dead link, or the error and nothing more.

    Whatever was under way when an emulator stopped: the emulator is blamed for it, neither the device nor its firmware.
    """
    if not isinstance(error, (TransportError, ProbeError, ProtocolError, DeviceError)):
        return error
    if gone := board.why_gone():
        kind = ProbeError if isinstance(error, DeviceError) else type(error)
        cause = "" if gone in error.message else f" {board.spec.name}: {gone}."
        return kind(error.message + cause)
    reason = board.why_dead() if isinstance(error, TransportError) else ""
    if not reason or reason in str(error):
        return error
    return type(error)(f"{error.message} {board.spec.name}: {reason}.", remedy=error.remedy)
