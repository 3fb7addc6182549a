"""A run against its baseline: what is not comparable is refused, what changed is told, what got worse by more than its
limit is a regression.

A figure with noise is a regression only when two things are true: it is worse by more than its limit, and a change this
large would come by chance at most once in a thousand identical builds (ALPHA). Figures without noise (sizes, an
emulator's instructions) need only the first. Worse but not told apart from noise is "unclear", with the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pytest_stm32pose.limits import METRICS, Limit, Limits, Metric
from pytest_stm32pose.metrics.change import (
    Change,
    exact_change,
    latency_change,
    outliers,
    paired_map50_change,
    paired_mean_change,
)
from pytest_stm32pose.metrics.detection import Matches

Record = Mapping[str, Any]
Outcome = Literal["same", "better", "worse", "unclear", "regression"]
ALPHA = 0.001
#: With fewer than 10 samples no randomisation test can reach ALPHA: then every single one must be worse.
FEW, FEWEST = 10, 8


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
        base, before = next(
            (
                (record, other)
                for record in bases
                for other in record["models"]
                if (other["board"], other["name"]) == (board, name)
            ),
            (None, None),
        )
        if base is None or before is None:
            known = sorted({f"{other['name']} on {other['board']}" for record in bases for other in record["models"]})
            why = f"{baseline} has nothing of it (it has {', '.join(known) or 'nothing'})"
            models.append(ComparedModel(board, name, refusals=(why,)))
        else:
            models.append(_compared(base, new, before, model, limits))
    return Comparison(baseline, tuple(models))


def _compared(base: Record, new: Record, before: Record, after: Record, limits: Limits) -> ComparedModel:
    board, name = after["board"], after["name"]
    refusals = tuple(_differences(_conditions(base, before), _conditions(new, after)))
    if refusals:
        return ComparedModel(board, name, refusals=refusals)
    judged = tuple(
        _judge(metric, change, unit, limits.of(board, name, metric.name))
        for metric in METRICS
        if (found := _measure(metric, base, new, before, after)) is not None
        for change, unit in [found]
    )
    return ComparedModel(board, name, judged, notes=tuple(_notes(base, new, before, after)))


# --- what must be equal ---


def _conditions(record: Record, model: Record) -> dict[str, Any]:
    """What two runs must have in common, in words that a refusal shows."""
    board = _board(record, model)
    latency, golden = model["latency"] or {}, model["golden"]
    return {
        "board kind": board["kind"],
        "core": board["core"],
        "clock": f"{board['clock_hz'] / 1e6:g} MHz",
        "caches": board.get("caches"),
        "time source": latency.get("source"),
        "preprocessing": model["preprocessing"],
        "plan": model.get("plan"),
        "golden engine": f"{golden['engine']} {golden['resolver']}",
        "keypoints": model["keypoints"],
        "input": "x".join(str(size) for size in model["input_shape"]),
        "pictures": {image["id"]: image["sha256"] for image in model["images"]},
    }


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    said = []
    for what, was in before.items():
        now = after[what]
        if was == now:
            continue
        if what == "pictures":
            said.append(_other_pictures(was, now))
        else:
            said.append(f"the {what} was {was or 'unknown'} and is {now or 'unknown'}")
    return said


def _other_pictures(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    gone, added = sorted(was.keys() - now.keys()), sorted(now.keys() - was.keys())
    changed = sorted(name for name in was.keys() & now.keys() if was[name] != now[name])
    parts = [
        f"{len(names)} {words} ({', '.join(names[:3])}{' ...' if len(names) > 3 else ''})"
        for names, words in ((gone, "missing"), (added, "new"), (changed, "changed"))
        if names
    ]
    return f"the pictures differ: {', '.join(parts)}"


def _notes(base: Record, new: Record, before: Record, after: Record) -> list[str]:
    """Differences that a release may have: they are what is judged."""
    was, now = _board(base, before)["firmware"], _board(new, after)["firmware"]
    pairs = (
        ("network", before["sha256"][:12], after["sha256"][:12]),
        ("firmware", (was["sha256"] or was["version"])[:12], (now["sha256"] or now["version"])[:12]),
        ("backend", was["backend"], now["backend"]),
        ("kernel set", was["kernels"], now["kernels"]),
        ("golden engine version", before["golden"]["version"], after["golden"]["version"]),
    )
    notes = [f"other {what}: {a or 'none'}, now {b or 'none'}" for what, a, b in pairs if a != b]
    for when, model in (("baseline", before), ("run", after)):
        values = [value for image in model["images"] for value in (image["timing"] or {}).get("values", ())]
        if values and (model["latency"] or {}).get("source") == "dwt" and (count := outliers(values)):
            notes.append(f"{count} of {len(values)} timings of the {when} are outliers; they count like the others")
    return notes


def _board(record: Record, model: Record) -> Record:
    found: Record = next(board for board in record["boards"] if board["name"] == model["board"])
    return found


# --- what changed ---


def _measure(metric: Metric, base: Record, new: Record, before: Record, after: Record) -> tuple[Change, str] | None:
    """The metric's change and its unit; None where one of both did not measure it."""
    if metric.kind == "size":
        was, now = metric.size(base, before), metric.size(new, after)
        return None if was is None or now is None else (exact_change(was / 1024, now / 1024), metric.unit)
    pairs = _pairs(before, after)
    if metric.kind == "latency":
        return _latency(metric, before, after, pairs)
    if metric.kind == "map":
        change = (
            paired_map50_change(*_both(pairs, _matches)) if all(_matches(a) and _matches(b) for a, b in pairs) else None
        )
        return None if change is None else (change, metric.unit)
    values = [
        (a, b)
        for one, other in pairs
        if (a := metric.value(one)) is not None and (b := metric.value(other)) is not None
    ]
    if not values or len(values) != sum(metric.value(one) is not None for one, _ in pairs):
        return None
    was_values, now_values = [a for a, _ in values], [b for _, b in values]
    if metric.kind == "count":
        return exact_change(sum(was_values), sum(now_values), len(values)), metric.unit
    return paired_mean_change(was_values, now_values), metric.unit


def _pairs(before: Record, after: Record) -> list[tuple[Record, Record]]:
    now = {image["id"]: image for image in after["images"]}
    return [(image, now[image["id"]]) for image in sorted(before["images"], key=lambda each: str(each["id"]))]


def _both(pairs: Sequence[tuple[Record, Record]], of: Callable[[Record], Any]) -> tuple[list[Any], list[Any]]:
    return [of(a) for a, _ in pairs], [of(b) for _, b in pairs]


def _matches(image: Record) -> Matches | None:
    found = image.get("matches")
    return Matches(tuple(found["scores"]), tuple(found["oks"]), found["targets"]) if found else None


def _latency(
    metric: Metric, before: Record, after: Record, pairs: Sequence[tuple[Record, Record]]
) -> tuple[Change, str] | None:
    was, now = before["latency"], after["latency"]
    if not was or not now or not all(a["timing"] and b["timing"] for a, b in pairs):
        return None
    if was["source"] == "icount":
        return exact_change(was[metric.quantile], now[metric.quantile], len(pairs)), was["unit"]
    values = _both(pairs, lambda image: image["timing"]["values"])
    if not all(each for run in values for each in run):
        return None
    return latency_change(*values, int(metric.quantile[1:])), was["unit"]


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
        outcome = "regression" if p is None or _certain(p, change.n) else "unclear"
    elif p is None:
        outcome = "worse" if worse_by > 0 else "better"
    else:
        outcome = "worse" if _certain(p, change.n) else "better" if _certain(p_better, change.n) else "same"
    said = _sentence(metric, change, unit, limit, outcome)
    return Judged(
        metric.name, unit, change.base, change.new, change.change, change.low, change.high,
        allowed, limit.text, p, change.effect, change.n, outcome, said,
    )  # fmt: skip


def _certain(p: float | None, n: int) -> bool:
    if p is None or n < FEWEST:
        return False
    return p <= (1.1 * 2.0**-n if n < FEW else ALPHA)


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
