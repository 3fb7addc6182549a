"""One metric of a network in two runs: the change, what one of them lacks, and what is infinite now. Pure.

Nothing is passed over: a figure that the baseline has and the run has not is a refusal, the reverse a note; one that
was finite and is infinite (a person lost, a tensor of nonsense) is worse than any limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.picture import ImageEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.judge.change import (
    Change,
    exact_change,
    latency_changes,
    paired_map50_change,
    paired_max_change,
    paired_mean_change,
    paired_sum_change,
)
from pytest_stm32pose.judge.comparability import is_other_image, unsteady, why_no_fact, why_timeless
from pytest_stm32pose.judge.gate_limits import METRICS, Limit, Metric
from pytest_stm32pose.metrics.detection import Matches, map50

#: A record and one of its networks.
OfRun = tuple[RunEntry, ModelEntry]
#: Pictures that a sentence names.
MAX_NAMED = 3
_SAMPLED = {"mean": paired_mean_change, "count": paired_sum_change, "max": paired_max_change}


@dataclass(frozen=True)
class Pair:
    """A network on a board in two runs, which are comparable (comparability.differences).

    Attributes:
        base, before: the baseline and what it has of the network.
        new, after: the run's.
        limit_of: of every metric.
    """

    base: RunEntry
    before: ModelEntry
    new: RunEntry
    after: ModelEntry
    limit_of: Callable[[Metric], Limit]

    @cached_property
    def pictures(self) -> list[tuple[str, ImageEntry, ImageEntry]]:
        """Those of both, by id: the same ids."""
        now = {image.id: image for image in self.after.images}
        ordered = sorted(self.before.images, key=lambda each: each.id)
        return [(image.id, image, now[image.id]) for image in ordered]

    @cached_property
    def timed(self) -> dict[int, Change]:
        """Of the pictures that both runs timed, by percentile; empty without any. All of them need the same draws."""
        timings = [
            (a.timing.values, b.timing.values)
            for _, a, b in self.pictures
            if a.timing and b.timing and a.timing.values and b.timing.values
        ]
        if not timings or self.before.latency is None:
            return {}
        allowed: dict[int, float] = {
            metric.percent: self.limit_of(metric).amount(metric.ticks(self.before.latency))
            for metric in METRICS
            if metric.kind == "latency"
        }
        return latency_changes([a for a, _ in timings], [b for _, b in timings], allowed)


@dataclass(frozen=True)
class Found:
    """Of one metric.

    Attributes:
        change: None where nothing can be judged. Of figures by picture, over those with a number in both runs; where
            none has, the baseline's figure stands for both.
        infinite: pictures whose figure was finite and is infinite.
        refusal: why the run cannot be released by it, "" where it can.
    """

    change: Change | None = None
    unit: str = ""
    infinite: tuple[str, ...] = ()
    refusal: str = ""
    notes: tuple[str, ...] = ()


def measure(metric: Metric, pair: Pair) -> Found:
    """What became of a metric."""
    before, after = pair.before, pair.after
    was, now = (pair.base, before), (pair.new, after)
    if metric.kind == "size":
        if metric.is_of_firmware and is_other_image(*was, *now):
            return Found()  # told once (comparability.notes), as of time below
        size, new_size = metric.size(*was), metric.size(*now)
        if size is None or new_size is None:
            return _one_sided(metric, size, new_size)
        return Found(exact_change(size / 1024, new_size / 1024), metric.unit)
    if metric.kind == "latency":
        return _latency(metric, pair)
    whole, new_whole = metric.whole(before.accuracy), metric.whole(after.accuracy)
    if whole is not None and new_whole is None:
        return _one_sided(metric, whole, new_whole)
    return _map(metric, pair) if metric.kind == "map" else _by_picture(metric, pair)


def _one_sided(metric: Metric, was: object, now: object, of: str = "") -> Found:
    """A figure that one run has, or neither."""
    if was is not None and now is None:
        return Found(refusal=f"{metric.name} was measured in the baseline and not in the run{of}")
    return Found(notes=(f"{metric.name} was not measured in the baseline{of}",) if now is not None else ())


def _of(pictures: Sequence[str], total: int) -> str:
    named = ", ".join(pictures[:MAX_NAMED]) + (" ..." if len(pictures) > MAX_NAMED else "")
    return f" of {len(pictures)} of {total} pictures ({named})"


# --- by picture ---


def _by_picture(metric: Metric, pair: Pair) -> Found:
    values = [(name, metric.value(was), metric.value(now)) for name, was, now in pair.pictures]
    lost = [name for name, was, now in values if was is not None and now is None]
    if lost:
        return _one_sided(metric, 0, None, _of(lost, len(values)))
    notes = list(_notes(metric, values))
    known = [(name, was, now) for name, was, now in values if was is not None and now is not None]
    infinite = tuple(name for name, was, now in known if now == math.inf and was < math.inf)
    finite = [(was, now) for _, was, now in known if was < math.inf and now < math.inf]
    refusal = _fewer_elements(metric, pair)
    if refusal and not infinite:
        return Found(refusal=refusal, notes=tuple(notes))
    if not finite:
        figure = metric.summary([was for _, was, _ in known if was < math.inf] or [0.0])
        change = exact_change(figure, figure, 0) if infinite else None
        return Found(change, metric.unit, infinite, refusal, tuple(notes))
    was_values, now_values = [was for was, _ in finite], [now for _, now in finite]
    if _is_exact(metric, pair):
        change = exact_change(metric.summary(was_values), metric.summary(now_values), len(finite))
    else:
        change = _SAMPLED[metric.kind](was_values, now_values)
    return Found(change, metric.unit, infinite, refusal, tuple(notes))


def _is_exact(metric: Metric, pair: Pair) -> bool:
    """Whether a change can only be one of the build. Tensors are, of any network, compared with its own golden."""
    if metric.is_of_tensors:
        return not unsteady(pair.before) and not unsteady(pair.after)
    return not why_no_fact(pair.before, pair.after)


def _notes(metric: Metric, values: Sequence[tuple[str, float | None, float | None]]) -> list[str]:
    total, found = len(values), []
    groups = (
        ("was not measured in the baseline", [name for name, a, b in values if a is None and b is not None]),
        ("is infinite, as it was,", [name for name, a, b in values if a == b == math.inf]),
        ("was infinite and is finite", [name for name, a, b in values if a == math.inf and b not in (None, math.inf)]),
    )
    found += [f"{metric.name} {words}{_of(names, total)}" for words, names in groups if names]
    if metric.kind == "count" and all(a is None and b is None for _, a, b in values):
        found.append("no output tensors were compared, in neither run")
    return found


def _fewer_elements(metric: Metric, pair: Pair) -> str:
    """The same network has the same output tensors; of those that a run left out nothing is known."""
    if metric.kind != "count" or pair.before.sha256 != pair.after.sha256:
        return ""
    fewer = [
        name
        for name, was, now in pair.pictures
        if sum(t.elements for t in now.tensors) < sum(t.elements for t in was.tensors)
    ]
    return f"fewer elements of the output tensors were compared{_of(fewer, len(pair.pictures))}" if fewer else ""


# --- mAP and latency ---


def _map(metric: Metric, pair: Pair) -> Found:
    """Of the pictures with labels; the labels of both runs are equal, so they are the same."""
    found = [(name, _matches(was), _matches(now)) for name, was, now in pair.pictures]
    lost = [name for name, was, now in found if was is not None and now is None]
    if lost:
        return _one_sided(metric, 0, None, _of(lost, len(found)))
    gained = [name for name, was, now in found if was is None and now is not None]
    notes = _one_sided(metric, None, 0, _of(gained, len(found))).notes if gained else ()
    both = [(was, now) for _, was, now in found if was and now]
    was_all, now_all = [was for was, _ in both], [now for _, now in both]
    figure, new_figure = map50(was_all) if both else None, map50(now_all) if both else None
    if figure is None or new_figure is None:
        return replace(_one_sided(metric, figure, new_figure), notes=notes)
    if _is_exact(metric, pair):
        return Found(exact_change(figure, new_figure, len(both)), metric.unit, notes=notes)
    return Found(paired_map50_change(was_all, now_all), metric.unit, notes=notes)


def _matches(image: ImageEntry) -> Matches | None:
    found = image.matches
    return Matches(found.scores, found.oks, found.targets) if found else None


def _latency(metric: Metric, pair: Pair) -> Found:
    if why_timeless(pair.before, pair.after):
        return Found()
    was, now = pair.before.latency, pair.after.latency
    if not was or not now:
        return _one_sided(metric, was, now)
    if was.source == "icount":
        return Found(exact_change(metric.ticks(was), metric.ticks(now), len(pair.pictures)), was.unit)
    if not pair.timed:
        return Found(refusal=f"{metric.name} cannot be judged: the records hold no timings")
    return Found(pair.timed[metric.percent], was.unit)
