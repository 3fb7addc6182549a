"""The first divergent stage, from the preprocessing to the decode."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.golden.digest import digest
from pytest_stm32pose.measure.divergence import Divergence, first_divergence, outputs_crc32
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.measure.stale import told_if_stale
from pytest_stm32pose.types import InferResult, TensorData

OPERATORS = ("QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "LOGISTIC")


def int8(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-100, 100, shape, dtype=np.int8)


def golden_result() -> InferResult:
    """Input (tensor 0), four operators with one output each (tensors 10..13), a float output (tensor 20)."""
    network_input = TensorData(0, -1, "", int8(99, 1, 4, 4, 3).view(np.uint8))
    operators = [TensorData(10 + n, n, name, int8(n, 1, 4, 4, 5)) for n, name in enumerate(OPERATORS)]
    output = TensorData(20, 4, "DEQUANTIZE", operators[-1].data.astype(np.float32) / 256, lsb=1 / 256)
    keypoints = np.array([[[0.1, 0.2, 0.9], [0.3, 0.4, 0.8]]], np.float32)
    return InferResult(keypoints, (output,), (network_input, *operators, output))


def changed(tensor: TensorData, index: int, by: int) -> TensorData:
    data = tensor.data.copy()
    data.flat[index] += by if data.dtype != np.float32 else np.float32(by / 256)
    return replace(tensor, data=data)


def device_with(golden: InferResult, *sources: int, by: int = 3) -> InferResult:
    """The golden with the first two elements of these tensors off."""

    def off(tensor: TensorData) -> TensorData:
        return changed(changed(tensor, 0, by), 1, 1) if tensor.source in sources else tensor

    return replace(golden, outputs=tuple(map(off, golden.outputs)), intermediates=tuple(map(off, golden.intermediates)))


def test_equal_results_have_no_divergence() -> None:
    golden = golden_result()
    assert first_divergence(golden, golden, golden_input_crc32=5, device_input_crc32=5) is None
    assert first_divergence(golden, InferResult(None)) is None


def test_preprocessing_comes_first() -> None:
    golden = golden_result()
    found = first_divergence(golden, device_with(golden, 11, 20), golden_input_crc32=1, device_input_crc32=2)
    assert found is not None
    assert found.stage == "preprocessing"
    assert "0x00000002, golden 0x00000001" in found.describe()
    assert first_divergence(golden, golden, golden_input_crc32=1) is None


@given(st.sets(st.sampled_from([0, 10, 11, 12, 13, 20]), min_size=1))
def test_the_first_tensor_in_execution_order_is_named(sources: set[int]) -> None:
    golden = golden_result()
    found = first_divergence(golden, device_with(golden, *sources))
    assert found is not None
    first = min(sources)
    reference = next(tensor for tensor in golden.intermediates if tensor.source == first)
    assert (found.tensor, found.op_index, found.op_name) == (first, reference.op_source, reference.op_name)
    assert found.stage == ("input" if first == 0 else "operator")
    assert (found.elements, found.differing, found.max_lsb) == (reference.data.size, 2, 3)


@given(st.sets(st.sampled_from([0, 10, 11, 12, 13]), min_size=1))
def test_digests_stand_in_for_intermediates(sources: set[int]) -> None:
    golden = golden_result()
    digests = [digest(tensor) for tensor in golden.intermediates]
    stored = replace(golden, intermediates=())
    assert first_divergence(stored, golden, digests=digests) is None
    found = first_divergence(stored, device_with(golden, *sources), digests=digests)
    assert found is not None
    assert (found.tensor, found.differing, found.max_lsb) == (min(sources), None, None)
    assert "some of" in found.describe()


def test_a_digest_is_the_crc_of_the_bytes() -> None:
    tensor = TensorData(3, 1, "CONV_2D", np.array([[1, -2], [3, 4]], np.int16))
    found = digest(tensor)
    assert found.crc32 == zlib.crc32(bytes([1, 0, 0xFE, 0xFF, 3, 0, 4, 0]))
    assert (found.dtype, found.shape, found.source, found.op_source) == ("int16", (2, 2), 3, 1)
    assert digest(replace(tensor, data=tensor.data.astype(">i2"))).crc32 == found.crc32
    assert digest(replace(tensor, data=np.asfortranarray(tensor.data))).crc32 == found.crc32


def test_without_intermediates_the_output_is_named() -> None:
    golden = golden_result()
    device = replace(device_with(golden, 11, 20), intermediates=())
    found = first_divergence(golden, device)
    assert found is not None
    assert (
        found.describe() == "First divergence: output tensor 20, 2 of 80 elements differ by up to 3 LSB "
        "(first at element 0); the keypoints are equal."
    )
    missing = first_divergence(golden, replace(device, outputs=(replace(golden.outputs[0], source=21),)))
    assert missing is not None
    assert "did not send it" in missing.describe()


def test_fused_operators_are_passed_over() -> None:
    golden = golden_result()
    device = device_with(golden, 11, 13)
    fused = replace(device, intermediates=tuple(t for t in device.intermediates if t.source != 11))
    found = first_divergence(golden, fused)
    assert found is not None
    assert (found.op_index, found.op_name) == (3, "LOGISTIC")


def test_other_tensor_same_decode() -> None:
    golden = golden_result()
    device = device_with(golden, 13)
    found = first_divergence(golden, device)
    assert found is not None
    assert (found.stage, found.keypoints_equal) == ("operator", True)
    assert found.describe().endswith("; the keypoints are equal.")
    keypoints = golden.keypoints_norm + np.float32(0.1)  # type: ignore[operator]
    moved = first_divergence(golden, replace(device, keypoints_norm=keypoints))
    assert moved is not None
    assert (moved.stage, moved.keypoints_equal) == ("operator", False)
    assert "keypoints" not in moved.describe()
    untold = first_divergence(golden, replace(device, keypoints_norm=None))
    assert untold is not None
    assert untold.keypoints_equal is None


def test_the_tensor_says_where_it_differs() -> None:
    golden = golden_result()
    found = first_divergence(golden, device_with(golden, 11))
    assert found is not None
    assert found.where is not None
    # [1, 4, 4, 5]: the first two elements are channels 0 and 1 of the first pixel.
    assert found.where.counts.tolist() == [[2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found.where.channels == ((0, 1), (1, 1))


def test_same_tensors_other_decode() -> None:
    golden = golden_result()
    keypoints = golden.keypoints_norm.copy()  # type: ignore[union-attr]
    keypoints[0, 1, 0] = np.nextafter(keypoints[0, 1, 0], np.float32(1))
    device = replace(golden, keypoints_norm=keypoints)
    found = first_divergence(golden, device)
    assert found is not None
    assert (found.stage, found.elements, found.differing) == ("decode", 2, 1)
    assert "output tensors are equal but 1 of 2 keypoints differ (keypoint 1:" in found.describe()
    assert first_divergence(golden, device, keypoint_tolerance=1e-6) is None
    blind = first_divergence(golden, replace(device, outputs=(), intermediates=()))
    assert blind is not None
    assert blind.stage == "keypoints"
    assert "ask the device for its output tensors" in blind.describe()


@pytest.mark.parametrize(
    "keypoints",
    [np.full((1, 2, 3), np.nan, np.float32), np.zeros((0, 2, 3), np.float32), np.zeros((1, 3, 3), np.float32)],
)
def test_nonsense_keypoints_differ(keypoints: np.ndarray) -> None:
    golden = golden_result()
    found = first_divergence(golden, replace(golden, keypoints_norm=keypoints), keypoint_tolerance=10.0)
    assert found is not None
    assert (found.stage, found.differing) == ("decode", 2)


def test_tolerance_in_lsb() -> None:
    golden = golden_result()
    device = device_with(golden, 11, by=3)
    assert first_divergence(golden, device, lsb_tolerance=3) is None
    assert first_divergence(golden, device, lsb_tolerance=2) is not None
    shape = replace(golden, intermediates=tuple(replace(t, data=t.data[..., :1]) for t in golden.intermediates))
    found = first_divergence(golden, shape, lsb_tolerance=255)
    assert found is not None
    assert "golden is uint8 [1, 4, 4, 3], device is uint8 [1, 4, 4, 1]" in found.describe()
    digests = [digest(tensor) for tensor in golden.intermediates]
    stored = replace(golden, intermediates=())
    assert first_divergence(stored, device, digests=digests, lsb_tolerance=3) is None
    assert first_divergence(stored, shape, digests=digests, lsb_tolerance=255) is not None


def test_a_crc_of_all_outputs_in_the_order_of_the_tflite() -> None:
    first, second = np.arange(4, dtype=np.int8), np.arange(3, dtype=">f4")
    one, other = TensorData(3, 0, "A", first), TensorData(5, 1, "B", second)
    together = zlib.crc32(bytes([0, 1, 2, 3]) + np.arange(3, dtype="<f4").tobytes())
    assert outputs_crc32(InferResult(None, (one, other))) == together
    assert outputs_crc32(InferResult(None, (other, one))) == together
    assert outputs_crc32(InferResult(None)) is None


def test_more_is_said_after_what_was_said() -> None:
    silent = Divergence("output", tensor=3, elements=2, differing=1)
    assert silent.noting("a").describe() == "First divergence: output tensor 3, 1 of 2 elements differ (a)."
    assert silent.noting("a").noting("b").detail == "a; b"


@dataclass(frozen=True)
class Measured:
    """What `told_if_stale` looks at of a PictureResult."""

    picture_id: str
    divergence: Divergence | None
    output_crc32: int | None
    golden_output_crc32: int | None


def measured(name: str, apart: Divergence | None, output_crc32: int | None, golden_crc32: int | None) -> PictureResult:
    return cast(PictureResult, Measured(name, apart, output_crc32, golden_crc32))


def test_a_stale_answer_is_told_with_the_picture_that_it_is_of() -> None:
    apart = Divergence("output", tensor=3, elements=2, differing=1)
    first, third = measured("first", None, 1, 1), measured("third", None, 3, 3)
    stale = told_if_stale(measured("second", apart, 1, 2), [third, first])
    assert stale.divergence is not None
    assert "a stale answer: the output is that of first" in stale.divergence.describe()
    for fine in (
        measured("second", None, 2, 2),
        measured("second", apart, 9, 2),
        measured("second", apart, None, None),
        measured("first", apart, 1, 2),  # measured again, it is not its own predecessor
    ):
        assert told_if_stale(fine, [first, third]) == fine
