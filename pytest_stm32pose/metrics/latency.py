"""Quantiles of timed inferences.

Definition: nearest rank. The p-th percentile of n values is the value of rank ceil(p / 100 * n) in ascending order, so
it is always a value that was measured, and p95 of fewer than 20 values is their maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_stm32pose.types import Timing


@dataclass(frozen=True)
class LatencySummary:
    """Latency of a network on a board, over all its pictures. `ms_p50` is None where ticks are not silicon time."""

    source: str
    unit: str
    clock_hz: int
    n: int
    p50: int
    p95: int
    p99: int
    max: int

    @property
    def ms_p50(self) -> float | None:
        return self.milliseconds(self.p50)

    def milliseconds(self, ticks: int) -> float | None:
        """Ticks as milliseconds; None for `icount`, whose instructions are not time on silicon."""
        return None if self.source != "dwt" or self.clock_hz <= 0 else ticks * 1000.0 / self.clock_hz


def percentile(values: Sequence[int], percent: int) -> int:
    """Nearest-rank percentile, `percent` 1..100. Raises ValueError without values."""
    if not values or not 1 <= percent <= 100:
        raise ValueError(f"no {percent}th percentile of {len(values)} values")
    rank = -(-percent * len(values) // 100)
    return sorted(values)[rank - 1]


def summarise(timings: Sequence[Timing]) -> LatencySummary | None:
    """All values of all pictures together; None when nothing was timed.

    Raises:
        ValueError: timings of different sources, units or clocks do not add up to one latency.
    """
    timed = [timing for timing in timings if timing.values]
    if not timed:
        return None
    kinds = {(timing.source, timing.unit, timing.clock_hz) for timing in timed}
    if len(kinds) > 1:
        raise ValueError(f"timings of different sources cannot be summarised together: {sorted(kinds)}")
    source, unit, clock_hz = kinds.pop()
    values = sorted(value for timing in timed for value in timing.values)
    p50, p95, p99 = (percentile(values, percent) for percent in (50, 95, 99))
    return LatencySummary(source, unit, clock_hz, len(values), p50, p95, p99, values[-1])
