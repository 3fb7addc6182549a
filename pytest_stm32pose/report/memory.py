"""Where the bytes are: arena, stack, firmware and network against what is reserved for them, with high-water marks.

High-water marks of arena and stack are what the device said during the run; the peak of the arena over the operators is
in every profiled record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.profile import memory_html
from pytest_stm32pose.report.tables import Entry, entries

_LABEL_END, _BAR_END = 150, 470
_ROW = 34


@dataclass(frozen=True)
class Bar:
    """One piece of memory. `used` is None where only the reserved size is known; `limit` is a budget."""

    label: str
    reserved: int
    used: int | None
    words: str
    limit: int | None = None

    @property
    def reach(self) -> int:
        """The most that is drawn of it."""
        return max(self.reserved, self.used or 0, self.limit or 0)


def memory_parts(model: Entry, board: Entry | None) -> list[Html]:
    """Bars of RAM and of flash, and the arena over the operators; empty when no size is known."""
    firmware = (board or {}).get("firmware") or {}
    parts = [
        _bars("Random access memory", [_arena(model), _stack(model), _firmware(model, firmware, "ram")]),
        _bars("Read-only memory", [_network(model), _firmware(model, firmware, "flash")]),
        memory_html(model),
    ]
    return [part for part in parts if part]


def _size(value: object) -> int | None:
    return int(value) if figures.is_number(value) and value > 0 else None


def _limit(model: Entry, name: str) -> int | None:
    limits = [budget.get("limit") for budget in entries(model, "budgets") if budget.get("name") == name]
    known = [limit for limit in limits if figures.is_number(limit) and limit > 0]
    return round(known[0] * 1024) if known else None


def _told(model: Entry, key: str) -> int | None:
    """What the device said of its memory, bytes."""
    said = model.get("memory")
    return _size(said.get(key)) if isinstance(said, Mapping) else None


def _arena(model: Entry) -> Bar | None:
    planned = _size(model.get("activation_bytes"))
    if planned is None:
        return None
    peaks = [size for entry in entries(model, "operators") if (size := _size(entry.get("arena_bytes")))]
    words, used = "planned", max(peaks, default=None)
    told = _told(model, "arena_high_water")
    if told is not None:
        used = told
        words = f"planned, high-water mark {figures.kib(used)}"
    elif used:
        words = f"planned, peak of the plan {figures.kib(used)}"
    return Bar("Arena", planned, used, words, _limit(model, "activation_kib_max"))


def _stack(model: Entry) -> Bar | None:
    reserved, used = _told(model, "stack_bytes"), _told(model, "stack_high_water")
    if reserved is None:
        return None
    words = f"reserved, high-water mark {figures.kib(used)}" if used is not None else "reserved"
    return Bar("Stack", reserved, used, words)


def _firmware(model: Entry, firmware: Entry, kind: str) -> Bar | None:
    size = _size(firmware.get(f"{kind}_bytes"))
    if size is None:
        return None
    label = "Firmware RAM" if kind == "ram" else "Firmware"
    return Bar(label, size, size, "as linked", _limit(model, f"firmware_{kind}_kib_max"))


def _network(model: Entry) -> Bar | None:
    image, weights = _size(model.get("network_image_bytes")), _size(model.get("weights_bytes"))
    if image is None and weights is None:
        return None
    words = f"network image, weights {figures.kib(weights)}" if image else "weights"
    return Bar("Network", image or weights or 0, weights, words, _limit(model, "weights_kib_max"))


def _bars(title: str, given: Sequence[Bar | None]) -> Html | None:
    bars = [bar for bar in given if bar]
    if not bars:
        return None
    scale = (_BAR_END - _LABEL_END) / max(bar.reach for bar in bars)
    parts: list[Html] = []
    for line, bar in enumerate(bars):
        y = line * _ROW + 4
        parts.append(plots.text(_LABEL_END - 8, y + 17, bar.label, anchor="end"))
        parts.append(plots.rect(_LABEL_END, y, bar.reserved * scale, 24, "pose-track"))
        if bar.used:
            parts.append(plots.rect(_LABEL_END, y + 5, bar.used * scale, 14, "pose-column"))
        if bar.limit:
            x = _LABEL_END + bar.limit * scale
            parts.append(plots.rule(x, y - 3, x, y + 27, "pose-limit"))
        after = _LABEL_END + bar.reach * scale + 8
        parts.append(plots.text(after, y + 11, figures.kib(bar.reserved), "pose-plot-text"))
        parts.append(plots.text(after, y + 25, bar.words, "pose-plot-small"))
    said = "; ".join(_sentence(bar) for bar in bars) + "."
    return tag("div", plots.figure(title, said, len(bars) * _ROW + 8, *parts))


def _sentence(bar: Bar) -> str:
    limit = f", budget {figures.kib(bar.limit)}" if bar.limit else ""
    return f"{bar.label}: {figures.kib(bar.reserved)} {bar.words}{limit}"
