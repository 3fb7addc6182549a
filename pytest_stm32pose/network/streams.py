"""Streams: operators that run together, some rows at a time, so that what one hands to the next never exists in full.

A *window* is a tensor of which the arena holds a few rows; a stream's other tensors are whole. The device decides by
itself which rows to make next (firmware/runtime/stream.c); `pieces` is the same procedure, and tells the host that the
windows are large enough and how often a kernel is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.convolution import PARAMS
from pytest_stm32pose.network.rules import has_row_window, makes_rows

MAX_OPS = 16  #: POSE_STREAM_MAX_OPS
MAX_INPUTS = 8  #: POSE_STREAM_MAX_INPUTS
MAX_ROWS = 16384  #: POSE_STREAM_MAX_ROWS
MAX_HELD = 255  #: rows_held is a byte


@dataclass(frozen=True)
class Stream:
    """Steps `first` to `last` of the execution order, both included, and the rows held of each window (by tensor)."""

    first: int
    last: int
    windows: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """One call of a kernel: rows [first, end) of a step's output."""

    step: int
    first: int
    end: int


@dataclass(frozen=True)
class RowNeeds:
    """Output row y needs the input rows y * stride - pad to y * stride - pad + reach - 1, as far as they exist."""

    stride: int = 1
    pad: int = 0
    reach: int = 1

    def first(self, y: int, in_rows: int) -> int:
        """The first existing input row of output row y."""
        return min(max(y * self.stride - self.pad, 0), in_rows - 1)

    def end(self, y: int, in_rows: int) -> int:
        """The row behind the last one."""
        return min(max(y * self.stride - self.pad + self.reach, 1), in_rows)

    def held(self, rows: int) -> int:
        """Input rows that `rows` neighbouring output rows need."""
        return (rows - 1) * self.stride + self.reach


@dataclass
class _Stage:
    step: int
    needs: RowNeeds
    out: int
    rows: int
    readers: list[int] = field(default_factory=list)  #: stages that read the output
    makers: list[int] = field(default_factory=list)  #: stages that make an input
    base: int = 0
    done: int = 0


def row_needs(op: Op, prepared: Prepared, graph: Graph) -> RowNeeds | None:
    """How an operator's output rows depend on its input's; None: it cannot be part of a stream."""
    if not makes_rows(op.name) or len(prepared.outputs) != 1:
        return None
    out = graph.tensors[prepared.outputs[0]].shape
    if not _has_rows(out) or not 1 <= len(prepared.inputs) <= MAX_INPUTS:
        return None
    if has_row_window(op.name):
        fields = PARAMS.unpack(prepared.params)
        kernel, stride, dilation, pad = fields[5], fields[7], fields[9], fields[11]
        needs = RowNeeds(stride, pad, (kernel - 1) * dilation + 1)
        source = graph.tensors[prepared.inputs[0]].shape
        reaches = (out[1] - 1) * stride - pad < source[1] if _has_rows(source) else False
        return needs if reaches and needs.reach <= MAX_ROWS else None
    return RowNeeds() if all(_row_by_row(graph, tensor, out[1]) for tensor in prepared.inputs) else None


def _row_by_row(graph: Graph, tensor: int, rows: int) -> bool:
    """An input with the output's rows, or a constant that is the same for every row."""
    if tensor < 0:
        return False
    shape = graph.tensors[tensor].shape
    if _has_rows(shape) and shape[1] == rows:
        return True
    return graph.tensors[tensor].data is not None and (len(shape) <= 2 or (len(shape) <= 4 and shape[-3] == 1))


def _has_rows(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[0] == 1 and shape[1] <= MAX_ROWS


def make_stream(
    graph: Graph, prepared: Sequence[Prepared], needs: Sequence[RowNeeds | None], first: int, last: int, rows: int
) -> Stream | None:
    """A stream of steps `first` to `last` that makes about `rows` rows of the last one's output a round.

    Windows are the tensors that only these operators need. None when an operator cannot stream, or nothing is saved.
    """
    if not 2 <= last - first + 1 <= MAX_OPS or any(each is None for each in needs[first : last + 1]):
        return None
    stages = _stages(graph, prepared, needs, first, last)
    outside = {t for step, each in enumerate(prepared) if not first <= step <= last for t in each.inputs}
    keep = outside | set(graph.outputs) | set(prepared[last].outputs)
    made = [1] * len(stages)
    windows: dict[int, int] = {}
    for k in reversed(range(len(stages))):
        stage = stages[k]
        readers = [(stages[r].needs, made[r]) for r in stage.readers]
        made[k] = min(stage.rows, max((n * each.stride for each, n in readers), default=rows))
        held = max((each.held(n) for each, n in readers), default=stage.rows)
        if stage.out not in keep and stage.readers and held < min(stage.rows, MAX_HELD + 1):
            windows[stage.out] = held
    return Stream(first, last, windows) if windows else None


def widen_until_it_runs(
    graph: Graph, prepared: Sequence[Prepared], needs: Sequence[RowNeeds | None], stream: Stream
) -> Stream | None:
    """The stream with windows as large as branches of different reach need; None when that leaves nothing to save."""
    windows = dict(stream.windows)
    while windows:
        found = Stream(stream.first, stream.last, windows)
        if pieces(graph, prepared, needs, found) is not None:
            return found
        grown = {tensor: held + 1 for tensor, held in windows.items()}
        windows = {t: held for t, held in grown.items() if held < min(graph.tensors[t].shape[1], MAX_HELD + 1)}
    return None


def pieces(
    graph: Graph, prepared: Sequence[Prepared], needs: Sequence[RowNeeds | None], stream: Stream
) -> list[Piece] | None:
    """The device's calls in their order; None when its windows are too small."""
    stages = _stages(graph, prepared, needs, stream.first, stream.last)
    calls: list[Piece] = []
    while any(stage.done < stage.rows for stage in stages):
        moved = False
        for stage in stages:
            held = stream.windows.get(stage.out)
            oldest = 0 if held is None else _oldest_needed(stages, stage)
            end = stage.rows if held is None else min(stage.rows, oldest + held)
            for maker in (stages[m] for m in stage.makers):
                while end > stage.done and stage.needs.end(end - 1, maker.rows) > maker.done:
                    end -= 1
            if end > stage.done:
                calls.append(Piece(stage.step, stage.done, end))
                stage.base, stage.done, moved = oldest, end, True
        if not moved:
            return None
    return calls


def _oldest_needed(stages: list[_Stage], maker: _Stage) -> int:
    readers = (stages[r] for r in maker.readers)
    firsts = [r.needs.first(r.done, maker.rows) for r in readers if r.done < r.rows]
    return max(maker.base, min([maker.done, *firsts]))


def _stages(
    graph: Graph, prepared: Sequence[Prepared], needs: Sequence[RowNeeds | None], first: int, last: int
) -> list[_Stage]:
    stages: list[_Stage] = []
    maker_of: dict[int, int] = {}
    for step in range(first, last + 1):
        each, need = prepared[step], needs[step]
        assert need is not None, "checked by make_stream"
        stage = _Stage(step, need, each.outputs[0], graph.tensors[each.outputs[0]].shape[1])
        for tensor in dict.fromkeys(each.inputs):
            if tensor in maker_of:
                stage.makers.append(maker_of[tensor])
                stages[maker_of[tensor]].readers.append(len(stages))
        maker_of[stage.out] = len(stages)
        stages.append(stage)
    return stages
