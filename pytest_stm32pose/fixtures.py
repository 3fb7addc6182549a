"""The fixtures. Thin: what they hand out lives in run.py and harness.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.harness import Device
    from pytest_stm32pose.picture_result import PictureResult
    from pytest_stm32pose.rig import BoardSession
    from pytest_stm32pose.run import PoseRun
    from pytest_stm32pose.types import Picture

NO_BOARD = "no board named: add --board=NAME (for example --board=qemu-m55); 'stm32pose boards' lists them"


@pytest.fixture(scope="session")
def pose_run(request: pytest.FixtureRequest) -> PoseRun:
    """The run: settings, boards, networks, goldens and the record that is being written."""
    from pytest_stm32pose.plugin import _run

    return _run(request.config)


@pytest.fixture(scope="session")
def pose_board(request: pytest.FixtureRequest) -> BoardSession:
    """The board named by --board, open, with the firmware flashed and running. Skips when no board is named."""
    name = request.param
    if name is None:
        pytest.skip(NO_BOARD)
    run: PoseRun = request.getfixturevalue("pose_run")
    return run.board(name)


@pytest.fixture(scope="session")
def pose_model(request: pytest.FixtureRequest) -> str:
    """Name or path of the network under test, "" for the default one."""
    return str(request.param)


@pytest.fixture
def pose_device(request: pytest.FixtureRequest, pose_run: PoseRun, pose_board: BoardSession, pose_model: str) -> Device:
    """The board with the network loaded; it is flashed again only when another network was loaded meanwhile."""
    marker = request.node.get_closest_marker("pose_board")
    if marker is not None:
        reason = pose_board.lacks(**marker.kwargs)
        if reason:
            pytest.skip(reason)
    device = pose_run.device(pose_board, pose_model)
    request.node.user_properties += [*pose_board.identity, ("pose_model_sha256", device.network.description.sha256)]
    return device


@pytest.fixture
def pose_golden(pose_run: PoseRun, pose_model: str) -> GoldenStore:
    """The host reference of the network under test (live or stored, by --pose-golden)."""
    return pose_run.golden(pose_model)


@pytest.fixture(scope="session")
def pose_images(pose_run: PoseRun) -> Sequence[Picture]:
    """The test pictures (--pose-images), decoded when accessed."""
    return pose_run.pictures


@pytest.fixture(scope="session")
def pose_picture(request: pytest.FixtureRequest, pose_images: Sequence[Picture]) -> Picture:
    """One test per picture: the picture."""
    index: int = request.param
    return pose_images[index]


@pytest.fixture
def pose_check(
    request: pytest.FixtureRequest, pose_run: PoseRun, pose_device: Device, pose_golden: GoldenStore
) -> Callable[..., PictureResult]:
    """Call it with a picture: runs device and golden, applies the budgets, records, and raises AssertionError with a
    message that names the first stage that diverged. Budgets come from the pose_budget marker or keyword arguments."""
    from pytest_stm32pose.plugin import OVERLAYS

    marker = request.node.get_closest_marker("pose_budget")
    defaults: dict[str, Any] = dict(marker.kwargs) if marker else {}

    def check(picture: Picture, **budgets: float) -> PictureResult:
        __tracebackhide__ = True
        result = pose_run.measure(pose_device, pose_golden, picture)
        overlay = ""
        if request.config.getoption("htmlpath", None):
            overlay = pose_run.add_overlay(pose_device, result, picture)
        message = pose_run.judge(pose_device, result, {**defaults, **budgets})
        if message:
            request.node.stash.setdefault(OVERLAYS, []).append(overlay)
            pytest.fail(message, pytrace=False)
        return result

    return check
