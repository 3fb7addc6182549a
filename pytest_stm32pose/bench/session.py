"""A board in a run: opened once, its firmware running, the network under test loaded, the link up."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench import faults
from pytest_stm32pose.bench.places import memory_words
from pytest_stm32pose.boards.identity import core_name
from pytest_stm32pose.errors import ConfigError, PoseError
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.slots import Slots

if TYPE_CHECKING:
    from pytest_stm32pose.bench.faults import Injected
    from pytest_stm32pose.bench.firmware import Firmware
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.boards.catalog import BoardSpec
    from pytest_stm32pose.measure.runner import Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.types import FlashReport, Hello


class BoardSession:
    """One open board. A failed open is remembered: every test that needs the board says the same.

    Args:
        firmware: what the board runs, of whatever kind (kinds.py chooses it).
        fault: that the run is to find.
    """

    def __init__(self, board: Board, firmware: Firmware, settings: Settings, fault: Injected | None = None) -> None:
        self.board = board
        self.firmware = firmware
        self.flash: FlashReport | None = None
        #: A request went unanswered: the firmware is restarted before the next test, so that one hang costs one test.
        self.suspect = False
        self._settings = settings
        self._fault = fault
        self._refused: PoseError | None = None
        self._slots: tuple[Hello, Slots] | None = None  #: of the start that said this hello

    @property
    def spec(self) -> BoardSpec:
        return self.board.spec

    @property
    def probe_uid(self) -> str:
        """Of the debug probe; "" where none is used."""
        return self.firmware.state.probe_uid

    @property
    def firmware_path(self) -> Path | None:
        """The file that is flashed; None: the board runs what it has."""
        return self.firmware.path

    @property
    def caches(self) -> str | None:
        """Which of the core's caches are on, read from the core; None when it was not asked."""
        return self.firmware.state.caches

    @property
    def memories(self) -> str | None:
        """The board's external memories and their modes, in words; None where nobody told."""
        told = self.firmware.state.memories
        return memory_words(told) if told else None

    @property
    def client(self) -> PoseClient:
        """The protocol client of the running firmware. Raises ConfigError: it speaks another protocol."""
        return self.firmware.client

    @property
    def runner(self) -> Runner:
        """What runs networks on this board."""
        return self.firmware.runner

    @property
    def hello(self) -> Hello:
        """What the firmware said of itself when it started."""
        hello = self.hello_or_none
        assert hello is not None, "open() first"
        return hello

    @property
    def hello_or_none(self) -> Hello | None:
        """None when the firmware never answered."""
        return self.firmware.state.hello

    @property
    def clock_hz(self) -> int:
        """Of the core, as the firmware says: a clock that never became ready leaves the safe one."""
        hello = self.hello_or_none
        return hello.clock_hz if hello else self.spec.clock_hz

    @property
    def identity(self) -> list[tuple[str, str]]:
        """What a JUnit report says of a test on this board."""
        hello = self.hello
        facts = {"board": self.spec.name, "probe": self.probe_uid, "firmware": hello.firmware_version,
                 "firmware_build": hello.build_id}  # fmt: skip
        return [(f"pose_{key}", value) for key, value in facts.items() if value]

    @property
    def core_part(self) -> str:
        """The core by its CPUID, as the firmware read it."""
        return core_name(self.hello.cpuid)

    def open(self) -> None:
        """Opens the board, flashes the firmware and starts it.

        Raises:
            PoseError: the first failure, again on every later call.
        """
        if self._refused is not None:
            raise self._refused
        if self.hello_or_none is not None and not self.suspect:
            return
        try:
            if self.hello_or_none is None:
                self.flash = self.firmware.bring_up()
            self._start()
        except PoseError as error:
            self._refused = self.explain(error)
            self.suspect = True  # it is explained, and nobody asks a closed board again
            self.close()
            raise self._refused from error

    def _start(self) -> None:
        self.firmware.start()
        self.suspect = False

    def explain(self, error: PoseError) -> PoseError:
        """What is behind it: the end of emulator or probe, the fault behind a dead link, or the error."""
        return self.firmware.explain(error)

    def device(self, network: CompiledNetwork) -> Device:
        """The board with this network loaded; flashes and restarts only when another one was loaded.

        Raises:
            DeviceError: the firmware refuses the network; names the operator where it is one.
        """
        self._check_fault(network)
        self.open()
        self._end_left_over()
        if self.firmware.state.loaded is not network:
            self._load(network)
        device = Device(
            self.board,
            self.runner,
            network,
            self.spec.tick_hz or self.hello.tick_hz,
            slots=self._input_slots(),
            swap_channels=self._swaps_channels,
            preprocessing=self._settings.preprocess,
            capabilities=self.hello.capabilities,
            all_bytes=self._settings.output_data == "full",
            is_exact=self.hello.backend == "runtime",
            places=self.firmware.state.places,
        )
        return self.firmware.complete(device)

    def _input_slots(self) -> Slots:
        """What was uploaded since the firmware's last start, and no longer: a start leaves nothing in the slots."""
        if self._slots is None or self._slots[0] is not self.hello:
            self._slots = self.hello, Slots(self.hello.slot_count)
        return self._slots[1]

    def _check_fault(self, network: CompiledNetwork) -> None:
        """Raises ConfigError: the fault would change nothing of this network."""
        if self._swaps_channels and network.description.input_shape[2] == 1:
            raise ConfigError(
                f"--pose-fault=input-channels exchanges channels; {network.description.name} takes grey pictures.",
                remedy="Choose another fault ('stm32pose faults' lists them).",
            )

    @property
    def _swaps_channels(self) -> bool:
        return self._fault is not None and self._fault.name == "input-channels"

    def _end_left_over(self) -> None:
        """A request that a test before began and did not finish is over: its answer is nobody's."""
        if self.firmware.state.loaded is None:
            return
        try:
            self.runner.abandon()
        except PoseError:
            self._start()

    def _load(self, network: CompiledNetwork) -> None:
        self.firmware.load(network)
        if self._fault and self._fault.name in ("hang", "die"):
            faults.signal_emulator(self._fault.name, self.board.emulator_pid())

    def verify_firmware(self) -> str:
        """Reads the firmware back; "" when the target holds the file, else the first difference in words."""
        return self.board.verify_firmware(self._flashed_file)

    def flash_again(self) -> tuple[FlashReport, FlashReport | None]:
        """Programs what should be there already, firmware and network (None when none was loaded), and restarts."""
        firmware = self.board.flash_firmware(self._flashed_file)
        network = self.firmware.load_again() if self.firmware.state.loaded else None
        self._start()
        return firmware, network

    @property
    def _flashed_file(self) -> Path:
        assert self.firmware_path is not None, "nothing is flashed in this session"
        return self.firmware_path

    def abandon(self) -> None:
        """A request was cut off in the middle: nobody knows what probe and link are at. The next test opens anew."""
        with contextlib.suppress(PoseError):
            self.close()
        self.firmware.state.forget()

    def close(self) -> None:
        """Releases link and board; never raises for a board that is gone."""
        self.firmware.close()
        self.board.close()
