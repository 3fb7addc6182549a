"""Why a run failed and what its figures are of, as a user sees it: terminal, record, job summary, report."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_stm32pose.record.read import record_schema
from tests.virtual.suite_run import SuiteRun, run_suite

IMAGES = Path(__file__).resolve().parents[2] / "fixtures" / "images"
CAUSE = re.compile(r"4 of 4 pictures: first divergence operator \d+ \w+, channel \d+ only \(max \d+ LSB\)")
#: Of a failure in pytest's own section: a line that a terminal shows whole on two.
MAX_SENTENCE = 320


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SuiteRun]:
    """A run on a board whose network has one flipped weight."""
    folder = tmp_path_factory.mktemp("flipped")
    options = ["--board=qemu-m55", "--pose-fault=weights-bit", "--pose-max-images=4", "--html=report.html"]
    environment = {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_ACTIONS": "true"}
    done = run_suite(folder, *options, "-k", "accuracy", environment=environment)
    assert done.exit_code == 1, done.output
    return folder, done


def test_one_flipped_weight_is_one_line_everywhere(flipped: tuple[Path, SuiteRun]) -> None:
    folder, done = flipped
    jsonschema.validate(done.record, record_schema())
    summary = done.output.split("= stm32pose =")[1].split("short test summary")[0]
    texts = {
        "terminal": summary.split("record: ")[0],
        "record": "\n".join(done.record["reasons"]),
        "job summary": (folder / "summary.md").read_text().replace("\\", ""),
        "report": (folder / "report.html").read_text(),
        "annotations": "\n".join(line for line in done.output.splitlines() if line.startswith("::error")),
    }
    found = {where: CAUSE.findall(text) for where, text in texts.items()}
    assert {len(each) for each in found.values()} == {1}, found
    assert len({each[0] for each in found.values()}) == 1, found
    place = re.search(r"operator \d+ \w+", found["record"][0])
    assert place is not None
    for where in ("terminal", "record", "job summary"):
        assert texts[where].count(place[0]) == 2, f"{where}: the cause, and the worst picture below it"
    report = texts["report"]
    assert report.index(found["record"][0]) < report.index("Failures only"), "at the top of the verdict"


def test_the_record_keeps_every_failure_of_the_cause(flipped: tuple[Path, SuiteRun]) -> None:
    _, done = flipped
    [cause] = done.record["causes"]
    assert sorted(cause["pictures"]) == [f"figure_{number}" for number in range(4)]
    assert len(cause["reasons"]) == 5, "four pictures, and the first one with every tensor"
    images = {image["id"]: image["first_divergence"] for image in done.record["models"][0]["images"]}
    worst = max(images, key=lambda name: images[name]["max_lsb"])
    assert cause["pictures"][0] == worst
    assert f"{worst} on qemu-m55: " in done.record["reasons"][1]
    assert f"(max {images[worst]['max_lsb']} LSB)" in cause["text"]


def test_each_failure_is_one_line(flipped: tuple[Path, SuiteRun]) -> None:
    _, done = flipped
    section = done.output.split("= FAILURES =")[1].split("= stm32pose =")[0]
    blocks = re.split(r"^_{3,}.*_{3,}$", section, flags=re.MULTILINE)[1:]
    assert len(blocks) == 6
    for block in blocks:
        lines = [line for line in block.splitlines() if line.strip("= ")]
        assert len(lines) == 1, block
        assert len(lines[0]) <= MAX_SENTENCE


def beside(person: dict[str, Any]) -> dict[str, Any]:
    """Another person, a pixel to the right: one labelled twice in the same way would count once."""
    points = [value + (place % 3 == 0) for place, value in enumerate(person["keypoints"])]
    x, *others = person["bbox"]
    return {**person, "keypoints": points, "bbox": [x + 1, *others]}


def labelled(folder: Path, *kinds: str) -> Path:
    """The drawn figures with labels of each kind, one picture each, as COCO JSON beside them."""
    document: dict[str, Any] = json.loads((IMAGES / "keypoints.json").read_text())
    images = sorted(document["images"], key=lambda each: each["file_name"])[: len(kinds)]
    annotations = []
    for image, kind in zip(images, kinds, strict=True):
        shutil.copy(IMAGES / image["file_name"], folder)
        [own] = [each for each in document["annotations"] if each["image_id"] == image["id"]]
        others = {"single": [], "several": [beside(own)], "crowd": [{**own, "iscrowd": 1}]}[kind]
        annotations += [own, *others]
    numbered = [{**each, "id": number} for number, each in enumerate(annotations, 1)]
    path = folder / "labels.json"
    path.write_text(json.dumps({**document, "images": images, "annotations": numbered}))
    return path


def test_a_figure_is_of_the_pictures_that_have_one_person(tmp_path: Path) -> None:
    labels = labelled(tmp_path, "single", "several", "crowd", "single")
    done = run_suite(tmp_path, "--board=qemu-m55", f"--pose-images={labels}", "-k", "as_accurate")
    assert done.exit_code == 0, done.output
    [model] = done.record["models"]
    assert [image["labels"]["found"] for image in model["images"]] == ["single", "several", "crowd", "single"]
    known = [image["oks_vs_truth"] for image in model["images"] if image["oks_vs_truth"] is not None]
    assert model["accuracy"]["oks_vs_truth_n"] == len(known) == 2
    said = f"OKS {sum(known) / 2:.4f} vs truth (n=2, "
    assert "4 pictures, OKS 1.0000 vs golden (n=4, " in done.output
    assert said in done.output


def test_why_nothing_is_compared_with_labels_says_what_they_hold(tmp_path: Path) -> None:
    labels = labelled(tmp_path, "several", "crowd", "several")
    done = run_suite(tmp_path, "--board=qemu-m55", f"--pose-images={labels}", "-k", "as_accurate", "-rs")
    why = "no picture has exactly one labelled person: 2 have two or more, 1 a crowd"
    assert re.search(rf"SKIPPED .*{why}", done.output), done.output
    assert f"nothing vs truth: {why}" in done.output
    assert "carry no labels" not in done.output
