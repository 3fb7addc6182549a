"""What must lie in the arena and when, from the operators' operands; and the smallest plan for it.

An operator that can work in place may write its output over its input, when nothing reads the input afterwards. Then
both are one buffer, as large as the larger and alive as long as both. That does not always help (a small input that
lives long would hold a large output's room), so both ways are planned and the smaller arena wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.planner import Buffer, Plan, plan_arena
from pytest_stm32pose.network.rules import works_in_place


@dataclass
class Needs:
    """The arena's buffers, and who uses which: tensors and scratch (by step of the execution order)."""

    buffers: list[Buffer] = field(default_factory=list)
    of_tensor: dict[int, int] = field(default_factory=dict)
    of_scratch: dict[int, int] = field(default_factory=dict)
    in_place: frozenset[int] = frozenset()  #: steps whose output 0 lies where input 0 does


@dataclass(frozen=True)
class ArenaPlan:
    """Needs with the plan that serves them."""

    needs: Needs
    plan: Plan

    def tensor_offsets(self) -> dict[int, int]:
        """Tensor index in the .tflite -> offset in the arena."""
        return {tensor: self.plan.offsets[i] for tensor, i in self.needs.of_tensor.items()}

    def scratch_offset(self, step: int) -> int:
        """Where an operator's scratch is; 0 when it needs none."""
        index = self.needs.of_scratch.get(step)
        return 0 if index is None else self.plan.offsets[index]

    def alive_bytes(self, step: int) -> int:
        """Bytes of all buffers that an operator finds in the arena."""
        return sum(b.size for b in self.needs.buffers if b.first <= step <= b.last)


def plan_memory(graph: Graph, prepared: Sequence[Prepared]) -> ArenaPlan:
    """The smallest plan found for the operators in their order; deterministic."""
    choices = dict.fromkeys((_in_place_candidates(graph, prepared), frozenset[int]()))
    return min((_planned(graph, prepared, choice) for choice in choices), key=lambda each: each.plan.total_bytes)


def _planned(graph: Graph, prepared: Sequence[Prepared], in_place: frozenset[int]) -> ArenaPlan:
    needs = _needs(graph, prepared, in_place)
    return ArenaPlan(needs, plan_arena(needs.buffers))


def _lives(graph: Graph, prepared: Sequence[Prepared]) -> dict[int, tuple[int, int]]:
    """Tensor -> first and last step that needs it; network outputs stay beyond the last operator."""
    lives: dict[int, tuple[int, int]] = {}
    for step, each in enumerate(prepared):
        for tensor in each.outputs:
            lives[tensor] = (step, step)
        for tensor in each.inputs:
            if tensor in lives:
                lives[tensor] = (lives[tensor][0], step)
    for tensor in graph.outputs:
        lives[tensor] = (lives[tensor][0], len(prepared))
    return lives


def _in_place_candidates(graph: Graph, prepared: Sequence[Prepared]) -> frozenset[int]:
    """Steps whose operator can work in place and is the last to read its input 0, which lies in the arena."""
    lives = _lives(graph, prepared)
    return frozenset(
        step
        for step, (op, each) in enumerate(zip(graph.ops, prepared, strict=True))
        if works_in_place(op.name)
        and each.inputs
        and each.inputs.count(each.inputs[0]) == 1
        and lives.get(each.inputs[0], (0, -1))[1] == step
    )


def _needs(graph: Graph, prepared: Sequence[Prepared], in_place: frozenset[int]) -> Needs:
    needs = Needs(in_place=in_place)
    lives = _lives(graph, prepared)
    for step, each in enumerate(prepared):
        for position, tensor in enumerate(each.outputs):
            mine = Buffer(graph.tensors[tensor].nbytes, *lives[tensor])
            if step in in_place and position == 0:
                index = needs.of_tensor[each.inputs[0]]
                before = needs.buffers[index]
                needs.buffers[index] = Buffer(max(before.size, mine.size), before.first, mine.last)
            else:
                index = len(needs.buffers)
                needs.buffers.append(mine)
            needs.of_tensor[tensor] = index
        if each.scratch_bytes:
            needs.of_scratch[step] = len(needs.buffers)
            needs.buffers.append(Buffer(each.scratch_bytes, step, step))
    return needs
