"""qemu-f405: the STM32F405 image on an emulated Cortex-M4 with 128 KB of RAM and little room for inputs."""

from __future__ import annotations

import random
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.errors import DeviceError, FlashError
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.session import ProbeSession
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.types import InferResult
from tests.firmware.large_input import large_network
from tests.support.calibration import counting_program
from tests.support.guest import assemble
from tests.support.waiting import eventually
from tests.virtual.suite_run import run_suite

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
BOARD = "qemu-f405"
FLASH, NETWORK = 0x08000000, 0x08020000
KEYR, SR, CR = 0x40023C04, 0x40023C0C, 0x40023C10
KEYS = (0x45670123, 0xCDEF89AB)
PG, SER, WORDS, STRT, LOCK = 1, 2, 2 << 8, 1 << 16, 1 << 31
PGSERR, PGPERR = 1 << 7, 1 << 6


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


@pytest.fixture(scope="module")
def picture(network: CompiledNetwork) -> bytes:
    return np.random.default_rng(5).integers(0, 256, network.description.input_shape, dtype=np.uint8).tobytes()


def opened(name: str = BOARD) -> PyOcdBoard:
    board = open_board(name)
    assert isinstance(board, PyOcdBoard)
    board.open()
    return board


def running(name: str, network: CompiledNetwork) -> PyOcdBoard:
    """A board of its own with firmware and network, started."""
    board = opened(name)
    try:
        board.flash_firmware(build_firmware(board.spec.firmware, board.spec.kernels))
        board.flash_network(network.image)
        board.start()
    except BaseException:
        board.close()
        raise
    return board


def connect(board: PyOcdBoard, kind: str) -> PoseClient:
    transport = board.transport(kind)
    transport.open(15.0)
    client = PoseClient(transport, request_timeout_s=1.0)
    client.hello(attempts=15)
    return client


@pytest.mark.parametrize("options", [["--pose-transport=swd"], ["-k", "board or picture"]], ids=["swd", "uart"])
def test_the_suite_is_green(options: list[str], tmp_path: Path) -> None:
    """All of it through the mailbox; over the UART, which is the default and slow, what talks most."""
    done = run_suite(tmp_path, f"--board={BOARD}", "--pose-max-images=1", *options)
    assert done.exit_code == 0, done.output
    assert done.record["verdict"] == "passed"
    [board] = done.record["boards"]
    [model] = done.record["models"]
    assert (board["mcu"], board["core"], board["clock_hz"]) == ("stm32f405rg", "cortex-m4", 16_000_000)
    assert model["accuracy"]["oks_vs_golden"] == 1.0
    assert all(tensor["differing"] == 0 for image in model["images"] for tensor in image["tensors"])
    assert model["latency"]["unit"] == "instructions"


def infer(client: PoseClient, picture: bytes, intermediates: bool = False) -> InferResult:
    client.upload(0, picture)
    return client.infer(0, zlib.crc32(picture), len(picture), outputs=True, intermediates=intermediates, profile=True)


def test_same_bits_as_another_board_and_same_count_every_time(network: CompiledNetwork, picture: bytes) -> None:
    """Two emulators, both links; and a Cortex-M7 with its own image."""
    results = []
    for kind in ("swd", "serial"):
        board = running(BOARD, network)
        try:
            client = connect(board, kind)
            results.append(infer(client, picture, intermediates=kind == "swd"))
            if kind == "swd":
                client.reset()
                results.append(infer(client, picture))
        finally:
            board.close()
    assert len({(result.ticks, result.op_ticks) for result in results}) == 1
    other = running("qemu-m7", network)
    try:
        reference = infer(connect(other, "swd"), picture, intermediates=True)
    finally:
        other.close()
    expected = {tensor.source: tensor.data for tensor in (*reference.outputs, *reference.intermediates)}
    assert {tensor.source for tensor in results[0].intermediates} == {
        tensor.source for tensor in reference.intermediates
    }
    assert len(expected) > 40
    for result in results:
        assert result.keypoints_norm is not None and reference.keypoints_norm is not None
        assert np.array_equal(result.keypoints_norm, reference.keypoints_norm)
        for tensor in (*result.outputs, *result.intermediates):
            assert np.array_equal(tensor.data, expected[tensor.source])


def test_what_the_firmware_says_of_itself(network: CompiledNetwork, picture: bytes) -> None:
    board = running(BOARD, network)
    try:
        client = connect(board, "swd")
        hello = client.hello()
        assert (hello.board, hello.mcu, hello.cpuid >> 4 & 0xFFF) == ("f405", "stm32f405rg", 0xC24)
        # No PLL here: the firmware gave up waiting for it and says which clock it is on. The DWT does not count.
        assert (hello.clock_hz, hello.tick_hz, hello.time_source) == (16_000_000, 16_000_000, "timer")
        assert (hello.slot_count, hello.slot_bytes, hello.max_message) == (1, 96 * 96 * 3, 1024)
        assert not hello.capabilities & Capability.UPLOAD_WHILE_RUNNING
        with pytest.raises(DeviceError, match="UPLOAD"):
            client.upload(1, picture)
        with pytest.raises(DeviceError, match=r"inference failed.*parameter"):
            client.infer(1, zlib.crc32(picture), len(picture))
        infer(client, picture, intermediates=True)
        assert client.self_test().passed
        infer(client, picture)
        memory = client.memory()
        assert 0 < memory.stack_high_water <= 0.8 * memory.stack_bytes
        assert 0 < memory.arena_high_water <= network.description.activation_bytes <= memory.arena_bytes
    finally:
        board.close()


def test_a_network_whose_input_fits_no_slot_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "wide.tflite"
    model.write_bytes(large_network(128))
    run = PoseRun(Settings(transport="swd", models=(str(model),), family="none"), tmp_path)
    try:
        with pytest.raises(DeviceError, match="has 49152 bytes, an input slot of qemu-f405 holds 27648"):
            run.device(run.board(BOARD), str(model))
    finally:
        run.close()


@pytest.fixture
def session() -> Iterator[ProbeSession]:
    board = opened()
    try:
        yield board.session
    finally:
        board.close()


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_sectors_have_the_sizes_of_the_silicon_and_only_changed_ones_are_written(session: ProbeSession) -> None:
    data = noise(0x60000)
    assert session.program(FLASH, data).bytes_written == len(data)
    assert session.read(FLASH, len(data)) == data
    assert session.program(FLASH, data).skipped
    for offset, sector in ((0x3FFF, 0x4000), (0xC000, 0x4000), (0x1FFFF, 0x10000), (0x20000, 0x20000)):
        changed = bytearray(data)
        changed[offset] ^= 0x81
        assert session.program(FLASH, bytes(changed)).bytes_written == sector
        assert session.read(FLASH, len(data)) == changed
        data = bytes(changed)


def test_what_is_beside_the_data_stays(session: ProbeSession) -> None:
    session.program(FLASH, noise(0x20000))
    session.program(FLASH + 0xFFFE, b"abcd")  # over the border of two regions
    want = bytearray(noise(0x20000))
    want[0xFFFE:0x10002] = b"abcd"
    assert session.read(FLASH, 0x20000) == want


def test_flash_takes_writes_only_as_the_controller_allows(session: ProbeSession) -> None:
    session.halt()
    before = session.read(NETWORK, 8)
    session.write32(NETWORK, 0)
    assert session.read32(SR) & PGSERR, "a write without PG"
    session.write32(CR, WORDS | PG)
    assert session.read32(CR) == LOCK, "a locked register took a write"
    for key in KEYS:
        session.write32(KEYR, key)
    session.write32(SR, 0xF2)
    session.write32(CR, WORDS | SER | 5 << 3)
    session.write32(CR, WORDS | SER | 5 << 3 | STRT)
    assert session.read(NETWORK, 0x20000) == b"\xff" * 0x20000
    session.write32(CR, WORDS | PG)
    session.write32(NETWORK, 0x0F0F0F0F)
    session.write32(NETWORK, 0x00FF00FF)
    assert session.read32(NETWORK) == 0x000F000F, "programming sets no bits"
    assert session.read32(SR) == 0
    session.write(NETWORK + 8, b"\0")
    assert session.read32(SR) == PGPERR, "a byte while PSIZE says words"
    assert session.read(NETWORK + 4, 8) == b"\xff" * 8
    assert before == bytes(8)


def test_a_wrong_key_locks_the_flash_until_a_reset(session: ProbeSession) -> None:
    session.reset_and_halt()
    session.write32(KEYR, 0x12345678)
    session.pyocd.options.set("reset_type", "hardware")
    flash = session.pyocd.target.memory_map.get_region_for_address(FLASH).flash
    with pytest.raises(Exception, match="does not unlock"):
        flash.init(flash.Operation.ERASE)
    assert session.program(NETWORK, noise(100)).bytes_written == 0x20000, "programming begins with a reset"


def test_what_lies_outside_the_flash_is_refused(session: ProbeSession) -> None:
    with pytest.raises(FlashError, match="outside the memory of qemu-f405"):
        session.program(0x080FFFF0, bytes(32))


TURNS = 700_000


def test_a_tick_is_what_the_catalog_says(session: ProbeSession) -> None:
    spec = board_spec(BOARD)
    session.program(FLASH, assemble(counting_program(TURNS, 0x20002000), FLASH)[0])
    session.write32(0x20002000, 0)
    session.reset()
    ticks = eventually(lambda: session.read32(0x20002000))
    assert ticks * 1e9 / (spec.tick_hz * spec.icount_ns) == pytest.approx(4 * TURNS, rel=1e-5)
