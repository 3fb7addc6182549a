"""What the host's build of the DSP kernels leaves open: loops written in assembly, which only the emulated Cortex-M7
runs, and tiles of any size. Bit for bit against LiteRT's reference kernels."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from pytest_stm32pose.network.ops import conv_2d, depthwise_conv_2d
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.convolution import read_convolution
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.protocol import client
from tests.firmware.case_tools import Case, Draw, draw_size, make_case
from tests.firmware.device_kernels import DeviceKernels, operator_image, with_one_input
from tests.firmware.kernel_host import kernel_host, prepare_call
from tests.firmware.operator_cases import CASES, _convolution_case, _Window
from tests.firmware.qemu_machine import MACHINES
from tests.firmware.test_kernels import raw, reference
from tests.support.tflite_builder import PADDING_SAME, OpSpec, TensorSpec

on_device = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
#: Per kind of case; more make a campaign.
EXAMPLES = int(os.environ.get("STM32POSE_DSP_EXAMPLES", "25"))
OWN = sorted({path.stem.upper() for path in (FIRMWARE_DIR / "kernels" / "dsp").glob("*.c")} & CASES.keys())
MOST_PIXELS = 24  #: beyond 18, blocks of seven and four pixels are all there is


def few(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, database=None
    )


def _window(height: int, width: int, kernel: int, stride: int) -> _Window:
    options = {"padding": PADDING_SAME} | {f"stride_{axis}": stride for axis in "hw"}
    options |= {f"dilation_{axis}_factor": 1 for axis in "hw"}
    return _Window((height, width), (kernel, kernel), (-(-height // stride), -(-width // stride)), options)


@st.composite
def tiled_conv_2d(draw: Draw, pixels: int | None = None) -> Case:
    """Pixels around the sizes of blocks; enough channels for several tiles; windows of whole words and of others."""
    width = draw_size(draw, 1, MOST_PIXELS) if pixels is None else pixels
    in_channels, out_channels = draw_size(draw, 1, 40), draw_size(draw, 1, 40)
    window = _window(1 if pixels else draw_size(draw, 1, 3), width, draw(st.sampled_from([1, 1, 3])), 1)
    filters = (out_channels, *window.kernel, in_channels)
    return _convolution_case(draw, "CONV_2D", window, filters, 0, in_channels, {})


@st.composite
def tiled_depthwise_conv_2d(draw: Draw) -> Case:
    """3x3 windows on rows of any width and more channels than are turned together."""
    channels = draw_size(draw, 1, 40)
    window = _window(draw_size(draw, 1, 9), draw_size(draw, 1, 30), 3, draw_size(draw, 1, 2))
    filters = (1, *window.kernel, channels)
    return _convolution_case(draw, "DEPTHWISE_CONV_2D", window, filters, 3, channels, {"depth_multiplier": 1})


TILED = {"CONV_2D": tiled_conv_2d(), "DEPTHWISE_CONV_2D": tiled_depthwise_conv_2d()}


def scratch_range(case: Case) -> tuple[int, int]:
    """The least bytes of scratch that the DSP kernel of a convolution takes, and what holds all channels at once."""
    graph = parse_model(case.model, "case")
    [op] = graph.ops
    if op.name == "CONV_2D":
        channels, height, width, in_channels = graph.tensors[op.inputs[1]].shape
        taps = height * width * in_channels
        all_rows = conv_2d._wanted_scratch_bytes(in_channels, taps, channels)
        return conv_2d._dsp_scratch_bytes(in_channels, taps), all_rows
    conv = read_convolution(op, graph, channel_axis=3)
    return depthwise_conv_2d._dsp_scratch_bytes(conv), depthwise_conv_2d._dsp_scratch_bytes(conv, conv.out.shape[3])


@st.composite
def scratch_of(draw: Draw, case: Case) -> int:
    """The least, or anything up to a little more than is of use."""
    least, most = scratch_range(case)
    return least if draw(st.booleans()) else draw_size(draw, least, max(least, most) + 8)


@pytest.mark.parametrize("operator", TILED)
def test_any_scratch_gives_the_same_bits(operator: str) -> None:
    """Tiles of one channel, of some, of all, by the host's build."""

    @few(8 * EXAMPLES)
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        case = data.draw(TILED[operator])
        graph = parse_model(case.model, "case")
        call = prepare_call(graph, graph.ops[0], case.inputs)
        call.desc.scratch_bytes = data.draw(scratch_of(case))
        status, outputs = kernel_host("dsp").call(call)
        assert (status, raw(outputs)) == (0, raw(reference(case)))
        call.desc.scratch_bytes = scratch_range(case)[0] - 1
        assert kernel_host("dsp").call(call, run=False)[0] == -11  # POSE_ERR_MEMORY

    compare()


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_scales_of_next_to_nothing(zero_point: int) -> None:
    """Right shifts so far that a shifted zero point leaves 32 bits, and biases that leave them when doubled."""
    shifts = np.arange(18, 31)
    scales = [float(np.float32(2.0**-shift) * np.float32(0.75)) for shift in shifts]
    zeros = [0] * len(scales)
    for bias in (2**29 - 1, 2**29 + 5, 2**31 - 2**20, -(2**30), 77):
        tensors = [
            TensorSpec("x", "int8", (1, 3, 3, 4), [1.0], [0]),
            TensorSpec("y", "int8", (1, 3, 3, len(scales)), [1.0], [zero_point]),
            TensorSpec(
                "w", "int8", (len(scales), 1, 1, 4), scales, zeros, 0, np.full((len(scales), 1, 1, 4), 127, np.int8)
            ),
            TensorSpec("b", "int32", (len(scales),), scales, zeros, 0, np.full(len(scales), bias, np.int32)),
        ]
        options = {"padding": PADDING_SAME} | {f"stride_{axis}": 1 for axis in "hw"}
        options |= {f"dilation_{axis}_factor": 1 for axis in "hw"}
        values = np.arange(-18, 18, dtype=np.int8).reshape(1, 3, 3, 4)
        case = make_case(tensors, OpSpec("CONV_2D", (0, 2, 3), (1,), options, 3), values)
        graph = parse_model(case.model, "case")
        status, outputs = kernel_host("dsp").call(prepare_call(graph, graph.ops[0], case.inputs))
        assert (status, raw(outputs)) == (0, raw(reference(case))), f"bias {bias}"


@pytest.fixture(scope="module")
def device() -> Iterator[DeviceKernels]:
    with pytest.MonkeyPatch.context() as patch, DeviceKernels(MACHINES[1], "dsp") as running:
        patch.setattr(client, "HELLO_AFTER_RESET_TIMEOUT_S", 0.02)  # the first HELLO is lost while the core starts
        yield running


def check_same_bits(device: DeviceKernels, case: Case, scratch_bytes: int | None = None) -> None:
    def change(prepared: Prepared) -> Prepared:
        return prepared if scratch_bytes is None else dataclasses.replace(prepared, scratch_bytes=scratch_bytes)

    assert device.load(operator_image(case, change)) == 0, "check() refused what the rule prepared"
    assert raw(device.run(case.inputs[0])) == raw(reference(case))


@on_device
@pytest.mark.parametrize("operator", OWN)
def test_the_core_gives_the_references_bits(operator: str, device: DeviceKernels) -> None:
    @few(EXAMPLES)
    @given(case=CASES[operator])
    def compare(case: Case) -> None:
        alone = with_one_input(case)
        assume(alone.inputs[0].dtype == np.int8)
        check_same_bits(device, alone)

    compare()


@on_device
@pytest.mark.parametrize("operator", TILED)
def test_the_core_gives_them_with_any_scratch(operator: str, device: DeviceKernels) -> None:
    @few(2 * EXAMPLES)
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        case = data.draw(TILED[operator])
        check_same_bits(device, case, data.draw(scratch_of(case)))

    compare()


@on_device
@pytest.mark.parametrize("pixels", range(1, MOST_PIXELS))
def test_every_number_of_pixels(pixels: int, device: DeviceKernels) -> None:
    """All ways in which blocks of seven, four and one pixels make up a row."""

    @few(2)
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        case = data.draw(tiled_conv_2d(pixels))
        check_same_bits(device, case, scratch_range(case)[1])

    compare()
