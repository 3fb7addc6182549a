"""Every form of picture input from a photograph's pixels to the device: each tensor is LiteRT's, on every kernel set.

LiteRT is given what the file asks for, the device what the host makes of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_stm32pose.firmware.build import KERNEL_SETS, build_host_library
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.network.compile import PLANS, CompiledNetwork, compile_bytes, compile_model
from pytest_stm32pose.network.picture_input import check_picture_input
from pytest_stm32pose.pictures.preprocess import input_tensor
from pytest_stm32pose.pictures.values import device_tensor
from pytest_stm32pose.preprocessing import DEFAULT, Preprocessing
from pytest_stm32pose.types import Picture
from tests.firmware.input_forms import FORMS, HEIGHT, WIDTH, as_file, network
from tests.firmware.runtime_host import HostNet
from tests.firmware.test_runtime import reference
from tests.support.shared_data import shared_dir

DATA = shared_dir()
WILD = ["heat_i8_i8", "heat_i8_f32", "heat_f32_f32", "heat_u8_f32", "heat_keras_batch_none", "nchw_input"]


def photograph(seed: int) -> Picture:
    """Smooth waves with noise on them, so that every level occurs and resizing has something to do."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:50, :70]
    waves = 127 + 127 * np.sin(np.stack([x / 9 + y / 20, x / 17, y / 7], axis=-1) + seed)
    pixels = np.clip(waves + random.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)
    return Picture("a", "a.png", "", pixels)


def check_bits(compiled: CompiledNetwork, data: bytes, of_file: NDArray[Any], of_device: NDArray[Any]) -> None:
    expected = reference(data, of_file)
    graph = compiled.program
    np.testing.assert_array_equal(of_device.reshape(-1), expected(graph.inputs[0]).reshape(-1))
    for kernels in KERNEL_SETS:
        net = HostNet(build_host_library(kernels))
        assert net.open(compiled.image) == 0
        run = net.run(of_device)
        assert run.status == 0
        assert run.tensors.keys() == set(compiled.tensors)
        for tensor, (source, actual) in run.tensors.items():
            np.testing.assert_array_equal(actual, expected(tensor), err_msg=f"{kernels}, operator {source}")
        np.testing.assert_array_equal(net.output(0), expected(graph.outputs[0]))
        assert net.guard_intact


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", FORMS)
def test_bit_for_bit(name: str, plan: str) -> None:
    form = FORMS[name]
    compiled = compile_bytes(network(form), name, plan=plan)
    description = compiled.description
    assert description.input_shape == (HEIGHT, WIDTH, form.channels)
    assert any(op.name in ("TRANSPOSE", "RESHAPE") for op in compiled.program.ops) == form.reshaped
    quantised = (form.dtype == "float32" or form.first) and not form.reshaped
    assert description.input_dtype == ("int8" if quantised else form.dtype)
    stated = Preprocessing("letterbox", resize="bicubic", mean=(120.5,), std=(-63.25,))
    for seed, asked in ((1, DEFAULT), (2, DEFAULT), (3, stated)):
        tensor, _ = input_tensor(photograph(seed), description, asked)
        assert (tensor.shape, str(tensor.dtype)) == (description.input_shape, form.dtype)
        check_bits(compiled, network(form), as_file(tensor, form), device_tensor(tensor, description))


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if not form.reshaped])
def test_without_a_word_every_form_sees_the_same_picture(name: str) -> None:
    """The byte that the convolution reads is the pixel less 128, whatever the input is."""
    form = FORMS[name]
    description = compile_bytes(network(form), name).description
    exact = Picture("a", "a.png", "", np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    pixels: NDArray[Any] = exact.pixels
    if form.channels == 1:
        pixels = (pixels.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32) + 0x8000 >> 16)[..., None]
    given = device_tensor(input_tensor(exact, description)[0], description).astype(int)
    np.testing.assert_array_equal(given, pixels.astype(int) - (128 if description.input_dtype == "int8" else 0))


@pytest.mark.parametrize("name", FORMS)
def test_the_golden_engine_takes_it_as_the_file_does(name: str, tmp_path: Any) -> None:
    form = FORMS[name]
    file = tmp_path / "net.tflite"
    file.write_bytes(network(form))
    compiled = compile_model(file)
    tensor, _ = input_tensor(photograph(5), compiled.description)
    answer = GoldenEngine(file).run(tensor, intermediates=True)
    expected = reference(network(form), as_file(tensor, form))
    np.testing.assert_array_equal(answer.outputs[0].data, expected(compiled.graph.outputs[0]))
    assert {each.source for each in answer.intermediates} >= set(compiled.tensors)


@pytest.mark.skipif(DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder")
@pytest.mark.parametrize("name", WILD)
def test_networks_of_the_usual_converters(name: str) -> None:
    assert DATA is not None
    path = DATA / "data" / "wild" / "networks" / f"{name}.tflite"
    compiled = compile_model(path)
    check_picture_input(compiled.graph)
    tensor, _ = input_tensor(photograph(6), compiled.description)
    is_first = compiled.graph.tensors[compiled.graph.inputs[0]].shape[1] == 3
    of_file = np.ascontiguousarray(np.moveaxis(tensor, -1, 0) if is_first else tensor)[np.newaxis]
    check_bits(compiled, path.read_bytes(), of_file, device_tensor(tensor, compiled.description))
