"""What labels are and what was done about them, as a user's run tells it: figures, notes, refusals before a board."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.virtual.suite_run import ROOT, SuiteRun, run_suite

FIXTURES = ROOT / "fixtures" / "images"
SHORT = ("-k", "picture or accuracy or budgets")


def figures(folder: Path, count: int = 2) -> dict[str, Any]:
    """The first default pictures, copied, and their labels."""
    content: dict[str, Any] = json.loads((FIXTURES / "keypoints.json").read_text())
    content["images"] = content["images"][:count]
    chosen = {image["id"] for image in content["images"]}
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] in chosen]
    for image in content["images"]:
        (folder / image["file_name"]).write_bytes((FIXTURES / image["file_name"]).read_bytes())
    return content


def run(folder: Path, content: dict[str, Any], *options: str) -> SuiteRun:
    (folder / "keypoints.json").write_text(json.dumps(content))
    return run_suite(folder, "--board=qemu-m55", f"--pose-images={folder}", *SHORT, *options)


def oks(done: SuiteRun) -> list[float | None]:
    return [image["oks_vs_truth"] for image in done.record["models"][0]["images"]]


def as_stored(folder: Path, content: dict[str, Any]) -> None:
    """The first picture on its side with EXIF orientation 6, its labels on what is stored."""
    image, label = content["images"][0], content["annotations"][0]
    path = folder / image["file_name"]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(np.asarray(Image.open(path).convert("RGB")))).save(path, exif=exif)
    width, height = image["width"], image["height"]
    points = np.array(label["keypoints"], dtype=float).reshape(-1, 3)
    label["keypoints"] = np.column_stack([points[:, 1], width - points[:, 0], points[:, 2]]).ravel().tolist()
    x, y, across, down = label["bbox"]
    label["bbox"] = [y, width - x - across, down, across]
    image["width"], image["height"] = height, width


def test_the_same_figures_from_labels_that_were_made_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    plain = run(folder, figures(folder))
    assert plain.exit_code == 0, plain.output
    assert "notes" not in plain.record
    folder = tmp_path / "otherwise"
    folder.mkdir()
    content = figures(folder)
    as_stored(folder, content)
    order = np.random.default_rng(1).permutation(13)
    content["categories"][0]["keypoints"] = [content["categories"][0]["keypoints"][index] for index in order]
    for label in content["annotations"]:
        label["keypoints"] = np.array(label["keypoints"]).reshape(-1, 3)[order].ravel().tolist()
    otherwise = run(folder, content)
    assert otherwise.exit_code == 0, otherwise.output
    assert oks(otherwise) == pytest.approx(oks(plain), abs=1e-9)
    notes = otherwise.record["notes"]
    assert ["another order than ST's" in note for note in notes] == [True, False]
    assert "turned upright with them" in notes[1]
    assert all(f"note: {note}" in otherwise.output for note in notes)


def test_text_labels_of_another_root_give_the_same_figures(tmp_path: Path) -> None:
    """data.yaml, text labels, and pictures of another root: the figures of the COCO file, and whose they are."""
    (tmp_path / "coco").mkdir()
    content = figures(tmp_path / "coco")
    plain = run(tmp_path / "coco", content)
    folder = tmp_path / "yolo" / "labels"
    folder.mkdir(parents=True)
    for image, label in zip(content["images"], content["annotations"], strict=True):
        size = np.array([image["width"], image["height"]])
        low, sides = np.array(label["bbox"][:2]) / size, np.array(label["bbox"][2:]) / size
        points = np.array(label["keypoints"], dtype=float).reshape(-1, 3) / [*size, 1]
        row = [0.0, *(low + sides / 2), *sides, *points.ravel()]
        (folder / Path(image["file_name"]).with_suffix(".txt").name).write_text(" ".join(map(repr, map(float, row))))
    (tmp_path / "coco" / "keypoints.json").unlink()
    options = (f"--pose-images={folder}", f"--pose-images-root={tmp_path / 'coco'}")
    text = run_suite(tmp_path, "--board=qemu-m55", *options, *SHORT)
    assert text.exit_code == 0, text.output
    assert oks(text) == pytest.approx(oks(plain), abs=1e-6)
    assert text.record["notes"] == [f"{folder}: its keypoints have no names: 13 are taken in the order of ST's."]
    said = text.record["models"][0]["accuracy"]["definitions"]
    assert said["oks_vs_truth"].startswith("ST's OKS")
    assert "map50_vs_truth" not in said


def test_options_of_labels_need_labels(tmp_path: Path) -> None:
    done = run_suite(tmp_path, "--board=qemu-m55", f"--pose-images-root={FIXTURES}")
    assert done.exit_code == 4
    assert "--pose-images-root and --pose-category say something of labels of your own." in done.output


def test_a_person_without_area_is_counted_out_and_said(tmp_path: Path) -> None:
    content = figures(tmp_path)
    whole = run(tmp_path, content)
    content["annotations"][0]["bbox"][2:] = [0, 0]
    content["annotations"][0]["area"] = 0
    done = run(tmp_path, content, "--pose-budget=oks_vs_truth_min=0.5")
    assert done.exit_code == 0, done.output
    assert oks(done) == [None, oks(whole)[1]]
    accuracy = done.record["models"][0]["accuracy"]
    assert accuracy["oks_vs_truth"] == pytest.approx(oks(whole)[1])
    assert "get no OKS and are counted out: 1 (first: figure_0.png)" in done.record["notes"][0]


def change_size(content: dict[str, Any]) -> None:
    content["images"][0]["width"] += 60


def rename(content: dict[str, Any]) -> None:
    content["categories"][0]["keypoints"][0] = "nose"


def two_corners(content: dict[str, Any]) -> None:
    """Of the first picture alone: where all are, they are read as such."""
    for label in content["annotations"][:1]:
        x, y, width, height = label["bbox"]
        label["bbox"] = [x, y, x + width, y + height]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (change_size, "figure_0.png has 220 x 120 pixels, but it has 160 x 120"),
        (rename, "head is missing"),
        (two_corners, "boxes as two corners"),
    ],
)
def test_contradictions_are_usage_errors_before_a_board_is_taken(tmp_path: Path, mistake: Any, said: str) -> None:
    content = figures(tmp_path)
    mistake(content)
    done = run(tmp_path, content)
    assert (done.exit_code, done.record) == (4, {}), done.output
    [line] = [line for line in done.output.splitlines() if line.startswith("ERROR: ")]
    assert said in line
    assert "Traceback" not in done.output


def test_a_budget_that_the_labels_cannot_judge_is_refused(tmp_path: Path) -> None:
    """Labels of 13 keypoints, a network of 17."""
    from tests.firmware.tiny_yolo import tiny_yolo

    model = tmp_path / "crowd.tflite"
    model.write_bytes(tiny_yolo(17, 300))
    content = figures(tmp_path, 1)
    network = (f"--pose-model={model}", "--pose-family=yolo", "--pose-keypoints=17")  # its anchors fit no input
    done = run(tmp_path, content, *network, "--pose-budget=map50_vs_truth_min=0.5")
    assert done.exit_code == 4, done.output
    assert (
        "--pose-budget=map50_vs_truth_min cannot be judged: the labels have 13 keypoints and crowd has 17"
        in done.output
    )
    done = run(tmp_path, content, *network)
    assert done.exit_code == 0, done.output
    assert done.record["notes"] == ["the labels have 13 keypoints and crowd has 17; they are not compared."]
    assert done.record["models"][0]["accuracy"]["map50_vs_truth"] is None
    assert done.record["models"][0]["images"][0]["keypoints_truth"] is None
