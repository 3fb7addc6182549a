"""The STM32H743 image itself, from its first instruction to an inference, on an emulated Cortex-M7.

The H747's, which needs models of its external memories, is in test_stm32h747_twin.py.
"""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.transports.swd import MailboxTransport
from tests.firmware.register_model import Registers
from tests.firmware.test_runtime import reference
from tests.firmware.test_stm32h7_registers import RESET, hardware

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")

MODEL = "stick_pose_96_int8.tflite"
UNIQUE_ID = {0x1FF1E800: 0x00310023, 0x1FF1E804: 0x31385106, 0x1FF1E808: 0x38393432}
TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / MODEL)


def start(board: str, network: CompiledNetwork, *broken: str) -> tuple[Registers, PoseClient]:
    from tests.firmware.h7_core import Core

    spec = board_spec(board)
    assert spec.mailbox is not None
    registers = Registers({**RESET, **UNIQUE_ID}, hardware(*broken))
    core = Core(registers, build_firmware(spec.firmware, spec.kernels), (spec.network.address, network.image))
    mailbox = MailboxTransport(core, spec.mailbox.address, lambda: None)
    mailbox.open(TIMEOUT_S)
    return registers, PoseClient(mailbox, request_timeout_s=TIMEOUT_S)


def test_boots_tests_itself_and_knows_its_network(network: CompiledNetwork) -> None:
    spec = board_spec("h7")
    _, client = start("h7", network)
    hello = client.hello()
    assert (hello.board, hello.mcu, hello.kernels) == (spec.name, spec.mcu, spec.kernels)
    assert (hello.clock_hz, hello.tick_hz, hello.time_source) == (spec.clock_hz, spec.clock_hz, "dwt")
    assert hello.unique_id == b"".join(word.to_bytes(4, "little") for word in UNIQUE_ID.values()).hex() + "00000000"
    info = client.network_info()
    assert (info.status, info.name, info.arena_available) == (0, "stick_pose_96_int8", 512 << 10)
    stats = client.memory()
    assert 0 < stats.stack_high_water < stats.stack_bytes == 8 << 10
    assert client.self_test().passed


def test_an_inference_is_the_references(network: CompiledNetwork, fixtures_dir: Path) -> None:
    """Picture into the D2 SRAM, arena in the AXI SRAM, weights from flash: every element of the output."""
    _, client = start("h7", network)
    model = (fixtures_dir / "models" / MODEL).read_bytes()
    for slot in (0, 1):
        picture = np.random.default_rng(743 + slot).integers(0, 256, (1, 96, 96, 3), np.uint8)
        data = picture.tobytes()
        client.upload(slot, data)
        client.start_infer(slot, zlib.crc32(data), len(data), InferOption.KEYPOINTS | InferOption.OUTPUTS)
        [output] = client.finish_infer(TIMEOUT_S).outputs
        np.testing.assert_array_equal(output.data, reference(model, picture)(output.source))


@pytest.mark.parametrize("broken", ["pll", "hse", "voltage"])
def test_a_clock_that_does_not_come_up_is_told(broken: str, network: CompiledNetwork) -> None:
    _, client = start("h7", network, broken)
    assert (client.hello().clock_hz, client.hello().tick_hz) == (64_000_000, 64_000_000)
    assert client.network_info().image_bytes == len(network.image)
