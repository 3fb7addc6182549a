"""mAP of photographs, from file to figure, against a computation that shares no code with the package."""

from __future__ import annotations

import pytest

from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.metrics.detection import Matches, average_precision_st, map50, map50_interval, match_st
from pytest_stm32pose.models.zoo import find_model, zoo
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import input_tensor
from pytest_stm32pose.types import NetworkDescription
from tests.support.reference_accuracy import area_under, independent
from tests.support.shared_data import shared_dir


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["yolov8n_pose_256_pc", "yolov8n_pose_256_pt"])
def test_map_of_photographs_equals_an_independent_computation(name: str) -> None:
    shared, model = shared_dir(), find_model(name)
    folder = shared / "data" / "coco_val2017" if shared else None
    if model is None or folder is None or not folder.is_dir():
        pytest.skip("needs the zoo's YOLO networks and the labelled photographs (STM32POSE_DATA)")
    engine = GoldenEngine(model)
    network = NetworkDescription(name, engine.model_sha256, "yolo", 17, (256, 256, 3), "uint8", 0, 0, 0, 0)
    matches: list[Matches] = []
    pictures = load_pictures(folder)
    for picture in pictures:
        assert picture.truth is not None
        tensor, mapping = input_tensor(picture, network)
        answer = engine.run(tensor)
        assert answer.keypoints_norm is not None
        assert answer.scores is not None
        height, width = picture.pixels.shape[:2]
        points = mapping.to_pixels(answer.keypoints_norm)
        matches.append(match_st(points, answer.scores, picture.truth, width, height))
    found, targets = independent(model, folder)
    assert list(pictures.ids) == sorted(pictures.ids)
    assert sum(each.targets for each in matches) == targets
    assert sum(len(each.scores) for each in matches) == len(found)
    value, interval = map50(matches), map50_interval(matches)
    assert value == pytest.approx(area_under(found, targets), abs=1e-4)
    assert interval is not None
    published = zoo()[name].accuracy
    assert published is not None
    assert interval.low <= published / 100 <= interval.high
    assert average_precision_st(matches).mean() < interval.mean
