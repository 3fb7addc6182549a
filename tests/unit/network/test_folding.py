"""What is computed in advance has LiteRT's bits, and what is not for the host stays an operator."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_stm32pose.network import folding
from pytest_stm32pose.network.folding import fold_constants
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.reader import parse_model
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

I32, F32, I8 = np.int32, np.float32, np.int8
NUMBERS = np.array([[3, -4, 5], [-6, 7, 2**31 - 1]], I32)
FLOATS = np.array([[0.1, -2.5, 1e-30], [3.7, 1e15, -0.0]], F32)
BYTES = np.arange(-6, 6, dtype=I8).reshape(3, 4)


def i32(*values: int) -> NDArray[Any]:
    return np.array(values, I32)


#: operator -> (options, constant inputs, type and shape of the outputs, version)
CASES: dict[str, tuple[str, dict[str, Any], Sequence[NDArray[Any]], Sequence[tuple[str, tuple[int, ...]]], int]] = {
    "slice from the end": (
        "STRIDED_SLICE", {"begin_mask": 2, "shrink_axis_mask": 1}, (NUMBERS, i32(1, 9), i32(2, 3), i32(1, 2)),
        [("int32", (2,))], 1),
    "slice backwards": (
        "STRIDED_SLICE", {"end_mask": 3}, (NUMBERS, i32(-1, -1), i32(0, 0), i32(-1, -2)), [("int32", (2, 2))], 1),
    "one number": (
        "STRIDED_SLICE", {"shrink_axis_mask": 1}, (i32(5, 6, 7), i32(1), i32(2), i32(1)), [("int32", ())], 1),
    "SLICE": ("SLICE", {}, (NUMBERS, i32(0, 1), i32(-1, 2)), [("int32", (2, 2))], 1),
    "RESHAPE": ("RESHAPE", {}, (NUMBERS, i32(3, -1)), [("int32", (3, 2))], 1),
    "EXPAND_DIMS": ("EXPAND_DIMS", {}, (NUMBERS, i32(-1)), [("int32", (2, 3, 1))], 1),
    "SQUEEZE": ("SQUEEZE", {}, (NUMBERS.reshape(1, 2, 3, 1),), [("int32", (2, 3))], 1),
    "PACK": ("PACK", {"values_count": 2, "axis": -1}, (NUMBERS, NUMBERS + I32(1)), [("int32", (2, 3, 2))], 1),
    "PACK of numbers": ("PACK", {"values_count": 2}, (np.array(4, I32), np.array(9, I32)), [("int32", (2,))], 1),
    "UNPACK": ("UNPACK", {"num": 2, "axis": 0}, (NUMBERS,), [("int32", (3,))] * 2, 1),
    "SPLIT": ("SPLIT", {"num_splits": 3}, (np.array(-1, I32), NUMBERS), [("int32", (2, 1))] * 3, 1),
    "CONCATENATION": ("CONCATENATION", {"axis": -1}, (NUMBERS, NUMBERS[:, :1]), [("int32", (2, 4))], 1),
    "GATHER": ("GATHER", {"axis": 1}, (NUMBERS, i32(2, 0, 2)), [("int32", (2, 3))], 1),
    "TRANSPOSE": ("TRANSPOSE", {}, (BYTES, i32(1, 0)), [("int8", (4, 3))], 2),
    "TILE": ("TILE", {}, (NUMBERS, i32(2, 2)), [("int32", (4, 6))], 1),
    "FILL": ("FILL", {}, (i32(2, 3), np.array(-7, I32)), [("int32", (2, 3))], 1),
    "BROADCAST_TO": ("BROADCAST_TO", {}, (NUMBERS[:1], i32(2, 2, 3)), [("int32", (2, 2, 3))], 2),
    "ZEROS_LIKE": ("ZEROS_LIKE", {}, (NUMBERS,), [("int32", (2, 3))], 1),
    "RANGE": ("RANGE", {}, (np.array(7, I32), np.array(-2, I32), np.array(-3, I32)), [("int32", (3,))], 1),
    "CAST to float": ("CAST", {}, (NUMBERS,), [("float32", (2, 3))], 1),
    "CAST to wider": ("CAST", {}, (NUMBERS,), [("int64", (2, 3))], 1),
    "ADD floats": ("ADD", {}, (FLOATS, FLOATS[:1]), [("float32", (2, 3))], 1),
    "SUB floats": ("SUB", {}, (FLOATS, FLOATS[:, :1]), [("float32", (2, 3))], 1),
    "MUL floats": ("MUL", {}, (FLOATS, FLOATS), [("float32", (2, 3))], 1),
    "DIV floats": ("DIV", {}, (FLOATS, FLOATS[:1, :1]), [("float32", (2, 3))], 1),
    "MUL numbers": ("MUL", {}, (NUMBERS[:, :2], i32(2, -3)), [("int32", (2, 2))], 1),
    "FLOOR_DIV": ("FLOOR_DIV", {}, (NUMBERS, i32(2, -3, 5)), [("int32", (2, 3))], 1),
    "MAXIMUM": ("MAXIMUM", {}, (NUMBERS, i32(1, 2, 3)), [("int32", (2, 3))], 1),
    "MINIMUM": ("MINIMUM", {}, (NUMBERS, i32(1, 2, 3)), [("int32", (2, 3))], 1),
    "NEG": ("NEG", {}, (FLOATS,), [("float32", (2, 3))], 1),
    "ABS": ("ABS", {}, (FLOATS,), [("float32", (2, 3))], 1),
    "EQUAL": ("EQUAL", {}, (NUMBERS, i32(3, 7, 5)), [("bool", (2, 3))], 1),
    "LESS": ("LESS", {}, (NUMBERS, i32(3, 7, 5)), [("bool", (2, 3))], 1),
    "GREATER": ("GREATER", {}, (NUMBERS, i32(3, 7, 5)), [("bool", (2, 3))], 1),
}  # fmt: skip


def graph_of(
    op: str, options: dict[str, Any], inputs: Sequence[NDArray[Any]], outputs: Sequence[tuple[str, tuple[int, ...]]],
    version: int = 1, scale: Sequence[float] = (), zero_point: Sequence[int] = (),
) -> tuple[bytes, Graph, list[int]]:  # fmt: skip
    """A network beside whose only operator stands one of constants. Returns its outputs too."""
    tensors = [
        TensorSpec("picture", "uint8", (1, 2, 2, 3), (0.5,), (0,)),
        TensorSpec("copy", "int8", (1, 2, 2, 3), (0.5,), (-128,)),
        *(TensorSpec(f"c{i}", value.dtype.name, value.shape, scale, zero_point, data=value)
          for i, value in enumerate(inputs)),
        *(TensorSpec(f"y{i}", dtype, shape) for i, (dtype, shape) in enumerate(outputs)),
    ]  # fmt: skip
    made = list(range(2 + len(inputs), len(tensors)))
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec(op, tuple(range(2, 2 + len(inputs))), tuple(made), options, version)]
    model = build_model(tensors, ops, [0], [1])
    return model, parse_model(model, "net"), made


def reference(model: bytes, tensors: Sequence[int]) -> list[NDArray[Any]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1,
        experimental_preserve_all_tensors=True,
    )  # fmt: skip
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.zeros((1, 2, 2, 3), np.uint8))
    interpreter.invoke()
    return [np.array(interpreter.get_tensor(tensor)) for tensor in tensors]


@pytest.mark.parametrize("case", CASES)
def test_litert_bits(case: str) -> None:
    model, graph, made = graph_of(*CASES[case])
    folded = fold_constants(graph)
    assert [op.name for op in folded.ops] == ["QUANTIZE"]
    for tensor, expected in zip(made, reference(model, made), strict=True):
        actual = folded.tensors[tensor].data
        assert actual is not None
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        assert actual.tobytes() == expected.tobytes()


def test_dequantised_constants() -> None:
    model, graph, made = graph_of("DEQUANTIZE", {}, (BYTES,), [("float32", (3, 4))], 2, (0.037,), (3,))
    [expected] = reference(model, made)
    actual = fold_constants(graph).tensors[made[0]].data
    assert actual is not None
    assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("operator", "expected"), [("SHAPE", [1, 2, 2, 3]), ("RANK", 4)])
def test_the_shape_of_what_is_computed(operator: str, expected: object) -> None:
    shape = np.asarray(expected).shape
    tensors = [
        TensorSpec("picture", "uint8", (1, 2, 2, 3), (0.5,), (0,), shape_signature=(-1, 2, 2, 3)),
        TensorSpec("copy", "int8", (1, 2, 2, 3), (0.5,), (-128,), shape_signature=(-1, 2, 2, 3)),
        TensorSpec("y", "int32", shape),
    ]
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec(operator, (1,), (2,))]
    folded = fold_constants(parse_model(build_model(tensors, ops, [0], [1]), "net"))
    assert [op.name for op in folded.ops] == ["QUANTIZE"]
    assert folded.tensors[2].data is not None
    assert folded.tensors[2].data.tolist() == expected


STAYS: dict[str, tuple[str, dict[str, Any], Sequence[NDArray[Any]], Sequence[tuple[str, tuple[int, ...]]]]] = {
    "by zero": ("FLOOR_DIV", {}, (NUMBERS, i32(1, 0, 2)), [("int32", (2, 3))]),
    "another shape": ("FILL", {}, (i32(2, 4), np.array(1, I32)), [("int32", (2, 3))]),
    "more than there is": ("FILL", {}, (i32(2**30, 2**30), np.array(1, I32)), [("int32", (2, 3))]),
    "a float to a number": ("CAST", {}, (FLOATS,), [("int32", (2, 3))]),
    "an index outside": ("GATHER", {"axis": 0}, (NUMBERS, i32(2)), [("int32", (1, 3))]),
    "an index before": ("GATHER", {"axis": 0}, (NUMBERS, i32(-1)), [("int32", (1, 3))]),
    "infinite": ("MUL", {}, (FLOATS, np.array([1e30], F32)), [("float32", (2, 3))]),
    "an activation": ("ADD", {"fused_activation_function": 1}, (FLOATS, FLOATS), [("float32", (2, 3))]),
    "a function": ("EXP", {}, (FLOATS,), [("float32", (2, 3))]),
    "no progress": ("RANGE", {}, (np.array(0, I32), np.array(5, I32), np.array(0, I32)), [("int32", (5,))]),
}


@pytest.mark.parametrize("case", STAYS)
def test_left_to_the_operators_rule(case: str) -> None:
    _, graph, _ = graph_of(*STAYS[case])
    assert fold_constants(graph) is graph


def test_the_networks_output_is_computed_by_an_operator() -> None:
    _, graph, made = graph_of(*CASES["PACK"])
    assert fold_constants(graph_with_output(graph, made[0])).ops == graph.ops


def graph_with_output(graph: Graph, tensor: int) -> Graph:
    from dataclasses import replace

    return replace(graph, outputs=(tensor,))


def test_much_is_not_made_of_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MAX_FOLDED_BYTES", 23)
    _, graph, _ = graph_of(*CASES["FILL"])
    assert fold_constants(graph) is graph


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        ("ADD", (np.zeros((1 << 16, 1), I32), np.zeros((1, 1 << 16), I32))),
        ("GATHER", (np.zeros((1, 1 << 16), I32), np.zeros(1 << 16, I32))),
        ("TILE", (np.zeros((1 << 16, 1), I32), i32(1 << 10, 1 << 10))),
    ],
)
def test_what_would_be_huge_is_not_made(operator: str, inputs: Sequence[NDArray[Any]]) -> None:
    """Whatever shape the file gives it."""
    _, graph, _ = graph_of(operator, {}, inputs, [("int32", (2, 3))])
    tracemalloc.start()
    assert fold_constants(graph) is graph
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
