"""What a board runs, as the session that keeps the board ready sees it. Each kind is one file beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_stm32pose.errors import PoseError
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.measure.runner import Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.types import DeviceMemory, FlashReport, Hello, Places


@dataclass
class State:
    """How far a firmware got. The firmware writes it as it goes: what failed half-way is known up to there.

    Attributes:
        probe_uid: of the debug probe that was taken; "" for none.
        hello: what it said of itself when it last started; None when it never answered.
        caches: which of the core's caches are on, read from the core; None when it was not asked.
        loaded: the network that it is ready to run.
        memories: that it told of, once a network was loaded; () when it was not asked.
        places: of the loaded network; None where nobody told.
    """

    probe_uid: str = ""
    hello: Hello | None = None
    caches: str | None = None
    loaded: CompiledNetwork | None = None
    memories: tuple[DeviceMemory, ...] = ()
    places: Places | None = None

    def forget(self) -> None:
        """Nobody knows what the board is at: it is brought up anew, and the network loaded anew."""
        self.hello = self.loaded = None


class Firmware(Protocol):
    """One kind of firmware on one board. Every method may raise PoseError.

    Attributes:
        path: the file that is flashed; None: the board runs what it has.
        state: how far it got.
    """

    path: Path | None
    state: State

    def bring_up(self) -> FlashReport | None:
        """Takes the board, as far as this kind needs it, and flashes `path`; None when nothing is flashed."""

    def start(self) -> None:
        """Starts the firmware, connects and sets `state.hello`; also once more, after it hung."""

    def load(self, network: CompiledNetwork) -> None:
        """Makes it ready to run this network, and sets `state.loaded`. Raises DeviceError: it will not run it."""

    def load_again(self) -> FlashReport | None:
        """Programs what `load` programmed; None when that was nothing. `start` follows."""

    @property
    def runner(self) -> Runner:
        """What runs the loaded network."""

    @property
    def client(self) -> PoseClient:
        """The client of our own protocol. Raises ConfigError: this kind does not speak it."""

    def complete(self, device: Device) -> Device:
        """The device with what this kind of firmware knows of it, and of its network, better than the .tflite."""

    def explain(self, error: PoseError) -> PoseError:
        """What is behind an error, or the error."""

    def close(self) -> None:
        """Releases the link; the board is its session's. Does not raise."""
