"""Streams and absorbed operators: random chains bit for bit against LiteRT, however they are cut into streams."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from pytest_stm32pose.families import Meaning
from pytest_stm32pose.firmware.build import KERNEL_SETS, build_host_library
from pytest_stm32pose.network import compile as compiler
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network.compile import CompiledNetwork, compile_graph
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.memory import ArenaPlan, plan_memory
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.network.streams import Stream, make_stream, row_needs, widen_until_it_runs
from tests.firmware.chain_network import chain_network
from tests.firmware.runtime_fuzz import replaced
from tests.firmware.runtime_host import HostNet
from tests.firmware.test_runtime import IMAGE, OK, check_every_tensor, host

SEEDS = range(60)


def all_streams(graph: Graph, prepared: Sequence[Prepared], rnd: random.Random) -> tuple[Stream, ...]:
    """As much as possible in streams, cut at random places."""
    needs = [row_needs(op, each, graph) for op, each in zip(graph.ops, prepared, strict=True)]
    streams: list[Stream] = []
    first = 0
    while first < len(prepared) - 1:
        last = min(first + rnd.choice((1, 2, 3, 5, 9, 15)), len(prepared) - 1)
        found = make_stream(graph, prepared, needs, first, last, rnd.choice((1, 2, 4, 7)))
        found = found and widen_until_it_runs(graph, prepared, needs, found)
        if found is not None:
            streams.append(found)
        first = first + 1 if found is None else last + 1
    return tuple(streams)


def compile_chain(model: bytes, plan: str = "small") -> CompiledNetwork:
    """A chain, whose output is decoded as heat maps: of small and odd sizes, which no file would be taken for."""
    graph = parse_model(model, "chain")
    return compile_graph(graph, plan=plan, meaning=Meaning("heatmap", graph.tensors[graph.outputs[0]].shape[3]))


def streamed(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[CompiledNetwork, bytes]:
    """A random chain, streamed wherever that is possible."""
    rnd = random.Random(seed)

    def cut(graph: Graph, prepared: Sequence[Prepared], plan: str) -> ArenaPlan:
        return plan_memory(graph, prepared, all_streams(graph, prepared, rnd))

    monkeypatch.setattr(compiler, "_smallest", cut)
    model = chain_network(seed)
    return compile_chain(model), model


@pytest.mark.parametrize("seed", SEEDS)
def test_any_streams_bit_for_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, model = streamed(seed, monkeypatch)
    shape = compiled.graph.tensors[compiled.graph.inputs[0]].shape
    picture = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    check_every_tensor([host(kernels) for kernels in KERNEL_SETS], compiled, model, picture)


@pytest.mark.parametrize("seed", SEEDS)
def test_small_plan_bit_for_bit(seed: int) -> None:
    model = chain_network(seed)
    compiled = compile_chain(model)
    plain = compile_chain(model, "plain")
    assert compiled.plan.total_bytes <= plain.plan.total_bytes
    assert compiled.description.macc == plain.description.macc
    shape = compiled.graph.tensors[compiled.graph.inputs[0]].shape
    picture = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    for each in (compiled, plain):
        check_every_tensor([host(kernels) for kernels in KERNEL_SETS], each, model, picture)


def test_the_chains_cover_what_streams_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several streams a network, windows of one row, whole tensors between, absorbed paddings and tables."""
    networks = [streamed(seed, monkeypatch)[0] for seed in SEEDS]
    said = [" ".join(network.transformations) for network in networks]
    assert sum("paddings folded" in text for text in said) > 5
    assert sum("as one table" in text for text in said) > 5
    assert sum(text.count("streamed by rows") > 1 for text in said) > 5
    parsed = [layout.parse_image(network.image) for network in networks]
    assert sum(any(tensor.rows_held == 1 for tensor in image.tensors) for image in parsed) > 5
    inner = [op.streamed and not image.tensors[op.outputs[0]].rows_held for image in parsed for op in image.ops]
    assert any(inner), "no stream that makes a whole tensor besides its last"


def expanding() -> tuple[CompiledNetwork, int]:
    """The first chain that the small plan streams into a convolution of several rows, and that one's window."""
    for seed in SEEDS:
        compiled = compile_chain(chain_network(seed))
        tensors, program = compiled.graph.tensors, compiled.program
        for index, tensor in enumerate(layout.parse_image(compiled.image).tensors):
            readers = [op for op in program.ops if tensor.rows_held and tensor.source in op.inputs[:1]]
            if any(op.name.endswith("CONV_2D") and tensors[op.inputs[1]].shape[1] > 1 for op in readers):
                return compiled, index
    raise AssertionError("no chain is streamed into a convolution of several rows")


def field_of(compiled: CompiledNetwork, table: int, row: int, size: int, at: int) -> int:
    return int.from_bytes(compiled.image[table : table + 4], "little") + row * size + at


def test_streams_that_the_device_refuses() -> None:
    compiled, window = expanding()
    image = layout.parse_image(compiled.image)
    step = next(i for i, op in enumerate(image.ops) if op.streamed)
    output = image.output_tensors[0]
    net = HostNet(build_host_library("ref"))

    def status(*changes: tuple[int, int, int]) -> int:
        return net.open(bytes(replaced(compiled.image, list(changes))))

    def flags(of: int) -> int:
        return field_of(compiled, 136, of, layout.OP.size, 6)

    def held(of: int) -> int:
        return field_of(compiled, 128, of, layout.TENSOR.size, 3)

    assert status() == OK
    alone = [(flags(i), 2, 0) for i in range(len(image.ops))]
    assert status(*alone) == IMAGE, "rows of a tensor outside a stream"
    assert status((flags(len(image.ops) - 1), 2, layout.OP_STREAMED)) == IMAGE, "the last one has no next"
    assert status((held(output), 1, 1)) == IMAGE, "some rows of an output"
    assert status((held(image.input_tensor), 1, 1)) == IMAGE, "some rows of the slot"
    assert status((held(window), 1, image.tensors[window].shape[1] + 1)) == IMAGE, "more rows than there are"
    assert image.tensors[window].rows_held > 1
    assert status((held(window), 1, 1)) == IMAGE, "a window too small to go on"
    assert status((flags(step), 2, layout.OP_STREAMED | layout.OP_IN_PLACE)) == IMAGE, "in place in a stream"
