"""OKS and mAP of all photographs from the emulated device, against computations that share no code with the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.models.zoo import find_model
from tests.support.reference_accuracy import area_under, independent, independent_oks
from tests.support.shared_data import shared_dir

HEATMAP, DETECTORS = "st_movenet_lightning_heatmaps_192", ("yolov8n_pose_256_pc", "yolov8n_pose_256_pt")


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore")
def test_accuracy_on_the_device_equals_an_independent_computation(tmp_path: Path) -> None:
    shared = shared_dir()
    if shared is None or not all(find_model(name) for name in (HEATMAP, *DETECTORS)):
        pytest.skip("needs the zoo's networks and the labelled photographs (STM32POSE_DATA)")
    folder = shared / "data" / "coco_val2017"
    command = [sys.executable, "-m", "pytest_stm32pose.cli", "zoo", "--board=qemu-m55", f"--pose-images={folder}"]
    command += [f"--pose-model={name}" for name in (HEATMAP, *DETECTORS)] + [f"--pose-json={tmp_path / 'record.json'}"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    models = {model["sha256"]: model for model in json.loads((tmp_path / "record.json").read_text())["models"]}
    by_name = {name: models[_sha256(name)] for name in (HEATMAP, *DETECTORS)}
    for entry in by_name.values():
        assert len(entry["images"]) == 80
        assert all(tensor["differing"] == 0 for image in entry["images"] for tensor in image["tensors"])

    path = find_model(HEATMAP)
    assert path is not None
    expected = dict(independent_oks(path, folder))
    measured = {image["id"]: image["oks_vs_truth"] for image in by_name[HEATMAP]["images"]}
    assert len(expected) >= 32
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert by_name[HEATMAP]["accuracy"]["oks_vs_truth"] == pytest.approx(np.mean(list(expected.values())), abs=1e-4)
    for name in DETECTORS:
        path = find_model(name)
        assert path is not None
        area = area_under(*independent(path, folder))
        assert by_name[name]["accuracy"]["map50_vs_truth"] == pytest.approx(area, abs=1e-4)


def _sha256(name: str) -> str:
    import hashlib

    path = find_model(name)
    assert path is not None
    return hashlib.sha256(path.read_bytes()).hexdigest()
