"""Opens a board by name."""

from __future__ import annotations

from .base import Board
from .catalog import board_spec
from .pyocd_board import PyOcdBoard


def open_board(name: str, *, probe: str | None = None, serial: str | None = None) -> Board:
    """A board of the catalog, not open yet: call open(), and close() at the end.

    A virtual board starts an emulator of its own, unless `probe` names one that runs already (`stm32pose boards
    start`); that one keeps running after close(). A hardware board is reached through the probe with that unique id.

    Raises:
        ConfigError: no such board (lists those there are), or no probe named for hardware.
    """
    spec = board_spec(name)
    if spec.kind == "virtual":
        from .virtual import AttachedRig, EmulatorRig

        return PyOcdBoard(spec, EmulatorRig(spec) if probe is None else AttachedRig(spec, probe), serial)
    from .physical import ProbeRig

    return PyOcdBoard(spec, ProbeRig(spec, probe), serial)
