"""A keypoint set of the user's own through whole runs: of the labels' category, of a file; figures and drawings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.firmware.tiny_yolo import tiny_yolo
from tests.virtual.suite_run import SuiteRun, run_suite

NAMES = ["front_left", "front_right", "back_left", "back_right"]
SIGMAS = [0.05, 0.05, 0.06, 0.06]
#: The picture is the network's output: 17 rows of 300 anchors.
WIDTH, HEIGHT = 100, 17
SHORT = ("-k", "accuracy or budgets")
PALLET = 'name = "pallet 4"\nnames = ["front_left", "front_right", "back_left", "back_right"]\n'


def write_pictures(folder: Path, **category: Any) -> Path:
    """A picture with one person of four keypoints, labelled a little beside where the network finds them."""
    table = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    table[:5, 10, 0] = 128, 128, 200, 200, 230
    table[5::3, 10, 0] = 60, 190, 60, 190
    table[6::3, 10, 0] = 60, 60, 190, 190
    table[7::3, 10, 0] = 200
    Image.fromarray(table).save(folder / "pallet.png")
    x, y = table[5::3, 10, 0] / 255 * WIDTH, table[6::3, 10, 0] / 255 * HEIGHT
    points = np.stack([x + 3, y, np.full(4, 2)], axis=1)
    document = {
        "images": [{"id": 1, "file_name": "pallet.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [20, 2, 60, 13], "area": 780,
             "keypoints": points.ravel().tolist()}
        ],
        "categories": [{"id": 1, "name": "pallet", "keypoints": NAMES, "skeleton": [[1, 2], [3, 4]], **category}],
    }  # fmt: skip
    path = folder / "keypoints.json"
    path.write_text(json.dumps(document))
    return path


def run(folder: Path, *options: str, **category: Any) -> SuiteRun:
    model = folder / "pallet.tflite"
    model.write_bytes(tiny_yolo(4, 300))
    labels = write_pictures(folder, **category)
    return run_suite(
        folder, "--board=qemu-m55", f"--pose-model={model}", "--pose-family=yolo", f"--pose-images={labels}", *SHORT,
        *options,
    )  # fmt: skip


def expected(sigmas: list[float]) -> float:
    """ST's OKS of the picture: 3 pixels beside in x, box 60 x 13."""
    area = 0.53 * 0.6 * 13 / HEIGHT
    return float(np.mean([np.exp(-((3 / WIDTH) ** 2) / (2 * (2 * sigma) ** 2 * area)) for sigma in sigmas]))


@pytest.fixture(scope="module")
def by_category(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SuiteRun]:
    folder = tmp_path_factory.mktemp("category")
    return folder, run(folder, "--html=report.html", sigmas=SIGMAS)


def test_figures_and_drawings_of_the_labels_category(by_category: tuple[Path, SuiteRun]) -> None:
    folder, done = by_category
    assert done.exit_code == 0, done.output
    [model] = done.record["models"]
    assert model["keypoint_set"] == {
        "name": "pallet 4", "names": NAMES, "limbs": [[0, 1], [2, 3]], "sigmas": SIGMAS, "sigmas_from": "the labels"
    }  # fmt: skip
    [image] = model["images"]
    assert image["matches"]["oks"][0] == pytest.approx(expected(SIGMAS), abs=1e-3)
    report = (folder / "report.html").read_text()
    assert "front left" in report
    assert "pallet 4, OKS sigmas of the labels" in report


def test_other_sigmas_are_another_figure_that_the_gate_does_not_compare(by_category: tuple[Path, SuiteRun]) -> None:
    folder, done = by_category
    (folder / "base.json").write_text(json.dumps(done.record))
    (folder / "pallet.toml").write_text(PALLET + "sigmas = [0.1, 0.1, 0.1, 0.1]\n")
    other = run(folder, "--pose-skeleton=pallet.toml", "--pose-baseline=base.json", "--pose-gate", sigmas=SIGMAS)
    assert other.exit_code == 1, other.output
    [model] = other.record["models"]
    assert (model["keypoint_set"]["sigmas"], model["keypoint_set"]["sigmas_from"]) == ([0.1] * 4, "pallet.toml")
    assert model["images"][0]["matches"]["oks"][0] == pytest.approx(expected([0.1] * 4), abs=1e-3)
    assert "the keypoint set was pallet 4 (" in other.output


@pytest.mark.parametrize(
    ("option", "table", "said"),
    [
        ("pallet.toml", "names = 3", "pallet.toml has no list `names`"),
        ("pallet.toml", "names = [", "is not valid TOML"),
        ("pallet.toml", PALLET + "sigmas = [1]", "`sigmas` has 1 values, and there are 4 keypoints"),
        ("pallet.toml", 'names = ["tip", "end"]', "does not label the keypoints of --pose-skeleton (pallet.toml)"),
        ("missing.toml", "", "missing.toml cannot be read: No such file or directory"),
        ("coco", "", "'coco' is no keypoint set. Did you mean coco17?"),
        ("mpii16", "", "does not label the keypoints of --pose-skeleton (MPII 16)"),
    ],
)
def test_a_mistake_is_a_usage_error_in_one_sentence(tmp_path: Path, option: str, table: str, said: str) -> None:
    (tmp_path / "pallet.toml").write_text(table)
    done = run(tmp_path, f"--pose-skeleton={option}")
    assert (done.exit_code, done.record) == (4, {}), done.output
    [line] = [line for line in done.output.splitlines() if line.startswith("ERROR: ")]
    assert said in line
    assert "Traceback" not in done.output


def test_a_set_of_another_number_than_the_networks_is_refused(tmp_path: Path) -> None:
    done = run_suite(tmp_path, "--board=qemu-m55", "--pose-skeleton=hand21", *SHORT)
    assert done.exit_code == 4, done.output
    assert "has 13 keypoints, and the keypoint set hand 21 has 21" in done.output


def test_labels_of_more_keypoints_than_cocos_judge_a_network_that_has_as_many(tmp_path: Path) -> None:
    """OpenPose's 18: COCO's 17 and a neck, for a network of 18."""
    from pytest_stm32pose.metrics.skeleton import COCO_17

    model = tmp_path / "eighteen.tflite"
    model.write_bytes(tiny_yolo(18, 300))
    Image.new("RGB", (100, 59)).save(tmp_path / "a.png")
    points = np.column_stack([np.linspace(20, 80, 18), np.linspace(5, 50, 18), np.full(18, 2)])
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 59}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 5, 60, 45], "area": 2700,
                         "keypoints": points.ravel().tolist()}],
        "categories": [{"id": 1, "name": "person", "keypoints": [*COCO_17.names, "neck"]}],
    }  # fmt: skip
    (tmp_path / "keypoints.json").write_text(json.dumps(document))
    asked = ("--board=qemu-m55", f"--pose-model={model}", "--pose-images=keypoints.json", "--pose-family=yolo", *SHORT)
    for more in ((), ("--pose-skeleton=labels",)):  # the network has as many as the labels; or they are named
        done = run_suite(tmp_path, *asked, *more)
        assert done.exit_code == 0, done.output
        [found] = done.record["models"]
        assert (found["keypoint_set"]["name"], len(found["images"][0]["keypoints_truth"][0])) == ("person 18", 18)
    done = run_suite(tmp_path, *asked, "--pose-skeleton=coco17")
    assert done.exit_code == 4, done.output
    assert "the labels of the pictures have 17. --pose-skeleton=labels uses all 18 keypoints" in done.output
