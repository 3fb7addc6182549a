"""The board under a bringup, and what its steps leave to later ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_stm32pose.bench.start import await_firmware
from pytest_stm32pose.protocol.client import PoseClient

if TYPE_CHECKING:
    from pytest_stm32pose.boards.catalog import BoardSpec
    from pytest_stm32pose.boards.inventory import Inventory
    from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.types import Hello, Picture

OPEN_S = 5.0
#: How long an answer is waited for. An emulated UART takes a long frame in a second or two, on a busy host more.
ANSWER_S, EMULATED_ANSWER_S = 3.0, 20.0


class Material(Protocol):
    """What is put on the board and compared with: made when a step asks for it. Raises ConfigError."""

    def firmware(self) -> Path: ...

    def network(self) -> CompiledNetwork: ...

    def golden(self) -> GoldenStore: ...

    def picture(self) -> Picture: ...


@dataclass
class Subject:
    """One board, and how far it got.

    Attributes:
        known: every board, to tell the others' probes and the name of the firmware.
        inventory: a look at what is connected.
        firmware: the file that the step `firmware` has put on the board.
        links: by which the firmware has answered so far.
        hello: what it said.
    """

    spec: BoardSpec
    known: Sequence[BoardSpec]
    board: PyOcdBoard
    material: Material
    settings: Settings
    inventory: Inventory
    firmware: Path | None = None
    links: list[str] = field(default_factory=list)
    _hello: Hello | None = None

    @property
    def is_virtual(self) -> bool:
        return self.spec.kind == "virtual"

    @property
    def hello(self) -> Hello:
        assert self._hello is not None, "the step firmware comes first"
        return self._hello

    @hello.setter
    def hello(self, hello: Hello) -> None:
        self._hello = hello

    @property
    def link_names(self) -> tuple[str, ...]:
        """The links to ask over, those of the probe first: a serial port has more ways to be missing."""
        return ("swd", "serial") if self.spec.mailbox is not None else ("serial",)

    @contextmanager
    def client(self, link: str) -> Iterator[PoseClient]:
        """Our client over one link to the running firmware. Raises TransportError."""
        transport = self.board.transport(link, baud=self.settings.serial_baud)
        try:
            transport.open(OPEN_S)
            patience_s = EMULATED_ANSWER_S if self.is_virtual else ANSWER_S
            yield PoseClient(transport, request_timeout_s=patience_s)
        finally:
            transport.close()

    def restart(self) -> None:
        """Runs the firmware anew, after a step that had to stop it, and waits until it answers."""
        self.hello = self.start(self.links[0])

    def start(self, link: str) -> Hello:
        """Starts the firmware and waits for its first answer over a link. Raises as await_firmware."""
        assert self.firmware is not None, "the step firmware comes first"
        transport = self.board.transport(link, baud=self.settings.serial_baud)
        try:
            self.board.start()
            is_given = self.settings.firmware is not None
            return await_firmware(self.board, transport, PoseClient(transport), self.firmware, is_given=is_given)
        finally:
            transport.close()
