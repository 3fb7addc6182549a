"""Where the bytes are: arena, stack, firmware and network against what is reserved for them, with high-water marks.

High-water marks of arena and stack are what the device said during the run; the peak of the arena over the operators is
in every profiled record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import BoardEntry
from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.profile import memory_html

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


def memory_parts(model: ModelEntry, board: BoardEntry | None) -> list[Html]:
    """Bars of RAM and of flash, and the arena over the operators; empty when no size is known."""
    flash_bytes, ram_bytes = (board.firmware.flash_bytes, board.firmware.ram_bytes) if board else (None, None)
    ram = _firmware("Firmware RAM", ram_bytes, _limit(model, "firmware_ram_kib_max"))
    flash = _firmware("Firmware", flash_bytes, _limit(model, "firmware_flash_kib_max"))
    parts = [
        _bars("Random access memory", [_arena(model), _stack(model), ram]),
        _bars("Read-only memory", [_network(model), flash]),
        memory_html(model),
    ]
    return [part for part in parts if part]


def _limit(model: ModelEntry, name: str) -> int | None:
    known = [budget.limit for budget in model.budgets if budget.name == name and budget.limit > 0]
    return round(known[0] * 1024) if known else None


def _arena(model: ModelEntry) -> Bar | None:
    if not model.activation_bytes:
        return None
    peaks = [each.arena_bytes for each in model.operators if each.arena_bytes]
    words, used = "planned", max(peaks, default=None)
    if model.memory and model.memory.arena_high_water:
        used = model.memory.arena_high_water
        words = f"planned, high-water mark {figures.kib(used)}"
    elif used:
        words = f"planned, peak of the plan {figures.kib(used)}"
    return Bar("Arena", model.activation_bytes, used, words, _limit(model, "activation_kib_max"))


def _stack(model: ModelEntry) -> Bar | None:
    if not model.memory or not model.memory.stack_bytes:
        return None
    used = model.memory.stack_high_water or None
    words = f"reserved, high-water mark {figures.kib(used)}" if used is not None else "reserved"
    return Bar("Stack", model.memory.stack_bytes, used, words)


def _firmware(label: str, size: int | None, limit: int | None) -> Bar | None:
    return Bar(label, size, size, "as linked", limit) if size else None


def _network(model: ModelEntry) -> Bar | None:
    image, weights = model.network_image_bytes, model.weights_bytes or None
    if not image and weights is None:
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
