"""A board in a run whose firmware speaks ST's validation protocol (`--pose-backend=st-validation`).

Hardware runs the user's own build of ST's firmware, with its network inside: nothing is flashed unless --pose-firmware
names a file, and without one no debug probe is needed. A virtual board runs our firmware and the network under test,
as always, and is only asked in ST's words.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.bench.start import START_S
from pytest_stm32pose.errors import ConfigError, DeviceError, PoseError, ProtocolError, TransportError, TransportTimeout
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.types import Hello

if TYPE_CHECKING:
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.measure.device import Device, Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.protocol.st_validation.client import StClient
    from pytest_stm32pose.protocol.st_validation.messages import Sync, SysInfo
    from pytest_stm32pose.protocol.st_validation.runner import StRunner
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.transports.port import SerialPort

#: Baud that ST's firmware uses: 921600 on STM32N6, 115200 elsewhere; the other one is tried too.
SPEEDS = (115_200, 921_600)
#: A running firmware answers SYNC at once; what is slower is first brought back into step.
FIRST_ANSWER_S = 1.0


class StSession(BoardSession):
    """See BoardSession; `client` and what hangs on it is not there."""

    def __init__(self, board: Board, firmware: Path | None, settings: Settings) -> None:
        super().__init__(board, firmware, settings)
        self._is_virtual = board.spec.kind == "virtual"
        self._st: StClient | None = None
        self._runner: StRunner | None = None

    @property
    def client(self) -> PoseClient:
        raise ConfigError(
            f"{self.spec.name} is asked in ST's validation protocol, which has no such request.",
            remedy="Mark the test with pose_board(capability=...), and it skips there.",
        )

    @property
    def runner(self) -> Runner:
        assert self._runner is not None, "device() first"
        return self._runner

    def _end_left_over(self) -> None:
        """The client sees for itself that an answer was not taken."""

    def explain(self, error: PoseError) -> PoseError:
        return super().explain(error) if self.flash else error  # else there is no probe to ask

    def _bring_up(self) -> None:
        if self.firmware_path is not None:
            super()._bring_up()
        elif not (self._settings.serial_url or self.spec.serial):
            self.board.open(debug=False)  # whose serial port it is says its probe
            self.probe_uid = self.board.probe_uid

    def _start(self) -> None:
        self._loaded = self._runner = None
        self._disconnect()
        if self.flash:
            self.board.start()
        sync = self._connect()
        assert self._st is not None
        self._hello = _hello(sync, self._st.sys_info())
        self._check_chip()
        self.suspect = False

    def _connect(self) -> Sync:
        """Opens the serial port and finds the speed at which SYNC is answered."""
        from pytest_stm32pose.protocol.st_validation.client import check_version

        given = self._settings.serial_baud
        speeds = SPEEDS[:: -1 if self.spec.core == "cortex-m55" else 1]
        speeds = tuple(dict.fromkeys((*speeds, self.spec.baud)))  # a bench may have its own
        if given or self._is_virtual:
            speeds = (given or self.spec.baud,)
        last: PoseError | None = None
        for wait_s in (FIRST_ANSWER_S, START_S):
            for baud in speeds:
                try:
                    sync = self._ask_at(baud, wait_s)
                except (TransportTimeout, ProtocolError) as error:
                    last = error
                    continue
                check_version(sync)
                return sync
        tried = " or ".join(str(baud) for baud in speeds)
        raise TransportTimeout(
            f"{self._port.url}: nothing answers ST's SYNC at {tried} baud.",
            remedy="Check that the board runs ST's validation firmware (aiValidation, NPU_Validation), and the cable.",
        ) from last

    def _ask_at(self, baud: int, wait_s: float) -> Sync:
        from pytest_stm32pose.protocol.st_validation.client import StClient
        from pytest_stm32pose.protocol.st_validation.link import Link

        self._disconnect()
        self._transport = self.board.transport("serial", baud=baud)
        self._port.open()
        link = Link(self._port)
        link.drop_left_overs()
        self._st = StClient(link)
        if wait_s > FIRST_ANSWER_S:
            self._st.resync()
        return self._st.sync(wait_s)

    @property
    def _port(self) -> SerialPort:
        from pytest_stm32pose.transports.serial import SerialTransport

        if not isinstance(self._transport, SerialTransport):
            raise TransportError(f"{self.spec.name} has no serial port.")
        return self._transport.port

    def _check_chip(self) -> None:
        """Raises DeviceError: the firmware runs on another chip than the board's, or does not know its clock."""
        if not self.hello.clock_hz:
            raise DeviceError(f"The firmware at {self._port.url} says that its clock is 0 Hz: it cannot time anything.")
        expected = self.spec.device_id
        found = int(self.hello.mcu.removeprefix("device id "), 16)
        if expected is not None and found not in (0, expected.device):  # 0: the firmware does not know
            raise DeviceError(
                f"The firmware at {self._port.url} runs on a chip with the device id 0x{found:03x}, {self.spec.name} "
                f"has 0x{expected.device:03x}.",
                remedy="Name the right board with --board, or the right port with --pose-serial.",
            )

    def _load(self, network: CompiledNetwork) -> None:
        if self._is_virtual:
            super()._load(network)
        else:
            self._check(network)
            self._loaded = network

    def _check(self, network: CompiledNetwork) -> None:
        from pytest_stm32pose.protocol.st_validation.runner import StRunner

        assert self._st is not None
        self._runner = StRunner(
            self._st, self._st.models(), network, board=self.spec.name, clock_hz=self.hello.clock_hz
        )

    def device(self, network: CompiledNetwork) -> Device:
        """As BoardSession.device. Raises DeviceError: the firmware's network is another one."""
        device = super().device(network)
        assert self._runner is not None
        model = self._runner.model
        if self._is_virtual:
            return replace(device, model=model, is_exact=True)
        told = replace(network.description, activation_bytes=model.activation_bytes, weights_bytes=model.weights_bytes)
        return replace(device, model=model, clock_hz=self.clock_hz, network=replace(network, description=told))


def _hello(sync: Sync, info: SysInfo) -> Hello:
    """What the firmware says of itself, in the terms of our own HELLO; "" and 0 where ST's protocol tells nothing."""
    from pytest_stm32pose.protocol.st_validation.messages import runtime_name

    return Hello(
        firmware_version=f"ST validation protocol {sync.version >> 8}.{sync.version & 0xFF}",
        protocol_version=sync.version,
        capabilities=int(Capability.OUTPUTS),
        board="",
        mcu=f"device id 0x{info.devid & 0xFFF:03x}",
        backend=f"st-validation, {runtime_name(sync.rtid)}",
        kernels="",
        build_id="",
        cpuid=0,
        clock_hz=info.sclock,
        tick_hz=info.sclock,
        time_source="dwt",
        unique_id="",
        slot_count=1,
        slot_bytes=0xFFFFFFFF,  # not told; an input that is too big the firmware refuses itself
        max_message=0,
    )
