"""Which keypoints are off, by name and by the person's size; and the lines that a failed run ends with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13
from pytest_stm32pose.metrics.worst import Compared, figure_errors, size_of
from pytest_stm32pose.tell.failures import failure_lines
from tests.support.records import model_of

WIDTH, HEIGHT = 640, 480


def figure(left: float, top: float, side: float, keypoints: int = 13) -> np.ndarray:
    """A person whose keypoints lie on the border of a square, both corners among them."""
    along = np.linspace(0, side, keypoints)
    return np.stack([left + along, top + along, np.full(keypoints, 2.0)], axis=1)


def moved(person: np.ndarray, keypoint: int, by: float) -> np.ndarray:
    person = person.copy()
    person[keypoint, 0] += by
    return person


def compared(device: list[np.ndarray], reference: list[np.ndarray]) -> Compared:
    keypoints = reference[0].shape[0] if reference else 13
    shape = (-1, keypoints, 3)
    return Compared(np.array(device).reshape(shape), np.array(reference).reshape(shape), WIDTH, HEIGHT)


def test_equal_figures_are_not_off() -> None:
    person = figure(10, 10, 100)
    found = figure_errors([compared([person], [person])])
    assert not found.is_off
    assert {each.name for each in found.by_keypoint} == set(ST_13.names)
    assert all(each.points == 1 for each in found.by_keypoint)


def test_the_worst_keypoint_is_first_and_has_its_name() -> None:
    person = figure(10, 10, 100)
    pictures = [compared([moved(moved(person, 4, 8), 2, 3)], [person]), compared([moved(person, 4, 4)], [person])]
    first, second, *rest = figure_errors(pictures).by_keypoint
    assert (first.name, first.mean_px, first.points) == (ST_13.names[4], 6.0, 2)
    assert (second.name, second.mean_px) == (ST_13.names[2], 1.5)
    assert not any(each.is_off for each in rest)


def test_names_of_both_sets_and_of_none() -> None:
    for count, names in ((17, COCO_17.names), (5, tuple(f"keypoint {k}" for k in range(5)))):
        person = figure(0, 0, 50, count)
        found = figure_errors([compared([moved(person, 3, 1)], [person])])
        assert found.by_keypoint[0].name == names[3]


@pytest.mark.parametrize(
    ("side", "size"),
    [(0, "small"), (43.9, "small"), (44.0, "medium"), (131.8, "medium"), (131.9, "large")],
)
def test_sizes_are_coco_classes_of_053_of_the_box(side: float, size: str) -> None:
    assert (0.53 * side * side < 32**2, 0.53 * side * side < 96**2) == (size == "small", size != "large")
    assert size_of(figure(0, 0, side)) == size


def test_persons_are_paired_and_lost_ones_counted_by_size() -> None:
    small, large = figure(5, 5, 20), figure(200, 100, 300)
    found = figure_errors([compared([moved(large, 0, 6.5)], [small, large])])
    sizes = {each.name: each for each in found.by_size}
    assert list(sizes) == ["small", "large"]
    assert (sizes["small"].points, sizes["small"].lost) == (0, 13)
    assert (sizes["large"].points, sizes["large"].lost, sizes["large"].mean_px) == (13, 0, 0.5)
    nobody = figure_errors([compared([], [large])])
    assert all(each.lost == 1 and each.points == 0 for each in nobody.by_keypoint)
    assert not figure_errors([compared([large], [])]).is_off


def test_no_number_is_a_lost_keypoint() -> None:
    person = figure(10, 10, 100)
    first = figure_errors([compared([moved(person, 7, np.nan)], [person])]).by_keypoint[0]
    assert (first.name, first.lost, first.points) == (ST_13.names[7], 1, 0)


def test_keypoints_without_a_label_do_not_count() -> None:
    label = figure(10, 10, 100)
    label[6:] = 0.0  # COCO writes 0, 0, 0
    found = figure_errors([compared([moved(figure(10, 10, 100), 1, 4)], [label])], labels=True)
    assert {each.name for each in found.by_keypoint} == set(ST_13.names[:6])
    assert found.by_keypoint[0].mean_px == 4.0
    # The labelled points span 50 of the 100 pixels.
    assert [each.name for each in found.by_size] == ["small"]
    unlabelled = np.zeros((13, 3))
    assert not figure_errors([compared([label], [unlabelled])], labels=True).by_keypoint


def image(name: str, stage: str, operator: int, device: np.ndarray | None, golden: np.ndarray) -> dict[str, Any]:
    divergence = stage and {"stage": stage, "op_index": operator}
    return {
        "id": name,
        "divergence": f"{stage} {operator}",
        "first_divergence": divergence or None,
        "keypoints_device": None if device is None else [device.tolist()],
        "keypoints_golden": [golden.tolist()],
        "keypoints_truth": [golden.tolist()],
        "oks_vs_truth": 0.9,
        "width_px": WIDTH,
        "height_px": HEIGHT,
    }


def test_a_failed_run_names_the_worst_keypoints() -> None:
    person = figure(10, 10, 100)
    images = [
        image("late", "decode", -1, moved(person, 0, 3), person),
        image("early", "operator", 4, moved(person, 0, 1), person),
        image("middle", "operator", 12, person, person),
        image("good", "", 0, person, person),
        image("silent", "", 0, None, person),
    ]
    [worst] = failure_lines(model_of({"images": images}))
    assert worst == (
        "worst keypoints against the golden: head 1.00 px of 4; by size of the person: medium 0.08 px of 52"
    )
    assert failure_lines(model_of({"images": images[3:]})) == []


def test_labels_speak_where_device_and_golden_agree() -> None:
    person = figure(10, 10, 100)
    exact = image("exact", "", 0, person, person)
    exact["keypoints_truth"] = [moved(person, 12, 2).tolist()]
    [line] = failure_lines(model_of({"images": [exact]}))
    assert line.startswith("worst keypoints against the labels: right_ankle 2.00 px of 1;")
