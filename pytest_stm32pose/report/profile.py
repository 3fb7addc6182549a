"""Per-operator profile as pictures: bars of the costliest operators, bars in execution order, memory as steps.

Inline SVG, no script. Every picture says in words what it shows (title and description); the table of the same figures
stands beside it (latency.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.markup import Html, join, tag

TOP = 20
_THIN = 7
#: A network has fewer operators than this; more are not drawn.
MAX_OPERATORS = 1000
_KINDS = (
    ("conv", "convolution", ("CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")),
    ("depthwise", "depthwise convolution", ("DEPTHWISE_CONV_2D",)),
    ("other", "everything else", ()),
)


@dataclass(frozen=True)
class _Operator:
    """One operator; figures the record does not have are None."""

    place: int  #: in execution order
    label: str
    kind: str
    ticks: int
    share: float
    per_mac: float | None
    arena_bytes: int | None

    def words(self, unit: str) -> str:
        """Its figures in one line."""
        said = [f"{figures.count(self.ticks)} {unit}", figures.percent(self.share)]
        if self.per_mac is not None:
            said.append(f"{self.per_mac:.2f} per MAC")
        return ", ".join(said)


def profile_html(model: ModelEntry) -> Html | None:
    """Bars of one network on one board; None without a profile."""
    operators = _read(model)
    if not operators:
        return None
    unit = figures.text((model.latency.unit if model.latency else "") or "ticks")
    return tag("div", _legend(), _costliest(operators, unit), _in_order(operators, unit), class_="pose-profile")


def memory_html(model: ModelEntry) -> Html | None:
    """The arena over the operators; None when the record does not say."""
    return _memory(_read(model))


def _read(model: ModelEntry) -> list[_Operator]:
    return [
        _Operator(
            place,
            plots.shortened(f"{entry.index} {figures.text(entry.name)}"),
            next((css for css, _, names in _KINDS if entry.name in names), "other"),
            entry.p50,
            entry.share or 0.0,
            entry.per_mac,
            entry.arena_bytes or None,
        )
        for place, entry in enumerate(model.operators[:MAX_OPERATORS])
        if entry.p50 is not None
    ]


def _legend() -> Html:
    """Which colour is what; the names stand in the pictures too."""
    keys = [
        tag("span", tag("span", "", class_=f"pose-key pose-key-{css}", aria_hidden="true"), f" {words}")
        for css, words, _ in _KINDS
    ]
    return tag("p", join(keys, "  "), class_="pose-note pose-legend")


def _bar(operator: _Operator, unit: str, y: int, height: int, largest: int) -> Html:
    """A bar whose tooltip names the operator."""
    width = max(1.0, (plots.BAR_END - plots.LABEL_END) * operator.ticks / largest) if operator.ticks else 0.0
    return tag(
        "rect",
        tag("title", f"{operator.label}: {operator.words(unit)}"),
        x=plots.LABEL_END,
        y=y,
        width=f"{width:.1f}",
        height=height,
        class_=f"pose-bar-{operator.kind}",
    )


def _costliest(operators: Sequence[_Operator], unit: str) -> Html:
    """The largest first, with names and figures."""
    shown = sorted(operators, key=lambda each: (-each.ticks, each.place))[:TOP]
    largest = max(1, shown[0].ticks)
    parts: list[Html] = []
    for line, operator in enumerate(shown):
        y = line * plots.ROW
        parts.append(plots.text(plots.LABEL_END - 8, y + plots.FONT_RISE, operator.label, anchor="end"))
        parts.append(_bar(operator, unit, y + 3, plots.ROW - 6, largest))
        said = [plots.short(operator.ticks), figures.percent(operator.share)]
        said += [] if operator.per_mac is None else [f"{operator.per_mac:.2f}/MAC"]
        after = plots.LABEL_END + (plots.BAR_END - plots.LABEL_END) * operator.ticks / largest + 6
        parts.append(plots.text(after, y + plots.FONT_RISE, ", ".join(said)))
    together = figures.percent(sum(each.share for each in shown))
    words = f"{len(shown)} of {len(operators)} operators take {together} of all {unit}; the first is {shown[0].label}."
    return plots.figure("Costliest operators", words, len(shown) * plots.ROW + 4, *parts)


def _in_order(operators: Sequence[_Operator], unit: str) -> Html:
    """All operators from first to last; every fifth is named."""
    largest = max(1, *(each.ticks for each in operators))
    parts: list[Html] = []
    for line, operator in enumerate(operators):
        y = 4 + line * _THIN
        if line % 5 == 0:
            parts.append(plots.text(plots.LABEL_END - 8, y + _THIN, operator.label, "pose-plot-small", "end"))
        parts.append(_bar(operator, unit, y, _THIN - 1, largest))
    slowest = max(operators, key=lambda each: each.ticks)
    height = 4 + len(operators) * _THIN + 8
    parts.append(
        plots.text(plots.BAR_END + 8, 4 + operators.index(slowest) * _THIN + _THIN, plots.short(slowest.ticks))
    )
    words = f"{len(operators)} operators from first to last; the longest bar is {slowest.label}, {slowest.words(unit)}."
    return plots.figure("Operators in execution order", words, height, *parts)


def _memory(operators: Sequence[_Operator]) -> Html | None:
    """Bytes of the arena in use at every operator, the peak marked; None when the record does not say."""
    known = [each for each in operators if each.arena_bytes is not None]
    if not known:
        return None
    left, right, top, bottom = 64, plots.WIDTH - 16, 30, 220
    peak = max(known, key=lambda each: (each.arena_bytes or 0, -each.place))
    peak_bytes = peak.arena_bytes or 1
    step = (right - left) / len(known)

    def y_of(value: float) -> float:
        return bottom - (bottom - top) * value / peak_bytes

    path = [f"M{left} {bottom}"]
    for column, operator in enumerate(known):
        path.append(f"V{y_of(operator.arena_bytes or 0):.1f}H{left + step * (column + 1):.1f}")
    area = tag("path", d="".join(path) + f"V{bottom}Z", class_="pose-area")
    x_peak, y_peak = left + step * (known.index(peak) + 0.5), y_of(peak_bytes)
    words = f"{figures.kib(peak_bytes)} at operator {peak.label}"
    anchor = "start" if x_peak < plots.WIDTH / 3 else "end" if x_peak > 2 * plots.WIDTH / 3 else "middle"
    marks: list[Html] = [plots.text(x_peak, y_peak - 12, f"peak {words}", "pose-plot-strong", anchor)]
    marks.append(tag("circle", cx=f"{x_peak:.1f}", cy=f"{y_peak:.1f}", r=4.5, class_="pose-peak"))
    for part in (0.0, 0.5, 1.0):
        y = y_of(part * peak_bytes)
        marks.append(tag("line", x1=left, x2=right, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="pose-grid"))
        amount = figures.kib(part * peak_bytes).removesuffix(" KiB")
        marks.append(plots.text(left - 8, y + 4, amount, "pose-plot-small", "end"))
    marks.append(plots.text(left - 8, top - 14, "KiB", "pose-plot-small", "end"))
    marks.append(plots.text(left, bottom + 18, known[0].label, "pose-plot-small"))
    marks.append(plots.text(right, bottom + 18, known[-1].label, "pose-plot-small", "end"))
    said = f"Tensors and scratch alive at each of {len(known)} operators; the peak is {words}."
    return plots.figure("Memory over operators", said, bottom + 28, area, *marks)
