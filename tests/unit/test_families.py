"""The heat-map decoder against a plain loop, and which outputs belong to which family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import family, family_of

SHAPES = st.tuples(st.just(1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 17))
# Few values, so that ties are common.
MAPS = SHAPES.flatmap(
    lambda shape: st.one_of(
        hnp.arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.25, -0.5, 1.0, -np.inf])),
        hnp.arrays(np.int8, shape, elements=st.sampled_from([-128, -1, 0, 127])),
    )
)


def decode_by_loop(output: np.ndarray) -> np.ndarray:
    _, height, width, keypoints = output.shape
    found = []
    for k in range(keypoints):
        best = (0, 0)
        for row in range(height):
            for column in range(width):
                if output[0, row, column, k] > output[0, best[0], best[1], k]:
                    best = (row, column)
        x = np.float32(np.float32(best[1] + 0.5) / np.float32(width))
        y = np.float32(np.float32(best[0] + 0.5) / np.float32(height))
        found.append((x, y, np.float32(output[0, best[0], best[1], k])))
    return np.array([found], dtype=np.float32)


@given(MAPS)
def test_heatmap_takes_the_first_of_the_largest(output: np.ndarray) -> None:
    decoded = family("heatmap").decode([output], output.shape[3])
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, decode_by_loop(output))


def test_heatmap_never_takes_nan() -> None:
    output = np.zeros((1, 2, 3, 2), dtype=np.float32)
    output[0, 0, 0, 0] = np.nan
    output[0, 1, 2, 0] = 0.5
    output[..., 1] = np.nan
    decoded = family("heatmap").decode([output], 2)
    expected = np.array([2.5, 1.5, 0.5], np.float32) / np.array([3, 2, 1], np.float32)
    np.testing.assert_array_equal(decoded[0, 0], expected)
    assert np.isnan(decoded[0, 1, 2])


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [np.zeros((1, 4, 4, 13), np.float32)] * 2,
        [np.zeros((1, 4, 4, 17), np.float32)],
        [np.zeros((2, 4, 4, 13), np.float32)],
        [np.zeros((4, 4, 13), np.float32)],
        [np.zeros((1, 4, 4, 13), np.float64)],
        [np.zeros((1, 0, 4, 13), np.float32)],
    ],
)
def test_heatmap_refuses_other_outputs(outputs: list[np.ndarray]) -> None:
    with pytest.raises(ModelError, match="heat map of 13 keypoints"):
        family("heatmap").decode(outputs, 13)


def test_family_of() -> None:
    assert family_of([(1, 48, 48, 13)]) == ("heatmap", 13)
    assert family_of([np.array([1, 64, 64, 17])]) == ("heatmap", 17)
    assert family_of([(1, 24, 24, 5)]) == ("heatmap", 5)
    assert family_of([(1, 1, 17, 3)]) == ("single_pose", 17)
    assert family_of([(1, 56, 1344)]) == ("yolo", 17)
    assert family_of([(1, 44, 8400)]) == ("yolo", 13)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(1, 1, 300, 3)], "no known"),
        ([(1, 56, 20000)], "anchors"),
        ([(1, 1000)], "no known"),
        ([], "none belong"),
        ([(1, 48, 48, 13), (1, 48, 48, 26)], "no known"),
        ([(2, 48, 48, 13)], "no known"),
        ([(1, 8, 8, 300)], "no known"),
        ([(1, 0, 48, 13)], "no known"),
        ([(1, 55, 10)], "no known"),
    ],
)
def test_family_of_refuses_and_says_what_is_supported(shapes: list[tuple[int, ...]], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        family_of(shapes)
    assert said in str(caught.value)
    assert "Supported is: heatmap" in str(caught.value) or said == "anchors"


def test_unknown_family() -> None:
    with pytest.raises(ModelError, match=r"'hands'.*Supported is: heatmap"):
        family("hands")
