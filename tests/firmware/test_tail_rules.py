"""What the rules of the single-pose tail and its neighbours refuse, and what their kernels refuse when they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.firmware.build import KERNEL_SETS
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.reader import parse_model
from tests.firmware.kernel_host import kernel_host, prepare_call
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

PARAM = -3


def q8(name: str, *shape: int, scale: float = 0.25, zero: int = 0, data: Any = None) -> TensorSpec:
    return TensorSpec(name, "int8", shape, [scale], [zero], data=data)


def raw(name: str, dtype: str, *shape: int, data: Any = None) -> TensorSpec:
    return TensorSpec(name, dtype, shape, data=data)


def quantised(name: str, dtype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name, dtype, shape, [0.25], [0])


def const(name: str, *values: int, shape: tuple[int, ...] | None = None) -> TensorSpec:
    data = np.array(values, np.int32).reshape(shape if shape is not None else (len(values),))
    return TensorSpec(name, "int32", data.shape, data=data)


def graph_of(op: str, *tensors: TensorSpec, outputs: int = 1, **options: Any) -> Graph:
    """The operator reads all tensors but the last `outputs`, which it writes."""
    count = len(tensors) - outputs
    variable = [i for i in range(count) if tensors[i].data is None]
    written = tuple(range(count, len(tensors)))
    model = build_model(tensors, [OpSpec(op, tuple(range(count)), written, options)], variable, written)
    return parse_model(model, "net")


def prepare(graph: Graph) -> None:
    prepare_call(graph, graph.ops[0], [np.zeros(graph.tensors[t].shape, graph.tensors[t].dtype) for t in graph.inputs])


def ones(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.int8)


X, Y = q8("x", 2, 3), q8("y", 2, 3)
FLOAT, FLOAT_Y = raw("x", "float32", 2, 3), raw("y", "float32", 2, 3)
STRIDE = {"stride_h": 2, "stride_w": 2}
PICTURE = q8("x", 1, 2, 2, 3)
FILTER = q8("w", 2, 3, 3, 3, data=ones(2, 3, 3, 3))

#: name -> (network, what the sentence must say)
REFUSALS: dict[str, tuple[Callable[[], Graph], str]] = {
    "CAST int16": (lambda: graph_of("CAST", raw("x", "int16", 2), raw("y", "float32", 2)), "its input is int16"),
    "CAST float": (lambda: graph_of("CAST", FLOAT, raw("y", "int32", 2, 3)), "its input is float32; supported: int8"),
    "CAST int32": (
        lambda: graph_of("CAST", raw("x", "int32", 2), raw("y", "int32", 2)),
        "a cast of int32 to int32 is not supported",
    ),
    "ARG_MAX axis": (
        lambda: graph_of("ARG_MAX", X, const("axis", 2, shape=()), raw("y", "int32", 2)),
        "its axis [2] is not one of 2 dimensions",
    ),
    "ARG_MAX int16": (
        lambda: graph_of("ARG_MAX", quantised("x", "int16", 2, 3), const("axis", 1), raw("y", "int32", 2)),
        "its input is int16",
    ),
    "ARG_MAX shape": (
        lambda: graph_of("ARG_MAX", X, const("axis", 1), raw("y", "int32", 3)),
        "maps [2, 3] to [3] along dimension 1",
    ),
    "GATHER_ND depth": (
        lambda: graph_of("GATHER_ND", X, raw("i", "int32", 4, 3), q8("y", 4)),
        "indices of [4, 3] do not suit a tensor of 2 dimensions",
    ),
    "GATHER_ND outside": (
        lambda: graph_of("GATHER_ND", X, const("i", 0, 3, shape=(1, 2)), q8("y", 1)),
        "a constant index is outside [2, 3]",
    ),
    "GATHER_ND int64": (
        lambda: graph_of("GATHER_ND", X, raw("i", "int64", 1, 2), q8("y", 1)),
        "its indices is int64; supported: int32",
    ),
    "FLOOR_DIV zero": (
        lambda: graph_of("FLOOR_DIV", raw("x", "int32", 2), const("d", 0, shape=()), raw("y", "int32", 2)),
        "it divides by a constant 0",
    ),
    "FLOOR_DIV int16": (
        lambda: graph_of("FLOOR_DIV", raw("a", "int16", 2), raw("b", "int16", 2), raw("y", "int16", 2)),
        "its output is int16",
    ),
    "PACK shapes": (
        lambda: graph_of("PACK", X, q8("z", 3, 2), q8("y", 2, 2, 3), values_count=2, axis=0),
        "joins 2 tensors of [3, 2] to [2, 2, 3] along dimension 0",
    ),
    "UNPACK count": (
        lambda: graph_of("UNPACK", X, q8("y", 3), num=1, axis=0),
        "takes [2, 3] apart along dimension 0 into 1",
    ),
    "SQRT int8": (lambda: graph_of("SQRT", X, Y), "its input is int8; supported: float32"),
    "DIV int32": (
        lambda: graph_of("DIV", raw("a", "int32", 2), raw("b", "int32", 2), raw("y", "int32", 2)),
        "its input is int32; supported: float32",
    ),
    "DIV tanh": (
        lambda: graph_of("DIV", FLOAT, raw("b", "float32", 3), FLOAT_Y, fused_activation_function=4),
        "the fused activation TANH is not supported",
    ),
    "SQUARED_DIFFERENCE shapes": (
        lambda: graph_of("SQUARED_DIFFERENCE", FLOAT, raw("b", "float32", 2), FLOAT_Y),
        "[2, 3] and [2] do not broadcast to [2, 3]",
    ),
    "MAXIMUM scales": (lambda: graph_of("MAXIMUM", X, q8("b", 3, scale=0.5), Y), "are quantised differently"),
    "MINIMUM uint8": (
        lambda: graph_of("MINIMUM", *(quantised(n, "uint8", 2) for n in "aby")),
        "its input is uint8; supported: int8",
    ),
    "MEAN uint8": (
        lambda: graph_of("MEAN", quantised("x", "uint8", 2, 3), const("axis", 1), quantised("y", "uint8", 2)),
        "its input is uint8; supported: int8, float32",
    ),
    "MEAN shape": (
        lambda: graph_of("MEAN", X, const("axis", 1), q8("y", 3)),
        "maps [2, 3] to [3], its dimensions [1] averaged",
    ),
    "HARD_SWISH uint8": (
        lambda: graph_of("HARD_SWISH", quantised("x", "uint8", 2), quantised("y", "uint8", 2)),
        "its input is uint8; supported: int8",
    ),
    "HARD_SWISH scales": (
        lambda: graph_of("HARD_SWISH", q8("x", 2, scale=1000.0), q8("y", 2, scale=0.001)),
        "are beyond the reference's arithmetic",
    ),
    "LEAKY_RELU int16": (
        lambda: graph_of("LEAKY_RELU", quantised("x", "int16", 2), quantised("y", "int16", 2), alpha=0.1),
        "its input is int16; supported: int8",
    ),
    "LEAKY_RELU alpha": (lambda: graph_of("LEAKY_RELU", X, Y, alpha=-0.5), "its alpha -0.5 is not a positive number"),
    "PRELU computed": (lambda: graph_of("PRELU", X, q8("a", 3), Y), "its alpha is computed by the network"),
    "BATCH_MATMUL uint8": (
        lambda: graph_of("BATCH_MATMUL", quantised("x", "uint8", 2, 3), q8("b", 3, 4), q8("y", 2, 4)),
        "its input is uint8; supported: int8",
    ),
    "BATCH_MATMUL shapes": (
        lambda: graph_of("BATCH_MATMUL", X, q8("b", 2, 4), q8("y", 2, 4)),
        "multiplies [2, 3] by [2, 4] to [2, 4]",
    ),
    "BATCH_MATMUL batches": (
        lambda: graph_of("BATCH_MATMUL", q8("a", 2, 2, 3), q8("b", 3, 3, 4), q8("y", 2, 2, 4)),
        "multiplies [2, 2, 3] by [3, 3, 4] to [2, 2, 4]",
    ),
    "BATCH_MATMUL rank": (
        lambda: graph_of("BATCH_MATMUL", q8("a", 3), q8("b", 3, 4), q8("y", 4)),
        "multiplies [3] by [3, 4]; 2 to 5 dimensions are supported",
    ),
    "BATCH_MATMUL depth": (
        lambda: graph_of("BATCH_MATMUL", q8("a", 1, 40000), q8("b", 40000, 1), q8("y", 1, 1)),
        "sums 40000 products; 32768 are supported",
    ),
    "FULLY_CONNECTED uint8": (
        lambda: graph_of("FULLY_CONNECTED", quantised("x", "uint8", 2, 3), q8("w", 4, 3, data=ones(4, 3)),
                         q8("y", 2, 4)),
        "its input is uint8; supported: int8",
    ),
    "FULLY_CONNECTED shape": (
        lambda: graph_of("FULLY_CONNECTED", X, q8("w", 4, 3, data=ones(4, 3)), q8("y", 2, 5)),
        "maps [2, 3] to [2, 5] with weights [4, 3]",
    ),
    "TRANSPOSE_CONV int16": (
        lambda: graph_of("TRANSPOSE_CONV", const("s", 1, 4, 4, 2), FILTER, quantised("x", "int16", 1, 2, 2, 3),
                         q8("y", 1, 4, 4, 2), **STRIDE),
        "its input is int16; supported: int8",
    ),
    "TRANSPOSE_CONV size": (
        lambda: graph_of("TRANSPOSE_CONV", const("s", 1, 5, 4, 2), FILTER, PICTURE, q8("y", 1, 5, 4, 2), **STRIDE),
        "its input's height is 2, its output's 5 needs 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    build, reason = REFUSALS[name]
    graph = build()
    with pytest.raises(ModelError) as refused:
        prepare(graph)
    message = str(refused.value)
    assert message.startswith(f"net: operator 0 {graph.ops[0].name} (output 'y'")
    assert reason in message
    assert message.endswith(".")
    assert "\n" not in message


def test_accepts_what_the_refusals_change() -> None:
    prepare(graph_of("ARG_MAX", X, const("axis", -1, shape=()), raw("y", "int32", 2)))
    prepare(graph_of("GATHER_ND", X, const("i", 0, 2, shape=(1, 2)), q8("y", 1)))
    prepare(graph_of("DIV", FLOAT, raw("b", "float32", 3), FLOAT_Y))
    prepare(graph_of("FULLY_CONNECTED", X, q8("w", 4, 3, data=ones(4, 3)), q8("y", 2, 4)))
    prepare(graph_of("TRANSPOSE_CONV", const("s", 1, 4, 4, 2), FILTER, PICTURE, q8("y", 1, 4, 4, 2), **STRIDE))


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("index", [[-1, 0], [2, 0], [0, 3], [-(2**31), 0], [2**31 - 1, 0]])
def test_a_computed_index_outside_ends_the_run(kernels: str, index: list[int]) -> None:
    graph = graph_of("GATHER_ND", X, raw("i", "int32", 1, 2), q8("y", 1))
    inputs: list[NDArray[np.generic]] = [np.zeros((2, 3), np.int8), np.array([index], np.int32)]
    assert kernel_host(kernels).call(prepare_call(graph, graph.ops[0], inputs))[0] == PARAM


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_a_computed_divisor_of_0_ends_the_run(kernels: str) -> None:
    graph = graph_of("FLOOR_DIV", *(raw(n, "int32", 2) for n in "aby"))
    inputs = [np.array([5, 6], np.int32), np.array([2, 0], np.int32)]
    assert kernel_host(kernels).call(prepare_call(graph, graph.ops[0], inputs))[0] == PARAM


def test_root_of_a_negative_number_is_nan() -> None:
    graph = graph_of("SQRT", FLOAT, FLOAT_Y)
    status, [roots] = kernel_host("ref").call(prepare_call(graph, graph.ops[0], [np.full((2, 3), -1, np.float32)]))
    assert status == 0
    assert np.isnan(roots).all()
