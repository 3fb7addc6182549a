"""The families beyond heat maps: what is plain is taken, what is open is asked, what is stated is used."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import NetworkFacts, OutputFacts, Part, Stated, recognise
from pytest_stm32pose.types import Decoding

Shape = tuple[int, ...]


def out(*shape: int, high: float | None = 1.0, low: float | None = 0.0, **known: Any) -> OutputFacts:
    return OutputFacts(shape, known.pop("dtype", "float32"), low, high, **known)


def facts(*outputs: OutputFacts, size: tuple[int, int] = (192, 192), **known: Any) -> NetworkFacts:
    return NetworkFacts(size, outputs, **known)


def text(known: NetworkFacts, **said: Any) -> tuple[str, int, str]:
    """Family, keypoints and what of the layout is not by default."""
    stated = Stated(**{key: said.pop(key) for key in ("pixels", "classes", "outputs") if key in said})
    meaning = recognise(known, stated=stated, **said)
    return meaning.family, meaning.keypoints, meaning.layout.text


POSENET = facts(out(1, 17, 17, 34, high=90, low=-90), out(1, 17, 17, 17, operator="LOGISTIC"), size=(257, 257))
RAW = facts(
    out(1, 23, 31, 17, high=9, low=-12, operator="CONV_2D"), out(1, 23, 31, 34, high=None), out(1, 23, 31, 32),
    out(1, 23, 31, 32), size=(353, 481),
)  # fmt: skip
RTMPOSE = facts(out(1, 17, 384), out(1, 17, 512), size=(256, 192))
HAND = facts(
    out(1, 63, high=230), out(1, 1, names=("Identity_1", "presence")), out(1, 1), out(1, 63, high=0.2), size=(224, 224)
)
BODY = facts(out(1, 195, high=290, low=-40), out(1, 1), out(1, 117, high=1.2), size=(256, 256))
HEAD = facts(out(1, 1, 1, 936, high=200), size=(192, 192))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (POSENET, ("heatmap_offsets", 17, "step=16 outputs=1,0 pixels")),
        (RAW, ("heatmap_offsets", 17, "step=16 outputs=0,1 pixels sigmoid")),
        (RTMPOSE, ("simcc", 17, "outputs=0,1")),
        (facts(*RTMPOSE.outputs[::-1], size=(256, 192)), ("simcc", 17, "outputs=1,0")),
        (facts(out(1, 17, 512, names=("simcc_y",)), out(1, 17, 512, names=("simcc_x",)), size=(256, 256)),
         ("simcc", 17, "outputs=1,0")),
        (HAND, ("landmarks", 21, "outputs=0,1 pixels")),
        (BODY, ("landmarks", 33, "values=5 outputs=0,1 pixels sigmoid")),
        (HEAD, ("landmarks", 468, "values=2 outputs=0 pixels")),
        (facts(out(1, 1, 1, 1404, high=200), out(1, 1, 1, 1, low=-9, high=12)),
         ("landmarks", 468, "outputs=0,1 pixels sigmoid")),
        (facts(out(1, 6, 56)), ("multipose", 17, "")),
        (facts(out(1, 6, 56, high=None)), ("multipose", 17, "")),
        (facts(out(1, 300, 57, high=192.0)), ("yolo_end_to_end", 17, "pixels")),
        (facts(out(1, 756, 56)), ("yolo", 17, "rows_first")),
        (facts(out(1, 56, 756, high=192.0)), ("yolo", 17, "pixels")),
        (facts(out(1, 56, 756, dtype="uint8")), ("yolo", 17, "")),
        (facts(out(1, 29, 756), task="pose", keypoint_shape=(12, 2)), ("yolo", 12, "values=2")),
        (facts(out(1, 59, 756), keypoint_shape=(17, 3), classes=4), ("yolo", 17, "classes=4")),
    ],
)  # fmt: skip
def test_what_is_plain_is_taken_as_it_is(known: NetworkFacts, expected: tuple[str, int, str]) -> None:
    assert text(known) == expected
    assert text(known, name=expected[0], keypoints=expected[1]) == expected


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (facts(out(1, 17, 512), out(1, 17, 512), size=(256, 256)), ["--pose-outputs=0,1 or --pose-outputs=1,0"]),
        (facts(out(1, 17, 100), out(1, 17, 90), size=(256, 192)), ["nothing tells"]),
        (facts(out(1, 17, 3)), ["--pose-family=single_pose for y, x, score", "single_pose_xy for x, y, score"]),
        (facts(out(1, 17, 2)), ["regressed keypoints", "--pose-family=landmarks"]),
        (facts(out(1, 63, high=None)), ["--pose-units=normalised or --pose-units=pixels"]),
        (facts(out(1, 63)), ["landmarks of 21", "within 0 and 1"]),
        (facts(out(1, 63, high=230), out(1, 63, high=None)), ["2 outputs", "--pose-outputs=N"]),
        (facts(out(1, 56, 756, high=None)), ["0 to 1 from pixels", "--pose-units"]),
        (facts(out(1, 300, 57, high=None)), ["--pose-units"]),
        (facts(out(1, 39, 756)), ["no known"]),
        (facts(out(1, 56, 756), keypoint_shape=(17, 2)), ["17 keypoints of 2 values"]),
        (facts(out(1, 48, 48, 34), out(1, 48, 48, 17), out(1, 48, 48, 17)), ["heatmap_offsets"]),
        (facts(out(1, 14, 14, 17), out(1, 14, 14, 34), size=(257, 257)), ["14 x 14 cells do not cover"]),
        (facts(out(1, 48, 48, 17, names=("offsets",))), ["'offsets'"]),
    ],
)  # fmt: skip
def test_what_is_open_is_refused_and_says_what_to_name(known: NetworkFacts, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        text(known)
    for word in (*words, "--pose-family=none"):
        assert word in str(caught.value)
    assert recognise(known, name="none")[:2] == ("none", 0)


@pytest.mark.parametrize(
    ("known", "said", "expected"),
    [
        (facts(out(1, 17, 3)), {"name": "single_pose"}, ("single_pose", 17, "")),
        (facts(out(1, 17, 3, high=200)), {"name": "single_pose_xy"}, ("single_pose_xy", 17, "pixels")),
        (facts(out(1, 1, 17, 3, high=None)), {"name": "single_pose_xy", "pixels": True},
         ("single_pose_xy", 17, "pixels")),
        (facts(out(1, 17, 512), out(1, 17, 512), size=(256, 256)), {"outputs": (1, 0)}, ("simcc", 17, "outputs=1,0")),
        (facts(out(1, 34)), {"name": "landmarks", "keypoints": 17}, ("landmarks", 17, "values=2 outputs=0")),
        (facts(out(1, 17, 2)), {"name": "landmarks", "keypoints": 17}, ("landmarks", 17, "values=2 outputs=0")),
        (BODY, {"name": "landmarks", "keypoints": 39}, ("landmarks", 39, "values=5 outputs=0,1 pixels sigmoid")),
        (facts(out(1, 63, high=230), out(1, 63, high=None)), {"name": "landmarks", "outputs": (0,)},
         ("landmarks", 21, "outputs=0 pixels")),
        (facts(out(1, 63, high=None)), {"pixels": True}, ("landmarks", 21, "outputs=0 pixels")),
        (facts(out(1, 56, 756, high=None)), {"pixels": False}, ("yolo", 17, "")),
        (facts(out(1, 56, 756, high=250)), {"pixels": False}, ("yolo", 17, "")),
        (facts(out(1, 39, 756)), {"keypoints": 17}, ("yolo", 17, "values=2")),
        (facts(out(1, 59, 756)), {"keypoints": 17, "classes": 4}, ("yolo", 17, "classes=4")),
        (facts(out(1, 42, 756)), {"keypoints": 17, "classes": 4}, ("yolo", 17, "values=2 classes=4")),
        (facts(out(1, 29, 756)), {"name": "yolo", "keypoints": 12}, ("yolo", 12, "values=2")),
        (facts(out(1, 256, 56), size=(64, 64)), {"name": "yolo"}, ("yolo", 17, "rows_first")),
        (facts(out(1, 100, 40)), {"name": "yolo_end_to_end", "keypoints": 17}, ("yolo_end_to_end", 17, "values=2")),
        (facts(out(1, 3, 44)), {"name": "multipose"}, ("multipose", 13, "")),
        (facts(out(1, 48, 48, 17), out(1, 5)), {"name": "heatmap", "outputs": (0,)}, ("heatmap", 17, "outputs=0")),
    ],
)  # fmt: skip
def test_what_is_stated_is_used(known: NetworkFacts, said: dict[str, Any], expected: tuple[str, int, str]) -> None:
    assert text(known, **said) == expected


@pytest.mark.parametrize(
    ("known", "said", "words"),
    [
        (facts(out(1, 56, 756)), {"pixels": True}, ["--pose-units=pixels", "no value is above 1"]),
        (facts(out(1, 56, 756)), {"outputs": (1,)}, ["--pose-outputs=1", "1 output"]),
        (RTMPOSE, {"name": "simcc", "outputs": (0, 0)}, ["--pose-outputs=0,0"]),
        (RTMPOSE, {"name": "yolo", "outputs": (0, 1)}, ["--pose-outputs names 2", "one output"]),
        (facts(out(1, 6, 56)), {"name": "multipose", "classes": 2}, ["--pose-classes=2", "multipose"]),
        (facts(out(1, 59, 756)), {"keypoints": 17}, ["18 keypoints", "--pose-classes"]),
        (facts(out(1, 48, 48, 17)), {"classes": 2}, ["--pose-classes=2", "heatmap"]),
        (facts(out(1, 48, 48, 17)), {"pixels": True}, ["--pose-units", "heatmap"]),
        (RTMPOSE, {"pixels": False}, ["--pose-units", "simcc"]),
        (facts(out(1, 48, 48, 17)), {"name": "none", "outputs": (0,)}, ["none decodes nothing", "--pose-outputs"]),
        (facts(out(1, 63, high=230)), {"name": "landmarks", "keypoints": 20}, ["not those of family landmarks"]),
        (facts(out(1, 500, 3)), {"name": "single_pose"}, ["not those of family single_pose"]),
        (facts(out(1, 17, 3, high=None)), {"name": "single_pose"}, ["--pose-units"]),
    ],
)  # fmt: skip
def test_what_is_stated_must_fit(known: NetworkFacts, said: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        text(known, **said)
    for word in words:
        assert word in str(caught.value)


def test_the_unit_of_keypoints_is_not_that_of_the_boxes() -> None:
    """Joined of boxes, scores and keypoints with a range each: only that of the keypoints counts."""
    boxes, score = Part(1, 4, 0.0, 192.0), Part(1, 1, 0.0, 1.0)
    for high, expected in ((1.2, ""), (190.0, "pixels"), (None, "pixels")):
        known = facts(out(1, 56, 756, high=192.0, parts=(boxes, score, Part(1, 51, 0.0, high))))
        assert text(known) == ("yolo", 17, expected)


def test_thresholds_travel_with_the_meaning() -> None:
    decoding = Decoding(score=0.3, max_persons=5)
    meaning = recognise(facts(out(1, 56, 756)), decoding=decoding)
    assert meaning.decoding == decoding
    assert meaning.decoding.text == "score=0.3 max_persons=5"
    assert Decoding(keypoint_score=0.5).text == ""
