"""OKS per photograph, from file to figure, against a computation that shares no code with the package.

The other way: TensorFlow's resize and its own copy of the reference kernels, COCO's JSON read by hand, plain loops.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.images import load_pictures
from pytest_stm32pose.metrics.keypoints import is_single_person, oks_vs_truth
from pytest_stm32pose.preprocess import input_tensor
from pytest_stm32pose.types import NetworkDescription
from tests.shared_data import shared_dir

SIGMAS = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072]
SIGMAS += [0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
PICTURES = 8


def labels_of(document: dict, image: dict) -> tuple[list[list[float]], list[float]] | None:
    """13 labels and the box of a picture of one person."""
    persons = [a for a in document["annotations"] if a["image_id"] == image["id"]]
    if len(persons) != 1 or persons[0]["iscrowd"] or not any(persons[0]["keypoints"][2::3]):
        return None
    points = [persons[0]["keypoints"][3 * n : 3 * n + 3] for n in range(17)]
    face = [point for point in points[:5] if point[2] > 0]
    head = [sum(p[0] for p in face) / len(face), sum(p[1] for p in face) / len(face), 2] if face else [0, 0, 0]
    return [head, *points[5:]], persons[0]["bbox"]


def independent_oks(model: Path, folder: Path) -> Iterator[tuple[str, float]]:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    interpreter = tf.lite.Interpreter(
        model_path=str(model), experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    document = json.loads((folder / "person_keypoints.json").read_text())
    for image in sorted(document["images"], key=lambda each: each["file_name"]):
        found = labels_of(document, image)
        if found is None:
            continue
        labels, box = found
        pixels = np.asarray(Image.open(folder / "images" / image["file_name"]).convert("RGB"))
        resized = tf.image.resize(pixels, tuple(entry["shape"][1:3]), antialias=False).numpy()
        interpreter.set_tensor(entry["index"], np.rint(resized).astype(np.uint8)[np.newaxis])
        interpreter.invoke()
        maps = interpreter.get_tensor(result["index"])[0]
        area = 0.53 * box[2] / image["width"] * box[3] / image["height"]
        terms = []
        for channel, (x, y, visible) in enumerate(labels):
            if visible:
                row, column = divmod(int(maps[:, :, channel].argmax()), maps.shape[1])
                dx = (column + 0.5) / maps.shape[1] - x / image["width"]
                dy = (row + 0.5) / maps.shape[0] - y / image["height"]
                sigma = [0.035, *SIGMAS[5:]][channel]
                terms.append(math.exp(-(dx * dx + dy * dy) / (2 * (2 * sigma) ** 2 * area)))
        yield Path(image["file_name"]).stem, sum(terms) / len(terms)


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
