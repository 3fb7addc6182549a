"""Which operators are absorbed, and which are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.passes import EXPLICIT_PADDING, fold_padding, fuse_silu
from pytest_stm32pose.network.reader import parse_model
from tests.support.tflite_builder import PADDING_VALID, OpSpec, TensorSpec, build_model

AMOUNTS = ((0, 0), (1, 2), (0, 1), (0, 0))
CONVOLUTION = OpSpec("CONV_2D", (2, 5, 6), (3,), {"padding": PADDING_VALID, "stride_w": 1, "stride_h": 1}, 3)


def activation(name: str, rows: int, columns: int, zero_point: int = 5) -> TensorSpec:
    return TensorSpec(name, "int8", (1, rows, columns, 2), (0.5,), (zero_point,))


def padded(
    *more: OpSpec, amounts: tuple[tuple[int, int], ...] = AMOUNTS, zero_point: int = 5, pad: str = "PAD",
    outputs: tuple[int, ...] = (3,), filling: int = 5,
) -> Graph:  # fmt: skip
    """0 picture, 1 its copy, 2 padded, 3 convolved, 4 paddings, 5 weights, 6 bias, 7 sum, 8 filling."""
    rows, columns = (8 + sum(amounts[axis]) for axis in (1, 2))
    tensors = (
        TensorSpec("picture", "uint8", (1, 8, 8, 2), (0.5,), (133,)), activation("copy", 8, 8),
        activation("padded", rows, columns, zero_point), activation("out", rows, columns),
        TensorSpec("paddings", "int32", (4, 2), data=np.array(amounts, np.int32)),
        TensorSpec("weights", "int8", (2, 1, 1, 2), (0.01,), (0,), data=np.ones((2, 1, 1, 2), np.int8)),
        TensorSpec("bias", "int32", (2,), (0.005,), (0,), data=np.zeros(2, np.int32)),
        activation("sum", rows, columns),
        TensorSpec("filling", "int8", (1,), (0.5,), (5,), data=np.array([filling], np.int8)),
    )  # fmt: skip
    inputs = (1, 4, 8) if pad == "PADV2" else (1, 4)
    ops = (OpSpec("QUANTIZE", (0,), (1,)), OpSpec(pad, inputs, (2,)), CONVOLUTION, *more)
    return parse_model(build_model(tensors, ops, [0], list(outputs)), "net")


def names(graph: Graph) -> list[str]:
    return [op.name for op in graph.ops]


@pytest.mark.parametrize("pad", ["PAD", "PADV2"])
def test_padding_becomes_the_convolutions(pad: str) -> None:
    graph = fold_padding(padded(pad=pad))
    assert names(graph) == ["QUANTIZE", "CONV_2D"]
    convolution = graph.ops[1]
    assert convolution.inputs == (1, 5, 6)
    assert convolution.options[EXPLICIT_PADDING] == (1, 2, 0, 1)
    assert [op.index for op in convolution.absorbed] == [1]
    assert convolution.index == 2


@pytest.mark.parametrize(
    "graph",
    [
        padded(OpSpec("ADD", (2, 3), (7,)), outputs=(7,)),
        padded(outputs=(3, 2)),
        padded(zero_point=6),
        padded(pad="PADV2", filling=6),
    ],
    ids=["read by another", "an output", "another zero point", "other filling"],
)
def test_padding_that_stays(graph: Graph) -> None:
    assert fold_padding(graph) == graph


def gated(*ops: OpSpec, outputs: tuple[int, ...] = (3,)) -> bytes:
    """0 picture, 1 its copy, 2 gate, 3 product, 4 sum."""
    shape = (1, 4, 4, 5)
    tensors = (
        TensorSpec("picture", "uint8", shape, (0.1,), (128,)), TensorSpec("x", "int8", shape, (0.1,), (0,)),
        TensorSpec("gate", "int8", shape, (1 / 256,), (-128,)), TensorSpec("product", "int8", shape, (0.06,), (-110,)),
        TensorSpec("sum", "int8", shape, (0.2,), (0,)),
    )  # fmt: skip
    return build_model(tensors, (OpSpec("QUANTIZE", (0,), (1,)), OpSpec("LOGISTIC", (1,), (2,)), *ops), [0], outputs)


@pytest.mark.parametrize("inputs", [(1, 2), (2, 1)])
def test_silu_becomes_one_table(inputs: tuple[int, int]) -> None:
    graph = fuse_silu(parse_model(gated(OpSpec("MUL", inputs, (3,))), "net"))
    assert names(graph) == ["QUANTIZE", "LOGISTIC"]
    assert (graph.ops[1].index, graph.ops[1].inputs, graph.ops[1].outputs) == (2, (1,), (3,))
    assert [op.name for op in graph.ops[1].absorbed] == ["LOGISTIC", "MUL"]


@pytest.mark.parametrize(
    ("ops", "outputs"),
    [
        ((OpSpec("MUL", (1, 2), (3,)), OpSpec("ADD", (2, 3), (4,))), (4,)),
        ((OpSpec("MUL", (1, 2), (3,)),), (3, 2)),
        ((OpSpec("MUL", (2, 2), (3,)),), (3,)),
    ],
    ids=["gate read by another", "gate is an output", "square of the gate"],
)
def test_gates_that_stay(ops: tuple[OpSpec, ...], outputs: tuple[int, ...]) -> None:
    graph = parse_model(gated(*ops, outputs=outputs), "net")
    assert fuse_silu(graph) == graph


def test_plan_that_is_none() -> None:
    with pytest.raises(ConfigError, match="no plan 'tiny'; there are small and plain"):
        compile_bytes(gated(OpSpec("MUL", (1, 2), (3,))), "net", plan="tiny")


def test_absorbed_operators_count_in_the_published_figure() -> None:
    model = gated(OpSpec("MUL", (1, 2), (3,)))
    small, plain = compile_bytes(model, "net"), compile_bytes(model, "net", plan="plain")
    assert small.description.macc == plain.description.macc == 80 * (2 + 1 + 1)
    assert small.transformations[0] == "1 LOGISTIC and MUL pairs as one table"
    assert any("with 1 LOGISTIC" in line for line in small.report_lines())
