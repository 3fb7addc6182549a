"""What the rules refuse, and how: operator, place and reason in one sentence. What they promise the kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.firmware.build import KERNEL_SETS
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.ops import conv_2d, depthwise_conv_2d
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, requantize, round_half_away
from pytest_stm32pose.network.reader import parse_model
from tests.firmware.kernel_host import OperatorCall, kernel_host, prepare_call
from tests.firmware.operator_cases import CASES
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

X = TensorSpec("x", "int8", (1, 4, 4, 3), [0.5], [1])
CONV = {"padding": 0, "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}


def spec(name: str, shape: tuple[int, ...], dtype: str = "int8", data: Any = None, **changes: Any) -> TensorSpec:
    base = TensorSpec(name, dtype, shape, [0.25], [0], data=data)
    return dataclasses.replace(base, **changes)


def graph_of(op: str, tensors: list[TensorSpec], options: Mapping[str, Any], outputs: int = 1) -> Graph:
    """The operator reads all tensors but the last `outputs`, which it writes."""
    count = len(tensors) - outputs
    variable = [i for i in range(count) if tensors[i].data is None]
    written = tuple(range(count, len(tensors)))
    model = build_model(tensors, [OpSpec(op, tuple(range(count)), written, options, 2)], variable, written)
    return parse_model(model, "net")


def prepare(graph: Graph) -> OperatorCall:
    inputs = [np.zeros(graph.tensors[t].shape, graph.tensors[t].dtype) for t in graph.inputs]
    return prepare_call(graph, graph.ops[0], inputs)


def conv(
    *,
    x: TensorSpec = X,
    w: TensorSpec | None = None,
    b: TensorSpec | None = None,
    y: TensorSpec | None = None,
    **options: Any,
) -> Graph:
    weights = w or spec("w", (2, 3, 3, 3), data=np.ones((2, 3, 3, 3), np.int8))
    bias = b or spec("b", (2,), "int32", np.array([5, -7]))
    return graph_of("CONV_2D", [x, weights, bias, y or spec("y", (1, 4, 4, 2))], {**CONV, **options})


def depthwise(w_shape: tuple[int, ...] = (1, 3, 3, 3), multiplier: int = 1, **changes: Any) -> Graph:
    weights = spec("w", w_shape, data=np.ones(w_shape, np.int8), axis=3, **changes)
    tensors = [X, weights, spec("y", (1, 4, 4, w_shape[3]))]
    return graph_of("DEPTHWISE_CONV_2D", tensors, {**CONV, "depth_multiplier": multiplier})


def add(a: TensorSpec, b: TensorSpec, y: TensorSpec, **options: Any) -> Graph:
    return graph_of("ADD", [a, b, y], options)


def pad(amounts: list[list[int]], out: tuple[int, ...], x: TensorSpec = X) -> Graph:
    data = np.array(amounts, np.int32)
    paddings = TensorSpec("p", "int32", data.shape, data=data)
    return graph_of("PAD", [x, paddings, spec("y", out, x.dtype)], {})


def resize(size: list[int], out: tuple[int, ...], x: TensorSpec = X, **options: Any) -> Graph:
    new = TensorSpec("size", "int32", (2,), data=np.array(size, np.int32))
    return graph_of("RESIZE_BILINEAR", [x, new, spec("y", out)], options)


def ones(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.int8)


NOT_QUANTISED: dict[str, Any] = {"scale": [], "zero_point": []}
#: name -> (network, what the sentence must say)
REFUSALS: dict[str, tuple[Callable[[], Graph], str]] = {
    "uint8 activations": (lambda: conv(x=dataclasses.replace(X, dtype="uint8")), "its input is uint8; supported: int8"),
    "int16 activations": (lambda: conv(x=dataclasses.replace(X, dtype="int16")), "its input is int16"),
    "float activations": (lambda: conv(x=spec("x", (1, 4, 4, 3), "float32", **NOT_QUANTISED)), "its input is float32"),
    "float output": (lambda: conv(y=spec("y", (1, 4, 4, 2), "float32", **NOT_QUANTISED)), "its output is float32"),
    "uint8 filter": (lambda: conv(w=spec("w", (2, 3, 3, 3), "uint8", ones(2, 3, 3, 3))), "its filter is uint8"),
    "computed filter": (lambda: conv(w=spec("w", (2, 3, 3, 3))), "its filter is computed by the network"),
    "int64 bias": (lambda: conv(b=spec("b", (2,), "int64", np.array([1, 2]))), "its bias is int64; supported: int32"),
    "bias length": (lambda: conv(b=spec("b", (3,), "int32", np.arange(3))), "its bias has 3 values for 2 channels"),
    "groups": (lambda: conv(w=spec("w", (2, 3, 3, 1), data=ones(2, 3, 3, 1))), "output 2; these are no whole groups"),
    "part of a group": (lambda: conv(w=spec("w", (2, 3, 3, 2), data=ones(2, 3, 3, 2))), "these are no whole groups"),
    "tanh": (lambda: conv(fused_activation_function=4), "the fused activation TANH is not supported"),
    "unknown activation": (lambda: conv(fused_activation_function=9), "the fused activation number 9"),
    "stride 0": (lambda: conv(stride_w=0), "stride 0 or dilation 1 is not in 1..65535"),
    "dilation 0": (lambda: conv(dilation_h_factor=0), "dilation 0 is not in 1..65535"),
    "padding mode": (lambda: conv(padding=2), "the padding mode 2 is not supported"),
    "output height": (lambda: conv(y=spec("y", (1, 5, 4, 2))), "its output's height is 5, its geometry gives 4"),
    "output channels": (lambda: conv(y=spec("y", (1, 4, 4, 5))), "its output has 5 channels, its filter 2"),
    "rank": (lambda: conv(x=spec("x", (4, 4, 3))), "its operands are not [N, H, W, C]"),
    "unquantised input": (lambda: conv(x=spec("x", (1, 4, 4, 3), **NOT_QUANTISED)), "(int8) is not quantised"),
    "zero scale": (lambda: conv(x=spec("x", (1, 4, 4, 3), scale=[0.0])), "a scale of its input is not a positive"),
    "zero point": (lambda: conv(x=spec("x", (1, 4, 4, 3), zero_point=[200])), "zero point 200 of its input is outside"),
    "filter zero point": (
        lambda: conv(w=spec("w", (2, 3, 3, 3), data=ones(2, 3, 3, 3), zero_point=[3])),
        "its filter has a zero point other than 0",
    ),
    "filter scales": (
        lambda: conv(w=spec("w", (2, 3, 3, 3), data=ones(2, 3, 3, 3), scale=[1.0] * 3, zero_point=[0] * 3, axis=1)),
        "its filter has 3 scales for 2 channels",
    ),
    "filter axis": (
        lambda: conv(
            w=spec("w", (3, 3, 3, 3), data=ones(3, 3, 3, 3), scale=[1.0] * 3, zero_point=[0] * 3, axis=3),
            y=spec("y", (1, 4, 4, 3)),
        ),
        "its filter is quantised along dimension 3; supported: 0",
    ),
    "scale ratio": (
        lambda: conv(x=spec("x", (1, 4, 4, 3), scale=[1e20]), y=spec("y", (1, 4, 4, 2), scale=[1e-20])),
        "the ratio of its scales is above 2^30",
    ),
    "depth multiplier": (lambda: depthwise(multiplier=2), "3 filters do not fit 3 input channels and depth mult"),
    "wide window": (lambda: depthwise((1, 12, 11, 3)), "128 positions are supported"),
    "ADD uint8": (
        lambda: add(*[spec(n, (2, 2), "uint8") for n in "aby"]),
        "its input is uint8; supported: int8, int32, float32",
    ),
    "ADD shapes": (
        lambda: add(spec("a", (2, 3)), spec("b", (2, 4)), spec("y", (2, 4))),
        "[2, 3] and [2, 4] do not broadcast to [2, 4]",
    ),
    "ADD scales": (
        lambda: add(spec("a", (2,), scale=[100.0]), spec("b", (2,)), spec("y", (2,), scale=[1e-5])),
        "more than 2^19 times its output's",
    ),
    "PAD negative": (
        lambda: pad([[0, 0], [-1, 0], [0, 0], [0, 0]], (1, 3, 4, 3)),
        "the paddings [[0, 0], [-1, 0], [0, 0], [0, 0]] do not suit a tensor of 4 dimensions",
    ),
    "PAD rank": (lambda: pad([[0, 0]], (1, 4, 4, 3)), "do not suit a tensor of 4 dimensions"),
    "PAD output": (
        lambda: pad([[0, 0], [1, 0], [0, 0], [0, 0]], (1, 6, 4, 3)),
        "its output is [1, 6, 4, 3], its paddings give [1, 5, 4, 3]",
    ),
    "PAD int16": (
        lambda: pad([[0, 0]] * 4, (1, 4, 4, 3), dataclasses.replace(X, dtype="int16")),
        "its output is int16; supported: int8, uint8",
    ),
    "RESIZE both": (
        lambda: resize([8, 8], (1, 8, 8, 3), align_corners=True, half_pixel_centers=True),
        "align_corners and half_pixel_centers exclude each other",
    ),
    "RESIZE output": (lambda: resize([8, 8], (1, 8, 9, 3)), "maps [1, 4, 4, 3] to [1, 8, 9, 3] with size [8, 8]"),
    "RESIZE overshoot": (
        lambda: resize([1500, 4], (1, 1500, 4, 3), spec("x", (1, 1, 4, 3))),
        "resizing 1 to 1500 pixels is beyond the reference's 1/1024 steps",
    ),
    "LOGISTIC output": (
        lambda: graph_of("LOGISTIC", [X, spec("y", (1, 4, 4, 3))], {}),
        "its output is not quantised with scale 1/256 and zero point -128",
    ),
    "QUANTIZE int16": (
        lambda: graph_of("QUANTIZE", [X, spec("y", (1, 4, 4, 3), "int16")], {}),
        "its output is int16; supported: int8, uint8",
    ),
    "QUANTIZE ratio": (
        lambda: graph_of("QUANTIZE", [spec("x", (2,), scale=[1e4]), spec("y", (2,), scale=[1e-5])], {}),
        "more than 2^22 times its output's",
    ),
    "DEQUANTIZE shape": (
        lambda: graph_of("DEQUANTIZE", [X, spec("y", (1, 4, 4), "float32", **NOT_QUANTISED)], {}),
        "maps [1, 4, 4, 3] to [1, 4, 4]",
    ),
    "operands": (
        lambda: graph_of("LOGISTIC", [X, X, spec("y", (1, 4, 4, 3))], {}),
        "has 2 inputs and 1 outputs instead of 1 and 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name: str) -> None:
    build, reason = REFUSALS[name]
    graph = build()
    op = graph.ops[0]
    with pytest.raises(ModelError) as refused:
        prepare(graph)
    message = str(refused.value)
    assert message.startswith(f"net: operator 0 {op.name} (output 'y', version 2): ")
    assert reason in message
    assert message.endswith(".")
    assert "\n" not in message


def test_accepts_what_the_refusals_change() -> None:
    """The unchanged networks are fine: each refusal above is due to its one change."""
    prepare(conv())
    prepare(depthwise())
    prepare(depthwise((1, 3, 3, 6), multiplier=2))
    prepare(add(spec("a", (2, 3)), spec("b", (3,)), spec("y", (2, 3))))
    prepare(pad([[0, 0], [1, 0], [0, 0], [0, 0]], (1, 5, 4, 3)))
    prepare(resize([8, 8], (1, 8, 8, 3)))


def test_absent_bias_is_zero() -> None:
    """CONV_2D without a bias, which LiteRT does not run, is the convolution with zeros."""
    zero, absent = conv(b=spec("b", (2,), "int32", np.zeros(2))), conv()
    for inputs in (absent.ops[0].inputs[:2], (*absent.ops[0].inputs[:2], -1)):
        bare = dataclasses.replace(absent, ops=(dataclasses.replace(absent.ops[0], inputs=inputs),))
        assert prepare(bare).params == prepare(zero).params
        assert prepare(bare).image == prepare(zero).image


@pytest.mark.parametrize("operator", CASES)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_scratch_is_exact(operator: str, data: st.DataObject) -> None:
    """check() takes the rule's scratch size in both sets of the host, and the neediest of them takes no byte less."""
    case = data.draw(CASES[operator])
    graph = parse_model(case.model, "case")
    with pytest.MonkeyPatch.context() as patch:
        for module in (conv_2d, depthwise_conv_2d):  # test_kernels_mve.py asks the Helium kernels
            patch.setattr(module, "_mve_scratch_bytes", lambda *_: 0)
        call = prepare_call(graph, graph.ops[0], case.inputs)
    hosts = [kernel_host(kernels) for kernels in KERNEL_SETS]
    assert [host.call(call, run=False)[0] for host in hosts] == [0, 0]
    if call.desc.scratch_bytes > 0:
        call.desc.scratch_bytes -= 1
        assert any(host.call(call, run=False)[0] == -11 for host in hosts)  # POSE_ERR_MEMORY


@given(st.floats(1e-12, 1e9))
def test_quantize_multiplier(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    assert (1 << 30) <= multiplier < (1 << 31) or multiplier == 0
    assert multiplier * 2.0 ** (shift - 31) == pytest.approx(real, rel=2.0**-31, abs=2.0**-32)


def test_multiplier_rounds_up_to_the_next_power() -> None:
    assert quantize_multiplier(np.nextafter(1.0, 0.0)) == (1 << 30, 1)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(-31, 0))
def test_requantize_rounds_twice(value: int, multiplier: int, shift: int) -> None:
    """Against exact arithmetic: first to 2^-31 with ties upwards, then to 2^shift with ties away from zero."""
    high = (value * multiplier + (1 << 30)) // (1 << 31)
    scaled, half = abs(high), (1 << -shift) >> 1
    expected = (scaled + half) // (1 << -shift) * (1 if high >= 0 else -1)
    assert int(requantize(np.array([value], np.int64), multiplier, shift)[0]) == expected


@pytest.mark.parametrize(("value", "rounded"), [(0.5, 1), (-0.5, -1), (1.5, 2), (-2.5, -3), (0.49, 0), (2.0, 2)])
def test_round_half_away(value: float, rounded: int) -> None:
    assert round_half_away(value) == rounded
