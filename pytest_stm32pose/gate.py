"""A run against its baseline: what is not comparable is refused, what changed is told, what got worse by more than its
limit is a regression.

A figure with noise is a regression only when two things are true: it is worse by more than its limit, and chance alone
would do that at most once in five thousand runs (ALPHA). Figures without noise (sizes, an emulator's instructions) need
only the first. Worse but not told apart from noise is "unclear", with the remedy. tests/simulation.py measures it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pytest_stm32pose.comparable import differences, notes
from pytest_stm32pose.limits import METRICS, Limit, Limits, Metric
from pytest_stm32pose.metrics.change import (
    Change,
    exact_change,
    latency_change,
    paired_map50_change,
    paired_mean_change,
)
from pytest_stm32pose.metrics.detection import Matches

Record = Mapping[str, Any]
Outcome = Literal["same", "better", "worse", "unclear", "regression"]
#: One false alarm in a thousand identical builds, shared by the five figures of a network that have noise (where there
#: is a mAP too, it moves with OKS).
ALPHA = 0.001 / 5


@dataclass(frozen=True)
class Judged:
    """One metric of one network on one board.

    Attributes:
        base, new, change, low, high: in `unit`; low and high bound the change, 95 %.
        limit: how much worse it may get, in `unit`.
        said: one sentence where something is to be said.
    """

    name: str
    unit: str
    base: float
    new: float
    change: float
    low: float
    high: float
    limit: float
    limit_text: str
    p: float | None
    effect: float | None
    n: int
    outcome: Outcome
    said: str = ""


@dataclass(frozen=True)
class ComparedModel:
    """One network on one board; `refusals` say why nothing was judged, `notes` what else differs."""

    board: str
    name: str
    metrics: tuple[Judged, ...] = ()
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A whole run against its baseline; `baseline` names it, for people."""

    baseline: str
    models: tuple[ComparedModel, ...]
    refusals: tuple[str, ...] = ()

    @property
    def regressions(self) -> list[str]:
        return [
            f"{model.name} on {model.board}: {judged.said}"
            for model in self.models
            for judged in model.metrics
            if judged.outcome == "regression"
        ]

    @property
    def all_refusals(self) -> list[str]:
        each = [f"{model.name} on {model.board}: {why}" for model in self.models for why in model.refusals]
        return [*self.refusals, *each]

    @property
    def verdict(self) -> Literal["passed", "failed", "blocked"]:
        """Blocked where anything could not be compared: a gate that compares nothing must not be green."""
        if self.all_refusals:
            return "blocked"
        return "failed" if self.regressions else "passed"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def compare(bases: Sequence[Record], new: Record, limits: Limits, baseline: str) -> Comparison:
    """Judges every network and board of `new` by the first of `bases` that has it; records as `read_record` gives."""
    if not new["models"]:
        return Comparison(baseline, (), ("the run measured nothing",))
    models = []
    for model in new["models"]:
        board, name = model["board"], model["name"]
        known = [(record, other) for record in bases for other in record["models"]]
        same = [pair for pair in known if (pair[1]["board"], pair[1]["name"]) == (board, name)]
        if not same:
            there = ", ".join(sorted({f"{other['name']} on {other['board']}" for _, other in known}))
            why = f"{baseline} has nothing of it (it has {there or 'nothing'})"
            models.append(ComparedModel(board, name, refusals=(why,)))
        else:
            # Networks of one name in one record: the very same file first.
            base, before = next(
                (pair for pair in same if pair[0] is same[0][0] and pair[1]["sha256"] == model["sha256"]), same[0]
            )
            models.append(_compared(base, new, before, model, limits))
    return Comparison(baseline, tuple(models))


def _compared(base: Record, new: Record, before: Record, after: Record, limits: Limits) -> ComparedModel:
    board, name = after["board"], after["name"]
    refusals = differences(base, before, new, after)
    if refusals:
        return ComparedModel(board, name, refusals=tuple(refusals))
    judged = []
    for metric in METRICS:
        limit = limits.of(board, name, metric.name)
        found = _measure(metric, limit, (base, before), (new, after))
        if found is not None:
            judged.append(_judge(metric, *found, limit))
    return ComparedModel(board, name, tuple(judged), notes=tuple(notes(base, before, new, after)))


# --- what changed ---


def _measure(
    metric: Metric, limit: Limit, was: tuple[Record, Record], now: tuple[Record, Record]
) -> tuple[Change, str] | None:
    """The metric's change and its unit, of (record, model) of both; None where one of them did not measure it."""
    if metric.kind == "size":
        size, new_size = metric.size(*was), metric.size(*now)
        if size is None or new_size is None:
            return None
        return exact_change(size / 1024, new_size / 1024), metric.unit
    before, after = was[1], now[1]
    pairs = _pairs(before, after)
    if metric.kind == "latency":
        return _latency(metric, limit, before, after, pairs)
    if metric.kind == "map":
        return _map(metric, pairs)
    values = [
        (a, b)
        for one, other in pairs
        if (a := metric.value(one)) is not None and (b := metric.value(other)) is not None
    ]
    if not values:
        return None
    was_values, now_values = [a for a, _ in values], [b for _, b in values]
    if metric.kind == "count":
        return exact_change(sum(was_values), sum(now_values), len(values)), metric.unit
    return paired_mean_change(was_values, now_values), metric.unit


def _map(metric: Metric, pairs: Sequence[tuple[Record, Record]]) -> tuple[Change, str] | None:
    """Of the pictures with labels; the labels of both runs are equal, so they are the same."""
    labelled = [(a, b) for one, other in pairs if (a := _matches(one)) and (b := _matches(other))]
    change = paired_map50_change([a for a, _ in labelled], [b for _, b in labelled]) if labelled else None
    return None if change is None else (change, metric.unit)


def _pairs(before: Record, after: Record) -> list[tuple[Record, Record]]:
    now = {image["id"]: image for image in after["images"]}
    return [(image, now[image["id"]]) for image in sorted(before["images"], key=lambda each: str(each["id"]))]


def _matches(image: Record) -> Matches | None:
    found = image.get("matches")
    return Matches(tuple(found["scores"]), tuple(found["oks"]), found["targets"]) if found else None


def _latency(
    metric: Metric, limit: Limit, before: Record, after: Record, pairs: Sequence[tuple[Record, Record]]
) -> tuple[Change, str] | None:
    was, now = before["latency"], after["latency"]
    timed = [(a["timing"]["values"], b["timing"]["values"]) for a, b in pairs if a["timing"] and a["timing"]["values"]]
    if not was or not now or not timed:
        return None
    if was["source"] == "icount":
        return exact_change(was[metric.key], now[metric.key], len(pairs)), was["unit"]
    allowed = limit.amount(was[metric.key])
    return latency_change([a for a, _ in timed], [b for _, b in timed], int(metric.key[1:]), allowed), was["unit"]


# --- what it means ---


def _judge(metric: Metric, change: Change, unit: str, limit: Limit) -> Judged:
    allowed = limit.amount(change.base)
    worse_by = -change.change if metric.higher_is_better else change.change
    p = change.p_lower if metric.higher_is_better else change.p_higher
    p_better = change.p_higher if metric.higher_is_better else change.p_lower
    outcome: Outcome
    if change.change == 0 and change.low == change.high == 0:
        outcome = "same"
    elif worse_by > allowed:
        outcome = "regression" if p is None or p <= ALPHA else "unclear"
    elif p is None or p_better is None:
        outcome = "worse" if worse_by > 0 else "better"
    else:
        outcome = "worse" if p <= ALPHA else "better" if p_better <= ALPHA else "same"
    said = _sentence(metric, change, unit, limit, outcome)
    return Judged(
        metric.name, unit, change.base, change.new, change.change, change.low, change.high,
        allowed, limit.text, p, change.effect, change.n, outcome, said,
    )  # fmt: skip


def _sentence(metric: Metric, change: Change, unit: str, limit: Limit, outcome: Outcome) -> str:
    if outcome in ("same", "better"):
        return ""
    form = metric.form
    said = f"{metric.name} went from {change.base:{form}} to {change.new:{form}} {unit}".rstrip()
    if change.base and metric.kind in ("latency", "size"):
        said += f" ({change.change / change.base:+.2%})"
    if change.p_lower is not None:
        said += f", change {change.change:+{form}}, 95 % interval {change.low:+{form}} to {change.high:+{form}}"
    if outcome == "regression":
        return f"{said}; allowed is {limit.text} {'less' if metric.higher_is_better else 'more'}"
    if outcome == "unclear":
        return f"{said}; with {change.n} samples this is not told apart from noise: use more pictures or repeats"
    return f"{said}; within the allowed {limit.text}"
