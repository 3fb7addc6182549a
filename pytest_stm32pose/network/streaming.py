"""Which operators to stream: whatever forms the arena's peak, as long as that lowers it.

Tensors that became windows cannot be compared any more, so nothing is streamed that does not lower the peak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.memory import load, memory_needs
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.streams import MAX_OPS, RowNeeds, Stream, make_stream, row_needs, widen_until_it_runs

_ROWS_A_ROUND = 4  #: of a stream's last output: enough that starting a kernel costs little
_WORTH_BYTES = 1024


def choose_streams(graph: Graph, prepared: Sequence[Prepared]) -> tuple[Stream, ...]:
    """Streams that lower the arena's peak, in execution order; deterministic."""
    needs = [row_needs(op, each, graph) for op, each in zip(graph.ops, prepared, strict=True)]
    streams: tuple[Stream, ...] = ()
    alive = _load(graph, prepared, streams)
    while True:
        better = _improved(graph, prepared, needs, streams, alive)
        if better is None:
            return streams
        streams = better
        alive = _load(graph, prepared, streams)


def _load(graph: Graph, prepared: Sequence[Prepared], streams: Sequence[Stream]) -> list[int]:
    return load(memory_needs(graph, prepared, streams), len(prepared))


def _improved(
    graph: Graph, prepared: Sequence[Prepared], needs: Sequence[RowNeeds | None], streams: tuple[Stream, ...],
    alive: list[int],
) -> tuple[Stream, ...] | None:  # fmt: skip
    """The streams with the one more, or the one larger, that lowers the peak most; None when none does."""
    peak = max(alive)
    found: list[tuple[int, int, int, int, tuple[Stream, ...]]] = []
    for first, last in _around(alive.index(peak), needs):
        added = make_stream(graph, prepared, needs, first, last, _ROWS_A_ROUND)
        if added is None:
            continue
        rest = [s for s in streams if s.last < first or s.first > last]
        candidate = tuple(sorted((*rest, added), key=lambda s: s.first))
        above = _load(graph, prepared, candidate)
        if max(above) <= peak - _WORTH_BYTES:
            windows = sum(len(s.windows) for s in candidate)
            found.append((max(above), windows, last - first, first, candidate))
    for *_, candidate in sorted(found, key=lambda each: each[:4]):
        runs = [widen_until_it_runs(graph, prepared, needs, s) for s in candidate]
        streams = tuple(s for s in runs if s is not None)
        if len(streams) == len(candidate) and max(_load(graph, prepared, streams)) <= peak - _WORTH_BYTES:
            return streams
    return None


def _around(step: int, needs: Sequence[RowNeeds | None]) -> Iterator[tuple[int, int]]:
    """First and last of every run of operators that can stream and includes `step`."""
    low = high = step
    while low > 0 and needs[low - 1] is not None and step - low < MAX_OPS - 1:
        low -= 1
    while high + 1 < len(needs) and needs[high + 1] is not None and high - step < MAX_OPS - 1:
        high += 1
    if needs[step] is not None:
        for first in range(low, step + 1):
            for last in range(step, min(high, first + MAX_OPS - 1) + 1):
                yield first, last
