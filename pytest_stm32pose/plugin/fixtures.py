"""The fixtures. Thin: what they hand out lives in the rooms run, bench and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_stm32pose.errors import ConfigError

if TYPE_CHECKING:
    from pytest_stm32pose.bench.session import BoardSession
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.measure.result import PictureResult
    from pytest_stm32pose.run.session import PoseRun
    from pytest_stm32pose.types import Picture

NO_BOARD = "no board named: add --board=NAME (for example --board=qemu-m55); 'stm32pose boards' lists them"


@pytest.fixture(scope="session")
def pose_run(request: pytest.FixtureRequest, pose_family: object) -> PoseRun:
    """The run: settings, boards, networks, goldens and the record that is being written.

    A family of the user's (pose_family) was taken up when tests were collected (own_family.py).
    """
    from pytest_stm32pose.plugin.stash import run_of

    return run_of(request.config)


@pytest.fixture(scope="session")
def pose_board(request: pytest.FixtureRequest) -> BoardSession:
    """The board named by --board, open, with the firmware flashed and running. Skips when no board is named.

    A test that a pose_board marker keeps from this board was skipped before this is asked for (plugin/running.py).
    """
    if not hasattr(request, "param"):
        raise ConfigError("pose_board cannot be asked for while a test runs.", remedy="Name it in its signature.")
    name = request.param
    if name is None:
        pytest.skip(NO_BOARD)
    run: PoseRun = request.getfixturevalue("pose_run")
    return run.benches.board(name)


@pytest.fixture(scope="session")
def pose_model(request: pytest.FixtureRequest) -> str:
    """Name or path of the network under test, "" for the default one."""
    return str(request.param)


@pytest.fixture
def pose_device(request: pytest.FixtureRequest, pose_run: PoseRun, pose_board: BoardSession, pose_model: str) -> Device:
    """The board with the network loaded; it is flashed again only when another network was loaded meanwhile."""
    device = pose_run.device(pose_board, pose_model)
    request.node.user_properties += [*pose_board.identity, ("pose_model_sha256", device.network.description.sha256)]
    return device


@pytest.fixture
def pose_golden(pose_run: PoseRun, pose_model: str) -> GoldenStore:
    """The host reference of the network under test (live or stored, by --pose-golden)."""
    return pose_run.inputs.golden(pose_model)


@pytest.fixture(scope="session")
def pose_images(pose_run: PoseRun) -> Sequence[Picture]:
    """The test pictures (--pose-images), decoded when accessed."""
    return pose_run.inputs.pictures


@pytest.fixture(scope="session")
def pose_picture(request: pytest.FixtureRequest, pose_run: PoseRun) -> Picture:
    """One test per picture: the picture."""
    index: int = request.param
    return pose_run.measurements.ahead.picture(index)


class PoseCheck:
    """What the fixture pose_check hands out: call it with a picture.

    Args:
        budgets: of the test's markers.
    """

    def __init__(
        self, node: pytest.Item, run: PoseRun, device: Device, golden: GoldenStore, budgets: dict[str, Any]
    ) -> None:
        self._node, self._run, self._device, self._golden = node, run, device, golden
        self._budgets = budgets
        self._measured = self._judged = False

    def __call__(self, picture: Picture, *more: object, **budgets: float) -> PictureResult:
        """Runs device and golden, applies the budgets, records, and fails the test with a message that names the first
        stage that diverged. Budgets are the marker's and the keyword arguments, which win; where none of them says how
        far the device may be from its golden, our own kernels must equal it."""
        __tracebackhide__ = True
        if more:
            from pytest_stm32pose.types import Picture

            given = ", ".join(
                f"the picture {argument.id}" if isinstance(argument, Picture) else repr(argument) for argument in more
            )
            raise ConfigError(
                f"pose_check takes one picture, and budgets by name, not {given}.",
                remedy="Write it like pose_check(picture, tensor_lsb_max=0), once for each picture.",
            )
        from pytest_stm32pose.plugin.stash import OVERLAYS

        result = self.measure(picture)
        self._judged = True
        message = self._run.measurements.check(self._device, result, {**self._budgets, **budgets})
        if message:
            if self._node.config.getoption("htmlpath", None):
                overlay = self._run.overlays.add(self._device, result, picture)
                self._node.stash.setdefault(OVERLAYS, []).append(overlay)
            pytest.fail(message, pytrace=False)
        return result

    def measure(self, picture: Picture) -> PictureResult:
        """Runs device and golden and records; judges nothing but what is given for the whole run (--pose-budget)."""
        from pytest_stm32pose.types import Picture

        if not isinstance(picture, Picture):
            raise ConfigError(
                f"pose_check takes a picture, not {picture!r:.60}.", remedy="pose_images holds those of --pose-images."
            )
        self._measured = True
        return self._run.measurements.measure(self._device, self._golden, picture)

    @property
    def idle(self) -> str:
        """Why the test, which has passed, has shown nothing; "" when it has shown something."""
        if self._judged or (self._measured and not self._budgets):
            return ""
        if self._budgets:
            return f"The budgets of this test ({', '.join(self._budgets)}) applied to nothing: it judged no picture."
        return "This test asked for pose_check and gave it no picture."


@pytest.fixture
def pose_check(
    request: pytest.FixtureRequest, pose_run: PoseRun, pose_device: Device, pose_golden: GoldenStore
) -> PoseCheck:
    """Call it with a picture: runs device and golden, applies the budgets, records, and raises AssertionError with a
    message that names the first stage that diverged. Budgets come from the pose_budget markers and keyword arguments.
    """
    from pytest_stm32pose.plugin.markers import closest

    return PoseCheck(
        request.node, pose_run, pose_device, pose_golden, closest(request.node.iter_markers("pose_budget"))
    )
