"""Keypoints by name and by size of the person: which are worst (scores.py), as pictures and tables."""

from __future__ import annotations

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.markup import Html, join
from pytest_stm32pose.report.scores import FOUND_WITHIN, FRACTION, SIZES, KeypointScore, Scores, Tally
from pytest_stm32pose.report.tables import name_of, row, table

_MAX_KEYPOINTS = 64


def keypoint_bars(found: Scores) -> Html | None:
    """Part of each labelled keypoint that is correct, the worst first; None without labels."""
    judged = [score for score in found.keypoints if score.all.labelled][:_MAX_KEYPOINTS]
    if not judged:
        return None
    rows = [
        (score.name, score.all.pck or 0.0, f"{figures.percent(score.all.pck)} of {score.all.labelled:,}")
        for score in judged
    ]
    said = (
        f"Part of the labelled keypoints within {FRACTION:g} of the person's longer side, of {_who(found)}, "
        f"worst first: {judged[0].name} {figures.percent(judged[0].all.pck)}."
    )
    return plots.shares("Correct keypoints by name", rows, said)


def size_table(model: ModelEntry, found: Scores) -> Html | None:
    """One row per size of person, with its worst keypoint; None without labels."""
    if not any(score.all.labelled for score in found.keypoints):
        return None
    rows = []
    for size, below in SIZES:
        score = found.sizes[size]
        judged = [each for each in found.keypoints if each.by_size[size].labelled]
        worst = min(judged, key=lambda each: _worst_first(each.by_size[size]), default=None)
        name = f"{worst.name} {figures.percent(worst.by_size[size].pck)}" if worst else figures.MISSING
        limit = f"{size}, under {figures.percent(below)}" if below < 1 else size
        counts = (f"{score.persons:,}", f"{score.found:,}", f"{score.keypoints.labelled:,}")
        rows.append(row(limit, *counts, *_tally(score.keypoints), name))
    heads = ("Person", "Labelled", "Found", "Keypoints", "Correct", "Median error", "Worst keypoint")
    note = (
        f"Of {_who(found)}. Size: the person's longer side as a part of the picture's. "
        "Errors: as a part of the person's longer side."
    )
    return table("By size of the person", heads, rows, of=name_of(model), note=note)


def keypoint_table(model: ModelEntry, found: Scores) -> Html | None:
    """One row per keypoint, the worst first; None without keypoints."""
    if not found.keypoints:
        return None
    heads = ("Keypoint", "Labelled", "Correct", "Median error", *(f"Correct, {size}" for size, _ in SIZES))
    rows = (_row(score) for score in found.keypoints[:_MAX_KEYPOINTS])
    side = "box" if found.by_box else "labelled keypoints"
    note = (
        f"Of {_who(found)}. Correct: within {FRACTION:g} of the longer side of the person's {side}. Persons are paired "
        f"one to one, the nearest first, and found within {FOUND_WITHIN:g} of that side on average. Moved: persons "
        "whose keypoint is not where the golden has it."
    )
    return table("Keypoints", (*heads, "Moved", "Farthest, px"), rows, of=name_of(model), note=note)


def _who(found: Scores) -> str:
    """The persons that the figures are of: those of the figure against truth."""
    which = "the labelled person" if found.persons == 1 else f"{found.persons:,} labelled persons"
    where = "1 picture" if found.pictures == 1 else f"{found.pictures:,} pictures"
    return f"{which} in {where}" + (" with one labelled person" if found.single else "")


def _worst_first(tally: Tally) -> tuple[float, float]:
    return tally.pck or 0.0, -(tally.median_error or 0.0)


def _row(score: KeypointScore) -> Html:
    sizes = (_of(score.by_size[size]) for size, _ in SIZES)
    moved = (f"{score.moved:,}", figures.pixels(score.moved_max_px))
    return row(
        score.name,
        f"{score.all.labelled:,}",
        *_tally(score.all),
        *sizes,
        *moved,
        class_="pose-row-bad" if score.moved else None,
    )


def _tally(tally: Tally) -> tuple[str, str]:
    return figures.percent(tally.pck), figures.percent(tally.median_error)


def _of(tally: Tally) -> Html:
    """A part with the number it is of."""
    return join((figures.percent(tally.pck), f"({tally.labelled:,})" if tally.labelled else ""), " ")
