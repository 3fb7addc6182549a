"""The H747's image and the algorithm for its QSPI flash on the twin's models of SDRAM, QUADSPI and the two dies.

The models were written from the manuals by themselves, and record what silicon would not take: that list stays empty.
"""

from __future__ import annotations

import random
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("unicorn", reason="the twins run on unicorn: pip install unicorn")

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.models.zoo import find_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.flash_algorithms import reason
from pytest_stm32pose.probes.image import read_image
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.transports.swd import MailboxTransport
from pytest_stm32pose.twins import bus
from pytest_stm32pose.twins.core import Core
from pytest_stm32pose.twins.debug import Debug
from pytest_stm32pose.twins.h7.device import Device
from tests.firmware.test_runtime import reference
from tests.support.algorithm_calls import AlgorithmCalls

MODEL = "stick_pose_96_int8.tflite"
SPEC = board_spec("h747")
QSPI, SECTOR, FLASH = 0x90000000, 0x20000, 0x08000000
TIMEOUT_S = 300.0
needs_arm = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


# --- the image ---


class Running:
    """A twin whose core runs; read() and write() are those of a debug probe. `prepare` is done before the first
    instruction, to what has its power by then.
    """

    def __init__(self, device: Device, prepare: Callable[[], None]) -> None:
        self.device, self._core = device, Core(device, SPEC.clock_hz)
        prepare()
        self._core.reset()
        self._debug = Debug(self._core)
        self._thread = threading.Thread(target=self._core.run, daemon=True)
        self._thread.start()

    def read(self, address: int, size: int) -> bytes:
        assert not self._core.failure, self._core.failure
        return self._debug.read(0, address, size)

    def write(self, address: int, data: bytes) -> None:
        self._debug.write(0, address, data)

    def end(self) -> None:
        self._core.end()
        self._thread.join(TIMEOUT_S)


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / MODEL)


def load(device: Device, network: CompiledNetwork) -> None:
    """Firmware and network as flashed before."""
    for segment in read_image(build_firmware(SPEC.firmware, SPEC.kernels)).segments:
        for memory in device.flash.memories():
            at = segment.address - memory.region.start
            if 0 <= at < memory.region.length:
                memory.region.buffer[at : at + len(segment.data)] = list(segment.data)
    device.quadspi.cells[: len(network.image)] = list(network.image)


Start = Callable[..., tuple[Running, PoseClient]]


@pytest.fixture
def start(network: CompiledNetwork) -> Iterator[Start]:
    """A function: plants faults ("qspi=silent") and starts the image with the default network, or the `other` one, in
    the QSPI flash.
    """
    running: list[Running] = []

    def begin(*faults: str, other: CompiledNetwork | None = None) -> tuple[Running, PoseClient]:
        device = Device("h747")
        load(device, other or network)

        def plant() -> None:
            for fault in faults:
                device.set_fault(*fault.split("="))

        running.append(Running(device, plant))
        assert SPEC.mailbox is not None
        mailbox = MailboxTransport(running[-1], SPEC.mailbox.address, lambda: None)
        mailbox.open(TIMEOUT_S)
        return running[-1], PoseClient(mailbox, request_timeout_s=TIMEOUT_S)

    yield begin
    for each in running:
        each.end()
        assert each.device.wrong == []


@needs_arm
def test_an_inference_from_qspi_flash_in_sdram_is_the_references(start: Start, fixtures_dir: Path) -> None:
    _, client = start()
    assert client.hello().clock_hz == SPEC.clock_hz
    info = client.network_info()
    assert (info.status, info.name, info.arena_available) == (0, "stick_pose_96_int8", SPEC.arena_bytes)
    model = (fixtures_dir / "models" / MODEL).read_bytes()
    for slot in (0, 1):
        check_inference(client, slot, model, (1, 96, 96, 3))


def check_inference(client: PoseClient, slot: int, model: bytes, shape: tuple[int, ...]) -> None:
    """Every element of every output of a picture of noise."""
    picture = np.random.default_rng(747 + slot).integers(0, 256, shape, np.uint8)
    data = picture.tobytes()
    client.upload(slot, data)
    client.start_infer(slot, zlib.crc32(data), len(data), InferOption.KEYPOINTS | InferOption.OUTPUTS)
    outputs = client.finish_infer(TIMEOUT_S).outputs
    values = reference(model, picture)
    assert outputs
    for output in outputs:
        np.testing.assert_array_equal(output.data, values(output.source))


@needs_arm
@pytest.mark.campaign
@pytest.mark.parametrize("name", ["st_movenet_lightning_heatmaps_192", "yolov8n_pose_256_pc"])
def test_published_networks_run(name: str, start: Start) -> None:
    """2.3 and 3.2 MiB in the QSPI flash."""
    path = find_model(name)
    if path is None:
        pytest.skip("the published networks are not on this machine (STM32POSE_DATA)")
    compiled = compile_model(path)
    _, client = start(other=compiled)
    assert client.network_info().status == 0
    check_inference(client, 0, path.read_bytes(), (1, *compiled.description.input_shape))


@needs_arm
def test_the_image_tests_itself(start: Start) -> None:
    _, client = start()
    hello = client.hello()
    assert (hello.board, hello.mcu, hello.kernels) == (SPEC.name, SPEC.mcu, SPEC.kernels)
    assert (hello.clock_hz, hello.tick_hz, hello.time_source) == (SPEC.clock_hz, SPEC.clock_hz, "dwt")
    stats = client.memory()
    assert 0 < stats.stack_high_water < stats.stack_bytes == 8 << 10
    assert client.self_test().passed


@needs_arm
@pytest.mark.parametrize(
    ("fault", "status", "arena"),
    [
        ("sdram=stuck-bit", 0, 512 << 10),
        ("qspi=silent", 8, None),
        ("qspi=wrong-id", 8, None),
        ("qspi=left-in-qpi", 0, 8 << 20),
        ("pll=never-ready", 0, 8 << 20),
    ],
)
def test_what_does_not_answer_is_left_out_and_told(start: Start, fault: str, status: int, arena: int | None) -> None:
    """Without SDRAM the arena is in the AXI SRAM; without QSPI flash there is no network (status 8); both are kept at
    64 MHz."""
    _, client = start(fault)
    info = client.network_info()
    assert info.status == status
    assert client.hello().clock_hz == (64_000_000 if fault.startswith("pll") else SPEC.clock_hz)
    if arena is not None:
        assert info.arena_available == client.memory().arena_bytes == arena


# --- the flash algorithm ---


@pytest.fixture
def device() -> Iterator[Device]:
    found = Device("h747")
    yield found
    assert found.wrong == []


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_both_dies_are_erased_programmed_and_mapped(device: Device) -> None:
    calls = AlgorithmCalls(device, "h747", "qspi")
    device.quadspi.cells[: 3 * SECTOR] = [0] * (3 * SECTOR)
    data = random_bytes(calls.region.page_bytes)
    assert [calls.init(1), calls.erase(QSPI + SECTOR), calls.uninit(1)] == [0, 0, 0]
    assert [calls.init(2), calls.program(QSPI + SECTOR, data), calls.uninit(2)] == [0, 0, 0]
    assert bus.read(device, QSPI + SECTOR, len(data)) == data, "through the window, as the verification reads"
    assert bus.read(device, QSPI + SECTOR - 16, 16) == bytes(16)
    assert bus.read(device, QSPI + SECTOR + len(data), 16) == b"\xff" * 16
    assert bus.read(device, QSPI + 2 * SECTOR, 16) == bytes(16), "the next sector"
    cells = bytes(device.quadspi.cells[SECTOR : SECTOR + 4])
    assert cells == data[:4], "even bytes in the first die, odd ones in the second"


@pytest.mark.parametrize(("offset", "size"), [(4, 508), (508, 8), (0x100, 0x300), (SECTOR - 4, 4)])
def test_a_page_is_never_wrapped(device: Device, offset: int, size: int) -> None:
    calls, data = AlgorithmCalls(device, "h747", "qspi"), random_bytes(size)
    assert [calls.init(), calls.program(QSPI + offset, data), calls.uninit()] == [0, 0, 0]
    assert bus.read(device, QSPI + offset, size) == data
    assert bus.read(device, QSPI + offset + size, 8) == b"\xff" * 8


def test_what_is_erased_anyway_is_not_programmed(device: Device) -> None:
    calls = AlgorithmCalls(device, "h747", "qspi")
    calls.init()
    device.set_fault("power", "lost-at-write-1")
    assert calls.program(QSPI, b"\xff" * 1024) == 0


@needs_arm
def test_it_starts_from_what_the_firmware_left(start: Start) -> None:
    """400 MHz, the flash mapped in 4 lines with a prescaler of its own: only the core was halted."""
    running, client = start()
    assert client.network_info().status == 0
    running.end()
    device = running.device
    calls, data = AlgorithmCalls(device, "h747", "qspi"), random_bytes(600)
    assert [calls.init(1), calls.erase(QSPI + SECTOR), calls.uninit(1)] == [0, 0, 0]
    assert [calls.init(2), calls.program(QSPI + SECTOR, data), calls.uninit(2)] == [0, 0, 0]
    assert bus.read(device, QSPI + SECTOR, 600) == data


def test_dies_in_another_mode_are_reset(device: Device) -> None:
    device.set_fault("qspi", "left-in-qpi")
    assert AlgorithmCalls(device, "h747", "qspi").init() == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [("silent", r"JEDEC id ffffff"), ("wrong-id", r"JEDEC id c22019")],
)
def test_another_chip_is_refused_in_words(device: Device, fault: str, words: str) -> None:
    device.set_fault("qspi", fault)
    code = AlgorithmCalls(device, "h747", "qspi").init()
    assert code & 0xFF == 2
    assert words in reason(code)


def test_one_die_that_is_missing_is_named(device: Device) -> None:
    device.quadspi.dies[1].silent = True
    assert "ffffff" in reason(AlgorithmCalls(device, "h747", "qspi").init())


@pytest.mark.parametrize(("address", "size"), [(QSPI + 2, 4), (QSPI + 4, 6), (0x98000000 - 4, 8), (FLASH, 4)])
def test_an_address_that_is_wrong_is_refused(device: Device, address: int, size: int) -> None:
    calls = AlgorithmCalls(device, "h747", "qspi")
    calls.init()
    assert reason(calls.program(address, bytes(size))) == "the address or length is wrong for this memory"
    assert calls.erase(address | 0x100) == 1


def test_an_error_of_before_is_cleared_first(device: Device) -> None:
    calls = AlgorithmCalls(device, "h747", "qspi")
    calls.init()
    device.quadspi.dies[1]._failed = 0x22
    assert calls.program(QSPI, bytes(4)) == 0


@pytest.mark.parametrize("die", [0, 1])
def test_a_die_that_fails_is_told(device: Device, die: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A protected sector: the flag status says so, of one of the two."""
    failing = device.quadspi.dies[die]

    def refuse(*_: object) -> bytes:
        failing._failed = 0x22
        failing._enabled = False
        return b""

    monkeypatch.setattr(failing, "_erase", refuse)
    calls = AlgorithmCalls(device, "h747", "qspi")
    calls.init()
    assert "is the sector protected?" in reason(calls.erase(QSPI))


def test_dies_that_do_not_take_the_write_enable_are_told(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.quadspi.dies[1], "_simple", lambda _: b"")
    calls = AlgorithmCalls(device, "h747", "qspi")
    calls.init()
    assert reason(calls.program(QSPI, bytes(4))) == "the flash chip refuses to be written"


def test_dies_that_stay_busy_are_given_up(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 20,000 looks at their status, which take 20 ms at least; a page takes 1.8 ms at most."""
    calls = AlgorithmCalls(device, "h747", "qspi")
    calls.init()
    monkeypatch.setattr("pytest_stm32pose.twins.h7.mt25._PROGRAM_LOOKS", 1 << 30)
    assert reason(calls.program(QSPI, bytes(4))) == "the flash chip stays busy"
