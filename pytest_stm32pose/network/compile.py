"""Compiles a .tflite into a network image: read, transform, prepare each operator, plan the arena, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.families import NO_FAMILY, Meaning
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.folding import fold_constants
from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.kinds import check_kind, check_operators
from pytest_stm32pose.network.macc import WEIGHTED, published_macc, weights_bytes
from pytest_stm32pose.network.meaning import likely_meaning
from pytest_stm32pose.network.memory import ArenaPlan, Block, plan_memory
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.passes import CONVOLUTIONS, fold_padding, fuse_silu
from pytest_stm32pose.network.picture_input import TakenPicture, take_picture
from pytest_stm32pose.network.planner import Plan
from pytest_stm32pose.network.product import OpReport, Product, ProductStore
from pytest_stm32pose.network.reader import parse_model, read_model
from pytest_stm32pose.network.rules import rule_module
from pytest_stm32pose.network.spare import give_spare
from pytest_stm32pose.network.splits import join_convolutions
from pytest_stm32pose.network.streaming import choose_streams
from pytest_stm32pose.network.writer import ImageConsts, ImageParts, Placed, write_image
from pytest_stm32pose.types import NetworkDescription

#: A graph transformation between reading and preparing. It changes no bit of the tensors that stay.
Pass = Callable[[Graph], Graph]

#: How to compile: "small" applies all transformations and streams what forms the arena's peak; "plain" runs the
#: operators of the .tflite one by one, so that every tensor of it is there to be compared.
PLANS = ("small", "plain")
DEFAULT_PLAN = "small"
_NOTED = 3  #: absorbed operators that are named one by one
_PASSES: dict[str, tuple[Pass, ...]] = {
    "small": (fold_constants, fold_padding, join_convolutions, fold_padding, fuse_silu),
    "plain": (fold_constants,),
}


@dataclass(frozen=True)
class CompiledNetwork:
    """A network, ready to be flashed.

    Attributes:
        graph: as read.
        program: what runs: the same after the transformations.
        transformations: what was done to it, one phrase each.
        tensors: indices in the .tflite of the computed tensors that exist in full at some time, ascending.
    """

    image: bytes
    description: NetworkDescription
    graph: Graph
    program: Graph
    plan: Plan
    report: tuple[OpReport, ...]
    transformations: tuple[str, ...]
    tensors: tuple[int, ...]
    plan_name: str | None = None  #: one of PLANS; None where something else plans
    blocks: tuple[Block, ...] = ()  #: what lies where in the arena, and when
    own_family: PoseFamily | None = None  #: whose decoder makes keypoints of the outputs, on the host

    def report_lines(self) -> list[str]:
        """Text for `stm32pose models inspect`: totals, then one line per operator; `*` marks the arena's peak."""
        d, peak = self.description, max(row.arena_bytes for row in self.report)
        height, width, channels = d.input_shape
        meaning = "no family, tensors only" if d.family == NO_FAMILY else f"{d.family}, {d.keypoints} keypoints"
        meaning += f" ({d.decoding_text})" if d.decoding_text else ""
        meaning += ", decoded on the host" if self.own_family else ""
        lines = [
            f"{d.name}: {meaning}, input {d.input_dtype} {height} x {width} x {channels}",
            f"sha256 {d.sha256}",
            f"MACC {d.macc} ({d.macc / 1e6:.3f} M), weights {d.weights_bytes / 1024:.2f} KiB",
            f"arena {d.activation_bytes / 1024:.2f} KiB (at least {self.plan.lower_bound_bytes / 1024:.2f} KiB "
            f"in this operator order), network image {d.network_image_bytes / 1024:.2f} KiB",
            f"transformations: {', '.join(self.transformations) or 'none'}; "
            f"{len(self.tensors)} of {sum(len(op.outputs) for op in self.graph.ops)} tensors can be compared",
            f"{'op':>4} {'name':<24} {'output':<20} {'MACs':>12} {'scratch':>8} {'arena':>9}",
        ]
        for row in self.report:
            shape = "x".join(str(dim) for dim in row.output_shape)
            mark = " *" if row.arena_bytes == peak else ""
            lines.append(
                f"{row.index:>4} {row.name:<24} {shape:<20} {row.macs:>12} {row.scratch_bytes:>8} "
                f"{row.arena_bytes:>9}{mark}{f'  {row.note}' if row.note else ''}"
            )
        return lines


def compile_model(path: Path | str, *, plan: str = DEFAULT_PLAN, meaning: Meaning | None = None) -> CompiledNetwork:
    """Compiles a .tflite file by one of PLANS; deterministic.

    Args:
        meaning: of the outputs; None: as the file suggests, NO_FAMILY where it leaves a doubt.

    Raises:
        ModelError: the file is damaged or holds what is not supported; the message names operator and place.
    """
    return compile_graph(read_model(path), plan=plan, meaning=meaning)


def with_own_family(network: CompiledNetwork, own: PoseFamily | None, meaning: Meaning) -> CompiledNetwork:
    """A network that was compiled without a family, as one of a user's own; as it is without one."""
    if own is None:
        return network
    told = replace(network.description, family=meaning.family, keypoints=meaning.keypoints, decoding=meaning.decoding)
    return replace(network, description=told, own_family=own)


def describe_graph(graph: Graph, *, meaning: Meaning | None = None) -> CompiledNetwork:
    """A network that something else than our runtime runs: no image and no plan, and any operator will do.

    Weights and MACC are 0 where only our rules could tell them.

    Raises:
        ModelError: no network of one picture.
    """
    taken = _take_picture(graph)
    description = _description(taken, _check_interface(taken.graph), meaning or likely_meaning(graph))
    return CompiledNetwork(b"", description, graph, taken.graph, Plan((), 0, 0), (), (), ())


def _take_picture(graph: Graph) -> TakenPicture:
    if len(graph.inputs) != 1:
        raise ModelError(f"{graph.name} has {len(graph.inputs)} inputs; a pose network has one, the picture.")
    return take_picture(graph)


def _description(taken: TakenPicture, input_shape: tuple[int, int, int], meaning: Meaning) -> NetworkDescription:
    """What the graph alone tells; 0 for what a compilation adds."""
    graph = taken.graph
    return NetworkDescription(
        name=graph.name,
        sha256=graph.sha256,
        family=meaning.family,
        keypoints=meaning.keypoints,
        input_shape=input_shape,
        input_dtype=graph.tensors[graph.inputs[0]].dtype,
        macc=0,
        weights_bytes=weights_bytes(graph),
        activation_bytes=0,
        network_image_bytes=0,
        layout=meaning.layout,
        decoding=meaning.decoding,
        picture=taken.picture,
    )


def compile_bytes(
    data: bytes, name: str, *, plan: str = DEFAULT_PLAN, meaning: Meaning | None = None
) -> CompiledNetwork:
    """Compiles the bytes of a .tflite; `name` becomes the network's name. Raises ModelError."""
    return compile_graph(parse_model(data, name), plan=plan, meaning=meaning)


def compile_graph(
    graph: Graph,
    *,
    plan: str = DEFAULT_PLAN,
    meaning: Meaning | None = None,
    passes: Sequence[Pass] | None = None,
    kept: ProductStore | None = None,
) -> CompiledNetwork:
    """Compiles a graph that was read (or built); see compile_model.

    Args:
        passes: instead of the plan's.
        kept: of earlier runs: what is there is not made again. Has no say where there are `passes`.
    """
    if plan not in PLANS:
        raise ConfigError(f"There is no plan {plan!r}; there are {' and '.join(PLANS)}.")
    check_kind(graph)
    source, taken = graph, _take_picture(graph)
    graph = taken.graph
    for transform in _PASSES[plan] if passes is None else passes:
        graph = transform(graph)
    input_shape = _check_interface(graph)
    check_operators(graph)
    meaning = meaning or likely_meaning(source)
    make = partial(_make, source, taken, graph, plan, meaning)
    made = make() if kept is None or passes is not None else kept.made(source, graph, (plan, meaning), make)
    description = replace(
        _description(taken, input_shape, meaning),
        macc=made.macc,
        activation_bytes=made.plan.total_bytes,
        network_image_bytes=len(made.image),
    )
    return CompiledNetwork(
        image=made.image,
        description=description,
        graph=source,
        program=graph,
        plan=made.plan,
        report=made.report,
        transformations=made.transformations,
        tensors=made.tensors,
        plan_name=plan,
        blocks=made.blocks,
    )


def _make(source: Graph, taken: TakenPicture, graph: Graph, plan: str, meaning: Meaning) -> Product:
    """What takes time. Whatever decides it is an argument, and so in the key under which it is kept."""
    consts = ImageConsts()
    prepared = [_prepare(op, graph, consts) for op in graph.ops]
    memory, prepared = give_spare(_smallest(graph, prepared, plan), prepared)
    macc = sum(_macc(op, graph, p.macs) for op, p in zip(graph.ops, prepared, strict=True))
    macc += sum(published_macc(op, source, 0) for op in taken.host_ops)
    streamed = memory.streamed()
    placed = [
        Placed(op, p, memory.scratch_offset(step), step in memory.needs.in_place, step in streamed)
        for step, (op, p) in enumerate(zip(graph.ops, prepared, strict=True))
    ]
    windows = memory.windows()
    offsets = memory.tensor_offsets()
    decoding = layout.pack_decoding(*meaning)
    image = write_image(ImageParts(graph, placed, consts, offsets, windows, memory.plan.total_bytes, macc, decoding))
    return Product(
        image=image,
        macc=macc,
        plan=memory.plan,
        report=_report(graph, prepared, memory),
        transformations=(*_on_the_host(taken), *_transformations(taken.graph, graph, memory)),
        tensors=tuple(sorted(offsets.keys() - windows.keys())),
        blocks=memory.blocks(),
    )


def _smallest(graph: Graph, prepared: Sequence[Prepared], plan: str) -> ArenaPlan:
    """The memory plan; streams only when they are asked for and the arena is the smaller for them."""
    plain = plan_memory(graph, prepared)
    if plan == "plain":
        return plain
    streamed = plan_memory(graph, prepared, choose_streams(graph, prepared))
    return min(plain, streamed, key=lambda each: each.plan.total_bytes)


def _macc(op: Op, graph: Graph, macs: int) -> int:
    """The published figure counts the operators of the .tflite, so absorbed ones too; `macs` hold their products."""
    also = [each for each in op.absorbed if each.index != op.index and each.name not in WEIGHTED]
    return published_macc(op, graph, macs) + sum(published_macc(each, graph, 0) for each in also)


def _transformations(source: Graph, graph: Graph, memory: ArenaPlan) -> tuple[str, ...]:
    """What was done, for people."""
    done = {each.index for op in graph.ops for each in (op, *op.absorbed)}
    constant = sum(op.index not in done for op in source.ops)
    folded = sum(1 for op in graph.ops for each in op.absorbed if each.name in ("PAD", "PADV2"))
    tables = sum(1 for op in graph.ops if any(each.name == "MUL" for each in op.absorbed))
    said = [f"{constant} operators computed in advance"] if constant else []
    said += [f"{folded} paddings folded into convolutions"] if folded else []
    joined = [sum(each.name in CONVOLUTIONS for each in op.absorbed) for op in graph.ops]
    said += [f"{count} convolutions of a split as one" for count in joined if count]
    said += [f"{tables} LOGISTIC and MUL pairs as one table"] if tables else []
    said += [f"{len(memory.needs.in_place)} operators in place"] if memory.needs.in_place else []
    for stream in memory.needs.streams:
        first, last = graph.ops[stream.first].index, graph.ops[stream.last].index
        said.append(f"operators {first} to {last} streamed by rows")
    return tuple(said)


def _on_the_host(taken: TakenPicture) -> tuple[str, ...]:
    """What the host does of the network's beginning, for people."""
    return tuple(f"operator {op.index} {op.name} on the host" for op in taken.host_ops)


def _note(op: Op, step: int, graph: Graph, memory: ArenaPlan) -> str:
    """What was done to one operator."""
    absorbed = [each for each in op.absorbed if each.index != op.index]
    said = [f"with {each.index} {each.name}" for each in absorbed]
    if len(said) > _NOTED:
        counts = Counter(each.name for each in absorbed)
        numbers = [each.index for each in absorbed]
        names = ", ".join(f"{name} {count}" for name, count in counts.items())
        said = [f"with {min(numbers)} to {max(numbers)}: {names}"]
    said += ["in place"] if step in memory.needs.in_place else []
    held = memory.windows().get(op.outputs[0])
    said += [f"{held} of {graph.tensors[op.outputs[0]].shape[1]} rows"] if held else []
    return ", ".join(said)


def _check_interface(graph: Graph) -> tuple[int, int, int]:
    """One picture in, at least one computed tensor out. Returns the picture's height, width and channels."""
    picture = graph.tensors[graph.inputs[0]]
    if picture.dtype not in ("uint8", "int8", "float32") or len(picture.shape) != 4 or picture.shape[0] != 1:
        raise ModelError(
            f"{graph.name}: the input is {picture.dtype} {list(picture.shape)}; use uint8, int8 or float32 "
            "[1, H, W, C].",
            remedy="Quantise the network, with a uint8 input (converter.inference_input_type = tf.uint8).",
        )
    if not 1 <= len(graph.outputs) <= layout.MAX_OUTPUTS:
        raise ModelError(f"{graph.name} has {len(graph.outputs)} outputs; 1 to {layout.MAX_OUTPUTS} are supported.")
    if not 1 <= len(graph.ops) < layout.MAX_TENSORS:
        raise ModelError(f"{graph.name} has {len(graph.ops)} operators; 1 to {layout.MAX_TENSORS - 1} are supported.")
    for index in graph.outputs:
        if index in graph.inputs or graph.tensors[index].data is not None:
            raise ModelError(f"{graph.name}: output tensor {index} is not computed by any operator.")
    return picture.shape[1], picture.shape[2], picture.shape[3]


def _prepare(op: Op, graph: Graph, consts: ImageConsts) -> Prepared:
    place = f"{graph.name}: operator {op.index} {op.name}"
    if not op.outputs:
        raise ModelError(f"{place} has no output.")
    for tensor in (*op.inputs, *op.outputs):
        if tensor >= 0 and graph.tensors[tensor].nbytes == 0:
            raise ModelError(f"{place} uses tensor {tensor} {graph.tensors[tensor].name!r}, which is empty.")
    module = rule_module(op.name)
    assert module is not None, "checked before"
    prepared: Prepared = module.prepare(op, graph, consts)
    return prepared


def _report(graph: Graph, prepared: Sequence[Prepared], memory: ArenaPlan) -> tuple[OpReport, ...]:
    return tuple(
        OpReport(
            index=op.index,
            name=op.name,
            output_shape=graph.tensors[op.outputs[0]].shape,
            macs=each.macs,
            scratch_bytes=each.scratch_bytes,
            arena_bytes=memory.alive_bytes(step),
            note=_note(op, step, graph, memory),
        )
        for step, (op, each) in enumerate(zip(graph.ops, prepared, strict=True))
    )
