"""From measured pictures to what budgets judge and the record keeps. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_stm32pose.entries.model import AccuracyEntry, DefinitionsEntry
from pytest_stm32pose.entries.picture import ImageEntry
from pytest_stm32pose.judge.budget import BudgetResult, Measured
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.metrics.definitions import DEFINITIONS
from pytest_stm32pose.metrics.detection import Matches, average_precision_st, map50, map50_interval
from pytest_stm32pose.metrics.latency import summarise
from pytest_stm32pose.metrics.statistics import bootstrap_mean
from pytest_stm32pose.types import MemoryStats


def mean(values: Sequence[float | None]) -> float | None:
    """Of what was measured; None for nothing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % bootstrap interval of the mean; None for fewer than two pictures."""
    found = bootstrap_mean(values) if len(values) > 1 else None
    return (found.low, found.high) if found else None


def accuracy(images: Sequence[ImageEntry]) -> AccuracyEntry:
    """Every figure with its number of pictures and its interval."""
    golden = [each.oks_vs_golden for each in images if each.oks_vs_golden is not None]
    truth = [each.oks_vs_truth for each in images if each.oks_vs_truth is not None]
    pck = [each.pck for each in images if each.pck is not None]
    # Their order settles ties of mAP, so it must not be chance.
    by_id = sorted(images, key=lambda each: each.id)
    matches = [Matches(found.scores, found.oks, found.targets) for each in by_id if (found := each.matches)]
    value, bounds = map50(matches), map50_interval(matches)
    every = None if value is None else float(average_precision_st(matches).mean())
    figures = AccuracyEntry(
        oks_vs_golden=mean(golden),
        oks_vs_truth=mean(truth),
        pck=mean(pck),
        map50_vs_truth=value,
        map_vs_truth=every,
        oks_vs_truth_interval=interval(truth),
        map50_vs_truth_interval=(bounds.low, bounds.high) if bounds else None,
        oks_vs_golden_n=len(golden),
        oks_vs_golden_interval=interval(golden),
        oks_vs_truth_n=len(truth),
        pck_n=len(pck),
        pck_interval=interval(pck),
        map50_vs_truth_n=len(matches) if value is not None else None,
        map50_vs_truth_persons=sum(each.targets for each in matches) if value is not None else None,
    )
    return replace(figures, definitions=_definitions(figures))


def _definitions(found: AccuracyEntry) -> DefinitionsEntry | None:
    """Whose definition the figures that there are have; None without any."""
    named = DefinitionsEntry(
        **{key: text for key, text in DEFINITIONS.items() if getattr(found, key) is not None}  # type: ignore[arg-type]
    )
    return None if named == DefinitionsEntry() else named


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


def verdict_sentence(what: str, apart: str, judged: Sequence[BudgetResult]) -> str:
    """One line for a check that fails: the first broken budget, the others by name, the first divergence.

    pytest repeats it for every picture. "" when every budget is kept.

    Args:
        apart: where a picture left the golden first, in words; "" where none did.
    """
    broken = [each for each in judged if not each.passed]
    if not broken:
        return ""
    said = f"{what}: {broken[0].describe()}"
    if len(broken) > 1:
        said += f" Broken too: {', '.join(f'{each.name} ({each.measured:.6g})' for each in broken[1:])}."
    explains = any(each.unit in _OF_ANSWERS for each in broken)
    return f"{said} {apart}" if apart and explains else said


def operator_medians(profiles: Iterable[Iterable[tuple[int, int]]]) -> dict[int, int]:
    """Median per operator over the pictures that were profiled, in the order in which they ran."""
    values: dict[int, list[int]] = {}
    for op, value in (pair for profile in profiles for pair in profile):
        values.setdefault(op, []).append(value)
    return {op: round(statistics.median(each)) for op, each in values.items()}
