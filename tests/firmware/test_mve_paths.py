"""What the Helium kernels tell apart, each way against LiteRT's reference kernels: windows of which one load serves one
or more, tails of every length, broadcast rows, quotients that lie between two integers, and streams."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_stm32pose.protocol import client
from tests.firmware.case_tools import Case, Draw, draw_scale, draw_size, draw_values, draw_zero_point, make_case
from tests.firmware.device_kernels import DeviceKernels
from tests.firmware.qemu_machine import MACHINES
from tests.firmware.test_kernels_mve import EXAMPLES, check_same_bits, few
from tests.firmware.test_runtime import reference
from tests.firmware.test_streams import compile_chain, streamed
from tests.support.tflite_builder import ACTIVATIONS, PADDING_SAME, PADDING_VALID, OpSpec, TensorSpec, build_model

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
STREAMS = range(10)


@pytest.fixture(scope="module")
def device() -> Iterator[DeviceKernels]:
    with pytest.MonkeyPatch.context() as patch, DeviceKernels(MACHINES[0], "mve") as running:
        patch.setattr(client, "HELLO_AFTER_RESET_TIMEOUT_S", 0.02)  # the first HELLO is lost while the core starts
        yield running


def _window(draw: Draw, stride: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]:
    """Sizes of input, window and output, and the padding: rows of one output to more than a strip."""
    largest = 3 if stride == 1 else 4
    kernel = (draw_size(draw, 1, largest), draw_size(draw, 1, largest)) if draw(st.booleans()) else (3, 3)
    wide = draw(st.integers(0, 5)) == 0
    sizes = (draw_size(draw, kernel[0], 20), draw_size(draw, 90, 210) if wide else draw_size(draw, kernel[1], 30))
    padding = draw(st.sampled_from([PADDING_SAME, PADDING_SAME, PADDING_VALID]))
    reach = (stride - 1, stride - 1) if padding == PADDING_SAME else (stride - kernel[0], stride - kernel[1])
    return sizes, kernel, ((sizes[0] + reach[0]) // stride, (sizes[1] + reach[1]) // stride), padding


@st.composite
def depthwise(draw: Draw) -> Case:
    """Windows that are turned around: odd and even rows, ReLU's zero point too; scales of powers of two, whose results
    lie halfway between integers, and shifts to the left and to the right in one layer."""
    stride = draw_size(draw, 1, 2)
    sizes, kernel, out, padding = _window(draw, stride)
    channels = draw_size(draw, 1, 5 if sizes[1] > 30 else 40)
    zeros = draw(st.sampled_from([-128, -128, 0, 17]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exponents = rng.integers(-9, draw(st.sampled_from([-1, 1])), channels)
    scales = [float(2.0**e * (1.0 if draw(st.booleans()) else rng.uniform(0.5, 1.0))) for e in exponents]
    shape, filters = (1, *sizes, channels), (1, *kernel, channels)
    weights = rng.integers(-127, 128, filters) // draw(st.sampled_from([1, 40]))
    bias = rng.integers(-300, 300, channels).astype(np.int32)
    tensors = [
        TensorSpec("x", "int8", shape, [0.5], [draw_zero_point(draw)]),
        TensorSpec("y", "int8", (1, *out, channels), [0.5], [zeros]),
        TensorSpec("w", "int8", filters, scales, [0] * channels, 3, weights.astype(np.int8)),
        TensorSpec("b", "int32", (channels,), [scale / 2 for scale in scales], [0] * channels, 0, bias),
    ]
    activation = ACTIVATIONS[draw(st.sampled_from(["NONE", "NONE", "RELU", "RELU6"]))]
    options = {"padding": padding, "depth_multiplier": 1, "fused_activation_function": activation}
    options |= {f"stride_{axis}": stride for axis in "hw"} | {f"dilation_{axis}_factor": 1 for axis in "hw"}
    return make_case(tensors, OpSpec("DEPTHWISE_CONV_2D", (0, 2, 3), (1,), options, 3), draw_values(draw, shape))


def _pair(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of two inputs: equal, one value for each of some channels, one for a pixel, one for all."""
    channels = draw(st.sampled_from([1, 3, 17, draw_size(draw, 1, 40)]))
    shape = (draw_size(draw, 1, 9), draw_size(draw, 1, 40), channels)
    other = draw(st.sampled_from([shape, (1, 1, channels), (channels,), (*shape[:2], 1), (1,)]))
    return shape, other


@st.composite
def elementwise(draw: Draw) -> Case:
    """The common kind: no activation, an output's scale that shifts to the right; often powers of two, with ties."""
    name = draw(st.sampled_from(["ADD", "SUB", "MUL"]))
    first, second = _pair(draw)
    if name != "SUB" and draw(st.booleans()):
        first, second = second, first
    exact = draw(st.booleans())
    scales = [2.0 ** draw_size(draw, -6, 0) if exact else draw_scale(draw, 1e-3, 1.0) for _ in range(2)]
    base = scales[0] * scales[1] if name == "MUL" else max(scales)
    ratio = 2.0 ** draw_size(draw, 1, 7) if exact else draw_scale(draw, 0.6, 100.0)
    scales.append(float(np.float32(base * ratio)))
    zeros = [draw_zero_point(draw) for _ in range(3)]
    shapes = (first, second, tuple(np.broadcast_shapes(first, second)))
    values = [draw_values(draw, shape) for shape in shapes[:2]]
    tensors = [
        TensorSpec(n, "int8", shape, [scale], [zero], data=values[1] if n == "b" else None)
        for n, shape, scale, zero in zip("aby", shapes, scales, zeros, strict=True)
    ]
    op = OpSpec(name, (0, 1), (2,), {"fused_activation_function": ACTIVATIONS["NONE"]}, 2)
    return make_case(tensors, op, values[0])


@st.composite
def resize(draw: Draw) -> Case:
    """Enlargements whose weights are coarse and fine, channels of every tail."""
    sizes = [draw_size(draw, 1, 6) for _ in range(2)]
    factor = draw(st.sampled_from([2, 4, 3, 5, 8, 16]))
    new = [factor * size for size in sizes]
    shape = (1, *sizes, draw_size(draw, 1, 40))
    scale, zero = [draw_scale(draw)], [draw_zero_point(draw)]
    tensors = [
        TensorSpec("x", "int8", shape, scale, zero),
        TensorSpec("size", "int32", (2,), data=np.array(new, np.int32)),
        TensorSpec("y", "int8", (1, *new, shape[3]), scale, zero),
    ]
    mode = draw(st.sampled_from(["align_corners", "half_pixel_centers", "half_pixel_centers", ""]))
    op = OpSpec("RESIZE_BILINEAR", (0, 1), (2,), {mode: True} if mode else {}, 3)
    return make_case(tensors, op, draw_values(draw, shape))


@st.composite
def softmax(draw: Draw) -> Case:
    shape = (draw_size(draw, 1, 9), draw_size(draw, 1, 40))
    tensors = [
        TensorSpec("x", "int8", shape, [draw_scale(draw, 1e-3, 1.0)], [draw_zero_point(draw)]),
        TensorSpec("y", "int8", shape, [1 / 256], [-128]),
    ]
    return make_case(tensors, OpSpec("SOFTMAX", (0,), (1,), {"beta": 1.0}, 2), draw_values(draw, shape))


@st.composite
def transpose(draw: Draw) -> Case:
    """Steps of the innermost dimension from one to beyond what a gathering load can reach."""
    shape = (draw_size(draw, 1, 3), draw_size(draw, 1, 40), draw(st.sampled_from([1, 7, 40, 9400])))
    order = draw(st.permutations(range(3)))
    scale, zero = [draw_scale(draw)], [draw_zero_point(draw)]
    tensors = [
        TensorSpec("x", "int8", shape, scale, zero),
        TensorSpec("order", "int32", (3,), data=np.array(order, np.int32)),
        TensorSpec("y", "int8", tuple(shape[i] for i in order), scale, zero),
    ]
    return make_case(tensors, OpSpec("TRANSPOSE", (0, 1), (2,), {}, 2), draw_values(draw, shape))


@st.composite
def to_numbers(draw: Draw) -> Case:
    """DEQUANTIZE, the smallest scales and those that are not normal among them, and CAST: every length of a tail."""
    dtype, count = draw(st.sampled_from(["int8", "uint8"])), draw_size(draw, 1, 40)
    values = draw_values(draw, (count,), dtype)
    if draw(st.booleans()):
        to = draw(st.sampled_from(["int32", "float32"]))
        number, names = ([0.5], [draw_zero_point(draw, dtype)]), {"int32": 2, "float32": 0, "int8": 9, "uint8": 3}
        tensors = [TensorSpec("x", dtype, (count,), *number), TensorSpec("y", to, (count,))]
        options = {"in_data_type": names[dtype], "out_data_type": names[to]}
        return make_case(tensors, OpSpec("CAST", (0,), (1,), options, 2), values)
    scale = draw(st.sampled_from([2.0**-126, 1.5 * 2.0**-126, 3e-39, 1e-44, 1e36, draw_scale(draw)]))
    tensors = [
        TensorSpec("x", dtype, (count,), [scale], [draw_zero_point(draw, dtype)]),
        TensorSpec("y", "float32", (count,)),
    ]
    return make_case(tensors, OpSpec("DEQUANTIZE", (0,), (1,), {}, 2), values)


CASES = {
    "depthwise": depthwise(), "elementwise": elementwise(), "resize": resize(), "softmax": softmax(),
    "transpose": transpose(), "to_numbers": to_numbers(),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_every_way_has_the_references_bits(kind: str, device: DeviceKernels) -> None:
    @few((4 if kind == "depthwise" else 2) * EXAMPLES)
    @given(case=CASES[kind])
    def compare(case: Case) -> None:
        check_same_bits(device, case)

    compare()


def _requantizing(draw: Draw) -> tuple[bytes, NDArray[np.uint8]]:
    """A network from uint8 by float32 to 8 bits, of scales whose quotient makes ties, or nearly, or neither."""
    shape = (1, draw_size(draw, 1, 3), draw_size(draw, 1, 8), draw_size(draw, 1, 5))
    scale = draw_scale(draw, 1e-3, 10.0)
    ratio = draw(st.sampled_from([2.0, 4.0, 2.0 / 3, 0.4, draw_scale(draw, 0.05, 50.0)]))
    to = draw(st.sampled_from(["int8", "uint8"]))
    out_scale = float(np.nextafter(np.float32(scale * ratio), np.float32(draw(st.sampled_from([0, 0, 100])))))
    tensors = [
        TensorSpec("x", "uint8", shape, [scale], [draw_zero_point(draw, "uint8")]),
        TensorSpec("real", "float32", shape),
        TensorSpec("y", to, shape, [out_scale if draw(st.booleans()) else scale * ratio], [draw_zero_point(draw, to)]),
    ]
    ops = [OpSpec("DEQUANTIZE", (0,), (1,), {}, 2), OpSpec("QUANTIZE", (1,), (2,), {}, 1)]
    return build_model(tensors, ops, [0], [2]), draw_values(draw, shape, "uint8")


def test_floats_are_quantised_as_a_division_does(device: DeviceKernels) -> None:
    @few(4 * EXAMPLES)
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        model, picture = _requantizing(data.draw)
        assert device.load(compile_chain(model, "plain").image) == 0
        np.testing.assert_array_equal(device.run(picture)[0], reference(model, picture)(2))

    compare()


@pytest.mark.parametrize("seed", STREAMS)
def test_streams_call_kernels_with_pieces(seed: int, device: DeviceKernels, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, model = streamed(seed, monkeypatch)
    shape = compiled.graph.tensors[compiled.graph.inputs[0]].shape
    picture = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    assert device.load(compiled.image) == 0
    np.testing.assert_array_equal(device.run(picture)[0], reference(model, picture)(compiled.program.outputs[0]))
