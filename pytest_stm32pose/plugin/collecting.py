"""What was collected, before any of it runs: markers that mean something, and tests that need a board.

pytest's items are asked by their public attributes only, so that nothing here imports pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.plugin import markers

#: Told at once; who has more of them mends these first.
MAX_PROBLEMS = 10


class MarkerCheck:
    """Checks each marker once, however many tests it reaches, and remembers what is wrong.

    Args:
        is_narrowed: the user named single tests: those that are not there may use what these do not.
    """

    def __init__(self, is_narrowed: bool = False) -> None:
        self.problems: list[str] = []
        self._is_narrowed = is_narrowed
        self._seen: set[int] = set()
        self._alive: list[object] = []  # a mark that is gone would leave its id() to another one

    def check(self, items: Iterable[Any]) -> None:
        """Every marker of the tests: arguments, names, values."""
        for item in items:
            for marker in markers.EXAMPLES:
                for node, mark in item.iter_markers_with_node(marker):
                    if id(mark) not in self._seen:
                        self._seen.add(id(mark))
                        self._alive.append(mark)
                        self._check(marker, item, node, mark)

    def _check(self, marker: str, item: object, node: object, mark: Any) -> None:
        try:
            markers.check(marker, mark)
        except PoseError as error:
            self._add(f"{where(item, node)}: {error}")

    def check_use(self, items: Iterable[Any]) -> None:
        """Budgets that no test applies: only pose_check does."""
        first: dict[int, tuple[Any, object, Any]] = {}
        used: set[int] = set()
        for item in items:
            for node, mark in item.iter_markers_with_node("pose_budget"):
                first.setdefault(id(mark), (item, node, mark))
                if "pose_check" in fixtures_of(item):
                    used.add(id(mark))
        for key, (item, node, mark) in first.items():
            if key not in used and (node is item or not self._is_narrowed):
                names = ", ".join(mark.kwargs)
                self._add(
                    f"{where(item, node)}: pose_budget({names}) applies to nothing, since no test that it reaches uses "
                    "pose_check. Call pose_check(picture) in the test."
                )

    def check_models(self, items: Iterable[Any], check: Callable[[str], None]) -> None:
        """Networks that markers name can run: `check` raises PoseError for one that cannot."""
        for item in items:
            for node, mark in item.iter_markers_with_node("pose_model"):
                for name in mark.args:
                    try:
                        check(str(name))
                    except PoseError as error:
                        self._add(f"{where(item, node)}: pose_model: {error}")

    def _add(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def gate_marks(items: Iterable[Any]) -> dict[str, Any]:
    """Limits of the gate that markers give: of a test the closest of each name, of all tests the tightest.

    Raises:
        ConfigError: tests contradict each other.
    """
    limits: dict[str, object] = {}
    for item in items:
        own = markers.closest(item.iter_markers("pose_gate"))
        limits = markers.tighter(limits, own) if own else limits
    return limits


def fixtures_of(item: object) -> Sequence[str]:
    """Names of all fixtures behind a test, also those that other fixtures ask for."""
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names


def where(item: Any, node: Any) -> str:
    """A test and its line, or the class or module whose marker reaches it."""
    name = item.nodeid.partition("[")[0]
    if node is item:
        return f"{name} (line {item.location[1] + 1})"
    return f"{node.nodeid or node.name} (a marker that reaches {name})"
