"""The model as a debug probe: an ST-LINK's way of giving pyOCD memory by access port, over model memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from pyocd.core import exceptions

from pytest_stm32pose.probes.bytes_memory import BytesMemory
from pytest_stm32pose.probes.qemu.dap import DebugAccessPort
from pytest_stm32pose.twins.n6.memory import BLOCKS, Fault, Memory
from pytest_stm32pose.twins.n6.nor import NorChip, PowerLost
from tests.support import model_probe
from tests.support.n6_model.debug import Core

KIND = "n6_model"
CORE_PORT, SYSTEM_PORT = 1, 0

_Answer = TypeVar("_Answer")


class Board:
    """One board: chip, memory, core; what happens to it is set from outside.

    Attributes:
        unplug_after: RAM bytes written until the cable is pulled; 0: never.
        powered: False after the supply went away; power_up() brings it back.
        ports: access ports whose memory was asked for.
        reset_line: how often the probe pulled the reset pin.
    """

    def __init__(self, unique_id: str = "N6MODEL0001", chip: NorChip | None = None) -> None:
        self.unique_id = unique_id
        self.chip = chip or NorChip()
        self.unplug_after = 0
        self.powered = True
        self.ports: set[int] = set()
        self.reset_line = 0
        self.power_up()

    def power_up(self) -> None:
        """RAM and registers as after power on; the chip keeps its cells."""
        self.chip.power_up()
        self.memory = Memory(self.chip)
        for block in BLOCKS:
            self.memory.forget(block)
        self.core = Core(self.memory)
        self.powered = True


class _PortMemory(BytesMemory):
    def __init__(self, board: Board, port: int) -> None:
        self._board = board
        self._port = port

    def _read(self, address: int, length: int) -> bytes:
        return self._access(address, length, lambda: self._board.memory.read(address, length))

    def _write(self, address: int, data: bytes) -> None:
        board = self._board
        if board.unplug_after and board.memory.block_at(address, len(data)):
            if board.unplug_after <= len(data):
                board.memory.write(address, data[: board.unplug_after])
                board.powered = False
            board.unplug_after = max(0, board.unplug_after - len(data))
        self._access(address, len(data), lambda: board.memory.write(address, data))

    def _access(self, address: int, length: int, action: Callable[[], _Answer]) -> _Answer:
        self._board.ports.add(self._port)
        if not self._board.powered:
            raise exceptions.ProbeDisconnected(f"{self._board.unique_id} is gone: no such USB device")
        try:
            if self._port != CORE_PORT:
                raise Fault(address)
            self._board.core.refuse_while_booting(address)
            return action()
        except Fault as error:
            raise exceptions.TransferFaultError(fault_address=error.address, length=length) from error
        except PowerLost as error:
            self._board.powered = False
            raise exceptions.ProbeDisconnected(f"{self._board.unique_id} is gone: no such USB device") from error


class ModelProbe(model_probe.ModelProbe):
    """Two access ports."""

    product_name = description = "STM32N6 without silicon"

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self._ports = {CORE_PORT: self._port, SYSTEM_PORT: DebugAccessPort()}

    def reset(self) -> None:
        self._board.reset_line += 1
        self._board.core.reset()

    def assert_reset(self, asserted: bool) -> None:
        self._board.reset_line += asserted

    def is_reset_asserted(self) -> bool:
        return False

    def _read_ap(self, address: int) -> int:
        port = self._ports.get(address >> 24)
        return port.read_ap(address & 0xFF) if port else 0

    def write_ap(self, addr: int, data: int) -> None:
        if port := self._ports.get(addr >> 24):
            port.write_ap(addr & 0xFF, data)

    def get_memory_interface_for_ap(self, ap_address: Any) -> _PortMemory:
        return _PortMemory(self._board, ap_address.apsel)


def plugged(board: Board) -> AbstractContextManager[str]:
    """The board is connected to this computer. Gives the id by which pyOCD finds its probe."""
    return model_probe.plugged(KIND, ModelProbe, board)
