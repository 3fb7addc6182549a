"""mAP of photographs, from file to figure, against a computation that shares no code with the package.

The other way: TensorFlow's resize, its own reference kernels, its NonMaxSuppression, COCO's JSON read by hand, loops.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.images import load_pictures
from pytest_stm32pose.metrics.detection import Matches, average_precision_st, map50, map50_interval, match_st
from pytest_stm32pose.models.zoo import find_model, zoo
from pytest_stm32pose.preprocess import input_tensor
from pytest_stm32pose.types import NetworkDescription
from tests.shared_data import shared_dir

SIGMAS = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072]
SIGMAS += [0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089]


def independent(model: Path, folder: Path) -> tuple[list[tuple[float, float]], int]:
    """(score, OKS with the person that it matches) of every prediction, by descending score, and the labelled persons.

    Coordinates are normalised throughout; pictures by file name.
    """
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    interpreter = tf.lite.Interpreter(
        model_path=str(model), experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    document = json.loads((folder / "person_keypoints.json").read_text())
    found: list[tuple[float, float]] = []
    targets = 0
    for image in sorted(document["images"], key=lambda each: Path(each["file_name"]).stem):
        pixels = np.asarray(Image.open(folder / "images" / image["file_name"]).convert("RGB"))
        resized = tf.image.resize(pixels, tuple(entry["shape"][1:3]), antialias=False).numpy()
        interpreter.set_tensor(entry["index"], np.rint(resized).astype(np.uint8)[np.newaxis])
        interpreter.invoke()
        persons = detections(tf, interpreter.get_tensor(result["index"])[0])
        labels = [
            each for each in document["annotations"]
            if each["image_id"] == image["id"] and not each["iscrowd"] and any(each["keypoints"][2::3])
        ]  # fmt: skip
        targets += len(labels)
        found += zip([score for score, _ in persons], matched(persons, labels, image), strict=True)
    return sorted(found, key=lambda pair: -pair[0]), targets


def detections(tf: Any, table: np.ndarray) -> list[tuple[float, np.ndarray]]:
    x, y, w, h, scores = table[:5]
    corners = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], axis=1)
    kept = tf.image.non_max_suppression(corners, scores, 100, iou_threshold=0.1, score_threshold=0.001).numpy()
    return [(float(scores[i]), table[5:, i].reshape(17, 3)) for i in kept]


def matched(
    persons: list[tuple[float, np.ndarray]], labels: list[dict[str, Any]], image: dict[str, Any]
) -> list[float]:
    values = [0.0] * len(persons)
    best_of: dict[int, tuple[float, int]] = {}
    for row, (_, points) in enumerate(persons):
        similar = [similarity(points, label, image) for label in labels]
        if not similar:
            continue
        label = max(range(len(similar)), key=lambda i: (similar[i], -i))
        if label not in best_of or similar[label] > best_of[label][0]:
            best_of[label] = (similar[label], row)
    for value, row in best_of.values():
        values[row] = value
    return values


def similarity(points: np.ndarray, label: dict[str, Any], image: dict[str, Any]) -> float:
    area = 0.53 * label["bbox"][2] / image["width"] * label["bbox"][3] / image["height"]
    terms = []
    for k, sigma in enumerate(SIGMAS):
        x, y, visible = label["keypoints"][3 * k : 3 * k + 3]
        if visible:
            dx, dy = float(points[k, 0]) - x / image["width"], float(points[k, 1]) - y / image["height"]
            terms.append(math.exp(-(dx * dx + dy * dy) / (2 * (2 * sigma) ** 2 * area)))
    return sum(terms) / len(terms)


def area_under(found: list[tuple[float, float]], targets: int) -> float:
    """AP at OKS 0.5: the best precision from each recall on, linear in between, trapezoids of 101 points."""
    true, curve = 0, [(0.0, 1.0)]
    for number, (_, oks) in enumerate(found, 1):
        true += oks > 0.5
        curve.append((true / targets, true / number))
    curve.append((1.0, 0.0))
    highest, envelope = 0.0, {}
    for recall, precision in reversed(curve):
        highest = max(highest, precision)
        envelope[recall] = highest
    recalls = sorted(envelope)
    values = np.interp(np.linspace(0, 1, 101), recalls, [envelope[recall] for recall in recalls])
    return float((values[1:] + values[:-1]).sum() / 200)


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
    assert interval.low <= zoo()[name].accuracy / 100 <= interval.high
    assert average_precision_st(matches).mean() < interval.mean
