"""Keypoints by name and size of the person: pairing, limits, counts; against distances worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_stm32pose.report.accuracy import accuracy_parts
from pytest_stm32pose.report.scores import scores
from tests.support.html_tokens import Tokens
from tests.support.records import model_of, pictures_of


def person(x_px: float, y_px: float, side_px: float, third: float = 2.0) -> list[list[float]]:
    """13 keypoints on a vertical line of that length."""
    return [[x_px, y_px + side_px * number / 12, third] for number in range(13)]


def picture(device: Any, truth: Any, golden: Any = None) -> dict[str, Any]:
    """An entry of the record, of a picture of 400 x 300 pixels; one labelled person has a figure."""
    labelled = sum(any(row[2] and row[2] > 0 for row in each if len(row) == 3) for each in truth or ())
    figures = {"width_px": 400, "height_px": 300, "oks_vs_truth": 0.5 if labelled == 1 else None}
    return {**figures, "keypoints_device": device, "keypoints_golden": golden or device, "keypoints_truth": truth}


def test_errors_are_parts_of_the_persons_longer_side() -> None:
    truth = person(100, 50, 120)
    device = person(100, 50, 120, 0.9)
    device[0][0] += 12  # exactly a tenth: correct
    device[1][0] += 12.1
    found = {each.name: each for each in scores(pictures_of([picture([device], [truth])])).keypoints}
    assert found["head"].all.errors == [pytest.approx(0.1)]
    assert (found["head"].all.correct, found["left shoulder"].all.correct) == (1, 0)
    assert found["left shoulder"].all.pck == 0
    assert found["right ankle"].all.median_error == 0


def test_the_worst_keypoint_comes_first() -> None:
    device = person(100, 50, 120, 0.9)
    device[7][0] += 60
    assert scores(pictures_of([picture([device], [person(100, 50, 120)])])).keypoints[0].name == "left hip"


@pytest.mark.parametrize(("side_px", "size"), [(99, "small"), (101, "medium"), (199, "medium"), (201, "large")])
def test_sizes_are_parts_of_the_pictures_longer_side(side_px: float, size: str) -> None:
    truth = person(100, 20, side_px)
    found = scores(pictures_of([picture([person(100, 20, side_px, 0.9)], [truth])]))
    assert {name: each.persons for name, each in found.sizes.items() if each.persons} == {size: 1}
    assert found.keypoints[0].by_size[size].labelled == 1


def test_persons_are_paired_one_to_one_and_missed_ones_count() -> None:
    """Two of the device, three labelled: the far one is missed and none of its keypoints is correct."""
    device = [person(200, 50, 120, 0.9), person(102, 50, 120, 0.9)]
    truth = [person(100, 50, 120), person(203, 50, 120), person(350, 50, 120)]
    found = scores(pictures_of([picture(device, truth)]))
    assert not found.single
    assert (found.sizes["medium"].persons, found.sizes["medium"].found) == (3, 2)
    head = next(each for each in found.keypoints if each.name == "head").all
    assert (head.labelled, head.correct) == (3, 2)
    assert sorted(head.errors) == [pytest.approx(2 / 120), pytest.approx(3 / 120)]


def test_of_a_network_of_one_person_only_pictures_with_one_count() -> None:
    one, crowd = person(100, 50, 120), [person(100, 50, 120), person(203, 50, 120)]
    found = scores(
        pictures_of([picture([person(100, 50, 120, 0.9)], [one]), picture([person(100, 50, 120, 0.9)], crowd)])
    )
    assert found.single
    assert found.sizes["medium"].persons == 1


def test_unlabelled_keypoints_and_persons_do_not_count() -> None:
    truth = person(100, 50, 120)
    truth[3][2] = 0
    found = scores(pictures_of([picture([person(100, 50, 120, 0.9)], [truth, person(200, 50, 120, 0)])]))
    assert found.keypoints[-1].all.labelled + sum(each.all.labelled for each in found.keypoints[:-1]) == 12
    assert found.single


def test_keypoints_that_left_the_golden_are_counted_with_their_distance() -> None:
    device, golden = person(100, 50, 120, 0.9), person(100, 50, 120, 0.9)
    device[4][0] += 7
    found = {each.name: each for each in scores(pictures_of([picture([device], None, [golden])] * 3)).keypoints}
    assert (found["right elbow"].moved, found["right elbow"].moved_max_px) == (3, 7)
    assert sum(each.moved for each in found.values()) == 3


def test_the_section_names_the_worst_by_name_and_by_size() -> None:
    device = person(100, 50, 120, 0.9)
    device[7][0] += 60
    model = {"name": "n", "board": "b", "images": [picture([device], [person(100, 50, 120)])]}
    text = Tokens("".join(accuracy_parts(model_of(model), []))).text
    assert "worst first: left hip 0 %" in text
    assert "left hip 0 %" in text[text.index("By size of the person") :]


@pytest.mark.parametrize("bad", [None, [], [[]], [[[1, 2, 3]]], [[[None, None, 2]] * 13], [[[1e300, 0, 2]] * 13]])
def test_foreign_keypoints_do_not_end_the_report(bad: Any) -> None:
    for entry in (picture(bad, [person(1, 1, 50)]), picture([person(1, 1, 50)], bad), {"keypoints_truth": bad}):
        assert isinstance(scores(pictures_of([entry])).keypoints, tuple)
