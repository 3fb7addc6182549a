"""The heat-map MoveNets of the zoo on labelled photographs. Needs the validation data; skips without."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.shared_data import shared_dir
from tests.virtual.suite_run import SUITE, run_in, run_suite

DATA = shared_dir()
ST = "st_movenet_lightning_heatmaps_192_int8_pc"
OTHERS = tuple(f"movenet_lightning_heatmaps_{size}_int8_pc" for size in (192, 224, 256))
BOARDS = ("qemu-m55", "qemu-m55-mve", "qemu-m7", "qemu-m55-ref", "qemu-m7-ref")
#: Where `make test` runs those; `make campaign` runs them everywhere.
DEFAULT_RUN = dict(zip(OTHERS, ("qemu-m55", "qemu-m7", "qemu-m55"), strict=True))
PHOTOGRAPHS = 8
#: All on one board. Of the others, `make test` runs one of each kernel set and few photographs.
FEWER = {"qemu-m55-mve": 2, "qemu-m7-ref": 2}
#: What has a kernel set that another board runs too is left to `make campaign`.
EACH_KERNEL_SET = [
    pytest.param(name, marks=() if name in ("qemu-m55", *FEWER) else pytest.mark.campaign) for name in BOARDS
]
SIGMAS = (0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089)

pytestmark = pytest.mark.skipif(
    DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder"
)


def run_zoo(folder: Path, board: str, model: str, *options: str, photographs: int = PHOTOGRAPHS) -> dict[str, Any]:
    """The suite on photographs; returns the model's entry of the record."""
    assert DATA is not None
    images = DATA / "data" / "coco_val2017"
    path = DATA / "models" / f"{model}.tflite"
    count = f"--pose-max-images={photographs}"
    done = run_suite(folder, f"--board={board}", f"--pose-model={path}", f"--pose-images={images}", count, *options)
    assert done.exit_code == 0, done.output
    [entry] = done.record["models"]
    assert len(entry["images"]) == photographs
    assert all(tensor["differing"] == 0 for image in entry["images"] for tensor in image["tensors"])
    return dict(entry)


@pytest.mark.parametrize("board", EACH_KERNEL_SET)
def test_st_movenet_on_every_board(board: str, tmp_path: Path) -> None:
    """The output tensor on every photograph, and the tensors that the small plan keeps on the first."""
    entry = run_zoo(tmp_path, board, ST, photographs=FEWER.get(board, PHOTOGRAPHS))
    check_oks_by_hand(entry)


@pytest.mark.parametrize("board", EACH_KERNEL_SET)
def test_st_movenet_operator_by_operator(board: str, tmp_path: Path) -> None:
    """The plain plan keeps the outputs of all 88 operators."""
    assert DATA is not None
    path, images = DATA / "models" / f"{ST}.tflite", DATA / "data" / "coco_val2017"
    junit = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SUITE]
    options = (
        f"--board={board}",
        f"--pose-model={path}",
        f"--pose-images={images}",
        "--pose-max-images=1",
        "--pose-plan=plain",
        f"--junitxml={junit}",
        "-k",
        "test_every_intermediate_tensor",
    )
    done = run_in(tmp_path, [*command, *options])
    assert done.exit_code == 0, done.output
    assert 'name="tensors_compared" value="88"' in junit.read_text()


@pytest.mark.parametrize(
    ("model", "board"),
    [
        pytest.param(model, board, marks=() if board == DEFAULT_RUN[model] else pytest.mark.campaign)
        for model in OTHERS
        for board in BOARDS
    ],
)
def test_17_keypoints(model: str, board: str, tmp_path: Path) -> None:
    """What repeats the timing of ST's network is left out: portable kernels take seconds a picture."""
    run_zoo(tmp_path, board, model, "-k", "accuracy or network")


def check_oks_by_hand(entry: dict[str, Any]) -> None:
    """OKS against the labels, written out here from ST's definition and the raw annotation file."""
    assert DATA is not None
    labels = json.loads((DATA / "data" / "coco_val2017" / "person_keypoints.json").read_text())
    files = {Path(image["file_name"]).stem: image for image in labels["images"]}
    judged = 0
    for image in entry["images"]:
        if image["oks_vs_truth"] is None:
            continue
        info = files[image["id"]]
        [person] = [a for a in labels["annotations"] if a["image_id"] == info["id"]]
        [device] = image["keypoints_device"]
        expected = oks(device, person, info["width"], info["height"])
        assert image["oks_vs_truth"] == pytest.approx(expected, abs=1e-6), image["id"]
        judged += 1
    assert judged >= 1


def oks(device: list[list[float]], person: dict[str, Any], width: int, height: int) -> float:
    points = [person["keypoints"][i : i + 3] for i in range(0, 51, 3)]
    face = [point for point in points[:5] if point[2] > 0]
    head = [sum(p[0] for p in face) / len(face), sum(p[1] for p in face) / len(face), 2] if face else [0, 0, 0]
    area = 0.53 * person["bbox"][2] / width * person["bbox"][3] / height
    terms = [
        math.exp(-(((d[0] - t[0]) / width) ** 2 + ((d[1] - t[1]) / height) ** 2) / (2 * (2 * sigma) ** 2 * area))
        for d, t, sigma in zip(device, [head, *points[5:]], SIGMAS, strict=True)
        if t[2] > 0
    ]
    return sum(terms) / len(terms)
