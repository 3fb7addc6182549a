"""What a debug probe over a model of a board must say to pyOCD, whatever the model is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, Self

from pyocd.probe.aggregator import PROBE_CLASSES
from pyocd.probe.debug_probe import DebugProbe

from pytest_stm32pose.probes.qemu.dap import DebugAccessPort


class Board(Protocol):
    """What a probe needs of a board, whatever it is a model of."""

    unique_id: str
    powered: bool


class PlainProbe(DebugProbe):  # type: ignore[misc]
    """SWD, nothing to set; access ports are chosen by the probe, as an ST-LINK does."""

    supported_wire_protocols = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)

    def __init__(self) -> None:
        super().__init__()
        self._open = False

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return DebugProbe.Protocol.SWD if self._open else None

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        kinds = DebugProbe.Capability
        return {kinds.MANAGED_AP_SELECTION, kinds.MANAGED_DPBANKSEL, kinds.BANKED_DP_REGISTERS}

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self._open = False

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def set_clock(self, frequency: float) -> None:
        pass


class ModelProbe(PlainProbe):
    """What pyOCD's aggregator finds for boards that plugged() announced. A subclass has the access ports."""

    vendor_name = "Model"
    boards: ClassVar[dict[str, Any]]  #: by unique id; a registry of each kind of probe, as USB is

    def __init_subclass__(cls, **attributes: Any) -> None:
        super().__init_subclass__(**attributes)
        cls.boards = {}

    def __init__(self, board: Any) -> None:
        super().__init__()
        self._board = board
        self._port = DebugAccessPort()

    @classmethod
    def get_all_connected_probes(cls, unique_id: str | None = None, is_explicit: bool = False) -> list[Self]:
        return [cls(board) for board in cls.boards.values() if board.powered]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> Self | None:
        board = cls.boards.get(unique_id)
        return cls(board) if board and board.powered else None

    @property
    def unique_id(self) -> str:
        return str(self._board.unique_id)

    def read_dp(self, addr: int, now: bool = True) -> Any:
        value = self._port.read_dp(addr)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        self._port.write_dp(addr, data)

    def _read_ap(self, address: int) -> int:
        raise NotImplementedError

    def read_ap(self, addr: int, now: bool = True) -> Any:
        value = self._read_ap(addr)
        return value if now else lambda: value


@contextmanager
def plugged(kind: str, probe: type[ModelProbe], board: Board) -> Iterator[str]:
    """The board is connected to this computer. Gives the id by which pyOCD finds its probe."""
    PROBE_CLASSES[kind] = probe
    probe.boards[board.unique_id] = board
    try:
        yield f"{kind}:{board.unique_id}"
    finally:
        del probe.boards[board.unique_id]
        del PROBE_CLASSES[kind]
