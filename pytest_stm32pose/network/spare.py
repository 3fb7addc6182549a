"""Scratch beyond the least: what the arena's plan leaves free anyway.

Some kernels are faster, or read their weights from slow memory less often, with more scratch than they cannot do
without (`Prepared.scratch_wanted`). They get it where the plan has a hole: no other buffer moves, and the arena stays
as large as it is. Kernels find out how much they were given (`scratch_bytes` of struct pose_image_op).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_stm32pose.network.memory import ArenaPlan
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.planner import ALIGN, Buffer, aligned


def give_spare(memory: ArenaPlan, prepared: Sequence[Prepared]) -> tuple[ArenaPlan, list[Prepared]]:
    """The plan with larger scratch buffers where they are wanted, and the operators that use them."""
    buffers, offsets, given = list(memory.needs.buffers), list(memory.plan.offsets), list(prepared)
    for index in sorted(set(memory.needs.of_scratch.values())):
        steps = [step for step, scratch in memory.needs.of_scratch.items() if scratch == index]
        wanted = aligned(max(prepared[step].scratch_wanted for step in steps))
        start, room = _widest_hole(buffers, offsets, index, wanted, memory.plan.total_bytes)
        if min(room, wanted) > buffers[index].size:
            buffers[index], offsets[index] = replace(buffers[index], size=min(room, wanted)), start
        for step in steps:
            most = min(prepared[step].scratch_wanted, buffers[index].size)
            given[step] = replace(prepared[step], scratch_bytes=max(prepared[step].scratch_bytes, most))
    needs = replace(memory.needs, buffers=buffers)
    return ArenaPlan(needs, replace(memory.plan, offsets=tuple(offsets))), given


def _widest_hole(
    buffers: Sequence[Buffer], offsets: Sequence[int], index: int, wanted: int, total: int
) -> tuple[int, int]:
    """Offset and bytes of the first hole that is `wanted` wide throughout the buffer's life, else of the widest."""
    mine = buffers[index]
    taken = sorted(
        (offset, offset + aligned(b.size))
        for i, (b, offset) in enumerate(zip(buffers, offsets, strict=True))
        if i != index and b.first <= mine.last and mine.first <= b.last
    )
    best, place = (offsets[index], mine.size), 0
    for start, end in [*taken, (total, total)]:
        room = (start - place) // ALIGN * ALIGN
        if room > best[1] and best[1] < wanted:
            best = (place, room)
        place = max(place, end)
    return best
