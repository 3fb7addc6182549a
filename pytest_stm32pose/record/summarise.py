"""From measured pictures to what budgets judge and the record keeps. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.judge.budget import BudgetResult, Measured
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.metrics.detection import Matches, average_precision_st, map50, map50_interval
from pytest_stm32pose.metrics.latency import summarise
from pytest_stm32pose.metrics.statistics import bootstrap_mean
from pytest_stm32pose.record.entries import (
    AccuracyEntry,
    ErrorEntry,
    GoldenEntry,
    ImageEntry,
    LabelsEntry,
    ModelEntry,
    OperatorEntry,
    TensorEntry,
)
from pytest_stm32pose.types import MemoryStats


def mean(values: Sequence[float | None]) -> float | None:
    """Of what was measured; None for nothing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % bootstrap interval of the mean; None for fewer than two pictures."""
    found = bootstrap_mean(values) if len(values) > 1 else None
    return (found.low, found.high) if found else None


def map_figures(pictures: Sequence[tuple[str, Matches | None]]) -> dict[str, Any]:
    """The mAP keys of a record's accuracy, from pictures by id: their order settles ties, so it must not be chance."""
    found = [matches for _, matches in sorted(pictures, key=lambda each: each[0]) if matches is not None]
    value, bounds = map50(found), map50_interval(found)
    return {
        "map50_vs_truth": value,
        "map50_vs_truth_interval": (bounds.low, bounds.high) if bounds else None,
        "map_vs_truth": None if value is None else float(average_precision_st(found).mean()),
        "map50_vs_truth_n": len(found) if value is not None else None,
        "map50_vs_truth_persons": sum(each.targets for each in found) if value is not None else None,
    }


@dataclass(frozen=True)
class Scored:
    """What the accuracy figures of a run are made of: one picture."""

    picture_id: str
    oks_vs_golden: float | None
    oks_vs_truth: float | None
    pck: float | None
    matches: Matches | None


def accuracy(pictures: Sequence[Scored]) -> AccuracyEntry:
    """Every figure with its number of pictures and its interval."""
    figures: dict[str, Any] = {}
    for key in ("oks_vs_golden", "oks_vs_truth", "pck"):
        values = [value for each in pictures if (value := getattr(each, key)) is not None]
        figures |= {key: mean(values), f"{key}_n": len(values), f"{key}_interval": interval(values)}
    return AccuracyEntry(**figures, **map_figures([(each.picture_id, each.matches) for each in pictures]))


def measured(device: Device, results: Sequence[PictureResult], memory: MemoryStats | None) -> Measured:
    """What budgets judge: of one picture, or over all of a run."""
    description = device.network.description
    lsb = [result.max_lsb for result in results]
    return Measured(
        oks_vs_golden=min((r.oks_vs_golden for r in results if r.oks_vs_golden is not None), default=None),
        oks_vs_truth=mean([r.oks_vs_truth for r in results]),
        map50_vs_truth=map50([r.matches for r in sorted(results, key=lambda r: r.picture_id) if r.matches]),
        keypoint_error_px=max((r.error_px_max for r in results if r.error_px_max is not None), default=None),
        tensor_lsb=None if not lsb or None in lsb else max(v for v in lsb if v is not None),
        latency=summarise([r.timing for r in results]),
        activation_bytes=description.activation_bytes or None,
        weights_bytes=description.weights_bytes or None,
        firmware_flash_bytes=memory.flash_bytes if memory else None,
        firmware_ram_bytes=memory.ram_bytes if memory else None,
    )


#: Units of budgets on what the network answers: a divergence from the golden explains these, not time and memory.
_OF_ANSWERS = ("oks", "ap", "px", "LSB")


def verdict_sentence(what: str, found: Sequence[PictureResult], judged: Sequence[BudgetResult]) -> str:
    """One line for a check that fails: the first broken budget, the others by name, the first divergence.

    pytest repeats it for every picture. "" when every budget is kept.
    """
    broken = [each for each in judged if not each.passed]
    if not broken:
        return ""
    said = f"{what}: {broken[0].describe()}"
    if len(broken) > 1:
        said += f" Broken too: {', '.join(f'{each.name} ({each.measured:.6g})' for each in broken[1:])}."
    apart = next((result.divergence for result in found if result.divergence is not None), None)
    explains = any(each.unit in _OF_ANSWERS for each in broken)
    return f"{said} {apart.describe()}" if apart and explains else said


def image_entry(result: PictureResult) -> ImageEntry:
    """One picture as the record keeps it."""
    return ImageEntry(
        id=result.picture_id,
        sha256=result.picture_sha256,
        width_px=result.width_px,
        height_px=result.height_px,
        keypoints_device=result.device_px,
        keypoints_golden=result.golden_px,
        keypoints_truth=result.truth_px,
        oks_vs_golden=result.oks_vs_golden,
        oks_vs_truth=result.oks_vs_truth,
        keypoint_error_px=ErrorEntry(result.error_px_mean, result.error_px_max),
        tensors=[
            TensorEntry(t.name, t.difference.elements, t.difference.differing, t.difference.max_lsb)
            for t in result.tensors
        ],
        timing=result.timing,
        divergence=result.divergence.describe() if result.divergence else None,
        first_divergence=result.divergence,
        matches=result.matches,
        input_crc32=result.input_crc32,
        deterministic=result.deterministic,
        pck=result.pck,
        labels=LabelsEntry(result.labels, result.counted, result.boxes_px),
    )


def model_entry(
    board: str,
    device: Device,
    golden: GoldenEntry,
    results: Sequence[PictureResult],
    budgets: Sequence[BudgetResult],
    memory: MemoryStats | None = None,
) -> ModelEntry:
    """One network on one board as the record keeps it."""
    scored = [Scored(r.picture_id, r.oks_vs_golden, r.oks_vs_truth, r.pck, r.matches) for r in results]
    return ModelEntry(
        board=board,
        description=device.network.description,
        golden=golden,
        images=[image_entry(result) for result in results],
        accuracy=accuracy(scored),
        latency=summarise([r.timing for r in results]),
        budgets=budgets,
        operators=_operators(device, results),
        preprocessing=device.preprocessing,
        device_model=device.model,
        plan=device.network.plan_name,
        memory=memory,
    )


def operator_medians(profiles: Iterable[Iterable[tuple[int, int]]]) -> dict[int, int]:
    """Median per operator over the pictures that were profiled, in the order in which they ran."""
    values: dict[int, list[int]] = {}
    for op, value in (pair for profile in profiles for pair in profile):
        values.setdefault(op, []).append(value)
    return {op: round(statistics.median(each)) for op, each in values.items()}


def _operators(device: Device, results: Sequence[PictureResult]) -> list[OperatorEntry]:
    """The profile."""
    medians = operator_medians(result.op_values for result in results)
    total = sum(medians.values())
    names = dict(pair for result in results for pair in result.op_names)
    costs = {} if names else {row.index: row for row in device.network.report}
    return [
        OperatorEntry(
            index=op,
            name=names[op] if op in names else device.operator_name(op),
            p50=median,
            share=median / total if total else 0.0,
            macs=costs[op].macs if op in costs else 0,
            per_mac=median / costs[op].macs if op in costs and costs[op].macs else None,
            arena_bytes=costs[op].arena_bytes if op in costs else 0,
        )
        for op, median in medians.items()
    ]
