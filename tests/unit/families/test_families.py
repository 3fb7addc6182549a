"""The heat-map decoder against a plain loop, and which outputs belong to which family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import NO_FAMILY, NetworkFacts, OutputFacts, decode, family
from pytest_stm32pose.families import recognise as recognise_all
from pytest_stm32pose.network import image
from pytest_stm32pose.settings import FAMILIES

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


def facts(*shapes: tuple[int, ...], size: tuple[int, int] = (192, 192), **known: Any) -> NetworkFacts:
    """A network of float outputs that stay within 0 to 1, where `known` says nothing else."""
    task, keypoint_shape = known.pop("task", ""), known.pop("keypoint_shape", None)
    values = {"low": 0.0, "high": 1.0, **known}
    return NetworkFacts(size, tuple(OutputFacts(shape, **values) for shape in shapes), task, keypoint_shape)


def recognise(known: NetworkFacts, **said: Any) -> tuple[str, int]:
    """Family and keypoints alone."""
    meaning = recognise_all(known, **said)
    return meaning.family, meaning.keypoints


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 48, 48, 13), (192, 192), ("heatmap", 13)),
        ((1, 17, 17, 17), (257, 257), ("heatmap", 17)),
        ((1, 40, 32, 16), (160, 128), ("heatmap", 16)),
        ((1, 1, 17, 3), (192, 192), ("single_pose", 17)),
        ((1, 56, 1344), (256, 256), ("yolo", 17)),
        ((1, 56, 756), (192, 192), ("yolo", 17)),
        ((1, 44, 8400), (640, 640), ("yolo", 13)),
        ((1, 56, 315), (192, 96 * 5 // 6), ("yolo", 17)),
    ],
)
def test_what_is_plain_is_recognised(shape: tuple[int, ...], size: tuple[int, int], expected: tuple[str, int]) -> None:
    assert recognise(facts(shape, size=size)) == expected
    assert recognise(facts(shape, size=size), name=expected[0], keypoints=expected[1]) == expected


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        ((1, 17, 3), (192, 192), ["regressed keypoints"]),
        ((1, 8, 756), (192, 192), ["yolo of 1 keypoint,", "no usual number"]),
        ((1, 11, 756), (192, 192), ["2 keypoints", "no usual number"]),
        ((1, 17, 256), (64, 64), ["84 anchors", "256 columns"]),
        ((1, 17, 16, 16), (64, 64), ["17 x 16 cells do not cover 64 x 64 pixels"]),
        ((1, 6, 6, 30), (192, 192), ["6 x 6 cells", "no usual number"]),
        ((1, 7, 7, 17), (224, 224), ["7 x 7 cells"]),
        ((1, 48, 48, 21), (192, 192), ["21 is no usual number"]),
        ((1, 29, 756), (192, 192), ["8 keypoints"]),
        ((1, 47, 756), (192, 192), ["14 keypoints"]),
        ((1, 59, 756), (192, 192), ["18 keypoints"]),
        ((1, 56, 757), (192, 192), ["756 anchors", "757 columns"]),
    ],
)
def test_what_is_in_doubt_is_refused_with_the_options_that_settle_it(
    shape: tuple[int, ...], size: tuple[int, int], words: list[str]
) -> None:
    with pytest.raises(ModelError) as caught:
        recognise(facts(shape, size=size))
    for word in (*words, "--pose-family=none", "--pose-family=", "--pose-keypoints="):
        assert word in str(caught.value)
    assert recognise(facts(shape, size=size), name="none") == ("none", 0)


def test_the_user_settles_a_doubt() -> None:
    hand = facts((1, 48, 48, 21))
    assert recognise(hand, name="heatmap") == recognise(hand, keypoints=21) == recognise(hand, labels=21)
    assert recognise(facts((1, 47, 756)), keypoints=14) == ("yolo", 14)
    with pytest.raises(ModelError, match="84 anchors"):  # a count alone says nothing about anchors
        recognise(facts((1, 56, 256), size=(64, 64)), keypoints=17)
    assert recognise(facts((1, 56, 256), size=(64, 64)), name="yolo") == ("yolo", 17)


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((1, 48, 48, 13), {"name": "yolo"}, ["not those of family yolo"]),
        ((1, 48, 48, 13), {"name": "single_pose"}, ["not those of family single_pose"]),
        ((1, 59, 756), {"keypoints": 17}, ["18 keypoints"]),
        ((1, 48, 48, 13), {"name": "heatmap", "keypoints": 17}, ["--pose-keypoints=17", "13 keypoints"]),
        ((1, 48, 48, 13), {"name": "none", "keypoints": 13}, ["no keypoints"]),
        ((1, 48, 48, 13), {"name": "hands"}, ["'hands'"]),
        ((1, 48, 48, 16), {"labels": 17}, ["16 keypoints", "labels of the pictures have 17"]),
        ((1, 59, 756), {"name": "yolo", "labels": 17}, ["18 keypoints", "labels"]),
    ],
)
def test_what_the_user_says_must_fit(shape: tuple[int, ...], options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        recognise(facts(shape), **options)
    for word in words:
        assert word in str(caught.value)


def test_labels_of_17_judge_networks_of_13() -> None:
    assert recognise(facts((1, 48, 48, 13)), labels=17) == ("heatmap", 13)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"high": None}, ["pixels"]),
        ({"dtype": "int16"}, ["int16", "float32, int8 and uint8"]),
        ({"task": "detect"}, ["'detect'"]),
        ({"keypoint_shape": (17, 2)}, ["17 keypoints of 2 values"]),
        ({"keypoint_shape": (24, 3)}, ["24 keypoints"]),
        ({"names": ("segmentation_mask",)}, ["segmentation_mask"]),
    ],
)
def test_what_the_file_says_speaks_against_a_guess(known: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        recognise(facts((1, 56, 756), **known))
    for word in (*words, "--pose-family=none"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "known", [{"dtype": "int16"}, {"dtype": "int8", "high": None}, {"dtype": "uint8", "high": None}]
)
@pytest.mark.parametrize(("name", "shape"), [("yolo", (1, 56, 756)), ("single_pose", (1, 1, 17, 3))])
def test_what_cannot_be_decoded_is_refused_whatever_the_user_says(
    name: str, shape: tuple[int, ...], known: dict[str, Any]
) -> None:
    with pytest.raises(ModelError):
        recognise(facts(shape, **known), name=name, keypoints=17)


def test_metadata_confirm_an_unusual_count() -> None:
    assert recognise(facts((1, 77, 756), task="pose", keypoint_shape=(24, 3))) == ("yolo", 24)
    with pytest.raises(ModelError, match="add up to 1"):
        recognise(facts((1, 48, 48, 17), operator="SOFTMAX"))


def test_maps_that_were_moved_may_come_first() -> None:
    assert recognise(facts((1, 16, 16, 16), size=(64, 64))) == ("heatmap", 16)
    with pytest.raises(ModelError, match="come first"):
        recognise(facts((1, 16, 16, 16), size=(64, 64), operator="TRANSPOSE"))


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(1, 1, 500, 3)], "no known"),
        ([(1, 1000)], "no known"),
        ([], "no known"),
        ([(2, 48, 48, 13)], "no known"),
        ([(1, 8, 8, 300)], "no known"),
        ([(1, 0, 48, 13)], "no known"),
        ([(1, 55, 10)], "no known"),
        ([(1, 48, 48, 17), (1, 48, 48, 34), (1, 48, 48, 34)], "PoseNet"),
        ([(1, 17, 384), (1, 17, 512), (1, 1)], "no known"),
        ([(1, 42)], "landmarks in one row"),
    ],
)
def test_outputs_of_no_family_are_refused_by_name(shapes: list[tuple[int, ...]], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        recognise(facts(*shapes))
    for word in (said, "--pose-family=none", "Decoded are: heatmap, "):
        assert word in str(caught.value)
    assert recognise(facts(*shapes), name="none") == ("none", 0)


def test_too_many_anchors_are_refused() -> None:
    with pytest.raises(ModelError, match="1 to 16384"):
        recognise(facts((1, 56, 20000)), name="yolo")


def test_nothing_is_decoded_without_a_family() -> None:
    assert decode("none", [np.zeros((1, 17, 3), np.float32)], 0) == (None, None)


def test_unknown_family() -> None:
    with pytest.raises(ModelError, match=r"'hands'.*Decoded are: heatmap"):
        family("hands")


def test_what_an_option_names_has_a_decoder_and_a_number() -> None:
    assert set(FAMILIES) == {*image.FAMILIES}
    assert [family(name).name for name in FAMILIES if name != NO_FAMILY] == [n for n in FAMILIES if n != NO_FAMILY]
