"""Where pictures left the golden first: stage, operator, how many elements by how much, and a map of where.

Older records have the sentence only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.picture import DivergenceEntry, ImageEntry, WhereEntry
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.tables import breakable, name_of, row, table

#: Pictures with their own figure; the table counts all.
MAX_FIGURES = 12
_MAX_GROUPS = 50
#: Cells of a map in the record, on either side (record.schema.json).
_MAX_CELLS = 48
_SHADES = 5
_MAX_CHANNELS = 16


def divergence_parts(model: ModelEntry) -> list[Html]:
    """The stages that differed first, counted, and the first pictures with their maps; empty when none diverged."""
    diverged = [image for image in model.images if image.first_divergence or image.divergence]
    if not diverged:
        return []
    shown = [_figure(image) for image in diverged[:MAX_FIGURES]]
    more = len(diverged) - len(shown)
    note = tag("p", f"and {more:,} more pictures.", class_="pose-note") if more else None
    parts = [_groups(model, diverged), tag("div", *shown, class_="pose-gallery"), note]
    return [part for part in parts if part]


def _groups(model: ModelEntry, diverged: Sequence[ImageEntry]) -> Html | None:
    details = [found for image in diverged if (found := image.first_divergence)]
    if not details:
        return None
    counted = Counter(_stage(found) for found in details)
    rows = []
    for (stage, operator, tensor), count in counted.most_common(_MAX_GROUPS):
        same = [found for found in details if _stage(found) == (stage, operator, tensor)]
        known = [found.keypoints_equal for found in same if found.keypoints_equal is not None]
        equal = f"{sum(known):,} of {len(known):,}" if known else figures.MISSING
        most = _most([found.differing for found in same]), _most([found.max_lsb for found in same])
        rows.append(row(stage, breakable(operator), tensor, f"{count:,}", *most, equal))
    heads = ("Stage", "Operator", "Tensor", "Pictures", "Most elements", "Max LSB", "Keypoints equal")
    return table("What differed first", heads, rows, of=name_of(model))


def _stage(found: DivergenceEntry) -> tuple[str, str, str]:
    known = found.op_index >= 0
    operator = f"{found.op_index} {found.op_name}".strip() if known else figures.text(found.op_name)
    return figures.text(found.stage), operator, str(found.tensor) if found.tensor >= 0 else figures.MISSING


def _most(values: Sequence[int | None]) -> str:
    return figures.count(max((value for value in values if value is not None), default=None))


def _figure(image: ImageEntry) -> Html:
    """One picture: the sentence, and the map where the record has one."""
    found = image.first_divergence
    stage = _stage(found)[0] if found else figures.MISSING
    sentence = (image.divergence or "").removeprefix("First divergence: ") or stage
    name = figures.text(image.id)
    drawn = heat_map(found.where, name) if found and found.where else None
    return tag("figure", tag("figcaption", tag("strong", name), tag("span", sentence)), drawn, class_="pose-where")


def heat_map(where: WhereEntry, name: str) -> Html | None:
    """Which places of the tensor differ how often; None when the map is empty or no map.

    Args:
        where: of the record.
        name: of the picture, for the accessible name.
    """
    rows = [[max(0, each) for each in cells[:_MAX_CELLS]] for cells in where.counts[:_MAX_CELLS]]
    most, columns = max((max(cells, default=0) for cells in rows), default=0), max(map(len, rows), default=0)
    if not most:
        return None
    row_of_most = next(line for line, cells in enumerate(rows) if most in cells)
    size = f"{figures.count(where.height)} x {figures.count(where.width)}"
    touched = sum(bool(each) for cells in rows for each in cells)
    said = (
        f"Where the tensor of {size} places (height x width) differs: {sum(map(sum, rows)):,} elements, "
        f"in {touched:,} of {len(rows)} x {columns} cells; the most, {most:,}, "
        f"in row {row_of_most + 1}, column {rows[row_of_most].index(most) + 1}."
    )
    shades = [_shade(rows, most, level) for level in range(1, _SHADES + 1)]
    drawing = tag(
        "svg",
        tag("title", f"Map of the differences in {name}"),
        tag("desc", said),
        tag("rect", width=columns, height=len(rows), class_="pose-canvas"),
        *(shade for shade in shades if shade),
        viewBox=f"0 0 {columns} {len(rows)}",
        class_="pose-heat",
        role="img",
        aria_label=f"Map of the differences in {name}. {said}",
    )
    return tag("div", drawing, tag("p", said, class_="pose-note"), _channels(where))


def _shade(rows: Sequence[Sequence[int]], most: int, level: int) -> Html | None:
    """All cells of one shade as one path: runs of equal cells are one rectangle."""
    parts = []
    for y, cells in enumerate(rows):
        x = 0
        while x < len(cells):
            end = x
            while end < len(cells) and _level(cells[end], most) == level:
                end += 1
            if end > x:
                parts.append(f"M{x} {y}h{end - x}v1h-{end - x}z")
            x = max(end, x + 1)
    return tag("path", d="".join(parts), class_=f"pose-heat-{level}") if parts else None


def _level(count: int, most: int) -> int:
    """0 for none, 1 to _SHADES by part of the most."""
    return 0 if count <= 0 else -(-_SHADES * count // most)


def _channels(where: WhereEntry) -> Html | None:
    pairs = [pair for pair in where.channels if len(pair) == 2]
    if not pairs:
        return None
    words = ", ".join(f"{channel} ({count:,})" for channel, count in pairs[:_MAX_CHANNELS])
    more = f" and {len(pairs) - _MAX_CHANNELS} more" if len(pairs) > _MAX_CHANNELS else ""
    return tag("p", f"Channels (elements): {words}{more}.", class_="pose-note")
