"""Memory: the plan holds on the board, and the stack has room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.types import Picture


@pytest.mark.pose_board(capability="memory")
def test_arena_holds_the_plan(pose_device: Device, pose_images: Sequence[Picture]) -> None:
    pose_device.infer(pose_images[0])
    memory = pose_device.client.memory()
    planned = pose_device.client.network_info().arena_bytes
    if not planned:
        pytest.skip("the network keeps its activations in memory of its own")
    if pose_device.model is None:
        assert planned == pose_device.network.description.activation_bytes
    assert planned <= memory.arena_bytes
    assert 0 < memory.arena_high_water <= planned, "the run wrote outside the planned arena"


@pytest.mark.pose_board(capability="memory")
def test_stack_has_room(pose_device: Device, pose_images: Sequence[Picture]) -> None:
    pose_device.infer(pose_images[0])
    memory = pose_device.client.memory()
    assert 0 < memory.stack_high_water <= 0.8 * memory.stack_bytes
