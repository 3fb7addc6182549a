"""Which operators to stream: whatever forms the arena's peak, as long as that lowers it.

Tensors that became windows cannot be compared any more, so nothing is streamed that does not lower the peak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.memory import in_place_steps, load, memory_needs
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.streams import MAX_OPS, Stream, make_stream, row_needs, widen_until_it_runs

_ROWS_A_ROUND = 4  #: of a stream's last output: enough that starting a kernel costs little
_WORTH_BYTES = 1024

Streams = tuple[Stream, ...]


def choose_streams(graph: Graph, prepared: Sequence[Prepared]) -> Streams:
    """Streams that lower the arena's peak, in execution order; deterministic."""
    search = _Search(graph, prepared)
    streams: Streams = ()
    chosen, chosen_cost = streams, search.cost(streams)
    while True:
        better = search.improved(streams)
        if better is None:
            return chosen
        streams = better
        if search.cost(streams)[0] < chosen_cost[0]:  # not only one of several peaks of one height
            chosen, chosen_cost = streams, search.cost(streams)


class _Search:
    """The operators, and how good a set of streams is."""

    def __init__(self, graph: Graph, prepared: Sequence[Prepared]) -> None:
        self._graph = graph
        self._prepared = prepared
        self._needs = [row_needs(op, each, graph) for op, each in zip(graph.ops, prepared, strict=True)]
        self._in_place = in_place_steps(graph, prepared, ())

    def alive(self, streams: Streams) -> list[int]:
        """Bytes alive at each step; what streams leave works in place as it would without them."""
        inside = {step for stream in streams for step in range(stream.first, stream.last + 1)}
        needs = memory_needs(self._graph, self._prepared, streams, self._in_place - inside)
        return load(needs, len(self._prepared))

    def cost(self, streams: Streams) -> tuple[int, int]:
        """The peak, in steps of what is worth the trouble, and how many operators reach it."""
        heights = [bytes_ // _WORTH_BYTES for bytes_ in self.alive(streams)]
        return max(heights), heights.count(max(heights))

    def improved(self, streams: Streams) -> Streams | None:
        """The streams with one more, or a larger one, that lowers the cost most; None when none does."""
        before = self.cost(streams)
        alive = self.alive(streams)
        found: list[tuple[tuple[int, int], int, int, int, Streams]] = []
        for first, last in self._around(alive.index(max(alive))):
            added = make_stream(self._graph, self._prepared, self._needs, first, last, _ROWS_A_ROUND)
            if added is None:
                continue
            rest = [s for s in streams if s.last < first or s.first > last]
            candidate = tuple(sorted((*rest, added), key=lambda s: s.first))
            cost = self.cost(candidate)
            if cost < before:
                windows = sum(len(s.windows) for s in candidate)
                found.append((cost, windows, last - first, first, candidate))
        for *_, candidate in sorted(found, key=lambda each: each[:4]):
            runs = [widen_until_it_runs(self._graph, self._prepared, self._needs, s) for s in candidate]
            complete = tuple(s for s in runs if s is not None)
            if len(complete) == len(candidate) and self.cost(complete) < before:
                return complete
        return None

    def _around(self, step: int) -> Iterator[tuple[int, int]]:
        """First and last of every run of operators that can stream and includes `step`."""
        low = high = step
        while low > 0 and self._needs[low - 1] is not None and step - low < MAX_OPS - 1:
            low -= 1
        while high + 1 < len(self._needs) and self._needs[high + 1] is not None and high - step < MAX_OPS - 1:
            high += 1
        if self._needs[step] is not None:
            for first in range(low, step + 1):
                for last in range(step, min(high, first + MAX_OPS - 1) + 1):
                    yield first, last
