"""Families of the user's own: what a decoder gets and may return, and when it counts as another one."""

from __future__ import annotations

import linecache
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ConfigError, DecoderError
from pytest_stm32pose.families.fingerprint import fingerprint
from pytest_stm32pose.families.own import MAX_PERSONS, Output, Outputs, PoseFamily, as_family
from pytest_stm32pose.metrics.skeleton import COCO_17
from pytest_stm32pose.settings import FAMILIES

OUTPUTS = Outputs([Output(np.array([[0, 10, 127]], np.int8), 0.5, -10, "rows")], 96, 64)


def family(answer: object, keypoints: int = 2) -> PoseFamily:
    return PoseFamily("mine", keypoints, lambda outputs: answer)


def test_what_a_decoder_gets() -> None:
    (output,) = OUTPUTS
    np.testing.assert_array_equal(output.real, np.array([[5.0, 10.0, 68.5]], np.float32))
    assert (output.shape, output.name, OUTPUTS.height, OUTPUTS.width) == ((1, 3), "rows", 96, 64)
    with pytest.raises(ValueError, match="read-only"):
        output.data[0, 0] = 1
    floats = Output(np.array([0.25], np.float32))
    assert floats.real[0] == np.float32(0.25)


def test_what_it_returns_is_float32_and_persons_are_in_the_order_of_their_scores() -> None:
    persons = np.arange(12).reshape(2, 2, 3) / 12
    found, scores = family((persons, [0.2, 0.7])).decoded(OUTPUTS, 2)
    np.testing.assert_array_equal(found, persons[::-1].astype(np.float32))
    assert scores is not None and scores.tolist() == [np.float32(0.7), np.float32(0.2)]
    alone, none = family(persons.tolist()).decoded(OUTPUTS, 2)
    assert alone.dtype == np.float32
    assert none is None
    empty, _ = family(np.zeros((0, 2, 3))).decoded(OUTPUTS, 2)
    assert empty.shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returned keypoints that are no array of numbers (NoneType)"),
        ("persons", "returned keypoints that are no array of numbers (str)"),
        ([[[0, 0, 1]], [[0, 0]]], "returned keypoints that are no array of numbers (list)"),
        (np.zeros((2, 3)), "returned keypoints [2, 3], where [persons, 2, 3] is wanted"),
        (np.zeros((1, 2, 2)), "returned keypoints [1, 2, 2]"),
        (np.zeros((1, 3, 3)), "returned keypoints [1, 3, 3]"),
        (np.zeros((MAX_PERSONS + 1, 2, 3)), f"returned {MAX_PERSONS + 1} persons; up to {MAX_PERSONS} are taken"),
        (np.array([[[0, 0, 1], [0, np.nan, 1]]]), "returned nan as y of keypoint 1 of person 0"),
        (np.array([[[0, 0, 1], [0, 0, np.inf]]]), "returned inf as score of keypoint 1 of person 0"),
        (np.full((1, 2, 3), 1e300), "returned inf as x of keypoint 0"),
        (np.array([[[48, 0, 1], [0, 0, 1]]]), "returned coordinates up to 48, where 0 to 1"),
        ((np.zeros((1, 2, 3)), [1, 2]), "returned scores [2] for 1 persons"),
        ((np.zeros((1, 2, 3)), [np.nan]), "returned the score nan"),
        (np.zeros((1, 2, 3), complex), "no array of numbers"),
    ],
)
def test_what_is_no_answer_is_one_sentence(answer: object, said: str) -> None:
    with pytest.raises(DecoderError) as caught:
        family(answer).decoded(OUTPUTS, 2)
    assert said in str(caught.value)
    assert "The decoder of family mine" in str(caught.value)
    assert "outputs are int8 [1, 3]" in str(caught.value)
    assert caught.value.verdict == "failed"


def test_nonsense_of_a_device_is_left_to_the_comparison() -> None:
    answer = np.array([[[0, np.nan, 1], [9, 0, 1]]])
    found, _ = family(answer).decoded(OUTPUTS, 2, of_device=True)
    assert np.isnan(found[0, 0, 1])
    with pytest.raises(DecoderError):
        family(np.zeros((1, 5, 3))).decoded(OUTPUTS, 2, of_device=True)


def test_what_it_raises_names_file_and_line() -> None:
    def broken(outputs: Any) -> object:
        return outputs[0].data.reshape(7)

    with pytest.raises(DecoderError, match=r"raised ValueError: cannot reshape .*test_own.py line \d+\)"):
        PoseFamily("mine", 2, broken).decoded(OUTPUTS, 2)
    with pytest.raises(DecoderError, match=r"raised TypeError: .*test_own.py line \d+\)"):
        PoseFamily("mine", 2, lambda: None).decoded(OUTPUTS, 2)  # type: ignore[misc,arg-type]


class Rows:
    """A family as a class of the user's own."""

    name = "rows"
    keypoints = 2
    version = "7"

    def decode(self, outputs: Any) -> object:
        return np.zeros((1, 2, 3))


@pytest.mark.parametrize("given", [Rows, Rows(), lambda: Rows(), lambda: PoseFamily("rows", 2, Rows().decode, "7")])
def test_what_makes_a_family(given: object) -> None:
    made = as_family(given, "The fixture", FAMILIES)
    assert (made.name, made.keypoints, made.identity) == ("rows", 2, "rows 7")
    assert made.decoded(OUTPUTS, 2)[0].shape == (1, 2, 3)


def test_an_entry_point_names_what_has_no_name() -> None:
    class Nameless:
        skeleton = COCO_17

        def decode(self, outputs: Any) -> object:
            return outputs

    made = as_family(Nameless, "The family", FAMILIES, "mine")
    assert (made.name, made.keypoints, made.skeleton) == ("mine", 17, COCO_17)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "The fixture is no family: NoneType has no function `decode`"),
        (3, "int has no function `decode`"),
        (PoseFamily("a b", 1, len), "'a b' is no name of a family"),
        (PoseFamily("none", 1, len), "none is the name of a built-in family"),
        (PoseFamily("a", -1, len), "-1 is no number of keypoints"),
        (PoseFamily("a", True, len), "True is no number of keypoints"),
        (PoseFamily("a", 5000, len), "5000 is no number of keypoints"),
        (PoseFamily("a", 1, len, version=3), "its version is 3"),  # type: ignore[arg-type]
        (PoseFamily("a", 5, len, skeleton=COCO_17), "has 5 keypoints, and its skeleton 17"),
        (PoseFamily("a", 5, len, skeleton="coco17"), "its skeleton is no keypoint set"),  # type: ignore[arg-type]
        (lambda: 1 / 0, "The fixture raised ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_no_family_is_one_sentence(given: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        as_family(given, "The fixture", FAMILIES)
    assert said in str(caught.value)


SOURCE = """
import numpy as np
LIMIT = 0.5
SCALES = np.array([1.0, 2.0])
OTHER = 1

def helper(values):
    return values * 2

def decode(outputs):
    return [helper(value) for value in outputs if value > LIMIT] * SCALES

class Family:
    def __init__(self, limit=0.25):
        self.limit = limit
    def decode(self, outputs):
        return outputs[self.limit]
"""


def loaded(text: str, name: str) -> dict[str, Any]:
    """A module of that text, whose source inspect finds."""
    module = types.ModuleType("decoders")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), module.__dict__)
    return vars(module)


@pytest.mark.parametrize(
    ("old", "new", "is_another"),
    [
        ("", "", False),
        ("values * 2", "values * 3", True),
        ("LIMIT = 0.5", "LIMIT = 0.6", True),
        ("[1.0, 2.0]", "[1.0, 2.5]", True),
        ("value > LIMIT", "value >= LIMIT", True),
        ("OTHER = 1", "OTHER = 2", False),
        ("limit=0.25", "limit=0.5", False),
    ],
)
def test_another_decoder_has_another_fingerprint(old: str, new: str, is_another: bool) -> None:
    before = fingerprint(loaded(SOURCE, "before.py")["decode"])
    after = fingerprint(loaded(SOURCE.replace(old, new), f"after_{new}.py")["decode"])
    assert (before != after) == is_another


@pytest.mark.parametrize(
    ("old", "new", "limit", "is_another"),
    [("", "", 0.25, False), ("", "", 0.5, True), ("outputs[self.limit]", "outputs[0]", 0.25, True)],
)
def test_of_an_object_its_class_and_attributes_count(old: str, new: str, limit: float, is_another: bool) -> None:
    made: Callable[..., Any] = loaded(SOURCE, "first.py")["Family"]
    other: Callable[..., Any] = loaded(SOURCE.replace(old, new), f"second_{new}.py")["Family"]
    assert (fingerprint(made().decode) != fingerprint(other(limit).decode)) == is_another
