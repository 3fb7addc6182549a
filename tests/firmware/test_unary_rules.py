"""What the rules of element-wise operators, reductions and movers refuse, and what their kernels refuse at run time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.firmware.build import KERNEL_SETS
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.ops import reals
from pytest_stm32pose.network.ops.inverse_roots import inverse_root
from tests.firmware.kernel_host import kernel_host, prepare_call
from tests.firmware.test_tail_rules import FLOAT, FLOAT_Y, PARAM, X, Y, const, graph_of, prepare, q8, quantised, raw

WIDE, DEEP = q8("x", 1, 4, 4, 1), q8("y", 1, 2, 2, 4)
#: name -> (network, what the sentence must say)
REFUSALS: dict[str, tuple[Callable[[], Graph], str]] = {
    "RELU int16": (
        lambda: graph_of("RELU", quantised("x", "int16", 2), quantised("y", "int16", 2)),
        "its input is int16; supported: int8, uint8, float32",
    ),
    "RELU6 types": (lambda: graph_of("RELU6", X, FLOAT_Y), "its output is float32; supported: int8"),
    "RELU shapes": (lambda: graph_of("RELU", X, q8("y", 3, 2)), "maps [2, 3] to [3, 2]"),
    "RELU scales": (
        lambda: graph_of("RELU", q8("x", 2, scale=1e6), q8("y", 2, scale=1e-6)),
        "its input's scale is more than 2^22 times its output's",
    ),
    "RELU scales beyond numbers": (
        lambda: graph_of("RELU", q8("x", 2, scale=1e30), q8("y", 2, scale=1e-30)),
        "its input's scale is more than 2^22 times its output's",
    ),
    "LEAKY_RELU scales beyond numbers": (
        lambda: graph_of("LEAKY_RELU", q8("x", 2, scale=1e30), q8("y", 2, scale=1e-30), alpha=0.5),
        "its input's scale is more than 2^22 times its output's",
    ),
    "MUL scales beyond numbers": (
        lambda: graph_of("MUL", q8("a", 2, scale=1e30), q8("b", 2, scale=1e30), q8("y", 2)),
        "the product of its inputs' scales is",
    ),
    "ABS scales": (
        lambda: graph_of("ABS", q8("x", 2, scale=1e6), q8("y", 2, scale=1e-6)),
        "its input's scale is more than 2^22 times its output's",
    ),
    "RSQRT scales": (
        lambda: graph_of("RSQRT", q8("x", 2, scale=1e-30), q8("y", 2, scale=1e-30)),
        "are beyond the reference's arithmetic",
    ),
    "NEG zero point": (
        lambda: graph_of("NEG", q8("x", 2, zero=3), q8("y", 2, zero=3)),
        "are not both stored with one scale and zero point 0",
    ),
    "EXP float": (lambda: graph_of("EXP", FLOAT, FLOAT_Y), "its input is float32; supported: int8, uint8"),
    "SQUARE int8": (lambda: graph_of("SQUARE", X, Y), "its input is int8; supported: float32"),
    "L2_NORMALIZATION scale": (
        lambda: graph_of("L2_NORMALIZATION", X, Y),
        "its output is not quantised with scale 1/128 and zero point 0",
    ),
    "L2_NORMALIZATION activation": (
        lambda: graph_of("L2_NORMALIZATION", FLOAT, FLOAT_Y, fused_activation_function=1),
        "a fused activation is not supported",
    ),
    "SQUARED_DIFFERENCE scales": (
        lambda: graph_of("SQUARED_DIFFERENCE", q8("a", 2, scale=100.0), q8("b", 2), q8("y", 2, scale=0.001)),
        "the square of its inputs' scales is more than 2^12 times its output's",
    ),
    "SUM int8": (
        lambda: graph_of("SUM", X, const("axis", 1), q8("y", 2)),
        "LiteRT's reference kernel takes int8 for uint8 in a SUM",
    ),
    "SUM shape": (
        lambda: graph_of("SUM", FLOAT, const("axis", 1), raw("y", "float32", 3)),
        "maps [2, 3] to [3], its dimensions [1] accumulated",
    ),
    "REDUCE_MAX scales": (
        lambda: graph_of("REDUCE_MAX", X, const("axis", 1), q8("y", 2, scale=0.5)),
        "its input and output are quantised differently, which the reference refuses",
    ),
    "REDUCE_MIN axis": (
        lambda: graph_of("REDUCE_MIN", X, raw("axis", "int32", 1), q8("y", 2)),
        "its axis is computed by the network",
    ),
    "TILE multiples": (
        lambda: graph_of("TILE", X, const("multiples", 1, 2), q8("y", 2, 7)),
        "maps [2, 3] to [2, 7] with multiples [1, 2]",
    ),
    "BROADCAST_TO shape": (
        lambda: graph_of("BROADCAST_TO", X, const("shape", 4, 3), q8("y", 4, 3)),
        "maps [2, 3] to [4, 3] with shape [4, 3]",
    ),
    "FILL value": (
        lambda: graph_of("FILL", const("shape", 2), q8("x", 2), q8("y", 2)),
        "fills [2] with [2] values and shape [2]",
    ),
    "REVERSE_V2 axis": (
        lambda: graph_of("REVERSE_V2", X, const("axis", 2), Y),
        "its axis [2] is not one of 2 dimensions",
    ),
    "DEPTH_TO_SPACE block": (
        lambda: graph_of("DEPTH_TO_SPACE", q8("x", 1, 2, 2, 3), q8("y", 1, 4, 4, 1), block_size=2),
        "[1, 2, 2, 3] cannot be taken apart into blocks of 2",
    ),
    "SPACE_TO_DEPTH block": (
        lambda: graph_of("SPACE_TO_DEPTH", WIDE, DEEP, block_size=3),
        "[1, 4, 4, 1] is no whole number of blocks of 3",
    ),
    "SPACE_TO_DEPTH shape": (
        lambda: graph_of("SPACE_TO_DEPTH", WIDE, q8("y", 1, 2, 2, 5), block_size=2),
        "maps [1, 4, 4, 1] to [1, 2, 2, 5] with blocks of 2",
    ),
    "SPLIT_V sizes": (
        lambda: graph_of("SPLIT_V", X, const("sizes", 1, 3), const("axis", 1, shape=()), q8("y", 2, 1), q8("z", 2, 2),
                         outputs=2, num_splits=2),
        "its sizes [1, 3] are not those of its outputs along dimension 1",
    ),
    "GATHER constant": (
        lambda: graph_of("GATHER", X, const("i", 0, 3), q8("y", 2, 2), axis=1),
        "a constant index is outside dimension 1 of [2, 3]",
    ),
    "GATHER shape": (
        lambda: graph_of("GATHER", X, const("i", 0, 1), Y, axis=1),
        "maps [2, 3] and indices of [2] to [2, 3] along dimension 1",
    ),
    "GATHER batch": (
        lambda: graph_of("GATHER", X, raw("i", "int32", 3, 1), Y, axis=1, batch_dims=1),
        "1 dimensions are not common to [2, 3] and [3, 1]",
    ),
    "MIRROR_PAD amount": (
        lambda: graph_of("MIRROR_PAD", X, const("p", 0, 0, 3, 0, shape=(2, 2)), q8("y", 2, 6)),
        "the paddings [3, 0] are more than a dimension of 3 can mirror",
    ),
    "MIRROR_PAD shape": (
        lambda: graph_of("MIRROR_PAD", X, const("p", 0, 0, 1, 0, shape=(2, 2)), q8("y", 2, 5)),
        "its output is [2, 5], its paddings give [2, 4]",
    ),
    "FLOOR_MOD 0": (
        lambda: graph_of("FLOOR_MOD", raw("x", "int32", 2), const("d", 3, 0), raw("y", "int32", 2)),
        "it divides by a constant 0",
    ),
    "LESS int8": (
        lambda: graph_of("LESS", X, q8("b", 3), raw("y", "bool", 2, 3)),
        "its input is int8; supported: int32, float32",
    ),
    "SELECT_V2 shapes": (
        lambda: graph_of("SELECT_V2", raw("c", "bool", 2), X, q8("b", 3), Y),
        "[2], [2, 3], [3] do not broadcast to [2, 3]",
    ),
    "TOPK_V2 k": (
        lambda: graph_of("TOPK_V2", X, const("k", 4, shape=()), q8("y", 2, 4), raw("i", "int32", 2, 4), outputs=2),
        "k is [4] for [2, 3]",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("name", REFUSALS)
def test_refused_with_place_and_reason(name: str) -> None:
    network, words = REFUSALS[name]
    with pytest.raises(ModelError) as caught:
        prepare(network())
    assert str(caught.value).startswith(f"net: operator 0 {name.split()[0]} (output 'y', version 1): ")
    assert words in str(caught.value)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("index", [-1, 3, 2**31 - 1, -(2**31)])
def test_computed_index_outside_the_tensor_stops_the_run(index: int, kernels: str) -> None:
    graph = graph_of("GATHER", X, raw("i", "int32", 2), q8("y", 2, 2), axis=1)
    values = np.ones((2, 3), np.int8)
    for last, expected in ((2, 0), (index, PARAM)):
        call = prepare_call(graph, graph.ops[0], [values, np.array([0, last], np.int32)])
        assert kernel_host(kernels).call(call)[0] == expected


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_computed_divisor_of_0_stops_the_run(kernels: str) -> None:
    graph = graph_of("FLOOR_MOD", raw("x", "int32", 2), raw("d", "int32", 2), raw("y", "int32", 2))
    for divisor, expected in ((-1, 0), (0, PARAM)):
        values = [np.array([-(2**31), 5], np.int32), np.array([divisor, 2], np.int32)]
        assert kernel_host(kernels).call(prepare_call(graph, graph.ops[0], values))[0] == expected


def test_inverse_roots_are_near_the_true_ones() -> None:
    for value in (1, 2, 3, 16, 127, 65536, 2**29 - 1, 2**29, 2**31 - 1):
        multiplier, shift = inverse_root(value)
        assert multiplier / 2**31 * 2.0**shift == pytest.approx(value**-0.5, rel=1e-5)


@pytest.mark.parametrize("name", ["expf", "logf", "tanhf"])
def test_without_the_c_library_only_the_last_place_may_differ(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.linspace(0.01, 9, 256, dtype=np.float32)
    expected = reals.real(name, values)
    monkeypatch.setattr(reals, "_library_function", lambda _: None)
    np.testing.assert_array_max_ulp(reals.real(name, values), expected, 1)
