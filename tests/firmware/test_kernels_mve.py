"""The Helium kernels against LiteRT's reference kernels, bit for bit, on random networks of one operator. The host
cannot run them: the firmware on the emulated Cortex-M55 does, all cases in one machine."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.firmware.build import FIRMWARE_DIR, build_host_library
from pytest_stm32pose.network.ops import conv_2d, depthwise_conv_2d
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.convolution import PARAMS, read_convolution, round_up
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.protocol import client
from tests.firmware.case_tools import Case, Draw, draw_size, make_case
from tests.firmware.device_kernels import DeviceKernels, operator_image, with_one_input
from tests.firmware.operator_cases import CASES, _convolution_case, _Window
from tests.firmware.qemu_machine import MACHINES
from tests.firmware.runtime_host import HostNet
from tests.firmware.test_kernels import raw, reference
from tests.support.tflite_builder import PADDING_SAME, OpSpec, TensorSpec

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
#: Per operator; `make campaign` sets STM32POSE_MVE_EXAMPLES.
EXAMPLES = int(os.environ.get("STM32POSE_MVE_EXAMPLES", "12"))
#: Operators that have a Helium variant get more.
OWN = {path.stem.upper() for path in (FIRMWARE_DIR / "kernels" / "mve").glob("*.c")} & CASES.keys()
POSE_ERR_IMAGE, POSE_ERR_MEMORY = 9, 11


#: Their inputs are float32, int32 or bool, which no network's input is; whole networks run them on this board.
NOT_8_BIT = {
    "DIV", "EQUAL", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL",
    "SELECT_V2", "SQRT", "SQUARE", "SUM",
}  # fmt: skip


@pytest.fixture(scope="module")
def device() -> Iterator[DeviceKernels]:
    with pytest.MonkeyPatch.context() as patch, DeviceKernels(MACHINES[0], "mve") as running:
        patch.setattr(client, "HELLO_AFTER_RESET_TIMEOUT_S", 0.02)  # the first HELLO is lost while the core starts
        yield running


def check_same_bits(device: DeviceKernels, drawn: Case) -> None:
    # Weights that are computed have a rule of their own; whole networks run it on this board.
    assume(drawn.op.name != "FULLY_CONNECTED" or len(drawn.inputs) == 1)
    case = with_one_input(drawn)
    assume(case.inputs[0].dtype.itemsize == 1)  # what a network may have as its input
    assert device.load(operator_image(case)) == 0, "check() refused what the rule prepared"
    assert raw(device.run(case.inputs[0])) == raw(reference(case))


def few(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, database=None
    )


def test_variants_are_those_that_the_profile_asks_for() -> None:
    assert {"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "MUL", "SUB"} <= OWN


@pytest.mark.parametrize("operator", sorted(OWN))
def test_helium_variants_have_the_references_bits(operator: str, device: DeviceKernels) -> None:
    @few(3 * EXAMPLES)
    @given(case=CASES[operator])
    def compare(case: Case) -> None:
        check_same_bits(device, case)

    compare()


@pytest.mark.parametrize("operator", sorted(CASES.keys() - OWN - NOT_8_BIT))
def test_other_operators_have_them_too(operator: str, device: DeviceKernels) -> None:
    """What the compiler makes of the portable kernels for this core, on this set's memcpy() and table look-up."""

    @few(EXAMPLES // 4)
    @given(case=CASES[operator])
    def compare(case: Case) -> None:
        check_same_bits(device, case)

    compare()


def _same_window(draw: Draw, kernel: int, stride: int) -> _Window:
    height, width = draw_size(draw, 1, 6), draw_size(draw, 1, 40)
    options = {"padding": PADDING_SAME} | {f"stride_{axis}": stride for axis in "hw"}
    options |= {f"dilation_{axis}_factor": 1 for axis in "hw"}
    return _Window((height, width), (kernel, kernel), (-(-height // stride), -(-width // stride)), options)


@st.composite
def wide_conv_2d(draw: Draw) -> Case:
    """Several blocks of pixels, several vectors of taps, several groups of channels."""
    in_channels, out_channels = draw_size(draw, 1, 70), draw_size(draw, 1, 34)
    window = _same_window(draw, draw(st.sampled_from([1, 1, 3])), draw_size(draw, 1, 2))
    filters = (out_channels, *window.kernel, in_channels)
    return _convolution_case(draw, "CONV_2D", window, filters, 0, in_channels, {})


@st.composite
def tiled_conv_2d(draw: Draw) -> Case:
    """Several tiles of weights, what is left of a tile and of a group; windows in strips, one by one, and pointwise."""
    kernel = draw(st.sampled_from([1, 2, 3, 3, 5]))
    in_channels = draw(st.sampled_from([24, 32, 400, 1000] if kernel == 1 else [8, 16, 48, 51, 128]))
    window = _same_window(draw, kernel, draw_size(draw, 1, 2))
    filters = (draw_size(draw, 1, 70), *window.kernel, in_channels)
    return _convolution_case(draw, "CONV_2D", window, filters, 0, in_channels, {})


@st.composite
def wide_depthwise_conv_2d(draw: Draw) -> Case:
    """Several chunks of channels."""
    channels = draw_size(draw, 1, 300)
    window = _same_window(draw, draw_size(draw, 1, 5), draw_size(draw, 1, 3))
    filters = (1, *window.kernel, channels)
    return _convolution_case(draw, "DEPTHWISE_CONV_2D", window, filters, 3, channels, {"depth_multiplier": 1})


@pytest.mark.parametrize(
    "cases",
    [wide_conv_2d(), tiled_conv_2d(), wide_depthwise_conv_2d()],
    ids=["CONV_2D", "tiles of CONV_2D", "DEPTHWISE_CONV_2D"],
)
def test_layers_of_real_width(cases: st.SearchStrategy[Case], device: DeviceKernels) -> None:
    @few(2 * EXAMPLES)
    @given(case=cases)
    def compare(case: Case) -> None:
        check_same_bits(device, case)

    compare()


def _mve_scratch_bytes(case: Case) -> int:
    """What the rule says the Helium kernel of a convolution needs; 0 when a pixel of zero points is all."""
    graph = parse_model(case.model, "case")
    [op] = graph.ops
    shape = graph.tensors[op.inputs[1]].shape
    if op.name == "CONV_2D":
        taps = shape[1] * shape[2] * shape[3]
        if shape[3] != graph.tensors[op.inputs[0]].shape[3]:
            return round_up(taps, 4)  # groups: one window
        conv = read_convolution(op, graph, channel_axis=0)
        return conv_2d._mve_scratch_bytes(conv, taps, conv_2d.choose_tile(conv, taps))
    conv = read_convolution(op, graph, channel_axis=3)
    return depthwise_conv_2d._mve_scratch_bytes(conv) or conv.source.shape[3]


@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_scratch_is_exact(operator: str, device: DeviceKernels) -> None:
    """The kernel takes the bytes that the rule plans for it, and not one less."""

    @few(20)
    @given(case=CASES[operator])
    def compare(case: Case) -> None:
        needed = _mve_scratch_bytes(case)

        def scratch(count: int) -> bytes:
            def change(prepared: Prepared) -> Prepared:
                return dataclasses.replace(prepared, scratch_bytes=count)

            return operator_image(case, change)

        assert device.load(scratch(needed)) == 0
        assert device.load(scratch(needed - 1)) == POSE_ERR_MEMORY

    compare()


@pytest.mark.parametrize(("rows", "pixels"), [(0, 4), (12, 4), (40, 4), (8, 0), (8, 3), (8, 146)])
def test_a_tile_that_is_none_is_refused(rows: int, pixels: int, device: DeviceKernels) -> None:
    """Rows must be groups of eight or all 36 of these; pixels even, and no more than there is room for sums."""
    case = convolution_of(36)

    def change(prepared: Prepared) -> Prepared:
        fields = PARAMS.unpack(prepared.params)
        params = PARAMS.pack(*fields[:-2], rows, pixels)
        return dataclasses.replace(prepared, params=params, scratch_bytes=1 << 16)

    assert device.load(operator_image(case, lambda prepared: prepared)) == 0
    assert device.load(operator_image(case, change)) == POSE_ERR_IMAGE


@pytest.mark.parametrize("zero_point", [-128, 127])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_sums_that_fill_their_bits_wrap_like_the_portable_kernels(
    operator: str, stride: int, zero_point: int, device: DeviceKernels
) -> None:
    """A scale of 1 - 2^-28 and an extreme bias: the zero point carries the result out of 32 bits."""
    in_scale, scale, out_scale = 1 - 2.0**-15, 1 + 2.0**-13, 1 + 2.0**-13 - 2.0**-15
    bias = np.array([np.iinfo(np.int32).min, np.iinfo(np.int32).max] * 8, np.int32)
    values = np.zeros((1, 3, 3, 16) if operator == "DEPTHWISE_CONV_2D" else (16, 3, 3, 16), np.int8)
    axis = 3 if operator == "DEPTHWISE_CONV_2D" else 0
    size = -(-9 // stride)
    tensors = [
        TensorSpec("x", "int8", (1, 9, 9, 16), [in_scale], [0]),
        TensorSpec("y", "int8", (1, size, size, 16), [out_scale], [zero_point]),
        TensorSpec("w", "int8", values.shape, [scale] * 16, [0] * 16, axis, values),
        TensorSpec("b", "int32", (16,), [in_scale * scale] * 16, [0] * 16, 0, bias),
    ]
    options = {"padding": PADDING_SAME, "fused_activation_function": 0}
    options |= {f"stride_{axis}": stride for axis in "hw"} | {f"dilation_{axis}_factor": 1 for axis in "hw"}
    options |= {"depth_multiplier": 1} if operator == "DEPTHWISE_CONV_2D" else {}
    case = make_case(tensors, OpSpec(operator, (0, 2, 3), (1,), options, 3), np.ones((1, 9, 9, 16), np.int8))
    image = operator_image(case)
    portable = HostNet(build_host_library("ref"))
    assert portable.open(image) == 0
    portable.run(case.inputs[0])
    assert device.load(image) == 0
    assert raw(device.run(case.inputs[0])) == raw([np.asarray(portable.output(0))])


def convolution_of(channels: int) -> Case:
    """A pointwise CONV_2D."""
    values = np.ones((channels, 1, 1, 24), np.int8)
    tensors = [
        TensorSpec("x", "int8", (1, 5, 5, 24), [0.5], [0]),
        TensorSpec("y", "int8", (1, 5, 5, channels), [0.5], [0]),
        TensorSpec("w", "int8", values.shape, [0.1], [0], 0, values),
        TensorSpec("b", "int32", (channels,), [0.05], [0], 0, np.zeros(channels, np.int32)),
    ]
    options = {"padding": PADDING_SAME, "fused_activation_function": 0}
    options |= {f"{name}_{axis}{end}": 1 for name, end in (("stride", ""), ("dilation", "_factor")) for axis in "hw"}
    op = OpSpec("CONV_2D", (0, 2, 3), (1,), options, 3)
    return make_case(tensors, op, np.ones((1, 5, 5, 24), np.int8))
