"""Budgets of a whole run (--pose-budget), judged on its record: whatever tests measured it, in however many processes.

Pure: record in, record out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_stm32pose.entries.model import BudgetEntry, LatencyEntry, ModelEntry
from pytest_stm32pose.entries.picture import TensorEntry
from pytest_stm32pose.entries.run import BoardEntry, RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge import budget
from pytest_stm32pose.judge.budget import Budget, Measured
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.record.plain import budget_entry
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.types import NO_TIME

#: By board and SHA-256 of a network: the budgets that came with it.
OwnBudgets = Mapping[tuple[str, str], Sequence[Budget]]


@dataclass(frozen=True)
class Judged:
    """`record` with its budgets, verdict and reason of each broken or unjudged one, and the kept ones in words."""

    record: RunEntry
    outcomes: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]


def judge(record: RunEntry, given: Sequence[Budget], min_pictures: int = 1, own: OwnBudgets | None = None) -> Judged:
    """Judges the budgets that the user gave, and of those that came with a network the others, on every network."""
    models, outcomes, lines = [], [], []
    if given and not record.models:
        outcomes.append(("blocked", f"{_counted(given)} never judged: no picture was measured."))
    for model in record.models:
        what = f"{len(model.images)} pictures on {model.board}"
        rows = {row.name: row for row in model.budgets}
        for each in limits_of(given, (own or {}).get((model.board, model.sha256), ())):
            try:
                results = budget.evaluate([each], figures(model, record.boards), min_pictures)
            except ConfigError as error:
                outcomes += _new(record, "blocked", str(error), f"{model.name} on {model.board}: {error}")
                continue
            for result in results:
                if result.passed:
                    lines.append(f"{model.board}  {model.name}: {result.describe()}")
                else:
                    outcomes += _new(record, "failed", result.fact, f"{what}: {result.describe()}")
                rows[each.name] = worst([*([rows[each.name]] if each.name in rows else []), budget_entry(result)])
            if not results:
                lines.append(f"{model.board}  {model.name}: {each.name} is not judged: a twin's time is none.")
        models.append(replace(model, budgets=tuple(rows.values())))
    return Judged(replace(record, models=tuple(models)), tuple(outcomes), tuple(lines))


def conclude(judged: Judged, idle: str, is_kept: bool) -> RunEntry:
    """The record with its verdict.

    Args:
        idle: why nothing was tested; "" when something was.
        is_kept: others will read the record, which must not be one of nothing.
    """
    record = judged.record
    said = [("blocked", idle)] if idle else [(record.verdict, reason) for reason in record.reasons or [""]]
    outcomes = [*said, *judged.outcomes]
    if is_kept and not record.models and all(verdict == "passed" for verdict, _ in outcomes):
        outcomes.append(("blocked", "No picture was measured: the record would be of nothing."))
    verdict, reasons = combine_verdicts(outcomes)
    return replace(record, verdict=verdict, reasons=tuple(reasons))


def limits_of(given: Sequence[Budget], own: Sequence[Budget]) -> list[Budget]:
    """The user's budgets, and those that came with the network where the user gave none of the name."""
    names = {each.name for each in given}
    return [*given, *(each for each in own if each.name not in names)]


def worst(rows: Iterable[BudgetEntry]) -> BudgetEntry:
    """Of judgements of one budget, as the record keeps them."""
    return max(rows, key=lambda row: budget.severity(row.name, row.limit, row.measured, row.passed))


def figures(model: ModelEntry, boards: Sequence[BoardEntry]) -> Measured:
    """What budgets judge, of a record's network on its board. What the record has no number for, though it was
    compared, is a device's nonsense: no budget is kept by it."""
    images, accuracy = model.images, model.accuracy
    pairs = [each for each in images if None not in (each.keypoints_device, each.keypoints_golden)]
    firmware = next((board.firmware for board in boards if board.name == model.board), None)
    compared = all(image.tensors for image in images) if images else False
    lsb = [_lsb(tensor) for image in images for tensor in image.tensors]
    intervals = {"oks_vs_truth": accuracy.oks_vs_truth_interval, "map50_vs_truth": accuracy.map50_vs_truth_interval}
    return Measured(
        oks_vs_golden=min((_number(image.oks_vs_golden, -math.inf) for image in pairs), default=None),
        oks_vs_truth=accuracy.oks_vs_truth,
        map50_vs_truth=accuracy.map50_vs_truth,
        keypoint_error_px=max((_number(image.keypoint_error_px.max, math.inf) for image in pairs), default=None),
        tensor_lsb=max(lsb, default=None) if compared else None,
        latency=_latency(model.latency),
        activation_bytes=model.activation_bytes or None,
        weights_bytes=model.weights_bytes or None,
        firmware_flash_bytes=firmware.flash_bytes if firmware else None,
        firmware_ram_bytes=firmware.ram_bytes if firmware else None,
        has_time=all(image.timing is None or image.timing.source != NO_TIME for image in images),
        counts={
            "oks_vs_golden": len(pairs),
            "keypoint_error_px": len(pairs),
            "oks_vs_truth": sum(image.oks_vs_truth is not None for image in images),
            "map50_vs_truth": sum(image.matches is not None for image in images),
            "tensor_lsb": len(images),
        },
        intervals={key: bounds for key, bounds in intervals.items() if bounds},
    )


def _lsb(tensor: TensorEntry) -> float:
    return _number(tensor.max_lsb, math.inf if tensor.elements or tensor.differing else 0.0)


def _number(value: float | None, nonsense: float) -> float:
    return nonsense if value is None else float(value)


def _latency(entry: LatencyEntry | None) -> LatencySummary | None:
    if not entry:
        return None
    return LatencySummary(
        source=entry.source,
        unit=entry.unit,
        clock_hz=entry.clock_hz,
        n=entry.n,
        p50=entry.p50,
        p95=entry.p95,
        p99=entry.p99,
        max=entry.max,
    )


def _new(record: RunEntry, verdict: str, fact: str, reason: str) -> list[tuple[str, str]]:
    """An outcome; none when a test has told the fact already."""
    return [] if any(fact in told for told in record.reasons) else [(verdict, reason)]


def _counted(given: Sequence[Budget]) -> str:
    names = ", ".join(each.name for each in given)
    return f"1 budget was given ({names}) and" if len(given) == 1 else f"{len(given)} budgets were given ({names}) and"
