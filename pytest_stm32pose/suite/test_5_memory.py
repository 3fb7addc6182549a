"""Memory: the plan holds on the board, and the stack has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.run.session import PoseRun
    from pytest_stm32pose.types import MemoryStats


@pytest.mark.pose_board(capability="memory")
def test_arena_holds_the_plan(pose_run: PoseRun, pose_device: Device) -> None:
    memory = _after_a_run(pose_run, pose_device)
    planned = pose_device.client.network_info().arena_bytes
    if not planned:
        pytest.skip("the network keeps its activations in memory of its own")
    if pose_device.model is None:
        assert planned == pose_device.network.description.activation_bytes
    assert planned <= memory.arena_bytes
    assert 0 < memory.arena_high_water <= planned, "the run wrote outside the planned arena"


@pytest.mark.pose_board(capability="memory")
def test_stack_has_room(pose_run: PoseRun, pose_device: Device) -> None:
    memory = _after_a_run(pose_run, pose_device)
    assert 0 < memory.stack_high_water <= 0.8 * memory.stack_bytes


def _after_a_run(run: PoseRun, device: Device) -> MemoryStats:
    """The high-water marks, which a start clears, and a self-test that of the arena; where nothing ran since, now."""
    memory = device.client.memory()
    if memory.arena_high_water == 0:
        device.infer(run.measurements.subject(device)[0])
        memory = device.client.memory()
    return memory
