"""Network images: what is written, read back, published, and refused."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.models.zoo import default_model, find_model, zoo
from pytest_stm32pose.network import image as layout
from pytest_stm32pose.network import schema
from pytest_stm32pose.network.compile import CompiledNetwork, compile_bytes, compile_graph, compile_model
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.image import NetworkImage, parse_image
from pytest_stm32pose.network.macc import published_macc
from pytest_stm32pose.network.reader import read_model
from pytest_stm32pose.network.rules import supported_operators
from pytest_stm32pose.network.writer import ImageConsts
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"
IMAGE_H = FIRMWARE / "include" / "pose" / "image.h"
NETWORK_IMAGE_MD = FIRMWARE / "NETWORK_IMAGE.md"

PICTURE = TensorSpec("picture", "uint8", (1, 4, 6, 3), (1 / 255,), (0,))
QUANTIZED = TensorSpec("quantized", "int8", (1, 4, 6, 3), (1 / 255,), (-128,))
SUM = TensorSpec("sum", "int8", (1, 4, 6, 3), (2 / 255,), (-128,))
CONST = replace(QUANTIZED, name="const", data=np.arange(72, dtype=np.int8))
TENSORS = (PICTURE, QUANTIZED, CONST, SUM)
OPS = (OpSpec("QUANTIZE", (0,), (1,)), OpSpec("ADD", (1, 2), (3,)))


def small(ops: tuple[OpSpec, ...] = OPS, tensors: tuple[TensorSpec, ...] = TENSORS, **more: list[int]) -> bytes:
    return build_model(tensors, ops, more.get("inputs", [0]), more.get("outputs", [3]))


@pytest.fixture(scope="module")
def default() -> CompiledNetwork:
    return compile_model(default_model())


def c_numbers() -> dict[str, int]:
    text = IMAGE_H.read_text(encoding="utf-8")
    pairs = re.findall(r"#define (POSE_IMAGE_\w+) (0x[0-9A-Fa-f]+|\d+)u", text)
    pairs += re.findall(r"\b(POSE_[A-Z0-9_]+) = (\d+)", text)
    return {name: int(number, 0) for name, number in pairs}


def test_numbers_agree_with_the_header() -> None:
    c = c_numbers()
    for name in ("MAGIC", "VERSION", "MAX_RANK", "NO_TENSOR", "MAX_OPERANDS", "MAX_TENSORS", "FEW_OPERANDS",
                 "OPERAND_BYTES"):  # fmt: skip
        assert c[f"POSE_IMAGE_{name}"] == getattr(layout, name), name
    assert {f"POSE_{n.upper()}": v for n, v in layout.DTYPES.items()}.items() <= c.items()
    families = {f"POSE_FAMILY_{n.upper()}": v for n, v in layout.FAMILIES.items()}
    assert families == {n: v for n, v in c.items() if n.startswith("POSE_FAMILY_")}
    storages = (c["POSE_IN_ARENA"], c["POSE_IN_IMAGE"], c["POSE_IN_SLOT"])
    assert storages == (layout.IN_ARENA, layout.IN_IMAGE, layout.IN_SLOT)


@pytest.mark.parametrize(
    ("section", "struct_"),
    [("Header", layout.HEADER), ("Decoding", layout.DECODING), ("Tensor", layout.TENSOR), ("Operator", layout.OP)],
)
def test_offsets_agree_with_the_document(section: str, struct_: struct.Struct) -> None:
    """The rows of NETWORK_IMAGE.md stand at the offsets that the struct has; the last one ends it."""
    text = NETWORK_IMAGE_MD.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^    (\d+) +(u8|u16|u32|u64|f32|i32|char)\b([^\n]*)", text, re.MULTILINE)
    widths = {"u8": 1, "char": 1, "u16": 2, "u32": 4, "f32": 4, "i32": 4, "u64": 8}
    expected = 0
    for offset, kind, rest in rows:
        assert int(offset) == expected, rest
        names = re.match(r" +\w+(?:\[(\d+)\])?((?:, \w+)*)", rest)
        assert names
        expected += widths[kind] * (int(names[1] or 1) + names[2].count(","))
    assert expected == struct_.size


def test_small_network() -> None:
    compiled = compile_bytes(small(), "tiny network ä", meaning=Meaning("heatmap", 3))
    image = parse_image(compiled.image)
    assert image.name == "tiny network ä"
    assert image.model_sha256 == hashlib.sha256(small()).hexdigest() == compiled.description.sha256
    assert [op.source for op in image.ops] == [0, 1]
    assert [op.opcode for op in image.ops] == [114, 0]
    by_source = {t.source: t for t in image.tensors}
    assert {s: t.storage for s, t in by_source.items()} == {0: 2, 1: 0, 2: 1, 3: 0}
    assert by_source[2].shape == (1, 4, 6, 3)
    at = by_source[2].offset
    assert compiled.image[at : at + 72] == bytes(range(72))
    assert (by_source[3].dtype, by_source[3].zero_point) == ("int8", -128)
    assert by_source[3].scale == np.float32(2 / 255)
    assert image.tensors[image.input_tensor].source == 0
    assert [image.tensors[t].source for t in image.output_tensors] == [3]
    assert (image.family, image.keypoints) == ("heatmap", 3)
    assert compiled.description.input_shape == (4, 6, 3)
    assert compiled.description.network_image_bytes == len(compiled.image) == image.image_bytes


def test_long_name_is_cut_between_characters() -> None:
    assert parse_image(compile_bytes(small(), "n" * 62 + "ä").image).name == "n" * 62


def test_same_bytes_every_time(default: CompiledNetwork) -> None:
    assert compile_model(default_model()).image == default.image


def arena_buffers(image: NetworkImage) -> list[tuple[int, int, int, int]]:
    """(offset, bytes, first op, last op) of everything in the arena, from the image alone.

    What an operator overwrites in place is its input only up to the operator before. Operators of a stream run
    together; they use their scratch in turn.
    """
    spans = stream_spans(image)
    life: dict[int, list[int]] = {}
    scratch: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for step, op in enumerate(image.ops):
        for tensor in op.outputs:
            life[tensor] = list(spans[step])
        for position, tensor in enumerate(op.inputs):
            if tensor in life:
                life[tensor][1] = step - 1 if op.in_place and position == 0 else spans[step][1]
        if op.in_place:
            assert image.tensors[op.inputs[0]].offset == image.tensors[op.outputs[0]].offset
        if op.scratch_bytes:
            scratch.setdefault(spans[step], []).append((op.scratch_offset, op.scratch_bytes))
    for tensor in image.output_tensors:
        life[tensor][1] = len(image.ops)
    buffers = [(image.tensors[t].offset, image.tensors[t].held_bytes, first, last) for t, (first, last) in life.items()]
    for (first, last), places in scratch.items():
        start = min(offset for offset, _ in places)
        buffers.append((start, max(offset + size for offset, size in places) - start, first, last))
    return buffers


def stream_spans(image: NetworkImage) -> list[tuple[int, int]]:
    """For each operator, the first and last of those that run together with it."""
    spans: list[tuple[int, int]] = []
    first = 0
    for step, op in enumerate(image.ops):
        if not op.streamed:
            spans += [(first, step)] * (step + 1 - first)
            first = step + 1
    return spans


def check_memory_plan(compiled: CompiledNetwork) -> None:
    image = parse_image(compiled.image)
    buffers = arena_buffers(image)
    for (a, a_bytes, a_first, a_last), (b, b_bytes, b_first, b_last) in combinations(buffers, 2):
        if a_first <= b_last and b_first <= a_last:
            assert a + a_bytes <= b or b + b_bytes <= a
    assert max(offset + size for offset, size, *_ in buffers) <= image.arena_bytes == compiled.plan.total_bytes


def test_no_two_live_buffers_overlap(default: CompiledNetwork) -> None:
    check_memory_plan(default)
    check_memory_plan(compile_model(default_model(), plan="plain"))


#: Arena that the published networks may need, by resolution; without streams it is 1080, 1470 and 1920 KiB and more.
MOST_ARENA_KIB = {192: 400, 224: 480, 256: 560}
PUBLISHED = [row.name for row in zoo().values() if row.family == "heatmap"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str) -> None:
    """MACC to the last published digit, weights to the last published hundredth of a KiB, and the arena's bound."""
    path, row = find_model(name), zoo()[name]
    if path is None:
        pytest.skip(f"{row.file} is not here; put it into $STM32POSE_DATA/models")
    compiled = compile_model(path)
    check_memory_plan(compiled)
    description = compiled.description
    assert description.sha256 == row.sha256
    assert row.macc_m is not None
    assert round(description.macc / 1e6, 3) == row.macc_m
    assert round(description.weights_bytes / 1024, 2) == row.weights_kib
    assert (description.family, description.keypoints) == (row.family, row.keypoints)
    assert description.input_shape == (row.resolution, row.resolution, 3)
    assert compiled.plan.total_bytes == compiled.plan.lower_bound_bytes
    assert compiled.plan.total_bytes <= MOST_ARENA_KIB[row.resolution] * 1024
    assert len(compiled.image) <= 2400 * 1024
    plain = compile_model(path, plan="plain")
    check_memory_plan(plain)
    assert plain.description.macc == description.macc
    assert plain.tensors == tuple(sorted(t for op in plain.graph.ops for t in op.outputs))


@pytest.mark.parametrize("name", ["yolov8n_pose_256_pc", "yolov8n_pose_256_pt"])
def test_yolo_macc_is_close(name: str) -> None:
    """One count per operator kind does not meet ST's YOLO figure to the digit; it stays within 0.02 %."""
    path, row = find_model(name), zoo()[name]
    if path is None:
        pytest.skip(f"{row.file} is not here; put it into $STM32POSE_DATA/models")
    graph = read_model(path)
    macc = 0
    for op in graph.ops:
        weights = graph.tensors[op.inputs[1]].shape if op.name == "CONV_2D" else ()
        macs = graph.tensors[op.outputs[0]].nbytes * int(np.prod(weights[1:])) if weights else 0
        macc += published_macc(op, graph, macs)
    assert row.macc_m is not None
    assert macc / 1e6 == pytest.approx(row.macc_m, rel=2e-4)


def test_report(default: CompiledNetwork) -> None:
    lines = default.report_lines()
    peak = [line for line in lines if " *" in line]
    assert len(lines) == 6 + len(default.program.ops)
    assert "3 paddings folded into convolutions" in lines[4]
    assert f"{len(default.tensors)} of {len(default.graph.ops)} tensors can be compared" in lines[4]
    assert peak
    assert all(f"{default.plan.lower_bound_bytes}" in line for line in peak)
    assert "heatmap, 13 keypoints, input uint8 96 x 96 x 3" in lines[0]


def test_passes_run_before_everything() -> None:
    def rename(graph: Graph) -> Graph:
        return replace(graph, name="renamed")

    assert parse_image(compile_graph(read_model(default_model()), passes=[rename]).image).name == "renamed"


def chain(name: str, version: int = 1) -> tuple[OpSpec, ...]:
    return (OPS[0], OpSpec(name, (1, 2), (3,), None, version))


def many_operators(count: int) -> bytes:
    """A chain of `count` operators; every one writes a tensor of its own."""
    tensors = [PICTURE] + [QUANTIZED] * count
    return build_model(tensors, [OpSpec("QUANTIZE", (i,), (i + 1,)) for i in range(count)], [0], [count])


def test_long_chain_is_planned_quickly_and_small() -> None:
    compiled = compile_bytes(many_operators(1000), "chain")
    assert compiled.plan.total_bytes == 80, "all in one place"
    check_memory_plan(compiled)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            small(chain("CUSTOM:FooBar")),
            r"operator 1 CUSTOM 'FooBar' \(version 1\) is not supported; supported: ABS, ADD, ",
        ),
        (small(chain("BUCKETIZE", 3)), r"operator 1 BUCKETIZE \(version 3\) is not supported; supported: ABS, ADD, "),
        (small(chain("ADD", 6)), "operator 1 ADD has version 6; versions up to 5 are supported"),
        (small(chain("ADD", 0)), "operator 1 ADD has version 0; versions up to 5 are supported"),
        (small(inputs=[0, 1], ops=OPS[1:]), "has 2 inputs"),
        (small(tensors=(replace(PICTURE, dtype="int16"), *TENSORS[1:])), "the input is int16"),
        (small(tensors=(replace(PICTURE, shape=(4, 6, 3)), *TENSORS[1:])), r"the input is uint8 \[4, 6, 3\]"),
        (small(outputs=[]), "has 0 outputs"),
        (many_operators(4096), "has 4096 operators; 1 to 4095 are supported"),
        (small(outputs=[2]), "output tensor 2 is not computed"),
        (small(outputs=[0]), "output tensor 0 is not computed"),
        (small(tensors=(*TENSORS[:3], replace(SUM, shape=(1, 0, 6, 3)))), "tensor 3 'sum', which is empty"),
        (
            small(ops=(replace(OPS[0], outputs=()), OPS[1]), tensors=(PICTURE, CONST, CONST, SUM)),
            "operator 0 QUANTIZE has no output",
        ),
    ],
)
def test_refused_networks(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=f"^net.*{message}"):
        compile_bytes(data, "net")


@pytest.mark.parametrize("name", sorted(schema.MAX_VERSIONS))
def test_litert_knows_the_newest_version(name: str) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    def known(version: int) -> bool:
        data = build_model(TENSORS, [OpSpec(name, (1, 2), (3,), None, version)], [1], [3])
        try:
            Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        except ValueError as error:
            assert "Didn't find op" in str(error)
            return False
        return True

    assert known(schema.MAX_VERSIONS[name])
    assert not known(99), "the check can fail"


def test_supported_operators_have_rules() -> None:
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD", "RESIZE_BILINEAR", "LOGISTIC"} <= set(supported_operators())


def test_equal_constants_are_stored_once() -> None:
    consts = ImageConsts()
    first = consts.add(np.array([1, 2], np.int32))
    assert consts.add(b"x") != first
    assert consts.add(np.array([1, 2], np.int32).tobytes()) == first
    wide = consts.add(b"wide", align=64)
    assert wide % 64 == 0
    assert first == layout.HEADER.size
    assert len(consts.tobytes()) % 16 == 0
    big_endian = consts.add(np.array([1, 2], ">i4"))
    assert big_endian == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image[:100], "has 100 bytes, fewer than its header"),
        (lambda image: image[:-16], "and its header says"),
        (lambda image: b"\0" + image[1:], "PMN1"),
        (lambda image: image[:4] + b"\x09" + image[5:], "has version 9; version 4"),
        (lambda image: image[:-1] + bytes([image[-1] ^ 1]), "is damaged: its CRC-32"),
    ],
)
def test_damaged_image(default: CompiledNetwork, change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(ModelError, match=message):
        parse_image(change(default.image))


@pytest.mark.parametrize("field", ["tensors", "ops", "operands", "params", "consts"])
def test_tables_outside_the_image(default: CompiledNetwork, field: str) -> None:
    offsets = {"tensors": 128, "ops": 136, "operands": 144, "params": 148, "consts": 156}
    image = bytearray(default.image)
    struct.pack_into("<I", image, offsets[field], len(image) - 16)
    struct.pack_into("<I", image, layout.CRC_OFFSET, layout.image_crc32(image))
    with pytest.raises(ModelError, match="lies outside it"):
        parse_image(bytes(image))
