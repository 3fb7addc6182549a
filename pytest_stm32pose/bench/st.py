"""ST's validation firmware, asked in its own protocol (`--pose-backend=st-validation`).

Hardware runs the user's own build of ST's firmware, with its network inside: nothing is flashed unless --pose-firmware
names a file, and without one no debug probe is needed. A virtual board runs our firmware and the network under test,
as always, and is only asked in ST's words.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench.explain import explained
from pytest_stm32pose.bench.firmware import State
from pytest_stm32pose.bench.own import NetworkFlash
from pytest_stm32pose.bench.pose_runner import CCR_DATA_CACHE, CCR_INSTRUCTION_CACHE, caches_on
from pytest_stm32pose.bench.start import START_S
from pytest_stm32pose.errors import ConfigError, DeviceError, PoseError, TransportError
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.types import Hello

if TYPE_CHECKING:
    from pytest_stm32pose.bench.faults import Injected
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.measure.runner import Runner
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.protocol.st_validation.client import StClient
    from pytest_stm32pose.protocol.st_validation.messages import Sync, SysInfo
    from pytest_stm32pose.protocol.st_validation.runner import StRunner
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.transports.base import Transport
    from pytest_stm32pose.transports.port import SerialPort
    from pytest_stm32pose.types import FlashReport

#: Baud that ST's firmware uses: 921600 on STM32N6, 115200 elsewhere; the other one is tried too.
SPEEDS = (115_200, 921_600)
#: How long a firmware that runs may take to answer; a virtual board's host may be busy.
FIRST_ANSWER_S, EMULATED_ANSWER_S = 0.2, 1.0
#: SYS_INFO's `cache`: bits of caches that are on, of the cores that have some; 0 in the upper half: nothing is told.
CACHE_INSTRUCTION, CACHE_DATA, CACHE_TOLD = 1 << 10, 1 << 11, 0xFFFF0000
CACHED_CORES = ("cortex-m7", "cortex-m55")


class StFirmware:
    """See Firmware; `client` and what hangs on it is not there.

    Args:
        path: the file to flash; None: nothing is flashed.
        fault: of a virtual board's network.
    """

    def __init__(self, board: Board, path: Path | None, settings: Settings, fault: Injected | None = None) -> None:
        self.board = board
        self.path = path
        self.state = State()
        self._settings = settings
        self._image = NetworkFlash(board, fault) if board.spec.kind == "virtual" else None
        self._is_flashed = False
        self._transport: Transport | None = None
        self._st: StClient | None = None
        self._runner: StRunner | None = None

    @property
    def client(self) -> PoseClient:
        raise ConfigError(
            f"{self.board.spec.name} is asked in ST's validation protocol, which has no such request.",
            remedy="Mark the test with pose_board(capability=...), and it skips there.",
        )

    @property
    def runner(self) -> Runner:
        assert self._runner is not None, "device() first"
        return self._runner

    def explain(self, error: PoseError) -> PoseError:
        """See Firmware."""
        return explained(self.board, error) if self._is_flashed else error  # else there is no probe to ask

    def bring_up(self) -> FlashReport | None:
        """See Firmware."""
        if self.path is not None:
            self.board.open()
            self.state.probe_uid = self.board.probe_uid
            report = self.board.flash_firmware(self.path)
            self._is_flashed = True
            return report
        if not (self._settings.serial_url or self.board.spec.serial):
            self.board.open(debug=False)  # whose serial port it is says its probe
            self.state.probe_uid = self.board.probe_uid
        return None

    def start(self) -> None:
        """See Firmware. What it holds is asked anew by `load`."""
        self.state.loaded = self._runner = None
        self._release()
        if self._is_flashed:
            self.board.start()
        sync = self._connect()
        assert self._st is not None
        info = self._st.sys_info()
        self.state.hello = _hello(sync, info)
        self.state.caches = _caches(info, self.board.spec.core)
        self._check_chip(info)

    def _connect(self) -> Sync:
        """Opens the serial port and finds the speed at which SYNC is answered, and the device's generation."""
        from pytest_stm32pose.protocol.st_validation.client import StClient, check_version
        from pytest_stm32pose.protocol.st_validation.find import NOBODY_S, find
        from pytest_stm32pose.protocol.st_validation.link import Link

        given = self._settings.serial_baud
        speeds = SPEEDS[:: -1 if self.board.spec.core == "cortex-m55" else 1]
        speeds = tuple(dict.fromkeys((*speeds, self.board.spec.baud)))  # a bench may have its own
        if given or self._image:
            speeds = (given or self.board.spec.baud,)
        is_slow = self._image is not None  # an emulated board starts when its host has time
        found = find(
            self._open_at,
            speeds,
            patience_s=START_S if is_slow else NOBODY_S,
            first_s=EMULATED_ANSWER_S if is_slow else FIRST_ANSWER_S,
        )
        check_version(found.sync)
        self._st = StClient(Link(self._port))
        self._st.adopt(found)
        return found.sync

    def _open_at(self, baud: int) -> SerialPort:
        self._release()
        self._transport = self.board.transport("serial", baud=baud)
        self._port.open()
        return self._port

    @property
    def _port(self) -> SerialPort:
        from pytest_stm32pose.transports.serial import SerialTransport

        if not isinstance(self._transport, SerialTransport):
            raise TransportError(f"{self.board.spec.name} has no serial port.")
        return self._transport.port

    def _check_chip(self, info: SysInfo) -> None:
        """Raises DeviceError: the firmware runs on another chip than the board's, or does not know its clock."""
        if not info.sclock:
            raise DeviceError(f"The firmware at {self._port.url} says that its clock is 0 Hz: it cannot time anything.")
        expected, told = self.board.spec.device_id, _device_id(info)
        if expected is not None and told not in (0, expected.device):  # 0: the firmware does not know
            raise DeviceError(
                f"The firmware at {self._port.url} runs on a chip with the device id 0x{told:03x}, "
                f"{self.board.spec.name} has 0x{expected.device:03x}.",
                remedy="Name the right board with --board, or the right port with --pose-serial.",
            )

    def load(self, network: CompiledNetwork) -> None:
        """See Firmware. Raises DeviceError: the firmware's network is another one."""
        from pytest_stm32pose.protocol.st_validation.runner import StRunner

        if self._image:
            self.state.loaded = None
            self._image.program(network)
            self.start()
        assert self._st is not None and self.state.hello is not None, "open() first"
        clock_hz = self.state.hello.clock_hz
        self._runner = StRunner(self._st, self._st.models(), network, board=self.board.spec.name, clock_hz=clock_hz)
        self.state.loaded = network

    def load_again(self) -> FlashReport | None:
        """See Firmware. Hardware has its network inside the firmware."""
        return self._image.program_again() if self._image else None

    def complete(self, device: Device) -> Device:
        """What the firmware says of its network, and, of hardware, its clock."""
        assert self._runner is not None and self.state.hello is not None, "device() first"
        model, network = self._runner.model, device.network
        if self._image:
            return replace(device, model=model, is_exact=True)
        told = replace(network.description, activation_bytes=model.activation_bytes, weights_bytes=model.weights_bytes)
        return replace(
            device, model=model, clock_hz=self.state.hello.clock_hz, network=replace(network, description=told)
        )

    def close(self) -> None:
        """See Firmware. The device is left waiting for a request, whoever asks next."""
        if self._st is not None and self._transport is not None:
            with contextlib.suppress(PoseError):
                self._st.leave()
        self._release()

    def _release(self) -> None:
        self._st = None
        if self._transport is not None:
            self._transport.close()
        self._transport = None


def _device_id(info: SysInfo) -> int:
    return info.devid & 0xFFF


def _caches(info: SysInfo, core: str) -> str | None:
    """Which of the core's caches are on, in words; None: not told."""
    if core not in CACHED_CORES or not info.cache & CACHE_TOLD:
        return None
    bits = (CCR_DATA_CACHE if info.cache & CACHE_DATA else 0) | (
        CCR_INSTRUCTION_CACHE if info.cache & CACHE_INSTRUCTION else 0
    )
    return caches_on(bits)


def _hello(sync: Sync, info: SysInfo) -> Hello:
    """What the firmware says of itself, in the terms of our own HELLO; "" and 0 where ST's protocol tells nothing."""
    from pytest_stm32pose.protocol.st_validation.messages import runtime_name

    return Hello(
        firmware_version=f"ST validation protocol {sync.version >> 8}.{sync.version & 0xFF}",
        protocol_version=sync.version,
        capabilities=int(Capability.OUTPUTS),
        board="",
        mcu=f"device id 0x{_device_id(info):03x}",
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
