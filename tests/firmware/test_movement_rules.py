"""What the rules of arithmetic, pooling and of operators that move elements refuse, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.ops.walks import PARAMS
from tests.firmware.movement_cases import integers
from tests.firmware.test_kernel_rules import X, graph_of, prepare, spec
from tests.support.tflite_builder import TensorSpec

POOL = {"padding": 1, "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}
SLICE_X = spec("x", (4, 6))


def binary(name: str, *tensors: TensorSpec, **options: Any) -> Graph:
    return graph_of(name, list(tensors), options)


def unary(name: str, x: TensorSpec, y: TensorSpec, **options: Any) -> Graph:
    return graph_of(name, [x, y], options)


def pool(x: TensorSpec = X, y: TensorSpec | None = None, **changes: Any) -> Graph:
    out = y or dataclasses.replace(X, name="y", shape=(1, 2, 2, 3))
    return unary("MAX_POOL_2D", x, out, **{**POOL, **changes})


def softmax(shape: tuple[int, ...] = (2, 8), beta: float = 1.0, scale: float = 0.25, zero_point: int = -128) -> Graph:
    out = spec("y", shape, scale=[1 / 256], zero_point=[zero_point])
    return unary("SOFTMAX", spec("x", shape, scale=[scale]), out, beta=beta)


def strided(begin: list[int], end: list[int], strides: list[int], out: tuple[int, ...], **masks: int) -> Graph:
    bounds = [integers(name, values) for name, values in (("b", begin), ("e", end), ("s", strides))]
    return graph_of("STRIDED_SLICE", [SLICE_X, *bounds, spec("y", out)], masks)


def part(begin: list[int], size: list[int], out: tuple[int, ...]) -> Graph:
    return graph_of("SLICE", [SLICE_X, integers("b", begin), integers("n", size), spec("y", out)], {})


def transpose(perm: list[int], out: tuple[int, ...], **changes: Any) -> Graph:
    constant = dataclasses.replace(integers("perm", perm), **changes)
    return graph_of("TRANSPOSE", [SLICE_X, constant, spec("y", out)], {})


def concatenation(*parts: TensorSpec, out: TensorSpec, axis: int = 0, activation: int = 0) -> Graph:
    return graph_of("CONCATENATION", [*parts, out], {"axis": axis, "fused_activation_function": activation})


def split(axis: int, *outs: tuple[int, ...], num_splits: int = 2) -> Graph:
    tensors = [integers("axis", axis, ()), SLICE_X, *(spec(f"y{i}", out) for i, out in enumerate(outs))]
    return graph_of("SPLIT", tensors, {"num_splits": num_splits}, len(outs))


def nearest(size: list[int], out: tuple[int, ...]) -> Graph:
    return graph_of("RESIZE_NEAREST_NEIGHBOR", [X, integers("size", size), spec("y", out)], {})


def mul(scale: float = 0.25, **changes: Any) -> Graph:
    return binary("MUL", spec("a", (2, 3)), spec("b", (3,)), spec("y", (2, 3), scale=[scale]), **changes)


#: name -> (network that is fine, the same with one change, what the sentence must say)
REFUSALS: dict[str, tuple[Callable[[], Graph], Callable[[], Graph], str]] = {
    "MUL scales": (mul, lambda: mul(1e-7), "the product of its inputs' scales is 2^14 times its output's or more"),
    "MUL tanh": (mul, lambda: mul(fused_activation_function=4), "the fused activation TANH is not supported"),
    "SUB mixed types": (
        lambda: binary("SUB", spec("a", (2,)), spec("b", (2,)), spec("y", (2,))),
        lambda: binary("SUB", spec("a", (2,)), TensorSpec("b", "int32", (2,)), spec("y", (2,))),
        "its second input is int32; supported: int8",
    ),
    "SUB int16": (
        lambda: binary("SUB", spec("a", (2,)), spec("b", (2,)), spec("y", (2,))),
        lambda: binary("SUB", *(spec(n, (2,), "int16") for n in "aby")),
        "its input is int16; supported: int8, int32, float32",
    ),
    "MUL float tanh": (
        lambda: binary("MUL", *(TensorSpec(n, "float32", (2,)) for n in "aby")),
        lambda: binary("MUL", *(TensorSpec(n, "float32", (2,)) for n in "aby"), fused_activation_function=4),
        "the fused activation TANH is not supported",
    ),
    "pool size": (pool, lambda: pool(filter_height=0), "kernel size 0, stride 2 or dilation 1 is not in 1..65535"),
    "pool output": (
        pool,
        lambda: pool(y=dataclasses.replace(X, name="y", shape=(1, 3, 2, 3))),
        "its output's height is 3, its geometry gives 2",
    ),
    "pool channels": (
        pool,
        lambda: pool(y=dataclasses.replace(X, name="y", shape=(1, 2, 2, 4))),
        "maps 3 channels to 4",
    ),
    "pool scales": (
        pool,
        lambda: pool(y=dataclasses.replace(X, name="y", shape=(1, 2, 2, 3), scale=[0.7])),
        "its input is quantised otherwise than its output",
    ),
    "pool uint8": (pool, lambda: pool(dataclasses.replace(X, dtype="uint8")), "its input is uint8; supported: int8"),
    "pool window": (
        pool,
        lambda: pool(padding=0, filter_width=300, filter_height=300),
        "its window has 90000 positions; 65536 are supported",
    ),
    "softmax output": (softmax, lambda: softmax(zero_point=0), "not quantised with scale 1/256 and zero point -128"),
    "softmax depth": (softmax, lambda: softmax((2, 512)), "[2, 512] has no last dimension of 1 to 511 values"),
    "softmax beta": (softmax, lambda: softmax(beta=-1.0), "its beta is -1.0, no positive number"),
    "softmax scale": (softmax, lambda: softmax(scale=1e-9), "its input's scale times beta is below 2^-26"),
    "transpose permutation": (
        lambda: transpose([1, 0], (6, 4)),
        lambda: transpose([1, 1], (6, 4)),
        "[1, 1] is no permutation of 2 dimensions",
    ),
    "transpose output": (
        lambda: transpose([1, 0], (6, 4)),
        lambda: transpose([1, 0], (4, 6)),
        "maps [4, 6] to [4, 6] with permutation [1, 0]",
    ),
    "transpose computed": (
        lambda: transpose([1, 0], (6, 4)),
        lambda: transpose([1, 0], (6, 4), data=None),
        "its permutation is computed by the network; only constants are supported",
    ),
    "slice outside": (
        lambda: part([1, 2], [3, 4], (3, 4)),
        lambda: part([1, 3], [3, 4], (3, 4)),
        "maps [4, 6] to [3, 4] with begin [1, 3] and size [3, 4]",
    ),
    "slice rank": (
        lambda: part([1, 2], [3, 4], (3, 4)),
        lambda: part([1], [3], (3, 4)),
        "begin [1] and size [3] do not suit a tensor of 2 dimensions",
    ),
    "strided output": (
        lambda: strided([0, 0], [2, 6], [1, 2], (2, 3)),
        lambda: strided([0, 0], [2, 6], [1, 2], (2, 4)),
        "its output is [2, 4]; begin [0, 0], end [2, 6], strides [1, 2] of [4, 6] give [2, 3]",
    ),
    "strided stride": (
        lambda: strided([0, 0], [2, 6], [1, 2], (2, 3)),
        lambda: strided([0, 0], [2, 6], [1, 0], (2, 3)),
        "begin [0, 0], end [2, 6] and strides [1, 0] do not suit each other",
    ),
    "strided nothing": (
        lambda: strided([0, 0], [2, 6], [1, 2], (2, 3)),
        lambda: strided([0, 5], [2, 5], [1, 2], (2, 3)),
        "nothing is left of dimension 1",
    ),
    "strided index": (
        lambda: strided([3, 0], [4, 6], [1, 1], (6,), shrink_axis_mask=1),
        lambda: strided([4, 0], [5, 6], [1, 1], (6,), shrink_axis_mask=1),
        "index 4 is outside a dimension of 4",
    ),
    "strided rank": (
        lambda: strided([0, 0], [2, 6], [1, 2], (2, 3)),
        lambda: strided([0, 0, 0], [2, 6, 1], [1, 2, 1], (2, 3)),
        "it indexes more dimensions than [4, 6] has",
    ),
    "strided ellipsis": (
        lambda: strided([0, 0], [0, 6], [1, 2], (4, 3), ellipsis_mask=1),
        lambda: strided([0, 0, 0], [0, 4, 6], [1, 1, 2], (4, 3), ellipsis_mask=1),
        "an ellipsis that stands for no dimension, or beside a new axis, is not supported",
    ),
    "strided ellipses": (
        lambda: strided([0, 0], [0, 6], [1, 2], (4, 3), ellipsis_mask=1),
        lambda: strided([0, 0], [0, 6], [1, 2], (4, 3), ellipsis_mask=3),
        "its ellipsis mask has more than one bit",
    ),
    "reshape": (
        lambda: unary("RESHAPE", SLICE_X, spec("y", (3, 8))),
        lambda: unary("RESHAPE", SLICE_X, spec("y", (3, 9))),
        "maps [4, 6] to [3, 9]",
    ),
    "reshape type": (
        lambda: unary("RESHAPE", SLICE_X, spec("y", (3, 8))),
        lambda: unary("RESHAPE", SLICE_X, spec("y", (3, 8), "uint8")),
        "its output is uint8; supported: int8",
    ),
    "concatenation scales": (
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 3)), out=spec("y", (3, 3))),
        lambda: concatenation(spec("a", (2, 3), scale=[0.7]), spec("b", (1, 3)), out=spec("y", (3, 3))),
        "int8 inputs are quantised otherwise than its output, which the reference refuses",
    ),
    "concatenation shapes": (
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 3)), out=spec("y", (3, 3))),
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 4)), out=spec("y", (3, 3))),
        "[2, 3] and [1, 4] do not make [3, 3] along dimension 0",
    ),
    "concatenation axis": (
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 3)), out=spec("y", (3, 3))),
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 3)), out=spec("y", (3, 3)), axis=2),
        "its axis [2] is not one of 2 dimensions",
    ),
    "concatenation activation": (
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 3)), out=spec("y", (3, 3))),
        lambda: concatenation(spec("a", (2, 3)), spec("b", (1, 3)), out=spec("y", (3, 3)), activation=1),
        "a fused activation is not supported",
    ),
    "split parts": (
        lambda: split(1, (4, 3), (4, 3)),
        lambda: split(1, (4, 3), (4, 2)),
        "[4, 3] and [4, 2] do not make [4, 6] along dimension 1",
    ),
    "split count": (
        lambda: split(1, (4, 3), (4, 3)),
        lambda: split(1, (4, 3), (4, 3), num_splits=3),
        "has 2 inputs and 2 outputs instead of 2 and 3",
    ),
    "nearest output": (
        lambda: nearest([8, 8], (1, 8, 8, 3)),
        lambda: nearest([8, 8], (1, 8, 9, 3)),
        "maps [1, 4, 4, 3] to [1, 8, 9, 3] with size [8, 8]",
    ),
    "nearest size": (
        lambda: nearest([8, 8], (1, 8, 8, 3)),
        lambda: nearest([20000, 8], (1, 20000, 8, 3)),
        "pictures up to 16384 pixels wide and high are supported",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses_what_was_changed(name: str) -> None:
    fine, changed, reason = REFUSALS[name]
    prepare(fine())
    graph = changed()
    with pytest.raises(ModelError) as refused:
        prepare(graph)
    message = str(refused.value)
    assert message.startswith(f"net: operator 0 {graph.ops[0].name} (output ")
    assert reason in message
    assert message.endswith(".")
    assert "\n" not in message


def test_neighbouring_dimensions_of_a_walk_merge() -> None:
    """Longer runs: [4, 6] taken whole is one, and a picture's channels moved to the front have two dimensions."""
    whole = PARAMS.unpack(prepare(part([0, 0], [4, 6], (4, 6))).params)
    assert whole == (1, 1, 1, 1, 1, 24, 1, 1, 1, 1, 1, 1, 0)
    picture = spec("x", (1, 8, 8, 5))
    graph = graph_of("TRANSPOSE", [picture, integers("p", [0, 3, 1, 2]), spec("y", (1, 5, 8, 8))], {})
    assert PARAMS.unpack(prepare(graph).params)[4:6] == (5, 64)


def test_equal_positions_are_stored_once() -> None:
    call = prepare(nearest([8, 8], (1, 8, 8, 3)))
    rows, columns = np.frombuffer(call.params, "<u4")
    assert rows == columns
