"""When operators work in place, and what that saves."""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.compile import CompiledNetwork, compile_bytes
from pytest_stm32pose.network.image import parse_image
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
