"""The full single-pose MoveNets and YOLOv8n pose on photographs. Needs the validation data; skips without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shared_data import shared_dir
from tests.virtual.suite_run import run_suite

DATA = shared_dir()
MODELS = {
    "lite-model_movenet_singlepose_lightning_tflite_int8_4": "single_pose",
    "movenet_singlepose_thunder_256_int8": "single_pose",
    "yolov8n_256_quant_pc_uf_pose_coco-st": "yolo",
    "yolov8n_256_quant_pt_uf_pose_coco-st": "yolo",
}
BOARDS = ("qemu-m55", "qemu-m7", "qemu-m55-mve")
#: On the second board, one network of each family; `make campaign` runs the rest.
SECOND = ("lite-model_movenet_singlepose_lightning_tflite_int8_4", "yolov8n_256_quant_pt_uf_pose_coco-st")
PHOTOGRAPHS = 2

pytestmark = pytest.mark.skipif(
    DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder"
)


def is_default(model: str, board: str) -> bool:
    return board == "qemu-m55" or (board == "qemu-m7" and model in SECOND)


@pytest.mark.parametrize(
    ("model", "board"),
    [
        pytest.param(model, board, marks=() if is_default(model, board) else pytest.mark.campaign)
        for model in MODELS
        for board in BOARDS
    ],
)
def test_every_tensor_is_the_references(model: str, board: str, tmp_path: Path) -> None:
    """The tensors that exist on the first photograph, output tensors and keypoints on all."""
    assert DATA is not None
    path, images = DATA / "models" / f"{model}.tflite", DATA / "data" / "coco_val2017"
    done = run_suite(
        tmp_path, f"--board={board}", f"--pose-model={path}", f"--pose-images={images}",
        f"--pose-max-images={PHOTOGRAPHS}", "-k", "accuracy or network",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    [entry] = done.record["models"]
    assert entry["family"] == MODELS[model]
    assert len(entry["images"]) == PHOTOGRAPHS
    assert all(tensor["differing"] == 0 for image in entry["images"] for tensor in image["tensors"])
    for image in entry["images"]:
        assert image["keypoints_device"] == image["keypoints_golden"]
        assert all(len(person) == 17 for person in image["keypoints_device"])
        assert MODELS[model] == "yolo" or len(image["keypoints_device"]) == 1
