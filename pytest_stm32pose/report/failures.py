"""What counts as failed in the report: the pictures, budgets and networks that "failures only" leaves.

The record has a verdict for the run and for each budget. A picture failed when it left the golden, or when it alone
breaks the limit of one of the network's budgets.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_stm32pose.entries.comparison import ComparedEntry
from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.picture import ImageEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.report.tables import difference

#: The class of what a reader of failures only need not see.
FINE = "pose-fine"


def picture_failed(model: ModelEntry, image: ImageEntry) -> bool:
    """Whether this picture left the golden or breaks a limit by itself."""
    if image.divergence or image.first_divergence:
        return True
    limits = {budget.name: budget.limit for budget in model.budgets}
    lsb, oks = difference(image.tensors)[1], image.oks_vs_golden
    return (
        _beyond(lsb, limits.get("tensor_lsb_max"))
        or _beyond(image.keypoint_error_px.max, limits.get("keypoint_error_px_max"))
        or _beyond(limits.get("oks_vs_golden_min"), oks)
    )


def _beyond(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def compared(record: RunEntry) -> dict[tuple[str, str], ComparedEntry]:
    """The comparison of every network, by board and name."""
    models = record.comparison.models if record.comparison else ()
    return {(each.board, each.name): each for each in models}


def comparison_failed(compared_model: ComparedEntry | None) -> bool:
    """A regression, a figure that is unclear, or something that was not compared."""
    if compared_model is None:
        return False
    worse = any(metric.outcome in ("regression", "unclear") for metric in compared_model.metrics)
    return worse or bool(compared_model.refusals)


@dataclass(frozen=True)
class Failures:
    """What failed in a run, counted."""

    pictures: int
    of_pictures: int
    budgets: int
    of_budgets: int
    models: frozenset[tuple[str, str]]  #: board and name
    of_models: int

    def model_is_fine(self, model: ModelEntry) -> bool:
        """Whether nothing of this network failed."""
        return model.key not in self.models

    def describe(self) -> str:
        """What "failures only" shows."""
        return (
            f"Failures only: {self.pictures:,} of {self.of_pictures:,} pictures, {self.budgets:,} of "
            f"{self.of_budgets:,} budgets, {len(self.models):,} of {self.of_models:,} networks are shown."
        )


def count_failures(record: RunEntry) -> Failures:
    """Counts over the whole record."""
    models, against = record.models, compared(record)
    failed_pictures = failed_budgets = 0
    failed_models = set()
    for model in models:
        bad_pictures = sum(picture_failed(model, image) for image in model.images)
        bad_budgets = sum(not budget.passed for budget in model.budgets)
        failed_pictures, failed_budgets = failed_pictures + bad_pictures, failed_budgets + bad_budgets
        if bad_pictures or bad_budgets or comparison_failed(against.get(model.key)):
            failed_models.add(model.key)
    return Failures(
        failed_pictures,
        sum(len(model.images) for model in models),
        failed_budgets,
        sum(len(model.budgets) for model in models),
        frozenset(failed_models),
        len(models),
    )
