"""Properties of the arena plan."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.network.planner import ALIGN, Buffer, Plan, aligned, lower_bound, plan_arena

BUFFERS = st.lists(
    st.builds(
        lambda size, first, length: Buffer(size, first, first + length),
        st.integers(1, 5000),
        st.integers(0, 30),
        st.integers(0, 12),
    ),
    max_size=40,
)


def alive_together(a: Buffer, b: Buffer) -> bool:
    return not (a.last < b.first or b.last < a.first)


@settings(max_examples=300, deadline=None)
@given(BUFFERS)
def test_plan_is_valid_and_deterministic(buffers: list[Buffer]) -> None:
    plan = plan_arena(buffers)
    assert plan_arena(list(buffers)) == plan
    assert len(plan.offsets) == len(buffers)
    for buffer, offset in zip(buffers, plan.offsets, strict=True):
        assert offset >= 0
        assert offset % ALIGN == 0
        assert offset + buffer.size <= plan.total_bytes
    for (a, at_a), (b, at_b) in combinations(zip(buffers, plan.offsets, strict=True), 2):
        if alive_together(a, b):
            assert at_a + a.size <= at_b or at_b + b.size <= at_a


@settings(max_examples=300, deadline=None)
@given(BUFFERS)
def test_lower_bound(buffers: list[Buffer]) -> None:
    """The bound, counted step by step; the plan respects it and needs no more than all buffers side by side."""
    steps = range(50)
    expected = max((sum(aligned(b.size) for b in buffers if b.first <= s <= b.last) for s in steps), default=0)
    assert lower_bound(buffers) == expected
    plan = plan_arena(buffers)
    assert plan.lower_bound_bytes == expected
    assert expected <= plan.total_bytes <= sum(aligned(b.size) for b in buffers)
    assert plan.total_bytes % ALIGN == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=40))
def test_chains_need_no_more_than_the_bound(sizes: list[int]) -> None:
    """Each operator reads its predecessor's output: two buffers at a time, which always pack perfectly."""
    plan = plan_arena([Buffer(size, step, step + 1) for step, size in enumerate(sizes)])
    assert plan.total_bytes == plan.lower_bound_bytes


def test_an_order_that_needs_a_second_try() -> None:
    """Greedy by size alone needs 4 units here; 3 are enough."""
    spans = [(32, 0, 0), (16, 0, 1), (16, 1, 2), (32, 2, 2), (16, 1, 1)]
    buffers = [Buffer(*span) for span in spans]
    assert plan_arena(buffers).total_bytes == lower_bound(buffers) == 48


def test_nothing() -> None:
    assert plan_arena([]) == Plan((), 0, 0)
