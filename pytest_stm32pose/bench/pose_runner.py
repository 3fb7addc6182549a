"""What both firmwares that speak our protocol share, whatever network they run: flashed, started, connected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench.explain import explained
from pytest_stm32pose.bench.firmware import State
from pytest_stm32pose.bench.start import await_firmware
from pytest_stm32pose.boards.fit import input_bytes
from pytest_stm32pose.errors import DeviceError, PoseError
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import status_sentence

if TYPE_CHECKING:
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.measure.runner import Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.transports.base import Transport
    from pytest_stm32pose.types import DeviceNetwork, FlashReport, Hello, NetworkDescription

#: Configuration and Control Register of Armv7-M and Armv8-M, with the enable bits of both caches.
CCR, CCR_DATA_CACHE, CCR_INSTRUCTION_CACHE = 0xE000ED14, 1 << 16, 1 << 17


def caches_on(ccr: int) -> str:
    """The core's caches that are on, in words, from its CCR. A core without caches has none on."""
    names = [name for name, bit in (("data", CCR_DATA_CACHE), ("instruction", CCR_INSTRUCTION_CACHE)) if ccr & bit]
    return " and ".join(names) or "off"


def _client(transport: Transport, slowness: float) -> PoseClient:
    return PoseClient(transport, patience=slowness)


class PoseRunner:
    """The half of a Firmware (firmware.py) that is about the program; the other half is about its network.

    Args:
        path: the file to flash.
        client_of: makes the client of an open transport, from the board's slowness.
    """

    def __init__(
        self,
        board: Board,
        path: Path | None,
        settings: Settings,
        client_of: Callable[[Transport, float], PoseClient] = _client,
    ) -> None:
        self.board = board
        self.path = path
        self.state = State()
        self._settings = settings
        self._client_of = client_of
        self._transport: Transport | None = None
        self._client: PoseClient | None = None

    @property
    def client(self) -> PoseClient:
        """The client of the running firmware."""
        assert self._client is not None and self.state.hello is not None, "open() first"
        return self._client

    @property
    def runner(self) -> Runner:
        return self.client

    @property
    def hello(self) -> Hello:
        assert self.state.hello is not None, "open() first"
        return self.state.hello

    def bring_up(self) -> FlashReport:
        """See Firmware."""
        self.board.open()
        self.state.probe_uid = self.board.probe_uid
        return self.board.flash_firmware(self._file)

    def start(self) -> None:
        """See Firmware; the deadline for its first answer begins now, after flashing."""
        self.close()
        kind = self._settings.transport or ("serial" if self._settings.serial_url else self.board.spec.transport)
        self._transport = self.board.transport(kind, baud=self._settings.serial_baud)
        self.board.start()
        client = self._client_of(self._transport, self.board.spec.slowness)
        is_given = self._settings.firmware is not None
        self.state.hello = await_firmware(self.board, self._transport, client, self._file, is_given=is_given)
        self._client = client
        self.state.caches = caches_on(int.from_bytes(self.board.read(CCR, 4), "little"))

    @property
    def _file(self) -> Path:
        assert self.path is not None, "nothing is flashed in this session"
        return self.path

    def accepted(self, network: CompiledNetwork) -> DeviceNetwork:
        """What the firmware says of its network. Raises DeviceError: it refuses it; names the operator if it is one."""
        answer = self.client.network_info()
        if answer.status == 0:
            return answer
        why = status_sentence(answer.status)
        if answer.failed_op >= 0:
            op = network.graph.ops[answer.failed_op]
            why = f"operator {op.index} {op.name}: {why}"
        name = network.description.name
        raise DeviceError(f"{self.board.spec.name} refuses the network {name}: {why}", status=answer.status)

    def check_input(self, network: NetworkDescription) -> None:
        """Raises DeviceError: the input is larger than the firmware's slots, so no picture could be sent.

        The firmware carves them for the network that it has accepted: `state.hello` is of after it was flashed.
        """
        needed = input_bytes(network)
        if needed > self.hello.slot_bytes:
            raise DeviceError(
                f"The input of {network.name} has {needed} bytes, an input slot of {self.board.spec.name} "
                f"holds {self.hello.slot_bytes}.",
                remedy="Use a network with a smaller input, or a larger board.",
            )

    def explain(self, error: PoseError) -> PoseError:
        """See Firmware."""
        return explained(self.board, error)

    def close(self) -> None:
        """See Firmware."""
        if self._transport is not None:
            self._transport.close()
        self._transport = None
