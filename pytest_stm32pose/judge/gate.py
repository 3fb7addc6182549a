"""A run against its baseline: what is not comparable or missing is refused, what changed is told, what got worse by
more than its limit is a regression.

The same network on the same bytes gives facts: the limit alone decides, with any number of pictures. So it is with
sizes, an emulator's instructions and tensors. Where the pictures are a sample (another network, a device that is not
deterministic), and of a latency on hardware, a figure is a regression only when two things are true: it is worse by
more than its limit, and chance alone would do that at most once in five thousand runs (ALPHA). Worse but not told apart
from noise is "unclear", which is not passed; whether it closes a gate is the user's to say. tests/simulation.py
measures all this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_stm32pose.entries.comparison import ComparedEntry, ComparisonEntry, MetricEntry, Outcome
from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.judge.change import Change
from pytest_stm32pose.judge.comparability import differences, notes
from pytest_stm32pose.judge.gate_limits import METRICS, Limit, Limits, Metric
from pytest_stm32pose.judge.paired import Found, Pair, measure

#: What an unclear figure means to a gate; None: "pass" for a latency, "fail" for all else.
Unclear = Literal["fail", "pass"] | None
#: One false alarm in a thousand identical builds, shared by the five figures of a network that have noise (where there
#: is a mAP too, it moves with OKS).
ALPHA = 0.001 / 5
#: A sum of floats must not turn "as much as is allowed" into "more".
ROUNDING = 1e-12
MAX_NAMED = 5
_LATENCIES = frozenset(metric.name for metric in METRICS if metric.kind == "latency")


@dataclass(frozen=True)
class Scope:
    """What a run was about, where its baseline is a folder that holds other runs' boards and networks as well."""

    boards: frozenset[str]
    models: frozenset[str]


@dataclass(frozen=True)
class Comparison:
    """A whole run against its baseline; `baseline` names it, for people.

    Attributes:
        notes: what was not asked of this run, and what its own verdict is where it did not pass.
        run_verdict: the run's own.
        unclear_means: as given to `compare`.
    """

    baseline: str
    models: tuple[ComparedEntry, ...]
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    run_verdict: str = "passed"
    unclear_means: Unclear = None

    def _said(self, outcome: Outcome) -> list[tuple[str, str]]:
        return [
            (judged.name, f"{model.name} on {model.board}: {judged.said}")
            for model in self.models
            for judged in model.metrics
            if judged.outcome == outcome
        ]

    @property
    def regressions(self) -> list[str]:
        return [said for _, said in self._said("regression")]

    @property
    def unclear(self) -> list[str]:
        """What is unclear and closes a gate."""
        return [said for name, said in self._said("unclear") if unclear_fails(name, self.unclear_means)]

    @property
    def all_refusals(self) -> list[str]:
        each = [f"{model.name} on {model.board}: {why}" for model in self.models for why in model.refusals]
        return [*self.refusals, *each]

    @property
    def verdict(self) -> Literal["passed", "failed", "blocked", "unclear"]:
        """Blocked where anything could not be compared: a gate that compares nothing must not be green."""
        if self.all_refusals or self.run_verdict == "blocked":
            return "blocked"
        if self.regressions or self.run_verdict != "passed":
            return "failed"
        return "unclear" if self._said("unclear") else "passed"

    @property
    def closed(self) -> bool:
        """Whether a gate forbids the release."""
        return self.verdict in ("failed", "blocked") or bool(self.unclear)

    @property
    def entry(self) -> ComparisonEntry:
        """As the record keeps it."""
        return ComparisonEntry(
            baseline=self.baseline,
            models=self.models,
            refusals=self.refusals,
            notes=self.notes,
            run_verdict=self.run_verdict,
            unclear_means=self.unclear_means,
            verdict=self.verdict,
            closed=self.closed,
        )


def unclear_fails(metric: str, means: Unclear) -> bool:
    """Whether a metric that is unclear closes the gate: as the user says, else by what its noise is of."""
    return (means or ("pass" if metric in _LATENCIES else "fail")) == "fail"


def compare(
    bases: Sequence[RunEntry],
    new: RunEntry,
    limits: Limits,
    baseline: str,
    *,
    unclear: Unclear = None,
    scope: Scope | None = None,
    only: str | None = None,
) -> Comparison:
    """Judges every network and board of `new` by the first of `bases` that has it; records as `read_record` gives.

    Args:
        scope: of the baseline's boards and networks that `new` lacks, those in it are missed; None: all are.
        only: the name of the one metric to judge; None: all.
    """
    models = [_judged_by(bases, new, model, limits, baseline, only) for model in new.models]
    missing, left_out = _missing(bases, new, scope)
    refusals = [] if new.models else ["the run measured nothing"]
    if scope is None:
        boards = {board.name for board in new.boards} | {model.board for model in missing}
        gone = {board.name: None for record in bases for board in record.boards if board.name not in boards}
        refusals += [f"the baseline has the board {name} and the run has not" for name in gone]
    own = [f"the run itself {new.verdict}{_first(new)}"] if new.verdict != "passed" else []
    return Comparison(
        baseline,
        (*models, *missing),
        tuple(refusals),
        (*own, *([f"not asked of this run: {_listed(left_out)}"] if left_out else [])),
        new.verdict,
        unclear,
    )


def _first(record: RunEntry) -> str:
    return f": {record.reasons[0]}" if record.reasons else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(names[:MAX_NAMED])}{more}"


def _judged_by(
    bases: Sequence[RunEntry], new: RunEntry, model: ModelEntry, limits: Limits, baseline: str, only: str | None
) -> ComparedEntry:
    board, name = model.key
    known = [(record, other) for record in bases for other in record.models]
    same = [pair for pair in known if pair[1].key == model.key]
    if not same:
        there = _listed(sorted({f"{other.name} on {other.board}" for _, other in known}))
        return ComparedEntry(board, name, refusals=(f"{baseline} has nothing of it (it has {there or 'nothing'})",))
    # Networks of one name in one record: the very same file first.
    base, before = next((pair for pair in same if pair[0] is same[0][0] and pair[1].sha256 == model.sha256), same[0])
    return _compared(base, new, before, model, limits, only)


def _missing(bases: Sequence[RunEntry], new: RunEntry, scope: Scope | None) -> tuple[list[ComparedEntry], list[str]]:
    """Networks on boards that the baseline has and the run has not: those that are missed, and those out of scope."""
    there = {model.key for model in new.models}
    had = dict.fromkeys(model.key for record in bases for model in record.models)
    missing, left_out = [], []
    for board, name in had:
        if (board, name) in there:
            continue
        if scope is None or (board in scope.boards and name in scope.models):
            missing.append(ComparedEntry(board, name, refusals=("the baseline has it and the run has not",)))
        else:
            left_out.append(f"{name} on {board}")
    return missing, left_out


def _compared(
    base: RunEntry, new: RunEntry, before: ModelEntry, after: ModelEntry, limits: Limits, only: str | None
) -> ComparedEntry:
    board, name = after.key
    refusals = differences(base, before, new, after)
    if refusals:
        return ComparedEntry(board, name, refusals=tuple(refusals))
    judged: list[MetricEntry] = []
    said = notes(base, before, new, after)
    pair = Pair(base, before, new, after, lambda metric: limits.of(board, name, metric.name))
    for metric in METRICS if only is None else [each for each in METRICS if each.name == only]:
        found = measure(metric, pair)
        refusals += [found.refusal] if found.refusal else []
        said += found.notes
        if found.change is not None:
            judged.append(_judge(metric, found, found.change, pair.limit_of(metric)))
    if not judged and not refusals and only is None:
        refusals.append("neither run has a figure of it")
    return ComparedEntry(board, name, tuple(judged), tuple(refusals), tuple(said))


# --- what it means ---


def _judge(metric: Metric, found: Found, change: Change, limit: Limit) -> MetricEntry:
    outcome: Outcome = "regression" if found.infinite else _outcome(metric, change, limit)
    said = _infinite(metric, found) if found.infinite else _sentence(metric, change, found.unit, limit, outcome)
    return MetricEntry(
        metric.name, found.unit, change.base, change.new, change.change, change.low, change.high,
        limit.amount(change.base), limit.text, change.p_lower if metric.higher_is_better else change.p_higher,
        change.effect, change.n, outcome, said, len(found.infinite),
    )  # fmt: skip


def _outcome(metric: Metric, change: Change, limit: Limit) -> Outcome:
    worse_by = -change.change if metric.higher_is_better else change.change
    p, p_better = (change.p_lower, change.p_higher)[:: 1 if metric.higher_is_better else -1]
    if change.change == 0 and change.low == change.high == 0:
        return "same"
    if worse_by > limit.amount(change.base) + ROUNDING * max(1.0, abs(change.base), abs(change.new)):
        return "regression" if p is None or p <= ALPHA else "unclear"
    if p is None or p_better is None:
        return "worse" if worse_by > 0 else "better"
    return "worse" if p <= ALPHA else "better" if p_better <= ALPHA else "same"


def _infinite(metric: Metric, found: Found) -> str:
    named = ", ".join(found.infinite[:MAX_NAMED]) + (" ..." if len(found.infinite) > MAX_NAMED else "")
    what = (
        "a tensor differs by what no number of LSB tells" if metric.is_of_tensors else "a person was lost or invented"
    )
    return f"{metric.name} was finite and is infinite ({what}) in {len(found.infinite)} pictures ({named})"


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
