"""What must lie in the arena and when, from the operators' operands; and the smallest plan for it.

An operator that can work in place may write its output over its input, when nothing reads the input afterwards. Then
both are one buffer, as large as the larger and alive as long as both. That does not always help (a small input that
lives long would hold a large output's room), so it is done one by one, where it lowers the peak or at least the sum
of what is alive, and the smaller of the plans with and without wins.

Operators of a stream (streams.py) run together: whatever one of them needs is there from the first to the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.image import operand_room
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.planner import Buffer, Plan, aligned, plan_arena
from pytest_stm32pose.network.rules import works_in_place
from pytest_stm32pose.network.streams import Stream

#: How often working in place is tried; of longer networks, neighbours are tried together.
_TRIALS = 128


@dataclass
class Needs:
    """The arena's buffers, and who uses which: tensors and scratch (by step of the execution order)."""

    buffers: list[Buffer] = field(default_factory=list)
    of_tensor: dict[int, int] = field(default_factory=dict)
    of_scratch: dict[int, int] = field(default_factory=dict)
    in_place: frozenset[int] = frozenset()  #: steps whose output 0 lies where input 0 does
    streams: tuple[Stream, ...] = ()


@dataclass(frozen=True)
class Block:
    """`size` bytes of the arena from `offset` on, with one use from step `first` to step `last`, both included.

    A step is an operator's place in the order of execution, from 0; what stays for the host is there beyond the last.

    Attributes:
        tensors: what lies here, by index in the .tflite: several where operators work in place; () for scratch.
        is_window: some rows of a tensor that never exists in full.
    """

    offset: int
    size: int
    first: int
    last: int
    tensors: tuple[int, ...] = ()
    is_window: bool = False


@dataclass(frozen=True)
class ArenaPlan:
    """Needs with the plan that serves them."""

    needs: Needs
    plan: Plan

    def tensor_offsets(self) -> dict[int, int]:
        """Tensor index in the .tflite -> offset in the arena."""
        return {tensor: self.plan.offsets[i] for tensor, i in self.needs.of_tensor.items()}

    def blocks(self) -> tuple[Block, ...]:
        """Every buffer of the plan with its place, in the order in which they come into being."""
        tensors: dict[int, list[int]] = {}
        for tensor, index in self.needs.of_tensor.items():
            tensors.setdefault(index, []).append(tensor)
        windows = self.windows()
        placed = (
            Block(offset, b.size, b.first, b.last, tuple(here), any(tensor in windows for tensor in here))
            for index, (b, offset) in enumerate(zip(self.needs.buffers, self.plan.offsets, strict=True))
            for here in [tensors.get(index, [])]
        )
        return tuple(sorted(placed, key=lambda block: (block.first, block.offset)))

    def windows(self) -> dict[int, int]:
        """Tensor index in the .tflite -> rows held of it, for those that never exist in full."""
        return {tensor: rows for stream in self.needs.streams for tensor, rows in stream.windows.items()}

    def streamed(self) -> frozenset[int]:
        """Steps that run together with the next one."""
        return frozenset(step for stream in self.needs.streams for step in range(stream.first, stream.last))

    def scratch_offset(self, step: int) -> int:
        """Where an operator's scratch is; 0 when it needs none."""
        index = self.needs.of_scratch.get(step)
        return 0 if index is None else self.plan.offsets[index]

    def alive_bytes(self, step: int) -> int:
        """Bytes of all buffers that an operator finds in the arena."""
        return sum(b.size for b in self.needs.buffers if b.first <= step <= b.last)


def plan_memory(graph: Graph, prepared: Sequence[Prepared], streams: Sequence[Stream] = ()) -> ArenaPlan:
    """The smallest plan found for the operators in their order; deterministic."""
    choices = dict.fromkeys((in_place_steps(graph, prepared, streams), frozenset[int]()))
    plans = (_planned(memory_needs(graph, prepared, streams, choice)) for choice in choices)
    return min(plans, key=lambda each: each.plan.total_bytes)


def _planned(needs: Needs) -> ArenaPlan:
    return ArenaPlan(needs, plan_arena(needs.buffers))


def _spans(prepared: Sequence[Prepared], streams: Sequence[Stream]) -> list[tuple[int, int]]:
    """For each step, the first and last of those that run together with it."""
    spans = [(step, step) for step in range(len(prepared))]
    for stream in streams:
        spans[stream.first : stream.last + 1] = [(stream.first, stream.last)] * (stream.last - stream.first + 1)
    return spans


def _lives(graph: Graph, prepared: Sequence[Prepared], spans: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Tensor -> first and last step that needs it; network outputs stay beyond the last operator."""
    lives: dict[int, tuple[int, int]] = {}
    for step, each in enumerate(prepared):
        for tensor in each.outputs:
            lives[tensor] = spans[step]
        for tensor in each.inputs:
            if tensor in lives:
                lives[tensor] = (lives[tensor][0], spans[step][1])
    for tensor in graph.outputs:
        lives[tensor] = (lives[tensor][0], len(prepared))
    return lives


def load(needs: Needs, steps: int) -> list[int]:
    """Bytes alive at each step, as the arena rounds them."""
    changes = [0] * (steps + 2)
    for buffer in needs.buffers:
        changes[buffer.first] += aligned(buffer.size)
        changes[buffer.last + 1] -= aligned(buffer.size)
    return list(accumulate(changes))[:steps]


def in_place_steps(graph: Graph, prepared: Sequence[Prepared], streams: Sequence[Stream]) -> frozenset[int]:
    """Steps that are better done in place."""

    def cost(steps: frozenset[int]) -> tuple[int, int]:
        alive = load(memory_needs(graph, prepared, streams, steps), len(prepared))
        return max(alive), sum(alive)

    chosen, lowest = frozenset[int](), cost(frozenset())
    candidates = sorted(_in_place_candidates(graph, prepared, streams))
    together = -(-len(candidates) // _TRIALS)
    for i in range(0, len(candidates), max(together, 1)):
        more = chosen | frozenset(candidates[i : i + together])
        found = cost(more)
        if found < lowest:
            chosen, lowest = more, found
    return chosen


def _in_place_candidates(graph: Graph, prepared: Sequence[Prepared], streams: Sequence[Stream]) -> frozenset[int]:
    """Steps whose operator can work in place and is the last to read its input 0, which lies in the arena."""
    spans = _spans(prepared, streams)
    lives = _lives(graph, prepared, spans)
    return frozenset(
        step
        for step, (op, each) in enumerate(zip(graph.ops, prepared, strict=True))
        if spans[step] == (step, step)
        and each.inputs
        and each.inputs.count(each.inputs[0]) == 1
        and lives.get(each.inputs[0], (0, -1))[1] == step
        and works_in_place(op.name, resizes=_bytes(graph, each.inputs[0]) != _bytes(graph, each.outputs[0]))
    )


def _bytes(graph: Graph, tensor: int) -> int:
    return graph.tensors[tensor].nbytes


def memory_needs(
    graph: Graph, prepared: Sequence[Prepared], streams: Sequence[Stream], in_place: frozenset[int] = frozenset()
) -> Needs:
    """The arena's buffers under these choices."""
    needs = Needs(in_place=in_place, streams=tuple(streams))
    spans = _spans(prepared, streams)
    lives = _lives(graph, prepared, spans)
    windows = {tensor: rows for stream in streams for tensor, rows in stream.windows.items()}
    for step, each in enumerate(prepared):
        for position, tensor in enumerate(each.outputs):
            mine = Buffer(_held_bytes(graph, tensor, windows), *lives[tensor])
            if step in in_place and position == 0:
                index = needs.of_tensor[each.inputs[0]]
                before = needs.buffers[index]
                needs.buffers[index] = Buffer(max(before.size, mine.size), before.first, mine.last)
            else:
                index = len(needs.buffers)
                needs.buffers.append(mine)
            needs.of_tensor[tensor] = index
    _add_scratch(needs, prepared, spans)
    return needs


def _held_bytes(graph: Graph, tensor: int, windows: dict[int, int]) -> int:
    whole = graph.tensors[tensor]
    return whole.nbytes // whole.shape[1] * windows[tensor] if tensor in windows else whole.nbytes


def _add_scratch(needs: Needs, prepared: Sequence[Prepared], spans: Sequence[tuple[int, int]]) -> None:
    """Operators of a stream use theirs in turn, so that it is one buffer."""
    wanted = {step: bytes_ for step, each in enumerate(prepared) if (bytes_ := _workspace_bytes(each))}
    largest: dict[tuple[int, int], int] = {}
    for step, bytes_ in wanted.items():
        largest[spans[step]] = max(largest.get(spans[step], 0), bytes_)
    place = {span: len(needs.buffers) + i for i, span in enumerate(largest)}
    needs.buffers.extend(Buffer(size, *span) for span, size in largest.items())
    needs.of_scratch.update({step: place[spans[step]] for step in wanted})


def _workspace_bytes(prepared: Prepared) -> int:
    """An operator's scratch and, where its operands are many, the place in which the device resolves them."""
    room = operand_room(len(prepared.inputs) + len(prepared.outputs))
    return aligned(prepared.scratch_bytes) + room if room else prepared.scratch_bytes
