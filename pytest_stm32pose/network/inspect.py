"""What a .tflite needs, for `stm32pose models inspect`: its costs when it compiles, else all that is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import NO_FAMILY, Meaning
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.network.compile import DEFAULT_PLAN, CompiledNetwork, compile_graph, with_own_family
from pytest_stm32pose.network.folding import fold_constants
from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.kinds import check_kind
from pytest_stm32pose.network.meaning import meaning_of, own_meaning
from pytest_stm32pose.network.picture_input import check_picture_input
from pytest_stm32pose.network.reader import read_model
from pytest_stm32pose.network.rules import max_version, rule_module, supported_operators
from pytest_stm32pose.network.writer import ImageConsts

#: Problems that are listed one by one.
MAX_PROBLEMS = 100


@dataclass(frozen=True)
class Inspection:
    """Text for the terminal; `supported`: the network compiles, takes pictures, and it is known what its outputs are.

    `compiled` is None where the network does not compile.
    """

    supported: bool
    lines: tuple[str, ...]
    compiled: CompiledNetwork | None = None


def inspect_model(
    path: Path | str, *, plan: str = DEFAULT_PLAN, own: PoseFamily | None = None, **said: Any
) -> Inspection:
    """Reads and compiles a .tflite by a plan; what is `said` of its outputs as for meaning_of, `own` as for compile.

    Args:
        own: the user's own family, in the place of `family`.

    Raises:
        ModelError: the file cannot be read at all (damaged, no .tflite).
    """
    graph = read_model(path)
    try:
        check_kind(graph)
    except ModelError as error:
        return Inspection(False, (*_held(graph), f"refused: {error}"))
    problems, meaning = [], None
    try:
        check_picture_input(graph)
    except ModelError as error:
        problems.append(error)
    try:
        meaning = _own_meaning(own, graph, **said) if own is not None else meaning_of(graph, **said)
    except ModelError as error:
        problems.append(error)
    try:
        compiled = compile_graph(graph, plan=plan, meaning=Meaning(NO_FAMILY, 0) if own else meaning)
    except ModelError as error:
        return Inspection(False, tuple(_refused(graph, error, problems)))
    if meaning is not None:
        compiled = with_own_family(compiled, own, meaning)
    lines = (*compiled.report_lines(), _census(graph), _peak(compiled), *(f"refused: {each}" for each in problems))
    return Inspection(not problems, lines, compiled)


def _own_meaning(own: PoseFamily, graph: Graph, *, family: str | None = None, **said: Any) -> Meaning:
    """Without the family's name, which `own` stands for."""
    return own_meaning(own, graph, **said)


def _peak(compiled: CompiledNetwork) -> str:
    """The operator that the arena is as large for."""
    peak = max(compiled.report, key=lambda row: row.arena_bytes)
    shape = " x ".join(str(dim) for dim in peak.output_shape)
    return (
        f"arena peak at operator {peak.index} {peak.name} (output {shape}): {peak.arena_bytes / 1024:.2f} KiB alive, "
        f"{peak.scratch_bytes / 1024:.2f} KiB of it scratch; unsupported: nothing"
    )


def _census(graph: Graph) -> str:
    """How many of each operator, the most frequent first."""
    counts = Counter(op.name for op in graph.ops)
    return f"{len(graph.ops)} operators: " + ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _held(graph: Graph) -> Iterator[str]:
    """What a refused network is and holds."""
    yield f"{graph.name}: refused"
    yield f"sha256 {graph.sha256}"
    for word, tensors in (("input", graph.inputs), ("output", graph.outputs)):
        for index in tensors:
            tensor = graph.tensors[index]
            yield f"{word} {tensor.dtype} {' x '.join(str(dim) for dim in tensor.shape)} {tensor.name!r}"
    yield _census(graph)


def _refused(graph: Graph, error: ModelError, others: Sequence[ModelError]) -> Iterator[str]:
    """A network that does not compile: what it holds and all that is in the way, every operator first."""
    yield from _held(graph)
    yield from (f"refused: {each}" for each in others)
    folded = fold_constants(graph)
    problems = [(op, why) for op in folded.ops if (why := _problem(op, folded))]
    if not problems:
        if not others:
            yield f"unsupported: {error}"
        return
    yield f"unsupported: {len(problems)} of {len(graph.ops)} operators"
    for op, why in problems[:MAX_PROBLEMS]:
        yield f"{op.index:>4} {op.name:<24} {why}"
    if len(problems) > MAX_PROBLEMS:
        yield f"     and {len(problems) - MAX_PROBLEMS} more"
    yield f"supported: {', '.join(supported_operators())}"


def _problem(op: Op, graph: Graph) -> str:
    """Why an operator by itself is refused; "" when it is not."""
    module = rule_module(op.name)
    if module is None:
        return f"version {op.version}: there is no such operator here"
    if not 1 <= op.version <= max_version(op.name):
        return f"version {op.version}: versions up to {max_version(op.name)} are supported"
    if not op.outputs:
        return "has no output"
    if any(t >= 0 and graph.tensors[t].nbytes == 0 for t in (*op.inputs, *op.outputs)):
        return "uses an empty tensor"
    try:
        module.prepare(op, graph, ImageConsts())
    except ModelError as error:
        return str(error).removeprefix(f"{graph.name}: operator {op.index} {op.name}").strip(" :")
    return ""
