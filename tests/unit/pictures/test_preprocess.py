"""Preprocessing against TensorFlow, Pillow and exact fractions, and its inverse mapping."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.mapping import (
    Mapping,
    crop_mapping,
    letterbox_mapping,
    stretch_mapping,
    ultralytics_mapping,
)
from pytest_stm32pose.pictures.preprocess import coloured, fitted, input_tensor, letterbox, stretch
from pytest_stm32pose.pictures.resize import TENSORFLOW
from pytest_stm32pose.preprocessing import COLORS, MODES, RESIZERS, Preprocessing
from pytest_stm32pose.types import NetworkDescription, Picture

SIDES = st.integers(1, 700)
NETWORK = NetworkDescription("net", "0" * 64, "heatmap", 13, (96, 128, 3), "uint8", 0, 0, 0, 0)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")


def sizes(count: int, most: int = 300) -> list[tuple[int, ...]]:
    """Heights and widths of pictures and inputs: some of photographs and networks, and whatever else."""
    random = np.random.default_rng(7)
    usual = [
        (480, 640, 192, 192),
        (640, 427, 224, 224),
        (375, 500, 256, 256),
        (333, 500, 96, 128),
        (1, 1, 5, 7),
        (2, 3, 9, 4),
    ]
    return usual + [tuple(int(n) for n in random.integers(1, most, 4)) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("resizer", TENSORFLOW)
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_equals_tensorflow_to_the_last_bit(resizer: str, channels: int) -> None:
    tf = tensorflow()
    for height, width, new_height, new_width in sizes(70):
        pixels = noise(height, width, height)[:, :, :channels]
        reference = tf.image.resize(pixels, (new_height, new_width), method=resizer, antialias=False).numpy()
        resized = TENSORFLOW[resizer](pixels, new_height, new_width)
        assert resized.dtype == np.float32
        np.testing.assert_array_equal(resized, reference.astype(np.float32), f"{height}x{width}")


@pytest.mark.slow
@pytest.mark.parametrize("resizer", TENSORFLOW)
def test_letterbox_equals_tensorflow(resizer: str) -> None:
    tf = tensorflow()
    asked = Preprocessing("letterbox", resize=resizer)  # type: ignore[arg-type]
    compared = 0
    for height, width, new_height, new_width in sizes(150):
        pixels = noise(height, width)
        try:
            reference = tf.image.resize_with_pad(pixels, new_height, new_width, method=resizer, antialias=False).numpy()
        except tf.errors.OpError:  # a side of less than a pixel
            continue
        boxed, _ = fitted(pixels, new_height, new_width, asked)
        np.testing.assert_array_equal(boxed, reference.astype(np.float32), f"{height}x{width}")
        compared += 1
    assert compared > 140


@pytest.mark.slow
def test_a_crop_equals_keras() -> None:
    tf = tensorflow()
    for height, width, new_height, new_width in sizes(60):
        pixels = noise(height, width)
        reference = tf.keras.preprocessing.image.smart_resize(pixels, (new_height, new_width))
        if width * new_height // new_width and height * new_width // new_height:
            cropped, _ = fitted(pixels, new_height, new_width, Preprocessing("crop"))
            np.testing.assert_array_equal(cropped, reference, f"{height}x{width} to {new_height}x{new_width}")


@pytest.mark.parametrize("resizer", [each for each in RESIZERS if each.startswith("pillow-")])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_resizing_equals_pillow(resizer: str, mode: str) -> None:
    method = getattr(Image.Resampling, resizer.removeprefix("pillow-").upper())
    for height, width, new_height, new_width in sizes(20):
        image = Image.fromarray(noise(height, width)).convert(mode)
        pixels = np.asarray(image).reshape(height, width, -1)
        resized, _ = fitted(pixels, new_height, new_width, Preprocessing(resize=resizer))  # type: ignore[arg-type]
        expected = np.asarray(image.resize((new_width, new_height), method)).reshape(resized.shape)
        np.testing.assert_array_equal(resized, expected)


def test_grey_equals_pillow() -> None:
    pixels = noise(300, 400)
    np.testing.assert_array_equal(coloured(pixels, "grey")[:, :, 0], np.asarray(Image.fromarray(pixels).convert("L")))
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(coloured(levels, "grey")[:, 0, 0], np.arange(256))


@pytest.mark.slow
def test_grey_differs_from_tensorflow_by_one_level_at_most() -> None:
    pixels = noise(300, 400)
    reference = tensorflow().image.rgb_to_grayscale(pixels).numpy()
    assert np.abs(reference.astype(int) - coloured(pixels, "grey")).max() <= 1


def letter_box(height: int, width: int, new_height: int, new_width: int) -> tuple[int, int, int, int, int, int]:
    """Content width and height, padding left, top, right, bottom, as ultralytics' LetterBox writes it down."""
    ratio = min(new_height / height, new_width / width)
    inner = round(width * ratio), round(height * ratio)
    across, down = (new_width - inner[0]) / 2, (new_height - inner[1]) / 2
    top, bottom = round(down - 0.1), round(down + 0.1)
    left, right = round(across - 0.1), round(across + 0.1)
    return (*inner, left, top, right, bottom)


def test_letterbox_by_ultralytics() -> None:
    for size in sizes(400, 800):
        width, height, left, top, right, bottom = letter_box(*size)
        if width and height:
            found = ultralytics_mapping(*size)
            assert (found.content_width, found.content_height) == (width, height), size
            assert (found.content_x, found.content_y) == (left, top), size
            assert (left + width + right, top + height + bottom) == (size[3], size[2]), size
    # 640 x 427 in 256 x 256: 170.8 rows are 171, of 85 left over the odd one lies below
    boxed, _ = fitted(noise(427, 640), 256, 256, Preprocessing("letterbox", letterbox="ultralytics"))
    assert (boxed[:42] == 114).all()
    assert (boxed[213:] == 114).all()
    assert not (boxed[42] == 114).all()
    assert not (boxed[212] == 114).all()


def test_a_border_has_its_colour_before_the_channels_are_changed() -> None:
    asked = Preprocessing("letterbox", pad=(10, 20, 30))
    for color, expected in (("rgb", [10, 20, 30]), ("bgr", [30, 20, 10]), ("grey", [18])):  # 18: luma 18.15
        pixels = coloured(noise(10, 40), color)  # type: ignore[arg-type]
        boxed, _ = fitted(pixels, 40, 40, asked, color)  # type: ignore[arg-type]
        assert boxed[0, 0].tolist() == expected
    assert fitted(noise(10, 40), 40, 40, Preprocessing("letterbox", pad=(7,)))[0][39, 39].tolist() == [7, 7, 7]


@settings(deadline=None)
@given(
    st.sampled_from(MODES),
    st.sampled_from(RESIZERS),
    st.sampled_from(["tensorflow", "ultralytics"]),
    st.sampled_from(COLORS),
    *[st.integers(1, 90)] * 4,
)
def test_any_size_goes_into_any_input(
    mode: str, resizer: str, rule: str, color: str, height: int, width: int, new_height: int, new_width: int
) -> None:
    asked = Preprocessing(mode, rule, resize=resizer)  # type: ignore[arg-type]
    pixels = np.full((height, width, 3), 200, dtype=np.uint8)
    tensor, mapping = fitted(coloured(pixels, color), new_height, new_width, asked, color)  # type: ignore[arg-type]
    assert tensor.shape == (new_height, new_width, 1 if color == "grey" else 3)
    assert set(np.unique(np.rint(tensor))) <= {200.0, float(asked.levels[0])}
    corners = np.array([[[0.0, 0.0, 1.0], [width, height, 1.0]]])
    np.testing.assert_allclose(mapping.to_pixels(mapping.to_input(corners)), corners, atol=1e-9)
    # One side at least fills the input from edge to edge; a crop reaches beyond it, a letterbox stays inside.
    (left, top, _), (right, bottom, _) = mapping.to_input(corners)[0]
    inside = min(left, top, 1 - right, 1 - bottom)
    assert inside >= -1e-9 if mode != "crop" else inside <= 1e-9


def exact_bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The definition in exact fractions, one channel; ties to even. Written apart from the module under test."""

    def weights(size: int, new_size: int, index: int) -> tuple[int, int, Fraction]:
        at = (Fraction(2 * index + 1, 2)) * Fraction(size, new_size) - Fraction(1, 2)
        below = at.numerator // at.denominator
        above = -(-at.numerator // at.denominator)
        return min(max(below, 0), size - 1), min(max(above, 0), size - 1), at - below

    result = np.zeros((height, width), dtype=np.uint8)
    for y in range(height):
        y0, y1, ty = weights(pixels.shape[0], height, y)
        for x in range(width):
            x0, x1, tx = weights(pixels.shape[1], width, x)
            top = int(pixels[y0, x0]) + (int(pixels[y0, x1]) - int(pixels[y0, x0])) * tx
            bottom = int(pixels[y1, x0]) + (int(pixels[y1, x1]) - int(pixels[y1, x0])) * tx
            result[y, x] = round(top + (bottom - top) * ty)
    return result


# Ratios that are powers of two are exact in float32, so the fractions must agree to the last tie.
@pytest.mark.parametrize(
    ("size", "new"),
    [((8, 8), (4, 4)), ((8, 16), (16, 8)), ((4, 2), (8, 16)), ((5, 3), (5, 3)), ((12, 6), (3, 3)), ((1, 1), (4, 2))],
)
def test_stretch_equals_exact_fractions(size: tuple[int, int], new: tuple[int, int]) -> None:
    pixels = noise(*size, seed=3)
    expected = np.stack([exact_bilinear(pixels[:, :, c], *new) for c in range(3)], axis=2)
    np.testing.assert_array_equal(stretch(pixels, *new), expected)


def test_ties_go_to_even() -> None:
    pixels = np.array([[[0], [1]], [[0], [1]]], dtype=np.uint8).repeat(3, axis=2)
    assert stretch(pixels, 1, 1)[0, 0, 0] == 0  # 0.5
    assert stretch(pixels + np.uint8(1), 1, 1)[0, 0, 0] == 2  # 1.5


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(1, 64), st.integers(1, 64), st.integers(0, 255))
def test_a_flat_picture_stays_flat(height: int, width: int, new_height: int, new_width: int, value: int) -> None:
    resized = stretch(np.full((height, width, 3), value, dtype=np.uint8), new_height, new_width)
    assert resized.shape == (new_height, new_width, 3)
    assert (resized == value).all()


@settings(deadline=None)
@given(
    SIDES,
    SIDES,
    st.integers(1, 512),
    st.integers(1, 512),
    st.sampled_from([stretch_mapping, letterbox_mapping, ultralytics_mapping, crop_mapping]),
    st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2), st.floats(0, 1)), min_size=1, max_size=17),
)
def test_mapping_round_trip(
    height: int,
    width: int,
    new_height: int,
    new_width: int,
    mapping_of: object,
    points: list[tuple[float, float, float]],
) -> None:
    mapping = mapping_of(height, width, new_height, new_width)  # type: ignore[operator]
    assert isinstance(mapping, Mapping)
    keypoints = np.array([points])
    back = mapping.to_input(mapping.to_pixels(keypoints))
    np.testing.assert_allclose(back, keypoints, atol=1e-9)


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(1, 512), st.integers(1, 512))
def test_letterbox_content_lies_inside_centred_and_in_proportion(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    for mapping in (letterbox_mapping(height, width, new_height, new_width),
                    ultralytics_mapping(height, width, new_height, new_width)):  # fmt: skip
        right = mapping.input_width - mapping.content_x - mapping.content_width
        below = mapping.input_height - mapping.content_y - mapping.content_height
        assert 0 <= mapping.content_x <= right <= mapping.content_x + 2
        assert 0 <= mapping.content_y <= below <= mapping.content_y + 2
        exact = min(new_width / width, new_height / height)
        # TensorFlow's float32 can round a side that is exactly whole down to the pixel below.
        assert mapping.content_width >= new_width - 1 or mapping.content_height >= new_height - 1
        assert mapping.content_width == 1 or abs(mapping.content_width - width * exact) < 1.0001
        assert mapping.content_height == 1 or abs(mapping.content_height - height * exact) < 1.0001


def test_a_marked_pixel_is_found_again_through_the_mapping() -> None:
    pixels = np.zeros((480, 640, 3), dtype=np.uint8)
    pixels[300:320, 500:520] = 255
    ways = [("stretch", stretch), ("letterbox", letterbox), ("crop", None)]
    for mode, resize in ways:
        tensor, mapping = input_tensor(Picture("a", "a.png", "", pixels), NETWORK, Preprocessing(mode))  # type: ignore[arg-type]
        if resize is not None:
            np.testing.assert_array_equal(tensor, resize(pixels, 96, 128))
        rows, columns = np.nonzero(tensor[:, :, 0] > 127)
        centre = np.array([[[(columns.mean() + 0.5) / 128, (rows.mean() + 0.5) / 96, 1.0]]])
        x, y, _ = mapping.to_pixels(centre)[0, 0]
        assert abs(x - 510) <= 5.1
        assert abs(y - 310) <= 5.1


def test_a_crop_is_mapped_back_by_what_it_left_out() -> None:
    mapping = crop_mapping(100, 300, 50, 50)  # the middle 100 x 100, from column 100 on
    corners = mapping.to_pixels(np.array([[[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]]))
    np.testing.assert_allclose(corners[0, :, :2], [[100, 0], [200, 100]])


def test_refusals_name_the_thing() -> None:
    picture = Picture("a", "a.png", "", noise(4, 4))
    with pytest.raises(ImageError, match=r"a\.png .*\(4, 4\)"):
        input_tensor(Picture("a", "a.png", "", picture.pixels[:, :, 0]), NETWORK)
