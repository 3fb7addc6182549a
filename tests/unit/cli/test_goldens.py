"""`stm32pose golden`: what is written anew is what was kept, keypoints too; labels are read as in a run."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.cli.main import main
from tests.firmware.input_forms import FORMS, KEYPOINTS, network


def golden(action: str, folder: Path, *options: str) -> int:
    folder.mkdir(exist_ok=True)
    model = folder / "net.tflite"
    model.write_bytes(network(FORMS["uint8"]))
    as_heatmap = ("--pose-family=heatmap", f"--pose-keypoints={KEYPOINTS}")
    return main(["golden", action, f"--pose-model={model}", f"--pose-golden-dir={folder}", *as_heatmap, *options])


def picture(folder: Path) -> Path:
    path = folder / "picture.png"
    Image.fromarray(np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3)).save(path)
    return path


def test_other_keypoints_of_the_same_outputs_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = f"--pose-images={picture(tmp_path)}"
    assert (golden("update", tmp_path, images), golden("check", tmp_path, images)) == (0, 0)
    [path] = tmp_path.rglob("*.npz")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    keypoints = np.load(io.BytesIO(members["keypoints_norm.npy"]))
    moved = io.BytesIO()
    np.save(moved, keypoints + np.float32(0.01))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, moved.getvalue() if name == "keypoints_norm.npy" else content)
    capsys.readouterr()
    assert golden("check", tmp_path, images) == 1
    assert "of picture picture differs from the one computed now" in capsys.readouterr().err


def test_labels_of_any_set_are_read_where_the_remedy_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path)
    labels = tmp_path / "labels.json"
    names = [f"corner_of_{number}" for number in range(17)]
    person = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [5, 6, 2] * 17, "bbox": [1, 1, 9, 9], "area": 81}
    labels.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "picture.png", "width": 40, "height": 30}],
                "categories": [{"id": 1, "name": "pallet", "keypoints": names}],
                "annotations": [person],
            }
        )
    )
    assert golden("update", tmp_path, f"--pose-images={labels}") == 2
    assert "say which with --pose-skeleton" in capsys.readouterr().err
    assert golden("update", tmp_path, f"--pose-images={labels}", "--pose-skeleton=labels") == 0
    assert golden("update", tmp_path, f"--pose-images={labels}", "--pose-skeleton=pallet") == 2
    assert "'pallet' is no keypoint set" in capsys.readouterr().err
