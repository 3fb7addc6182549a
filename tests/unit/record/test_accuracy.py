"""Every accuracy figure says what it is of, and the same persons stand behind the figures beside each other."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_stm32pose.metrics.labels import ORDER, counted_words, kind_of_labels, why_no_figure
from pytest_stm32pose.record.accuracy import NAMES, Figure, counted_persons, figure, finds_several, why_no_truth
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.record.summarise import accuracy, interval
from pytest_stm32pose.report.accuracy import accuracy_parts
from pytest_stm32pose.report.html import summary_html
from pytest_stm32pose.report.scores import scores
from pytest_stm32pose.tell.conformance import rows
from pytest_stm32pose.tell.failures import keypoint_errors
from pytest_stm32pose.tell.markdown import markdown_summary
from pytest_stm32pose.tell.openmetrics import openmetrics
from pytest_stm32pose.tell.terminal import summary_lines
from pytest_stm32pose.types import Truth
from tests.support import report_sample as sample
from tests.support.html_tokens import Tokens
from tests.support.records import merged, model_of, picture_of, pictures_of, run_of

#: OKS against truth of two pictures with one person; the other six of the run have none.
TWO = (0.3245, 0.9625)


def eight_pictures() -> dict[str, Any]:
    """A record of eight pictures of which two have one labelled person: the figure must not look like one of eight."""
    found = sample.record(pictures=8)
    del found["zoo"], found["comparison"]
    found["models"] = found["models"][1:]
    [model] = found["models"]
    kinds = ["single", "single", "several", "several", "several", "crowd", "unlabelled", "none"]
    for number, (image, kind) in enumerate(zip(model["images"], kinds, strict=True)):
        single = kind == "single"
        image["labels"] = {"found": kind, "counted": [single], "boxes_px": [[100.0, 30.0, 120.0, 200.0]]}
        image["oks_vs_truth"], image["pck"] = (TWO[number], 0.5) if single else (None, None)
        if kind == "none":
            image["keypoints_truth"], image["labels"] = None, {"found": "none", "counted": [], "boxes_px": None}
    model["accuracy"] = accuracy(pictures_of(model["images"])).to_json()
    return found


def test_a_mean_of_two_says_so_everywhere() -> None:
    found = eight_pictures()
    jsonschema.validate(found, record_schema())
    [line] = [line for line in summary_lines(run_of(found)) if line.startswith("n6 ")]
    assert "8 pictures, OKS 1.0000 vs golden (n=8, 1.0000-1.0000), OKS 0.6435 vs truth (n=2, 0.32-0.96)" in line
    assert "0.6435 (n=2, 0.32-0.96)" in markdown_summary(run_of(found))
    html = Tokens(summary_html(run_of(found))).text
    assert "0.6435 n=2, 0.32-0.96" in html, "in the table of networks"
    assert "0.6435 (n=2, 95 %: 0.3245 to 0.9625)" in html, "in the section"
    assert "2 have exactly one labelled person, 3 two or more" in html
    families = {each.name: each for each in text_string_to_metric_families(openmetrics(run_of(found)))}
    told = {
        key: families[f"stm32pose_oks_vs_truth{key}"].samples[0].value for key in ("", "_pictures", "_low", "_high")
    }
    assert told == {"": pytest.approx(0.6435), "_pictures": 2, "_low": TWO[0], "_high": TWO[1]}


def test_the_record_counts_each_figure_on_its_own() -> None:
    two_persons, nobody_found = (
        {"scores": [0.9], "oks": [0.8], "targets": 2},
        {"scores": [], "oks": [], "targets": 1},
    )
    images = [
        {"id": "a", "oks_vs_golden": 1.0, "oks_vs_truth": 0.5, "pck": 0.9, "matches": two_persons},
        {"id": "b", "oks_vs_golden": 0.9, "matches": nobody_found},
        {"id": "c", "oks_vs_golden": 0.8},
    ]
    found = accuracy(pictures_of(images))
    assert (found.oks_vs_golden_n, found.oks_vs_truth_n, found.pck_n) == (3, 1, 1)
    assert (found.map50_vs_truth_n, found.map50_vs_truth_persons) == (2, 3)
    assert found.oks_vs_golden_interval == interval([1.0, 0.9, 0.8])
    assert (found.oks_vs_truth_interval, found.pck_interval) == (None, None), "one picture has no interval"
    model = {"accuracy": found.to_json()}
    assert figure(model_of(model), "oks_vs_truth").text() == "0.5000 (n=1)"
    assert figure(model_of(model), "map50_vs_truth").named("map50_vs_truth").startswith("mAP@0.5 ")
    assert "n=2, 3 persons" in figure(model_of(model), "map50_vs_truth").text()
    assert figure(model_of({"accuracy": accuracy([]).to_json()}), "pck").text() == "-"


def test_older_records_are_counted_by_their_pictures() -> None:
    found = eight_pictures()["models"][0]
    found["accuracy"] = {key: value for key, value in found["accuracy"].items() if not key.endswith("_n")}
    assert (
        figure(model_of(found), "oks_vs_truth").n,
        figure(model_of(found), "oks_vs_golden").n,
        figure(model_of(found), "pck").n,
    ) == (2, 8, 2)
    for image in found["images"]:
        del image["pck"]
    assert figure(model_of(found), "pck").n == 2


def test_the_conformance_table_counts_what_the_figure_is_of() -> None:
    found = sample.record()
    found["models"] = found["models"][1:]
    found["zoo"][0]["metric"] = "map50"
    for number, image in enumerate(found["models"][0]["images"]):
        image["matches"] = {"scores": [0.9], "oks": [0.9], "targets": 1} if number else None
    found["models"][0]["accuracy"]["map50_vs_truth"] = 0.5
    assert rows(run_of(found))[0].pictures == 3
    found["models"][0]["accuracy"]["map50_vs_truth_n"] = 2
    assert rows(run_of(found))[0].pictures == 2


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_ends_of_an_interval_are_told_apart(first: float, second: float) -> None:
    low, high = sorted((first, second))
    said = Figure(low, 5, (low, high)).of
    ends = said.removeprefix("n=5, ").split("-")
    assert abs(float(ends[0]) - low) <= 0.005
    assert abs(float(ends[1]) - high) <= 0.005
    if high - low > 1e-4:
        assert ends[0] != ends[1]


def test_merging_workers_gives_the_figures_of_the_whole() -> None:
    whole = eight_pictures()
    parts = []
    for at in (0, 1, 2):
        part = copy.deepcopy(whole)
        part["models"][0]["images"] = part["models"][0]["images"][at::3]
        parts.append(part)
    found = merged(parts)
    jsonschema.validate(found, record_schema())
    assert found["models"][0]["accuracy"] == whole["models"][0]["accuracy"]


# --- labels ---


def truth(*persons: tuple[int, bool, float]) -> Truth:
    """Persons as (labelled keypoints, crowd, side of the box)."""
    points = np.zeros((len(persons), 13, 3))
    for row, (labelled, _, _) in enumerate(persons):
        points[row, :labelled] = (5, 5, 2)
    boxes = np.array([[0, 0, side, side] for *_, side in persons], dtype=np.float64).reshape(-1, 4)
    crowd = np.array([is_crowd for _, is_crowd, _ in persons], dtype=np.bool_)
    return Truth(points, boxes, boxes[:, 2] * boxes[:, 3], crowd)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (None, "none"),
        (truth(), "nobody"),
        (truth((13, False, 9)), "single"),
        (truth((1, False, 9)), "single"),
        (truth((0, False, 9)), "unlabelled"),
        (truth((13, False, 0)), "no_size"),
        (truth((13, True, 9)), "crowd"),
        (truth((13, False, 9), (13, True, 9)), "crowd"),
        (truth((13, False, 9), (13, False, 9)), "several"),
        (truth((13, False, 9), (0, False, 9)), "several"),
    ],
)
def test_what_labels_hold(labels: Truth | None, found: str) -> None:
    assert kind_of_labels(labels) == found


def test_why_there_is_no_figure_says_what_was_found() -> None:
    found = ["several"] * 5 + ["crowd"] * 2 + ["none"]
    assert why_no_figure(found) == (
        "no picture has exactly one labelled person: 5 have two or more, 2 a crowd, 1 no label"
    )
    assert why_no_figure(["none"] * 3) == "the pictures carry no labels"
    assert why_no_figure(["nobody", "several"]).endswith(": 1 has two or more, 1 is labelled as empty")
    assert why_no_figure(["single", "none"]) == ""
    foreign = "no picture has labels of the network's keypoints: 8 have labels of other keypoints"
    assert why_no_figure(["foreign"] * 8) == foreign


@given(st.lists(st.sampled_from(ORDER), max_size=30))
def test_every_picture_is_counted_once(found: list[str]) -> None:
    words = counted_words(found)
    counted = [int(part.split()[0]) for part in words.split(", ")] if words else []
    assert sum(counted) == len(found)
    assert len(counted) == len(set(found))


def test_a_run_without_a_figure_against_truth_says_why() -> None:
    found = eight_pictures()
    [model] = found["models"]
    for image in model["images"][:2]:
        image["labels"]["found"], image["oks_vs_truth"], image["pck"] = "several", None, None
    model["accuracy"] |= {"oks_vs_truth": None, "oks_vs_truth_n": 0, "oks_vs_truth_interval": None, "pck": None}
    why = "no picture has exactly one labelled person: 5 have two or more, 1 a crowd, 1 a person without labelled"
    assert why_no_truth(model_of(model)).startswith(why)
    for text in ("\n".join(summary_lines(run_of(found))), markdown_summary(run_of(found))):
        assert why in text
    for image in model["images"]:
        image["labels"]["found"] = "none"
    assert why_no_truth(model_of(model)) == "", "pictures without labels are no news"
    for image in model["images"]:
        image["labels"]["found"] = "foreign"
    assert "labels of other keypoints" in why_no_truth(model_of(model))
    assert why_no_truth(model_of({**model, "keypoints": 0})) == "", "a network without keypoints has none to judge"


# --- the same persons ---


def moved(rows: list[list[float]], by_px: float) -> list[list[float]]:
    return [[x + by_px, y, third] for x, y, third in rows]


def test_bars_and_worst_keypoints_are_of_the_persons_of_the_figure() -> None:
    """In the pictures that are not in the figure the device is far off: nothing of that may be seen beside it."""
    [model] = eight_pictures()["models"]
    for image in model["images"]:
        if image["keypoints_truth"] is not None:
            by_px = 0.0 if image["oks_vs_truth"] is not None else 90.0
            image["keypoints_device"] = [moved(image["keypoints_truth"][0], by_px)]
    found = scores(pictures_of(model["images"]))
    assert (found.persons, found.pictures, found.single, found.by_box) == (2, 2, True, True)
    assert all(each.all.pck == 1.0 for each in found.keypoints if each.all.labelled)
    assert {each.all.labelled for each in found.keypoints} == {0, 2}
    errors = keypoint_errors(model_of(model), "truth")
    assert not errors.is_off
    assert {each.points for each in errors.by_keypoint} == {2}
    text = Tokens("".join(accuracy_parts(model_of(model), []))).text
    assert "of 2 labelled persons in 2 pictures with one labelled person, worst first: " in text


def test_of_networks_that_find_several_a_crowd_is_in_neither() -> None:
    person = sample.TRUTH.tolist()
    crowd = moved(person, 50)
    image = {
        **sample.record()["models"][1]["images"][0],
        "keypoints_truth": [person, crowd],
        "keypoints_device": [person, person],
        "matches": {"scores": [0.9], "oks": [1.0], "targets": 1},
        "labels": {"found": "crowd", "counted": [True, False], "boxes_px": [[100, 30, 120, 200]] * 2},
    }
    found = scores(pictures_of([image]))
    assert (found.persons, found.single) == (1, False)
    assert not keypoint_errors(model_of({"keypoints": 13, "images": [image]}), "truth").is_off
    image["labels"]["counted"] = [True, True]
    assert scores(pictures_of([image])).persons == 2
    assert keypoint_errors(model_of({"keypoints": 13, "images": [image]}), "truth").is_off


def test_a_crowd_of_more_than_is_drawn_is_counted_whole() -> None:
    person = sample.TRUTH.tolist()
    image = {"width_px": 320, "height_px": 240, "keypoints_truth": [person] * 50, "keypoints_device": [person] * 50}
    assert scores(pictures_of([image])).persons == 50


@pytest.mark.parametrize(
    ("image", "several", "counted"),
    [
        ({}, False, []),
        ({"keypoints_truth": [[[1, 1, 2]], [[1, 1, 0]]], "oks_vs_truth": 0.5}, False, [True, False]),
        ({"keypoints_truth": [[[1, 1, 2]], [[1, 1, 2]]]}, False, [False, False]),
        ({"keypoints_truth": [[[1, 1, 2]], [[1, 1, 2]], []]}, True, [True, True, False]),
        ({"keypoints_truth": [[[1, 1, 2]]], "oks_vs_truth": None}, False, [False]),
        ({"keypoints_truth": [[[1, 1, 2]]], "oks_vs_truth": 0.1}, False, [True]),
        ({"keypoints_truth": [[[1, 1, 2]]], "labels": {"found": "crowd", "counted": [False]}}, True, [False]),
        ({"keypoints_truth": [[[1, 1, 2]]], "labels": {"found": "crowd", "counted": [False, True]}}, True, [True]),
    ],
)
def test_older_and_foreign_records_say_what_they_can(image: dict[str, Any], several: bool, counted: list[bool]) -> None:
    assert counted_persons(picture_of(image), several) == counted
    assert finds_several(pictures_of([image])) is False
    assert set(NAMES) == {"oks_vs_golden", "oks_vs_truth", "map50_vs_truth"}
