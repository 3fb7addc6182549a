"""One network on one board in a run: results by picture, and the budgets judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pytest_stm32pose.judge.budget import BudgetResult, severity
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.types import MemoryStats


@dataclass
class Measurements:
    """One network on one board: results by picture id, budgets judged, memory."""

    device: Device
    pictures: dict[str, PictureResult] = field(default_factory=dict)
    memory: MemoryStats | None = None
    #: By test and budget: pictures judged, and the judgement.
    _judged: dict[tuple[str, str], tuple[tuple[str, ...], BudgetResult]] = field(default_factory=dict)

    def ask_memory(self) -> None:
        """Once, of a firmware that can tell. Raises PoseError: the board does not answer."""
        if self.memory is None and self.device.capabilities & Capability.MEMORY:
            self.memory = self.device.runner.memory()

    def keep(self, test: str, pictures: Sequence[str], judged: Iterable[BudgetResult]) -> None:
        """Budgets judged by a test over pictures, by id: the worst judgement of each."""
        ids = tuple(pictures)
        for new in judged:
            _, old = self._judged.get((test, new.name), ((), None))
            if old is None or _is_worse(new, old):
                self._judged[test, new.name] = ids, new

    def forget(self, test: str) -> None:
        """The test runs again: what it judged counts no more, the pictures that broke a budget are measured anew."""
        for key in [key for key in self._judged if key[0] == test]:
            pictures, judged = self._judged.pop(key)
            for picture in () if judged.passed else pictures:
                self.pictures.pop(picture, None)

    @property
    def budgets(self) -> list[BudgetResult]:
        """The worst judgement of every budget."""
        worst: dict[str, BudgetResult] = {}
        for _, new in self._judged.values():
            if new.name not in worst or _is_worse(new, worst[new.name]):
                worst[new.name] = new
        return list(worst.values())


def _is_worse(new: BudgetResult, old: BudgetResult) -> bool:
    first, other = (severity(result.name, result.limit, result.measured, result.passed) for result in (new, old))
    return first > other
