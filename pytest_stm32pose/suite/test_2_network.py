"""The network on the board is the .tflite that was asked for, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_stm32pose.harness import Device


def test_identity(pose_device: Device) -> None:
    on_device = pose_device.client.network_info()
    expected = pose_device.network.description
    assert on_device.status == 0
    assert on_device.sha256 == expected.sha256
    assert on_device.name == expected.name
    assert on_device.image_bytes == expected.network_image_bytes
    assert (on_device.family, on_device.keypoints) == (expected.family, expected.keypoints)
    assert on_device.input_shape[1:] == expected.input_shape
    assert on_device.macc == expected.macc


def test_flashed_again_writes_nothing(pose_device: Device) -> None:
    report = pose_device.flash_network_again()
    assert report.skipped
    assert report.bytes_written == 0
