"""Several persons and letterboxed pictures through the whole suite: a network whose picture is its output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.metrics.skeleton import COCO_17
from tests.firmware.tiny_yolo import BOX_ROWS, tiny_yolo
from tests.virtual.suite_run import SuiteRun, run_suite

KEYPOINTS, ANCHORS = 17, 300
WIDTH, HEIGHT = ANCHORS // 3, BOX_ROWS + 3 * KEYPOINTS
#: Half as wide as the network's input: letterboxed, it lies unscaled in the middle.
NARROW = WIDTH // 2
SCORES = (0.9, 0.8, 0.7)
#: The rest of the suite has nothing to do with persons.
SHORT = ("-k", "accuracy or budgets")
#: Two pictures: 2 hits, 2 misses, 2 hits, and 2 of 6 persons not found. Best precision from recall 0, 1/3, 1/2, 2/3 and
#: 1 on: 1, 1, 2/3, 2/3, 0; linear in between.
EXPECTED_MAP = 1 / 3 + (1 + 2 / 3) / 2 / 6 + 2 / 3 / 6 + (2 / 3) / 2 / 3


def persons(seed: int) -> np.ndarray:
    """[56, 3] bytes: three persons, one per third of the input's height, scores descending."""
    table = np.zeros((HEIGHT, len(SCORES)), np.uint8)
    random = np.random.default_rng(seed)
    for index, score in enumerate(SCORES):
        table[:5, index] = 128, 42 + 85 * index, 40, 60, round(score * 255)
        table[5::3, index] = random.integers(110, 146, KEYPOINTS)
        table[6::3, index] = random.integers(15, 70, KEYPOINTS) + 85 * index
        table[7::3, index] = 200
    return table


def annotate(table: np.ndarray, image: dict[str, Any], left: int) -> list[dict[str, Any]]:
    """Labels of the first and the third person, and of one that is nowhere."""
    found = []
    for number, (index, shift) in enumerate(((0, 0.0), (2, 0.0), (1, 1e4))):
        x = table[5::3, index] / 255 * WIDTH - left + shift
        y = table[6::3, index] / 255 * HEIGHT
        points = np.stack([x, y, np.full(KEYPOINTS, 2)], axis=1)
        box = [float(v) for v in (x.min(), y.min(), np.ptp(x), np.ptp(y))]
        found.append(
            {"id": 10 * image["id"] + number, "image_id": image["id"], "category_id": 1, "iscrowd": 0, "bbox": box,
             "area": box[2] * box[3], "num_keypoints": KEYPOINTS, "keypoints": points.ravel().tolist()}
        )  # fmt: skip
    return found


def write_pictures(folder: Path, width: int) -> Path:
    """Two labelled pictures that hold the table of their persons; returns the annotation file."""
    left = (WIDTH - width) // 2
    images, annotations = [], []
    for number in (1, 2):
        table = persons(number)
        canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        canvas[:, left + 10 : left + 10 + len(SCORES), 0] = table
        Image.fromarray(canvas[:, left : left + width]).save(folder / f"crowd_{number}.png")
        image = {"id": number, "file_name": f"crowd_{number}.png", "width": width, "height": HEIGHT}
        images.append(image)
        annotations += annotate(table, image, left)
    path = folder / "keypoints.json"
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.names)}
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return path


def run(folder: Path, width: int, *options: str) -> SuiteRun:
    model = folder / "crowd.tflite"
    model.write_bytes(tiny_yolo(KEYPOINTS, ANCHORS))
    labels = write_pictures(folder, width)
    return run_suite(
        folder, "--board=qemu-m55", f"--pose-model={model}", "--pose-family=yolo", f"--pose-images={labels}", *SHORT,
        *options,
    )  # fmt: skip


@pytest.mark.parametrize(("preprocessing", "width"), [("stretch", WIDTH), ("letterbox", NARROW)])
def test_three_persons_two_of_them_labelled(preprocessing: str, width: int, tmp_path: Path) -> None:
    done = run(tmp_path, width, f"--pose-preprocess={preprocessing}", "--pose-budget=map50_vs_truth_min=0.65")
    assert done.exit_code == 0, done.output
    [model] = done.record["models"]
    accuracy = model["accuracy"]
    assert (model["family"], model["preprocessing"], accuracy["oks_vs_golden"]) == ("yolo", preprocessing, 1.0)
    assert accuracy["map50_vs_truth"] == pytest.approx(EXPECTED_MAP, abs=2e-3)
    assert accuracy["map_vs_truth"] == pytest.approx(EXPECTED_MAP, abs=2e-3)
    assert "mAP@0.5 0.69" in done.output
    for number, image in enumerate(sorted(model["images"], key=lambda each: each["id"]), 1):
        assert image["matches"]["targets"] == 3
        assert image["matches"]["scores"] == pytest.approx(SCORES, abs=1 / 255)
        assert image["matches"]["oks"] == pytest.approx([1, 0, 1], abs=1e-3)
        x = persons(number)[5::3, 0] / 255 * WIDTH - (WIDTH - width) // 2
        assert [point[0] for point in image["keypoints_device"][0]] == pytest.approx(x, abs=1e-4)


def test_map_is_judged_and_letterboxed_goldens_are_stored_apart(tmp_path: Path) -> None:
    broken = run(tmp_path, NARROW, "--pose-budget=map50_vs_truth_min=0.9", "--pose-golden=update")
    assert broken.exit_code == 1
    assert "map50_vs_truth_min is broken" in broken.output
    stretched = run(tmp_path, NARROW, "--pose-golden=check")
    assert stretched.exit_code == 0, stretched.output
    boxed = run(tmp_path, NARROW, "--pose-golden=check", "--pose-preprocess=letterbox")
    assert boxed.exit_code != 0
    assert boxed.record["verdict"] == "blocked"
    assert "There is no stored golden" in boxed.output
    assert "--pose-preprocess=letterbox" in boxed.output
