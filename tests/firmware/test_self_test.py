"""The self test: its data are what the reference gives, and it can fail."""

from __future__ import annotations

import ctypes

import pytest

from pytest_stm32pose.firmware.build import KERNEL_SETS, build_host_library
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.protocol.client import PoseClient
from tests.firmware import kernel_test_data
from tests.firmware.host_device import NETWORK, mailbox_transport, running

TIMEOUT_S = 60.0
TESTS = ["crc32", "timer", "memory", "network", "kernels"]


def test_the_data_are_the_references() -> None:
    made = kernel_test_data.header(kernel_test_data.make())
    assert kernel_test_data.HEADER.read_text(encoding="utf-8") == made, (
        "the image format or LiteRT changed: run python -m tests.firmware.kernel_test_data"
    )


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_all_pass_and_the_flashed_network_is_back(fixtures_dir, kernels: str) -> None:  # type: ignore[no-untyped-def]
    network = compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")
    with running(network.image, build_host_library(kernels)) as device:
        link = mailbox_transport(device)
        link.open(TIMEOUT_S)
        client = PoseClient(link)
        assert client.hello().kernels == kernels
        before = client.network_info()
        assert client.self_test().results == dict.fromkeys(TESTS, True)
        assert client.network_info() == before
        device._lib.pose_host_memory.restype = ctypes.c_void_p
        flash, _ = device._area(NETWORK)
        byte = ctypes.c_uint8.from_address(flash + len(network.image) // 2)
        byte.value ^= 0x10  # a bit of flash flips
        results = client.self_test().results
        assert not results["network"]
        assert all(passed for name, passed in results.items() if name != "network")
        byte.value ^= 0x10
        link.close()


def test_without_a_network_only_that_test_fails() -> None:
    with running() as device:
        link = mailbox_transport(device)
        link.open(TIMEOUT_S)
        client = PoseClient(link)
        client.hello()
        assert client.self_test().results == {**dict.fromkeys(TESTS, True), "network": False}
        assert client.network_info().status == 8
        link.close()
