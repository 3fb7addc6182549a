"""OKS per photograph, from file to figure, against a computation that shares no code with the package."""

from __future__ import annotations

import pytest

from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.metrics.keypoints import is_single_person, oks_vs_truth
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import input_tensor
from pytest_stm32pose.types import NetworkDescription
from tests.support.reference_accuracy import independent_oks
from tests.support.shared_data import shared_dir

PICTURES = 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_oks_of_photographs_equals_an_independent_computation() -> None:
    shared = shared_dir()
    model = shared / "models" / "st_movenet_lightning_heatmaps_192_int8_pc.tflite" if shared else None
    folder = shared / "data" / "coco_val2017" if shared else None
    if model is None or folder is None or not model.is_file() or not folder.is_dir():
        pytest.skip("needs ST's MoveNet and the labelled photographs (STM32POSE_DATA)")
    engine = GoldenEngine(model)
    network = NetworkDescription("st", engine.model_sha256, "heatmap", 13, (192, 192, 3), "uint8", 0, 0, 0, 0)
    pictures = load_pictures(folder)
    place = {identifier: index for index, identifier in enumerate(pictures.ids)}
    compared = 0
    for identifier, expected in independent_oks(model, folder):
        picture = pictures[place[identifier]]
        assert picture.truth is not None
        assert is_single_person(picture.truth)
        tensor, mapping = input_tensor(picture, network)
        keypoints = engine.run(tensor).keypoints_norm
        assert keypoints is not None
        height, width = picture.pixels.shape[:2]
        assert oks_vs_truth(mapping.to_pixels(keypoints), picture.truth, width, height) == pytest.approx(
            expected, abs=1e-6
        )
        compared += 1
        if compared == PICTURES:
            break
    assert compared == PICTURES
