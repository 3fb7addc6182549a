"""A board in a run: opened once, firmware flashed and running, the network under test loaded, the link up."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench import faults
from pytest_stm32pose.bench.start import await_firmware
from pytest_stm32pose.boards.fit import input_bytes
from pytest_stm32pose.boards.identity import core_name
from pytest_stm32pose.errors import ConfigError, DeviceError, PoseError, ProbeError, ProtocolError, TransportError
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.types import DeviceNetwork, FlashReport, Hello

if TYPE_CHECKING:
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.boards.catalog import BoardSpec
    from pytest_stm32pose.measure.device import Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.transports.base import Transport

#: Configuration and Control Register of Armv7-M and Armv8-M, with the enable bits of both caches.
CCR, CCR_DATA_CACHE, CCR_INSTRUCTION_CACHE = 0xE000ED14, 1 << 16, 1 << 17


def caches_on(ccr: int) -> str:
    """The core's caches that are on, in words, from its CCR. A core without caches has none on."""
    names = [name for name, bit in (("data", CCR_DATA_CACHE), ("instruction", CCR_INSTRUCTION_CACHE)) if ccr & bit]
    return " and ".join(names) or "off"


class BoardSession:
    """One open board. A failed open is remembered: every test that needs the board says the same."""

    def __init__(self, board: Board, firmware: Path | None, settings: Settings) -> None:
        self.board = board
        self.firmware_path = firmware
        self.flash: FlashReport | None = None
        self.probe_uid = ""
        #: Which of the core's caches are on, read from the core; None when it was not asked.
        self.caches: str | None = None
        #: A request went unanswered: the firmware is restarted before the next test, so that one hang costs one test.
        self.suspect = False
        self._settings = settings
        self._fault = faults.parse(settings.fault) if settings.fault else None
        self._transport: Transport | None = None
        self._client: PoseClient | None = None
        self._hello: Hello | None = None
        self._loaded: CompiledNetwork | None = None
        self._flashed = b""
        self._refused: PoseError | None = None
        if self._fault and board.spec.kind != "virtual":
            raise ConfigError(f"--pose-fault works on virtual boards, {board.spec.name} is {board.spec.kind}.")

    @property
    def spec(self) -> BoardSpec:
        return self.board.spec

    @property
    def client(self) -> PoseClient:
        """The protocol client of the running firmware."""
        assert self._client is not None, "open() first"
        return self._client

    @property
    def runner(self) -> Runner:
        """What runs networks on this board."""
        return self.client

    @property
    def hello(self) -> Hello:
        """What the firmware said of itself when it started."""
        assert self._hello is not None, "open() first"
        return self._hello

    @property
    def hello_or_none(self) -> Hello | None:
        """None when the firmware never answered."""
        return self._hello

    @property
    def clock_hz(self) -> int:
        """Of the core, as the firmware says: a clock that never became ready leaves the safe one."""
        return self._hello.clock_hz if self._hello else self.spec.clock_hz

    @property
    def identity(self) -> list[tuple[str, str]]:
        """What a JUnit report says of a test on this board."""
        hello = self.hello
        found = {"board": self.spec.name, "probe": self.probe_uid, "firmware": hello.firmware_version,
                 "firmware_build": hello.build_id}  # fmt: skip
        return [(f"pose_{key}", value) for key, value in found.items() if value]

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
        if self._hello is not None and not self.suspect:
            return
        try:
            if self._hello is None:
                self._bring_up()
            self._start()
        except PoseError as error:
            self._refused = self.explain(error)
            self.suspect = True  # it is explained, and nobody asks a closed board again
            self.close()
            raise self._refused from error

    @property
    def _firmware(self) -> Path:
        assert self.firmware_path is not None, "nothing is flashed in this session"
        return self.firmware_path

    def _bring_up(self) -> None:
        """Takes the board and flashes the firmware."""
        self.board.open()
        self.probe_uid = self.board.probe_uid
        self.flash = self.board.flash_firmware(self._firmware)

    def explain(self, error: PoseError) -> PoseError:
        """What is behind it: the end of emulator or probe, the fault behind a dead link, or the error and nothing more.

        Whatever was under way when an emulator stopped: the rig is blamed for it, neither the device nor its firmware.
        """
        if not isinstance(error, (TransportError, ProbeError, ProtocolError, DeviceError)):
            return error
        if gone := self.board.why_gone():
            kind = ProbeError if isinstance(error, DeviceError) else type(error)
            said = "" if gone in error.message else f" {self.spec.name}: {gone}."
            return kind(error.message + said)
        reason = self.board.why_dead() if isinstance(error, TransportError) else ""
        if not reason or reason in str(error):
            return error
        return type(error)(f"{error.message} {self.spec.name}: {reason}.", remedy=error.remedy)

    def _start(self) -> None:
        """Starts the firmware and says hello; the deadline begins now, after flashing."""
        from pytest_stm32pose.protocol.client import PoseClient

        self._disconnect()
        self._transport = self._make_transport()
        self.board.start()
        self._hello = await_firmware(
            self.board, self._transport, self._firmware, is_given=self._settings.firmware is not None
        )
        self._client = PoseClient(self._transport)
        self.caches = caches_on(int.from_bytes(self.board.read(CCR, 4), "little"))
        self._client.hello()
        self.suspect = False

    def _make_transport(self) -> Transport:
        kind = self._settings.transport or ("serial" if self._settings.serial_url else self.spec.transport)
        return self.board.transport(kind, baud=self._settings.serial_baud)

    def device(self, network: CompiledNetwork) -> Device:
        """The board with this network loaded; flashes and restarts only when another one was loaded.

        Raises:
            DeviceError: the firmware refuses the network; names the operator where it is one.
        """
        self.open()
        self._end_left_over()
        if self._loaded is not network:
            self._load(network)
        swap = self._fault is not None and self._fault.name == "input-channels"
        return Device(
            self.board,
            self.runner,
            network,
            self.spec.tick_hz or self.hello.tick_hz,
            slots=self.hello.slot_count,
            swap_channels=swap,
            preprocessing=self._settings.preprocess,
            capabilities=self.hello.capabilities,
            is_exact=self.hello.backend == "runtime",
        )

    def _end_left_over(self) -> None:
        """A request that a test before began and did not finish is over: its answer is nobody's."""
        try:
            self.client.abandon()
        except PoseError:
            self._start()

    def _load(self, network: CompiledNetwork) -> None:
        self._loaded = None
        fault = self._fault.name if self._fault else ""
        image = network.image
        if self._fault and fault == "weights-bit":
            image = faults.flip_weight(image, self._fault.number)
        self.board.flash_network(image)
        self._flashed = image
        if self._fault and fault == "network-bit":
            bit = 4 * len(image) if self._fault.number is None else self._fault.number % (8 * len(image))
            self.board.flash_network(
                image[: bit // 8] + bytes([image[bit // 8] ^ 1 << bit % 8]) + image[bit // 8 + 1 :]
            )
        self._start()
        self._check(network)
        self._loaded = network
        if self._fault and fault in ("hang", "die"):
            faults.signal_emulator(fault, self.board.emulator_pid())

    def _check_input(self, network: CompiledNetwork) -> None:
        """Raises DeviceError: the input is larger than the firmware's slots, so no picture could be sent."""
        needed = input_bytes(network.description)
        if needed > self.hello.slot_bytes:
            raise DeviceError(
                f"The input of {network.description.name} has {needed} bytes, an input slot of {self.spec.name} holds "
                f"{self.hello.slot_bytes}.",
                remedy="Use a network with a smaller input, or a larger board.",
            )

    def _check(self, network: CompiledNetwork) -> None:
        """The firmware has taken the network. Raises DeviceError: it has not."""
        self._check_input(network)
        self._accept(self.client.network_info(), network)

    def _accept(self, answer: DeviceNetwork, network: CompiledNetwork) -> None:
        if answer.status == 0:
            return
        name = network.description.name
        from pytest_stm32pose.protocol.messages import status_sentence

        why = status_sentence(answer.status)
        if answer.failed_op >= 0:
            op = network.graph.ops[answer.failed_op]
            why = f"operator {op.index} {op.name}: {why}"
        raise DeviceError(f"{self.spec.name} refuses the network {name}: {why}", status=answer.status)

    def verify_firmware(self) -> str:
        """Reads the firmware back; "" when the target holds the file, else the first difference in words."""
        return self.board.verify_firmware(self._firmware)

    def flash_again(self) -> tuple[FlashReport, FlashReport | None]:
        """Programs what should be there already, firmware and network (None when none was loaded), and restarts."""
        firmware = self.board.flash_firmware(self._firmware)
        network = self.board.flash_network(self._flashed) if self._loaded else None
        self._start()
        return firmware, network

    def abandon(self) -> None:
        """A request was cut off in the middle: nobody knows what probe and link are at. The next test opens anew."""
        with contextlib.suppress(PoseError):
            self.close()
        self._hello = self._client = self._loaded = None

    def _disconnect(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._transport = None

    def close(self) -> None:
        """Releases link and board; never raises for a board that is gone."""
        self._disconnect()
        self.board.close()
