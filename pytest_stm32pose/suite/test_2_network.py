"""The network on the board is the .tflite that was asked for, byte for byte, and the device passes its own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.bench.session import BoardSession
    from pytest_stm32pose.measure.device import Device


def test_identity(pose_device: Device) -> None:
    if pose_device.model is not None:
        pytest.skip("the firmware tells no hash of its network; its shapes and types were checked")
    on_device = pose_device.client.network_info()
    expected = pose_device.network.description
    assert on_device.status == 0
    if on_device.sha256 != expected.sha256:
        pytest.fail(
            f"the board runs the network of another file: {on_device.name}, SHA-256 {on_device.sha256}, "
            f"asked was {expected.name}, {expected.sha256}",
            pytrace=False,
        )
    assert on_device.name == expected.name
    assert on_device.image_bytes == expected.network_image_bytes
    on_host = pose_device.network.own_family is not None  # whose decoder the device does not have
    meaning = ("none", 0) if on_host else (expected.family, expected.keypoints)
    assert (on_device.family, on_device.keypoints) == meaning
    assert on_device.input_shape[1:] == expected.input_shape
    assert on_device.macc == expected.macc


@pytest.mark.pose_board(capability="self_test")
def test_self_test(pose_device: Device) -> None:
    results = pose_device.client.self_test().results
    assert results, "the firmware ran no self-test"
    broken = [name for name, passed in results.items() if not passed]
    if broken:
        pytest.fail(f"the board's self-test fails: {', '.join(broken)}", pytrace=False)


def test_flashing_again_writes_nothing(pose_device: Device, pose_board: BoardSession) -> None:
    if pose_board.flash is None:
        pytest.skip("nothing was flashed: the firmware on the board is the user's")
    for report in filter(None, pose_board.flash_again()):
        assert report.skipped
        assert report.bytes_written == 0
