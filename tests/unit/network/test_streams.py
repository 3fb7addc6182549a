"""Streams as the host plans them: every row once, in order, from rows that are there, in the room that is there."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.image import parse_image
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.passes import fold_padding, fuse_silu
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.network.rules import rule_module
from pytest_stm32pose.network.streams import (
    MAX_OPS,
    RowNeeds,
    Stream,
    make_stream,
    pieces,
    row_needs,
    widen_until_it_runs,
)
from pytest_stm32pose.network.writer import ImageConsts
from tests.firmware.chain_network import chain_network

Case = tuple[Graph, list[Prepared], list[RowNeeds | None]]


def prepared(seed: int) -> Case:
    graph = fuse_silu(fold_padding(parse_model(chain_network(seed), "chain")))
    consts = ImageConsts()
    blocks = []
    for op in graph.ops:
        module = rule_module(op.name)
        assert module is not None
        blocks.append(module.prepare(op, graph, consts))
    return graph, blocks, [row_needs(op, each, graph) for op, each in zip(graph.ops, blocks, strict=True)]


def some_stream(case: Case, first: int, length: int, rows: int) -> Stream | None:
    last = min(first + length, len(case[1])) - 1
    found = make_stream(*case, first, last, rows)
    return found and widen_until_it_runs(*case, found)


def check_pieces(case: Case, stream: Stream, calls: Sequence[tuple[int, int, int]]) -> None:
    """Plays the calls with buffers that know which rows they hold."""
    graph, blocks, needs = case
    made = {blocks[step].outputs[0]: 0 for step in range(stream.first, stream.last + 1)}
    next_row = dict.fromkeys(range(stream.first, stream.last + 1), 0)
    for step, first, end in calls:
        need = needs[step]
        assert need is not None
        assert first == next_row[step] < end
        for tensor in set(blocks[step].inputs) & made.keys():
            in_rows = graph.tensors[tensor].shape[1]
            assert need.end(end - 1, in_rows) <= made[tensor], "a row that is not made yet"
            oldest = made[tensor] - stream.windows.get(tensor, in_rows)
            assert need.first(first, in_rows) >= oldest, "a row that is no longer held"
        made[blocks[step].outputs[0]] = next_row[step] = end
    for tensor, rows in made.items():
        assert rows == graph.tensors[tensor].shape[1], "all rows are made"


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(2, MAX_OPS), st.integers(1, 9))
def test_pieces_are_complete_and_find_their_rows(seed: int, first: int, length: int, rows: int) -> None:
    case = prepared(seed)
    stream = some_stream(case, min(first, len(case[1]) - 2), length, rows)
    if stream is None:
        return
    graph = case[0]
    outside = {t for step, each in enumerate(case[1]) if not stream.first <= step <= stream.last for t in each.inputs}
    assert not stream.windows.keys() & (outside | set(graph.outputs)), "others need it whole"
    assert all(1 <= held < graph.tensors[t].shape[1] for t, held in stream.windows.items())
    calls = pieces(*case, stream)
    assert calls is not None
    check_pieces(case, stream, [(each.step, each.first, each.end) for each in calls])


def test_a_window_without_room_is_noticed() -> None:
    """Less than one output row's window never ends well."""
    noticed = 0
    for case in map(prepared, range(20)):
        for first in range(len(case[1]) - 1):
            stream, reader = some_stream(case, first, 2, 2), case[2][first + 1]
            if stream is None or reader is None or reader.reach <= reader.pad + 1:
                continue
            for tensor in stream.windows:
                small = Stream(stream.first, stream.last, {tensor: reader.reach - reader.pad - 1})
                assert pieces(*case, small) is None
                noticed += 1
    assert noticed > 5


def test_compiling_is_deterministic_and_never_larger() -> None:
    rnd = random.Random(8)
    for seed in rnd.sample(range(10**6), 10):
        model = chain_network(seed)
        small, plain = compile_bytes(model, "net"), compile_bytes(model, "net", plan="plain")
        assert small.image == compile_bytes(model, "net").image
        assert small.plan.total_bytes <= plain.plan.total_bytes
        assert not any(tensor.rows_held for tensor in parse_image(plain.image).tensors)
