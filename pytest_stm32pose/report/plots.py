"""Small pictures of numbers as inline SVG: no script, and every picture says in words what it shows.

A picture is drawn in its own units and scrolls inside its container on a narrow screen instead of shrinking its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, tag

WIDTH = 720
LABEL_END, BAR_END = 190, 520
LABEL_LETTERS = 27
ROW = 20
FONT_RISE = 14
#: Of the narrow pictures, which stand side by side on a wide screen.
HALF = 400
_LEFT, _RIGHT, _TOP = 52, HALF - 20, 16
_SHARE_START, _SHARE_END = 110, 290
_BINS = 24


def figure(title: str, description: str, height: int, *content: object, width: int = WIDTH) -> Html:
    """One picture in a container that scrolls on a narrow screen, under its title; sizes in units of the picture."""
    drawing = tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *content,
        viewBox=f"0 0 {width} {height}",
        class_="pose-plot" if width == WIDTH else "pose-plot pose-plot-half",
        role="img",
        aria_label=f"{title}. {description}",
    )
    scroll = tag("div", drawing, class_="pose-scroll pose-plot-scroll", tabindex="0", role="group", aria_label=title)
    return tag("div", tag("h4", title), scroll, tag("p", description, class_="pose-note"), class_="pose-figure")


def text(x: float, y: float, words: object, css: str = "pose-plot-text", anchor: str = "start") -> Html:
    """Words at a place; `anchor` is SVG's text-anchor."""
    return tag("text", words, x=f"{x:g}", y=f"{y:g}", class_=css, text_anchor=anchor)


def rect(x: float, y: float, width: float, height: float, css: str, title: str | None = None) -> Html:
    """A bar; `title` is its tooltip."""
    words = None if title is None else tag("title", title)
    return tag("rect", words, x=f"{x:g}", y=f"{y:g}", width=f"{width:.1f}", height=f"{height:g}", class_=css)


def rule(x1: float, y1: float, x2: float, y2: float, css: str = "pose-grid") -> Html:
    """A straight line."""
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=css)


def shortened(label: str, letters: int = LABEL_LETTERS) -> str:
    """A label that fits left of its bar."""
    return label if len(label) <= letters else label[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"


def short(ticks: float) -> str:
    """A count in thousands or millions."""
    if abs(ticks) >= 1_000_000:
        return f"{ticks / 1e6:.2f} M"
    return f"{ticks / 1e3:.1f} k" if abs(ticks) >= 1000 else f"{ticks:.4g}"


def histogram(
    title: str, values: Sequence[float], *, low: float, high: float, unit: str, bins: int = _BINS, said: str = ""
) -> Html:
    """How many of `values` lie where between `low` and `high` (low < high); those outside count at the ends.

    Args:
        unit: what is on the axis.
        said: one more sentence for the description.
    """
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int((value - low) / (high - low) * bins)))] += 1
    largest, bottom, height = max(counts), 150, 186
    step = (_RIGHT - _LEFT) / bins
    parts: list[Html] = [rule(_LEFT, bottom, _RIGHT, bottom)]
    for place, count in enumerate(counts):
        if count:
            tall = (bottom - _TOP) * count / largest
            start = low + (high - low) * place / bins
            words = f"{count} from {_tick(start)} to {_tick(start + (high - low) / bins)}"
            parts.append(rect(_LEFT + step * place + 1, bottom - tall, step - 2, tall, "pose-column", words))
    fullest = counts.index(largest)
    parts.append(text(_LEFT - 8, _TOP + 8, str(largest), "pose-plot-small", "end"))
    parts.append(text(_LEFT - 8, bottom + 4, "0", "pose-plot-small", "end"))
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _LEFT + (_RIGHT - _LEFT) * part
        parts.append(text(x, bottom + 16, _tick(low + (high - low) * part), "pose-plot-small", "middle"))
    parts.append(text((_LEFT + _RIGHT) / 2, bottom + 32, unit, "pose-plot-small", "middle"))
    start = low + (high - low) * fullest / bins
    words = (
        f"{len(values):,} values; most ({largest:,}) lie from {_tick(start)} to {_tick(start + (high - low) / bins)}."
    )
    return figure(title, f"{words} {said}".strip(), height, *parts, width=HALF)


def _tick(value: float) -> str:
    """A number on an axis."""
    return figures.count(round(value)) if abs(value) >= 1000 else f"{value:.3g}"


def in_order(title: str, values: Sequence[float], *, middle: float, unit: str, said: str = "") -> Html:
    """`values` (at least one) from first to last as dots, a line at `middle`; the axis starts at their smallest."""
    low, high = min(*values, middle), max(*values, middle)
    span = (high - low) or 1.0
    top, bottom = 24, 150
    step = (_RIGHT - _LEFT) / max(1, len(values) - 1)

    def y_of(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / span if high > low else (top + bottom) / 2

    path = "".join(f"M{_LEFT + step * place:.1f} {y_of(value):.1f}h0" for place, value in enumerate(values))
    parts = [
        rule(_LEFT, y_of(middle), _RIGHT, y_of(middle)),
        tag("path", d=path, class_="pose-dots"),
        text(_LEFT - 8, y_of(high) + 4, short(high), "pose-plot-small", "end"),
        text(_LEFT, bottom + 20, "first", "pose-plot-small"),
        text(_RIGHT, bottom + 20, "last", "pose-plot-small", "end"),
        text(_LEFT, 12, unit, "pose-plot-small"),
    ]
    if high > low:
        parts.append(text(_LEFT - 8, y_of(low) + 4, short(low), "pose-plot-small", "end"))
    words = (
        f"{len(values):,} in the order of the run, from {_tick(low)} to {_tick(high)} {unit}; the line is the median."
    )
    return figure(title, f"{words} {said}".strip(), bottom + 30, *parts, width=HALF)


def shares(title: str, rows: Sequence[tuple[str, float, str]], said: str) -> Html:
    """Bars of parts of a whole, one line each: (label, 0..1, what stands behind the bar)."""
    parts: list[Html] = []
    for line, (label, share, words) in enumerate(rows):
        y, long = line * ROW, (_SHARE_END - _SHARE_START) * min(1.0, max(0.0, share))
        parts.append(text(_SHARE_START - 8, y + FONT_RISE, shortened(label, 16), anchor="end"))
        parts.append(rect(_SHARE_START, y + 3, _SHARE_END - _SHARE_START, ROW - 6, "pose-track"))
        parts.append(rect(_SHARE_START, y + 3, long, ROW - 6, "pose-column", f"{label}: {words}"))
        parts.append(text(_SHARE_END + 8, y + FONT_RISE, words))
    return figure(title, said, len(rows) * ROW + 4, *parts, width=HALF)
