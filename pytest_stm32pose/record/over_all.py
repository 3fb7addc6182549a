"""What only all pictures of a run together show, as a test says it: passed, failed and why, or skipped and why. Pure.

The pictures may have been measured by several processes, and the test may run in any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_stm32pose.entries.picture import MatchesEntry
from pytest_stm32pose.judge.budget import BudgetResult
from pytest_stm32pose.metrics.detection import Matches, map50
from pytest_stm32pose.metrics.labels import why_no_figure
from pytest_stm32pose.record.parts import MeasuredPicture
from pytest_stm32pose.record.summarise import mean, verdict_sentence

#: What can be judged: the budgets of the run; whether device and golden are equally accurate against the labels.
Check = Literal["budgets", "as_the_golden"]
#: Of figures against truth, which are sums of equal terms in another order.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Said:
    """A judgement; `text` is empty where it passed."""

    outcome: Literal["passed", "failed", "skipped"]
    text: str = ""


def budgets(board: str, pictures: Sequence[MeasuredPicture], judged: Sequence[BudgetResult]) -> Said:
    """The budgets of the run, which were judged over these pictures."""
    apart = next((each.image.divergence for each in pictures if each.image.divergence), "")
    broken = verdict_sentence(f"{len(pictures)} pictures on {board}", apart, judged)
    return Said("failed", broken) if broken else Said("passed")


def as_the_golden(pictures: Sequence[MeasuredPicture]) -> Said:
    """Whether device and golden are equally accurate: by mAP where persons have scores, else by OKS."""
    ordered = sorted(pictures, key=lambda each: each.image.id)  # which settles ties of mAP
    pairs = [(each.image.matches, each.golden_matches) for each in ordered]
    matched = [(_matches(device), _matches(golden)) for device, golden in pairs if device and golden]
    of_device, of_golden = map50([device for device, _ in matched]), map50([golden for _, golden in matched])
    if of_device is not None and of_golden is not None:
        return _same(f"mAP@0.5 against truth (n={len(matched)})", of_device, of_golden)
    known = [each for each in ordered if each.image.oks_vs_truth is not None]
    of_device, of_golden = mean([each.image.oks_vs_truth for each in known]), mean([each.golden_oks for each in known])
    if of_device is None or of_golden is None:
        why = why_no_figure(each.image.labels.found if each.image.labels else "none" for each in ordered)
        return Said("skipped", f"{why}: --pose-images=FILE.json names COCO keypoint annotations")
    return _same(f"OKS against truth (n={len(known)})", of_device, of_golden)


def _matches(entry: MatchesEntry) -> Matches:
    return Matches(entry.scores, entry.oks, entry.targets)


def _same(figure: str, device: float, golden: float) -> Said:
    if abs(device - golden) <= TOLERANCE:
        return Said("passed")
    return Said("failed", f"{figure}: device {device:.6g}, golden {golden:.6g}")
