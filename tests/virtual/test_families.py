"""Families beyond heat maps through the whole suite on a virtual board: networks whose picture is their output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.firmware.tiny_families import EXAMPLES
from tests.virtual.suite_run import SuiteRun, run_suite


def run(folder: Path, name: str, *options: str) -> SuiteRun:
    example = EXAMPLES[name]
    model = folder / "net.tflite"
    model.write_bytes(example.model)
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for number in (1, 2):
        pixels = np.random.default_rng(number).integers(0, 256, (*example.size, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    return run_suite(
        folder, "--board=qemu-m55", f"--pose-model={model}", f"--pose-images={pictures}", "-k", "test_picture",
        *example.options, *options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["heat maps with offsets", "hand", "YOLO, 4 classes, transposed, in pixels", "rows, x first, uint8"]
)
def test_the_suite_passes(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    found = run(tmp_path, name)
    assert found.exit_code == 0, found.output
    [model] = found.record["models"]
    assert (model["family"], model["keypoints"]) == (example.family, example.keypoints)
    for image in model["images"]:
        assert image["keypoints_device"] == image["keypoints_golden"]
        assert len(image["keypoints_device"]) >= 1
    assert ("score=0.625 nms_iou=0.7 max_persons=30" in model.get("decoding", "")) == (example.family == "yolo")
    if example.family == "yolo":
        assert all(len(image["keypoints_device"]) <= 30 for image in model["images"])
