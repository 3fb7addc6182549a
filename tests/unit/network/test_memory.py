"""When operators work in place, and what that saves."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network import planner
from pytest_stm32pose.network.compile import CompiledNetwork, compile_bytes, compile_model
from pytest_stm32pose.network.image import IN_ARENA, OP, TENSOR, image_parts, parse_image
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

SIZE = 16 * 16 * 3
PADDED = 17 * 17 * 3


def tensor(name: str, shape: tuple[int, ...], dtype: str = "int8") -> TensorSpec:
    return TensorSpec(name, dtype, shape, (0.5,), (0,))


def network(
    *ops: OpSpec, outputs: list[int], padded: tuple[int, ...] = (1, 17, 17, 3), before: int = 0
) -> CompiledNetwork:
    """0 picture, 1 its copy, 2 padded, 3 sum of copies, 4 sum of padded, 5 paddings, 6 padded again."""
    grown = padded[1] - 16
    paddings = np.array([[0, 0], [before, grown - before], [before, grown - before], [0, 0]], np.int32)
    same = (1, 16, 16, 3)
    tensors = (
        tensor("picture", same, "uint8"), tensor("copy", same), tensor("padded", padded), tensor("sum", same),
        tensor("padded sum", padded), TensorSpec("paddings", "int32", (4, 2), data=paddings), tensor("again", padded),
    )  # fmt: skip
    return compile_bytes(build_model(tensors, ops, [0], outputs), "net")


QUANTIZE, PAD = OpSpec("QUANTIZE", (0,), (1,)), OpSpec("PAD", (1, 5), (2,))
DOUBLE = OpSpec("ADD", (2, 2), (4,))


def in_place(compiled: CompiledNetwork) -> list[int]:
    return [op.source for op in parse_image(compiled.image).ops if op.in_place]


def scratch(compiled: CompiledNetwork) -> int:
    return max(op.scratch_bytes for op in parse_image(compiled.image).ops)


def aligned(size: int) -> int:
    return -(-size // 16) * 16


def test_last_reader_pads_in_place() -> None:
    for before in (0, 1):
        compiled = network(QUANTIZE, PAD, outputs=[2], before=before)
        assert in_place(compiled) == [1]
        assert compiled.plan.total_bytes == aligned(PADDED)


def test_not_over_what_is_read_later() -> None:
    compiled = network(QUANTIZE, PAD, OpSpec("ADD", (1, 1), (3,)), outputs=[2, 3])
    assert in_place(compiled) == []
    assert compiled.plan.total_bytes == aligned(PADDED) + 2 * aligned(SIZE) + scratch(compiled)


def test_not_over_a_network_output() -> None:
    assert in_place(network(QUANTIZE, PAD, outputs=[1, 2])) == []


def test_not_over_the_slot() -> None:
    grown = (tensor("picture", (1, 16, 16, 3), "uint8"), tensor("padded", (1, 17, 17, 3), "uint8"))
    amounts = TensorSpec("paddings", "int32", (4, 2), data=np.array([[0, 0], [0, 1], [0, 1], [0, 0]], np.int32))
    compiled = compile_bytes(build_model((*grown, amounts), [OpSpec("PAD", (0, 2), (1,))], [0], [1]), "net")
    assert in_place(compiled) == []


def test_not_where_it_needs_more() -> None:
    """In place, the small copy would hold a padded tensor's room while two others are alive."""
    padded = (1, 40, 40, 3)
    big = 40 * 40 * 3
    compiled = network(QUANTIZE, PAD, DOUBLE, OpSpec("PAD", (1, 5), (6,)), outputs=[6], padded=padded)
    assert in_place(compiled) == []
    assert compiled.plan.total_bytes == aligned(SIZE) + 2 * big + scratch(compiled)


def test_blocks_are_what_the_image_says_and_share_no_byte_at_one_time() -> None:
    compiled = compile_model(default_model())
    image = parse_image(compiled.image)
    place = {tensor.source: tensor for tensor in image.tensors if tensor.storage == IN_ARENA}
    seen = [tensor for block in compiled.blocks for tensor in block.tensors]
    assert sorted(seen) == sorted(place)
    for block in compiled.blocks:
        for tensor in block.tensors:
            assert place[tensor].offset == block.offset
            assert place[tensor].held_bytes <= block.size
            assert (place[tensor].rows_held > 0) == block.is_window
    scratch = {(op.scratch_offset, op.scratch_bytes) for op in image.ops if op.scratch_bytes}
    spare = [block for block in compiled.blocks if not block.tensors]
    assert all(any(o == b.offset and size <= b.size for b in spare) for o, size in scratch)
    for one, other in combinations(compiled.blocks, 2):
        together = one.first <= other.last and other.first <= one.last
        assert not together or one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
    assert max(block.offset + planner.aligned(block.size) for block in compiled.blocks) == image.arena_bytes


def test_the_parts_of_an_image_are_all_of_it() -> None:
    image = compile_model(default_model()).image
    parts = image_parts(image)
    assert [what for what, _, _ in parts] == [
        "header", "constants", "parameters", "operands", "operator table", "tensor table",
    ]  # fmt: skip
    assert [start for _, start, _ in parts] == [0, *(start + size for _, start, size in parts[:-1])]
    assert sum(size for _, _, size in parts) == len(image)
    tables = {what: start for what, start, _ in parts}
    read = parse_image(image)
    assert OP.unpack_from(image, tables["operator table"])[1] == read.ops[0].source
    assert TENSOR.unpack_from(image, tables["tensor table"])[-1] == read.tensors[0].source
