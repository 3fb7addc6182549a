"""What counts as failed in the report: the pictures, budgets and networks that "failures only" leaves.

The record has a verdict for the run and for each budget. A picture failed when it left the golden, or when it alone
breaks the limit of one of the network's budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_stm32pose.report import figures
from pytest_stm32pose.report.tables import Entry, difference, entries, pictures

#: The class of what a reader of failures only need not see.
FINE = "pose-fine"


def picture_failed(model: Entry, image: Entry) -> bool:
    """Whether this picture left the golden or breaks a limit by itself."""
    if image.get("divergence") or image.get("first_divergence"):
        return True
    limits = {str(budget.get("name")): budget.get("limit") for budget in entries(model, "budgets")}
    error = image.get("keypoint_error_px") or {}
    lsb, oks = difference(entries(image, "tensors"))[1], image.get("oks_vs_golden")
    return (
        _beyond(lsb, limits.get("tensor_lsb_max"))
        or _beyond(error.get("max"), limits.get("keypoint_error_px_max"))
        or _beyond(limits.get("oks_vs_golden_min"), oks)
    )


def _beyond(value: object, limit: object) -> bool:
    return figures.is_number(value) and figures.is_number(limit) and value > limit


def compared(record: Entry) -> dict[tuple[str, str], Entry]:
    """The comparison of every network, by board and name."""
    comparison = record.get("comparison")
    models = entries(comparison, "models") if isinstance(comparison, Mapping) else []
    return {(str(each.get("board")), str(each.get("name"))): each for each in models}


def comparison_failed(compared_model: Entry | None) -> bool:
    """A regression, a figure that is unclear, or something that was not compared."""
    if compared_model is None:
        return False
    worse = any(metric.get("outcome") in ("regression", "unclear") for metric in entries(compared_model, "metrics"))
    return worse or bool(compared_model.get("refusals"))


@dataclass(frozen=True)
class Failures:
    """What failed in a run, counted."""

    pictures: int
    of_pictures: int
    budgets: int
    of_budgets: int
    models: frozenset[tuple[str, str]]  #: board and name
    of_models: int

    def model_is_fine(self, model: Entry) -> bool:
        """Whether nothing of this network failed."""
        return (str(model.get("board")), str(model.get("name"))) not in self.models

    def describe(self) -> str:
        """What "failures only" shows."""
        return (
            f"Failures only: {self.pictures:,} of {self.of_pictures:,} pictures, {self.budgets:,} of "
            f"{self.of_budgets:,} budgets, {len(self.models):,} of {self.of_models:,} networks are shown."
        )


def count_failures(record: Entry) -> Failures:
    """Counts over the whole record."""
    models, against = entries(record, "models"), compared(record)
    failed_pictures = failed_budgets = 0
    failed_models = set()
    for model in models:
        key = str(model.get("board")), str(model.get("name"))
        bad_pictures = sum(picture_failed(model, image) for image in pictures(model))
        bad_budgets = sum(budget.get("passed") is False for budget in entries(model, "budgets"))
        failed_pictures, failed_budgets = failed_pictures + bad_pictures, failed_budgets + bad_budgets
        if bad_pictures or bad_budgets or comparison_failed(against.get(key)):
            failed_models.add(key)
    return Failures(
        failed_pictures,
        sum(len(pictures(model)) for model in models),
        failed_budgets,
        sum(len(entries(model, "budgets")) for model in models),
        frozenset(failed_models),
        len(models),
    )
