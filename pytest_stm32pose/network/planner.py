"""Memory plan of the arena: where each intermediate tensor and scratch buffer lives.

Two buffers may share bytes when no operator needs both. Packing them best is NP-hard, so several first-fit orders are
tried and the smallest arena wins; each order is then improved by placing whatever forms the peak first. No randomness:
the same network gives the same plan. See also: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference", 2020 (greedy by size, greedy by breadth).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ALIGN = 16
_IMPROVEMENTS = 24


@dataclass(frozen=True)
class Buffer:
    """`size` bytes that must stay from operator `first` to operator `last` of the execution order, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Offsets of the buffers, in their order, from the arena's first byte.

    Attributes:
        total_bytes: size of the arena, a multiple of 16.
        lower_bound_bytes: the largest sum of buffers alive at once; no plan of this execution order needs less.
    """

    offsets: tuple[int, ...]
    total_bytes: int
    lower_bound_bytes: int


def aligned(size: int) -> int:
    """`size` rounded up to a multiple of 16."""
    return -(-size // ALIGN) * ALIGN


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """Largest sum of aligned sizes alive at one operator."""
    changes: dict[int, int] = {}
    for buffer in buffers:
        changes[buffer.first] = changes.get(buffer.first, 0) + aligned(buffer.size)
        changes[buffer.last + 1] = changes.get(buffer.last + 1, 0) - aligned(buffer.size)
    alive = peak = 0
    for step in sorted(changes):
        alive += changes[step]
        peak = max(peak, alive)
    return peak


def plan_arena(buffers: Sequence[Buffer]) -> Plan:
    """Packs the buffers; see Plan."""
    bound = lower_bound(buffers)
    neighbours = _neighbours(buffers)
    best: list[int] = []
    best_total = -1
    for order in _orders(buffers, neighbours):
        for _ in range(_IMPROVEMENTS):
            offsets = _first_fit(buffers, neighbours, order)
            total = _total(buffers, offsets)
            if best_total < 0 or total < best_total:
                best, best_total = offsets, total
            if best_total == bound:
                return Plan(tuple(best), best_total, bound)
            improved = _peak_first(buffers, offsets, order, total)
            if improved == order:
                break
            order = improved
    return Plan(tuple(best), max(best_total, 0), bound)


def _neighbours(buffers: Sequence[Buffer]) -> list[list[int]]:
    """For each buffer, those that are alive together with it."""
    together: list[list[int]] = [[] for _ in buffers]
    for i, a in enumerate(buffers):
        for j in range(i):
            if a.first <= buffers[j].last and buffers[j].first <= a.last:
                together[i].append(j)
                together[j].append(i)
    return together


def _orders(buffers: Sequence[Buffer], neighbours: list[list[int]]) -> list[list[int]]:
    """Placement orders to try, most promising first."""
    breadth: dict[int, int] = {}
    for b in buffers:
        for step in {b.first, b.last}:
            breadth[step] = sum(aligned(o.size) for o in buffers if o.first <= step <= o.last)
    crowd = [sum(aligned(buffers[j].size) for j in near) for near in neighbours]
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-buffers[i].size, buffers[i].first, i),
        lambda i: (-max(breadth[buffers[i].first], breadth[buffers[i].last]), -buffers[i].size, i),
        lambda i: (-buffers[i].size * (buffers[i].last - buffers[i].first + 1), i),
        lambda i: (-(buffers[i].last - buffers[i].first), -buffers[i].size, i),
        lambda i: (-crowd[i], -buffers[i].size, i),
        lambda i: (buffers[i].first, -buffers[i].size, i),
        lambda i: (-buffers[i].last, -buffers[i].size, i),
    )
    return [sorted(range(len(buffers)), key=key) for key in keys]


def _first_fit(buffers: Sequence[Buffer], neighbours: list[list[int]], order: Sequence[int]) -> list[int]:
    """Places the buffers in `order`, each at the lowest offset that is free during its life."""
    offsets = [-1] * len(buffers)
    for i in order:
        taken = sorted((offsets[j], aligned(buffers[j].size)) for j in neighbours[i] if offsets[j] >= 0)
        place = 0
        for start, size in taken:
            if start - place >= aligned(buffers[i].size):
                break
            place = max(place, start + size)
        offsets[i] = place
    return offsets


def _total(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    return max((o + aligned(b.size) for o, b in zip(offsets, buffers, strict=True)), default=0)


def _peak_first(buffers: Sequence[Buffer], offsets: list[int], order: list[int], total: int) -> list[int]:
    """The order with the buffers that end at the arena's top moved to the front."""
    top = [i for i in order if offsets[i] + aligned(buffers[i].size) == total]
    return top + [i for i in order if i not in top]
