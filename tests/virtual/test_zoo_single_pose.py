"""The full single-pose MoveNets of the zoo on photographs. Needs the validation data; skips without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared_data import shared_dir
from tests.virtual.suite_run import run_suite

DATA = shared_dir()
MODELS = ("lite-model_movenet_singlepose_lightning_tflite_int8_4", "movenet_singlepose_thunder_256_int8")
BOARDS = ("qemu-m55", "qemu-m7")
PHOTOGRAPHS = 2

pytestmark = pytest.mark.skipif(
    DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder"
)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_every_tensor_is_the_references(model: str, board: str, tmp_path: Path) -> None:
    """The suite compares every tensor of the first photograph, and the keypoints with those of the host."""
    assert DATA is not None
    path, images = DATA / "models" / f"{model}.tflite", DATA / "data" / "coco_val2017"
    done = run_suite(
        tmp_path, f"--board={board}", f"--pose-model={path}", f"--pose-images={images}",
        f"--pose-max-images={PHOTOGRAPHS}", "-k", "accuracy or network",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    [entry] = done.record["models"]
    assert entry["family"] == "single_pose"
    assert len(entry["images"]) == PHOTOGRAPHS
    assert all(tensor["differing"] == 0 for image in entry["images"] for tensor in image["tensors"])
    for image in entry["images"]:
        [person] = image["keypoints_device"]
        assert len(person) == 17
