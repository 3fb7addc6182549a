"""Rows of text as columns of a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, words: int | None = None) -> list[str]:
    """One line a row, its cells as wide as the widest of their column.

    Args:
        rows: of equally many cells.
        words: the first columns, to the left; the others hold numbers, to the right. None: all to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = list(zip(row, widths, strict=True))
        left, right = (cells, []) if words is None else (cells[:words], cells[words:])
        lines.append("  ".join([*(cell.ljust(w) for cell, w in left), *(cell.rjust(w) for cell, w in right)]).rstrip())
    return lines
