"""Tensors between a .tflite and ST's firmware: every order, type and quantisation, there and back."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.network.graph import Quantization, Tensor
from pytest_stm32pose.protocol.st_validation.formats import Format, format_of
from pytest_stm32pose.protocol.st_validation.messages import FORMATS, Shape, TensorDesc
from pytest_stm32pose.protocol.st_validation.tensors import from_device, layout_of, mismatch, to_device

CODES = {name: code for code, name in FORMATS.items()}
SHAPE = (1, 4, 6, 3)


def desc(
    dims: tuple[int, ...] = SHAPE,
    order: int = Shape.BHWC,
    dtype: str = "uint8",
    scale: float = 0.0,
    zero_point: int = 0,
    size: int | None = None,
) -> TensorDesc:
    count = int(np.prod(dims)) if size is None else size
    return TensorDesc("t", CODES[dtype], count, order << 24 | len(dims), scale, zero_point, 0, 1, dims)


def tensor(dtype: str = "uint8", shape: tuple[int, ...] = SHAPE, scale: float = 0.0, zero_point: int = 0) -> Tensor:
    scales = np.array([scale] if scale else [], np.float32)
    return Tensor(0, "t", dtype, shape, Quantization(scales, np.array([zero_point], np.int64)))


def counted(dtype: str = "uint8") -> NDArray[np.generic]:
    return np.arange(72).astype(dtype).reshape(SHAPE)


@pytest.mark.parametrize(
    ("dims", "order"),
    [
        ((1, 4, 6, 3), Shape.BHWC),
        ((1, 3, 6, 4), Shape.BCWH),
        ((1, 4, 6, 3), Shape.RAW),
        ((1, 4, 6, 3), Shape.UND),
        ((4, 6, 3), Shape.ST_AI),
        ((1, 4, 6, 3), Shape.ST_AI | 64 | 32),
        ((1, 4, 6, 3), Shape.BCHW),  # ATON lists the memory's order
    ],
)
def test_orders_that_lie_as_the_tflite_does(dims: tuple[int, ...], order: int) -> None:
    layout = layout_of(desc(dims, order))
    assert mismatch(layout, tensor()) == ""
    assert to_device(counted(), tensor(), layout) == bytes(range(72))
    assert np.array_equal(from_device(bytes(range(72)), tensor(), layout), counted())


@pytest.mark.parametrize("order", [Shape.BHWC, Shape.BCHW, Shape.ST_AI | 64 | 16])
def test_channels_in_front_are_moved(order: int) -> None:
    layout = layout_of(desc((1, 3, 4, 6), order))
    assert mismatch(layout, tensor()) == ""
    sent = to_device(counted(), tensor(), layout)
    assert sent == counted().transpose(0, 3, 1, 2).tobytes()
    assert np.array_equal(from_device(sent, tensor(), layout), counted())


def test_a_cube_is_channels_first_only_when_it_says_so() -> None:
    cube = tensor(shape=(1, 3, 3, 3))
    values = np.arange(27, dtype=np.uint8).reshape(1, 3, 3, 3)
    assert to_device(values, cube, layout_of(desc((1, 3, 3, 3)))) == bytes(range(27))
    first = layout_of(desc((1, 3, 3, 3), Shape.ST_AI | 64 | 16))
    assert to_device(values, cube, first) == values.transpose(0, 3, 1, 2).tobytes()


def test_dimensions_of_one_do_not_matter() -> None:
    pose = tensor("float32", (1, 1, 17, 3))
    assert mismatch(layout_of(desc((1, 17, 1, 3), Shape.BHWC, "float32")), pose) == ""
    assert mismatch(layout_of(desc((17, 3), Shape.RAW, "float32")), pose) == ""


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "expected"),
    [
        ("uint8", 0.5, 10, [0, 10, 255]),
        ("int8", 0.5, -118, [-128, -118, 127]),
        ("float32", 0.0, 0, [-5.0, 0.0, 122.5]),
        ("uint8", 1.0, 5, [0, 5, 127]),  # -5 is 0; 122.5 is rounded to even, 122 + 5
    ],
)
def test_types_are_converted_by_both_quantisations(
    dtype: str, scale: float, zero_point: int, expected: list[float]
) -> None:
    model = tensor("uint8", (1, 1, 1, 3), 0.5, 10)
    layout = layout_of(desc((1, 1, 1, 3), Shape.BHWC, dtype, scale, zero_point))
    sent = np.frombuffer(to_device(np.array([0, 10, 255], np.uint8), model, layout), dtype)
    assert sent.tolist() == expected


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["int8", "uint8", "int16"]), st.floats(1e-3, 10), st.integers(-100, 100))
def test_outputs_are_dequantised_as_defined(dtype: str, scale: float, zero_point: int) -> None:
    limits = np.iinfo(dtype)
    raw = np.linspace(limits.min, limits.max, 72).astype(dtype)
    layout = layout_of(desc(SHAPE, Shape.BHWC, dtype, scale, zero_point))
    real = from_device(raw.tobytes(), tensor("float32"), layout)
    assert real.dtype == np.float32
    expected = (raw.astype(np.float64) - zero_point) * np.float32(scale)
    assert np.allclose(real.ravel(), expected, rtol=1e-6, atol=1e-6)


def test_float_outputs_become_the_bytes_of_the_tflite() -> None:
    layout = layout_of(desc(SHAPE, Shape.BHWC, "float32"))
    model = tensor("int8", SHAPE, 0.25, -3)
    values = np.arange(-128, -56).astype(np.int8).reshape(SHAPE)
    real = (values.astype(np.float32) + 3) * np.float32(0.25)
    assert np.array_equal(from_device(real.tobytes(), model, layout), values)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (desc((1, 8, 8, 3)), r"is uint8 \[1, 8, 8, 3\] on the device and uint8 \[1, 4, 6, 3\] in the .tflite"),
        (desc((1, 6, 4, 3)), "in the .tflite"),
        (desc(dtype="uint64"), "cannot be made from uint8"),
    ],
)
def test_a_wrong_model_is_told(wrong: TensorDesc, words: str) -> None:
    assert re.search(words, mismatch(layout_of(wrong), tensor()))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (TensorDesc("t", 0x1234, 1, 1, 0.0, 0, 0, 0, (1,)), "unknown format 0x00001234"),
        (TensorDesc("t", CODES["int8"], 1, 2, 0.0, 0, 0, 0, (1,)), "says 2 dimensions"),
        (desc((1, 0, 3)), "says 3 dimensions"),
        (desc((1,) * 7), "says 7 dimensions"),
        (desc(size=76), "has 76 elements, its shape 72"),
        (desc(scale=math.nan), "has the scale nan"),
        (desc(scale=math.inf), "has the scale inf"),
    ],
)
def test_descriptions_that_cannot_be(wrong: TensorDesc, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        layout_of(wrong)


def test_padding_of_the_size_is_allowed_and_missing_bytes_are_not() -> None:
    assert layout_of(desc(size=75)).nbytes == 72
    with pytest.raises(ProtocolError, match="71 bytes of a tensor"):
        from_device(bytes(71), tensor(), layout_of(desc()))


# --- the format word ---

FLAGS = {"IS_IO": 1 << 27, "STATIC": 1 << 29, "CONST": 1 << 30, "float": 1 << 24}


@pytest.mark.parametrize(
    ("word", "dtype"),
    [
        (0x00821040, "float32"),
        (0x01821040, "float32"),
        (0x00820840, "float16"),
        (0x00040440, "uint8"),
        (0x08040440, "uint8"),
        (0x00840440, "int8"),
        (0x00040840, "uint16"),
        (0x00840840, "int16"),
        (0x00041040, "uint32"),
        (0x00841040, "int32"),
        (0x00042040, "uint64"),
        (0x00842040, "int64"),
        (0x00060440, "bool"),
    ],
)
def test_types_by_type_bits_and_sign_whatever_the_flags(word: int, dtype: str) -> None:
    for flags in (0, *FLAGS.values(), sum(FLAGS.values())):
        assert format_of(word | flags) == Format(dtype)


@pytest.mark.parametrize(
    ("word", "dtype", "fraction"),
    [
        (0x00840447, "int8", 7),  # Q7
        (0x00040447, "uint8", 7),  # UQ7
        (0x0084084F, "int16", 15),  # Q15
        (0x0004084F, "uint16", 15),  # UQ15
        (0x00800000 | 15 << 17 | 8 << 7 | 64 + 5, "int8", 5),  # FXP of an NPU
        (15 << 17 | 16 << 7 | 64, "uint16", 0),  # FXP is fixed point also without a fraction
        (0x00800000 | 15 << 17 | 16 << 7 | 64 - 3, "int16", -3),
    ],
)
def test_fixed_point_carries_its_fractional_bits(word: int, dtype: str, fraction: int) -> None:
    assert format_of(word | FLAGS["IS_IO"]) == Format(dtype, fraction)
    layout = layout_of(TensorDesc("t", word, 72, Shape.BHWC << 24 | 4, 0.25, 9, 0, 1, SHAPE))
    assert (layout.dtype, layout.scale, layout.zero_point) == (dtype, 2.0**-fraction, 0)
    raw = np.arange(72).astype(dtype)
    assert np.array_equal(
        from_device(raw.tobytes(), tensor("float32"), layout).ravel(), raw * np.float32(2.0**-fraction)
    )


@pytest.mark.parametrize("word", [0x40, 0x000400C0, 0x00840640, 0x00861040, 0x00822040, 4 << 17 | 8 << 7 | 64])
def test_words_that_are_no_type(word: int) -> None:
    assert format_of(word) is None
    with pytest.raises(ProtocolError, match=rf"Tensor 't' of the device has the unknown format 0x{word:08x}\."):
        layout_of(TensorDesc("t", word, 72, Shape.BHWC << 24 | 4, 0.0, 0, 0, 1, SHAPE))


def test_float16_and_bool_travel() -> None:
    half = layout_of(desc(dtype="float16"))
    values = np.linspace(-4, 4, 72, dtype=np.float16).reshape(SHAPE)
    assert np.array_equal(from_device(values.tobytes(), tensor("float32"), half), values.astype(np.float32))
    assert to_device(values.astype(np.float32), tensor("float32"), half) == values.tobytes()
    truth = layout_of(desc(dtype="bool"))
    assert mismatch(truth, tensor("bool")) == ""
    assert "cannot be made from uint8" in mismatch(truth, tensor())
    got = from_device(bytes([0, 1, 2] * 24), tensor("bool"), truth)
    assert got.dtype == np.bool_
    assert got.ravel()[:3].tolist() == [False, True, True]


def test_st_ai_shapes_without_a_batch_in_front() -> None:
    model = tensor("uint8", (1, 4, 6, 3))
    for dims, order in (((4, 6, 3), Shape.ST_AI | 64), ((4, 6, 3), Shape.ST_AI), ((1, 4, 6, 3), Shape.ST_AI | 64)):
        layout = layout_of(desc(dims, order))
        assert layout.shape == (1, 4, 6, 3)
        assert mismatch(layout, model) == ""
