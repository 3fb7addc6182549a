"""Preprocessing against TensorFlow, against exact fractions, and its inverse mapping."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import ImageError, ModelError
from pytest_stm32pose.pictures.preprocess import (
    Mapping,
    input_tensor,
    letterbox,
    letterbox_mapping,
    stretch,
    stretch_mapping,
)
from pytest_stm32pose.types import NetworkDescription, Picture

SIDES = st.integers(1, 700)
NETWORK = NetworkDescription("net", "0" * 64, "heatmap", 13, (96, 128, 3), "uint8", 0, 0, 0, 0)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.slow
def test_stretch_equals_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    random = np.random.default_rng(7)
    sizes: list[tuple[int, ...]] = [
        (480, 640, 192, 192),
        (640, 427, 224, 224),
        (375, 500, 256, 256),
        (333, 500, 96, 128),
        (1, 1, 5, 7),
    ]
    sizes += [tuple(int(n) for n in random.integers(1, 300, 4)) for _ in range(150)]
    for height, width, new_height, new_width in sizes:
        pixels = noise(height, width, height)
        reference = tf.image.resize(pixels, (new_height, new_width), method="bilinear", antialias=False).numpy()
        expected = np.rint(reference).astype(np.uint8)
        np.testing.assert_array_equal(stretch(pixels, new_height, new_width), expected, f"{height}x{width}")


@pytest.mark.slow
def test_letterbox_equals_tensorflow_where_the_content_is_whole_pixels() -> None:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    for height, width in ((480, 640), (640, 480), (512, 512), (100, 400), (64, 128)):
        pixels = noise(height, width)
        reference = tf.image.resize_with_pad(pixels, 256, 256, method="bilinear", antialias=False).numpy()
        np.testing.assert_array_equal(letterbox(pixels, 256, 256), np.rint(reference).astype(np.uint8))


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


@given(SIDES, SIDES, st.integers(1, 64), st.integers(1, 64), st.integers(0, 255))
def test_a_flat_picture_stays_flat(height: int, width: int, new_height: int, new_width: int, value: int) -> None:
    resized = stretch(np.full((height, width, 3), value, dtype=np.uint8), new_height, new_width)
    assert resized.shape == (new_height, new_width, 3)
    assert (resized == value).all()


@given(
    SIDES,
    SIDES,
    st.integers(1, 512),
    st.integers(1, 512),
    st.sampled_from([stretch_mapping, letterbox_mapping]),
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


@given(SIDES, SIDES, st.integers(1, 512), st.integers(1, 512))
def test_letterbox_content_lies_inside_centred_and_in_proportion(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    mapping = letterbox_mapping(height, width, new_height, new_width)
    right = mapping.input_width - mapping.content_x - mapping.content_width
    below = mapping.input_height - mapping.content_y - mapping.content_height
    assert 0 <= mapping.content_x <= right <= mapping.content_x + 1
    assert 0 <= mapping.content_y <= below <= mapping.content_y + 1
    assert mapping.content_width == new_width or mapping.content_height == new_height
    exact = min(new_width / width, new_height / height)
    assert mapping.content_width == 1 or abs(mapping.content_width - width * exact) < 1.0001
    assert mapping.content_height == 1 or abs(mapping.content_height - height * exact) < 1.0001


def test_a_marked_pixel_is_found_again_through_the_mapping() -> None:
    pixels = np.zeros((480, 640, 3), dtype=np.uint8)
    pixels[300:320, 500:520] = 255
    for mode, resize in (("stretch", stretch), ("letterbox", letterbox)):
        tensor, mapping = input_tensor(Picture("a", "a.png", "", pixels), NETWORK, mode)  # type: ignore[arg-type]
        np.testing.assert_array_equal(tensor, resize(pixels, 96, 128))
        rows, columns = np.nonzero(tensor[:, :, 0] > 127)
        centre = np.array([[[(columns.mean() + 0.5) / 128, (rows.mean() + 0.5) / 96, 1.0]]])
        x, y, _ = mapping.to_pixels(centre)[0, 0]
        assert abs(x - 510) <= 5.1
        assert abs(y - 310) <= 5.1


def test_refusals_name_the_thing() -> None:
    picture = Picture("a", "a.png", "", noise(4, 4))
    int8 = NetworkDescription("net", "0" * 64, "heatmap", 13, (96, 96, 3), "int8", 0, 0, 0, 0)
    with pytest.raises(ModelError, match="net wants int8 input"):
        input_tensor(picture, int8)
    with pytest.raises(ImageError, match=r"a\.png .*\(4, 4\)"):
        input_tensor(Picture("a", "a.png", "", picture.pixels[:, :, 0]), NETWORK)
