"""Our firmware as it is: the network under test is an image, flashed as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench import faults
from pytest_stm32pose.bench.places import settle
from pytest_stm32pose.bench.pose_runner import PoseRunner

if TYPE_CHECKING:
    from pytest_stm32pose.bench.faults import Injected
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.types import FlashReport


class NetworkFlash:
    """The part of a board's flash that holds the network image."""

    def __init__(self, board: Board, fault: Injected | None) -> None:
        self._board = board
        self._fault = fault
        self._flashed = b""

    def program(self, network: CompiledNetwork) -> None:
        """Flashes a network's image, with the faults that are asked of it."""
        fault, image = self._fault, network.image
        if fault and fault.name == "weights-bit":
            image = faults.flip_weight(image, fault.number)
        self._board.flash_network(image)
        self._flashed = image
        if fault and fault.name == "network-bit":
            self._board.flash_network(faults.flip_bit(image, fault.number))

    def program_again(self) -> FlashReport:
        """Flashes what should be there already."""
        return self._board.flash_network(self._flashed)


class OwnFirmware(PoseRunner):
    """See Firmware."""

    def __init__(self, board: Board, path: Path | None, settings: Settings, fault: Injected | None = None) -> None:
        super().__init__(board, path, settings)
        self._flash = NetworkFlash(board, fault)

    def start(self) -> None:
        """See Firmware. What was loaded is put back into its places: a start leaves it where it was flashed."""
        super().start()
        if self.state.loaded is not None:
            self._settle(self.state.loaded)

    def load(self, network: CompiledNetwork) -> None:
        """See Firmware."""
        self.state.loaded = None
        self._flash.program(network)
        self.start()
        self._settle(network)
        self.accepted(network)
        self.check_input(network.description)
        self.state.loaded = network

    def _settle(self, network: CompiledNetwork) -> None:
        description, wish = network.description, self._settings.weights or self.board.spec.weights
        self.state.memories, self.state.places = settle(self.client, self.board.spec, self.hello, description, wish)
        self.state.hello = self.client.hello()  # the input slots are carved anew with the network

    def load_again(self) -> FlashReport:
        """See Firmware."""
        return self._flash.program_again()

    def complete(self, device: Device) -> Device:
        """The .tflite says all there is to know."""
        return device
