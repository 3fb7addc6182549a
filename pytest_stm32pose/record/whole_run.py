"""Budgets of a whole run (--pose-budget), judged on its record: whatever tests measured it, in however many processes.

Pure: record in, record out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge import budget
from pytest_stm32pose.judge.budget import Budget, BudgetResult, Measured
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.record.verdict import combine_verdicts

Record = Mapping[str, Any]
#: Of a model entry on its way to be judged: [name, limit, origin] of the budgets that came with the network.
OWN_BUDGETS = "own_budgets"


@dataclass(frozen=True)
class Judged:
    """`record` with its budgets, verdict and reason of each broken or unjudged one, and the kept ones in words."""

    record: dict[str, Any]
    outcomes: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]


def judge(record: Record, given: Sequence[Budget], min_pictures: int = 1) -> Judged:
    """Judges the budgets that the user gave, and of those that came with a network the others, on every network.

    Args:
        record: with OWN_BUDGETS in its models, where networks have any; they are taken out.
    """
    models, outcomes, lines = [], [], []
    if given and not record["models"]:
        outcomes.append(("blocked", f"{_counted(given)} never judged: no picture was measured."))
    for model in record["models"]:
        what = f"{len(model['images'])} pictures on {model['board']}"
        rows = {row["name"]: row for row in model["budgets"]}
        for each in limits_of(model, given):
            try:
                [result] = budget.evaluate([each], figures(model, record["boards"]), min_pictures)
            except ConfigError as error:
                outcomes += _new(record, "blocked", str(error), f"{model['name']} on {model['board']}: {error}")
                continue
            if result.passed:
                lines.append(f"{model['board']}  {model['name']}: {result.describe()}")
            else:
                outcomes += _new(record, "failed", result.fact, f"{what}: {result.describe()}")
            rows[each.name] = worst([*([rows[each.name]] if each.name in rows else []), _row(result)])
        kept = {key: value for key, value in model.items() if key != OWN_BUDGETS}
        models.append({**kept, "budgets": list(rows.values())})
    return Judged({**record, "models": models}, tuple(outcomes), tuple(lines))


def conclude(judged: Judged, idle: str, is_kept: bool) -> dict[str, Any]:
    """The record with its verdict.

    Args:
        idle: why nothing was tested; "" when something was.
        is_kept: others will read the record, which must not be one of nothing.
    """
    record = judged.record
    said = [("blocked", idle)] if idle else [(record["verdict"], reason) for reason in record["reasons"] or [""]]
    outcomes = [*said, *judged.outcomes]
    if is_kept and not record["models"] and all(verdict == "passed" for verdict, _ in outcomes):
        outcomes.append(("blocked", "No picture was measured: the record would be of nothing."))
    verdict, reasons = combine_verdicts(outcomes)
    return {**record, "verdict": verdict, "reasons": reasons}


def limits_of(model: Record, given: Sequence[Budget]) -> list[Budget]:
    """The user's budgets, and those that came with the network where the user gave none of the name."""
    names = {each.name for each in given}
    own = (Budget(name, limit, origin) for name, limit, origin in model.get(OWN_BUDGETS, ()))
    return [*given, *(each for each in own if each.name not in names)]


def worst(rows: Iterable[Record]) -> Record:
    """Of judgements of one budget, as the record keeps them."""
    return max(rows, key=lambda row: budget.severity(row["name"], row["limit"], row["measured"], row["passed"]))


def figures(model: Record, boards: Sequence[Record]) -> Measured:
    """What budgets judge, of a record's network on its board. What the record has no number for, though it was
    compared, is a device's nonsense: no budget is kept by it."""
    images, accuracy = model["images"], model["accuracy"]
    pairs = [each for each in images if None not in (each["keypoints_device"], each["keypoints_golden"])]
    firmware: Record = next((board["firmware"] for board in boards if board["name"] == model["board"]), {})
    truth = sum(image["oks_vs_truth"] is not None for image in images)
    labelled = sum(bool(image.get("matches")) for image in images)
    compared = all(image["tensors"] for image in images) if images else False
    lsb = [_lsb(tensor) for image in images for tensor in image["tensors"]]
    intervals = {key: accuracy.get(f"{key}_interval") for key in ("oks_vs_truth", "map50_vs_truth")}
    return Measured(
        oks_vs_golden=min((_number(image["oks_vs_golden"], -math.inf) for image in pairs), default=None),
        oks_vs_truth=accuracy["oks_vs_truth"],
        map50_vs_truth=accuracy.get("map50_vs_truth"),
        keypoint_error_px=max((_number(image["keypoint_error_px"]["max"], math.inf) for image in pairs), default=None),
        tensor_lsb=max(lsb, default=None) if compared else None,
        latency=_latency(model["latency"]),
        activation_bytes=model["activation_bytes"] or None,
        weights_bytes=model["weights_bytes"] or None,
        firmware_flash_bytes=firmware.get("flash_bytes"),
        firmware_ram_bytes=firmware.get("ram_bytes"),
        counts={
            "oks_vs_golden": len(pairs),
            "keypoint_error_px": len(pairs),
            "oks_vs_truth": truth,
            "map50_vs_truth": labelled,
            "tensor_lsb": len(images),
        },
        intervals={key: (bounds[0], bounds[1]) for key, bounds in intervals.items() if bounds},
    )


def _lsb(tensor: Record) -> float:
    return _number(tensor["max_lsb"], math.inf if tensor["elements"] or tensor["differing"] else 0.0)


def _number(value: float | None, nonsense: float) -> float:
    return nonsense if value is None else float(value)


def _latency(entry: Record | None) -> LatencySummary | None:
    if not entry:
        return None
    return LatencySummary(*(entry[key] for key in ("source", "unit", "clock_hz", "n", "p50", "p95", "p99", "max")))


def _row(result: BudgetResult) -> dict[str, Any]:
    """As JSON has it: no infinity."""
    return {**result.as_dict(), "measured": result.measured if math.isfinite(result.measured) else None}


def _new(record: Record, verdict: str, fact: str, reason: str) -> list[tuple[str, str]]:
    """An outcome; none when a test has told the fact already."""
    return [] if any(fact in told for told in record["reasons"]) else [(verdict, reason)]


def _counted(given: Sequence[Budget]) -> str:
    names = ", ".join(each.name for each in given)
    return f"1 budget was given ({names}) and" if len(given) == 1 else f"{len(given)} budgets were given ({names}) and"
