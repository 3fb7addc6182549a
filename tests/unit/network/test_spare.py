"""Scratch that the plan of the arena leaves free: who gets how much of it, and that nothing else changes."""

from __future__ import annotations

from itertools import combinations

import pytest

from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network import compile as compiling
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.network.image import parse_image
from pytest_stm32pose.network.memory import ArenaPlan, Needs
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.planner import Buffer, Plan
from pytest_stm32pose.network.spare import give_spare

TOTAL = 1024


def plan(others: list[tuple[int, int, int, int]], scratch: tuple[int, int]) -> ArenaPlan:
    """An arena of TOTAL bytes with tensors (offset, bytes, first, last) and the scratch (offset, bytes) of step 1."""
    buffers = [*(Buffer(size, first, last) for _, size, first, last in others), Buffer(scratch[1], 1, 1)]
    offsets = (*(offset for offset, *_ in others), scratch[0])
    return ArenaPlan(Needs(buffers, of_scratch={1: len(others)}), Plan(offsets, TOTAL, TOTAL))


def given(memory: ArenaPlan, wanted: int, least: int = 16) -> tuple[int, int]:
    """Offset and bytes of the scratch of step 1, after all."""
    prepared = [Prepared(b"", (), ()), Prepared(b"", (), (), least, 0, wanted)]
    after, operators = give_spare(memory, prepared)
    kept = slice(0, len(memory.needs.buffers) - 1)
    assert after.needs.buffers[kept] == memory.needs.buffers[kept]
    assert after.plan.offsets[kept] == memory.plan.offsets[kept]
    assert after.plan.total_bytes == TOTAL
    assert after.needs.buffers[-1].size >= operators[1].scratch_bytes
    return after.scratch_offset(1), operators[1].scratch_bytes


@pytest.mark.parametrize(
    ("others", "wanted", "expected"),
    [
        ([(0, 512, 0, 1)], 100, (512, 100)),
        ([(0, 512, 0, 1)], 4096, (512, 512)),
        ([(0, 512, 0, 0), (512, 512, 2, 3)], 4096, (0, 1024)),  # nobody else is there at step 1
        ([(64, 512, 0, 1), (1000, 24, 1, 2)], 4096, (576, 416)),  # the widest hole; its end is rounded down
        ([(256, 512, 1, 1)], 200, (0, 200)),  # the first that is wide enough
        ([(0, 1000, 0, 2)], 4096, (1008, 16)),  # no room
        ([(0, 512, 0, 1)], 0, (512, 16)),  # none wanted
    ],
)
def test_the_hole(others: list[tuple[int, int, int, int]], wanted: int, expected: tuple[int, int]) -> None:
    where = (1008, 16) if others[0][1] == 1000 else (512 if others[0][0] == 0 else 0, 16)
    assert given(plan(others, where), wanted) == expected


def test_scratch_that_is_larger_than_the_least_is_used() -> None:
    """Operators of a stream share the buffer of the neediest."""
    assert given(plan([(0, 512, 0, 1)], (512, 256)), 100) == (512, 100)


def test_a_network_keeps_its_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    with_spare = compile_model(default_model(), plan="plain")
    monkeypatch.setattr(compiling, "give_spare", lambda memory, prepared: (memory, prepared))
    without = compile_model(default_model(), plan="plain")
    assert with_spare.plan.total_bytes == without.plan.total_bytes
    pairs = list(zip(parse_image(with_spare.image).ops, parse_image(without.image).ops, strict=True))
    assert all(more.scratch_bytes >= less.scratch_bytes for more, less in pairs)
    assert any(more.scratch_bytes > less.scratch_bytes for more, less in pairs)
    for one, other in combinations(with_spare.blocks, 2):
        together = one.first <= other.last and other.first <= one.last
        assert not together or one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
