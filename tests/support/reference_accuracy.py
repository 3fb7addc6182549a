"""OKS and mAP of photographs by a computation that shares no code with the package.

The other way: TensorFlow's resize, its own copy of the reference kernels, its NonMaxSuppression, COCO's JSON read by
hand, plain loops. Coordinates are normalised throughout; pictures by file name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SIGMAS = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072]
SIGMAS += [0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
#: Of the body's area, what a box holds of it.
AREA_OF_BOX = 0.53


def tensorflow() -> Any:
    return pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")


def network(tf: Any, model: Path, folder: Path) -> Callable[[str], np.ndarray]:
    """File name of a picture -> the network's output, without its batch."""
    interpreter = tf.lite.Interpreter(
        model_path=str(model), experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(file_name: str) -> np.ndarray:
        pixels = np.asarray(Image.open(folder / "images" / file_name).convert("RGB"))
        resized = tf.image.resize(pixels, tuple(entry["shape"][1:3]), antialias=False).numpy()
        interpreter.set_tensor(entry["index"], np.rint(resized).astype(np.uint8)[np.newaxis])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(result["index"])[0])

    return run


def area_of(box: list[float], image: dict[str, Any]) -> float:
    area: float = AREA_OF_BOX * box[2] / image["width"] * box[3] / image["height"]
    return area


def term(dx: float, dy: float, sigma: float, area: float) -> float:
    """OKS of one keypoint."""
    return math.exp(-(dx * dx + dy * dy) / (2 * (2 * sigma) ** 2 * area))


# --- mAP of networks that find several persons ---


def independent(model: Path, folder: Path) -> tuple[list[tuple[float, float]], int]:
    """(score, OKS with the person it matches) of each prediction, by descending score; and the labelled persons."""
    tf = tensorflow()
    run = network(tf, model, folder)
    document = json.loads((folder / "person_keypoints.json").read_text())
    found: list[tuple[float, float]] = []
    targets = 0
    for image in sorted(document["images"], key=lambda each: Path(each["file_name"]).stem):
        persons = detections(tf, run(image["file_name"]))
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
    area, terms = area_of(label["bbox"], image), []
    for k, sigma in enumerate(SIGMAS):
        x, y, visible = label["keypoints"][3 * k : 3 * k + 3]
        if visible:
            dx, dy = float(points[k, 0]) - x / image["width"], float(points[k, 1]) - y / image["height"]
            terms.append(term(dx, dy, sigma, area))
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


# --- OKS of networks that find one person ---


def labels_of(document: dict[str, Any], image: dict[str, Any]) -> tuple[list[list[float]], list[float]] | None:
    """13 labels and the box of a picture of one person."""
    persons = [a for a in document["annotations"] if a["image_id"] == image["id"]]
    if len(persons) != 1 or persons[0]["iscrowd"] or not any(persons[0]["keypoints"][2::3]):
        return None
    points = [persons[0]["keypoints"][3 * n : 3 * n + 3] for n in range(17)]
    face = [point for point in points[:5] if point[2] > 0]
    head = [sum(p[0] for p in face) / len(face), sum(p[1] for p in face) / len(face), 2] if face else [0, 0, 0]
    return [head, *points[5:]], persons[0]["bbox"]


def independent_oks(model: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """Pictures of one person by name, with the OKS of the network's heat maps."""
    run = network(tensorflow(), model, folder)
    document = json.loads((folder / "person_keypoints.json").read_text())
    for image in sorted(document["images"], key=lambda each: each["file_name"]):
        found = labels_of(document, image)
        if found is None:
            continue
        labels, box = found
        maps = run(image["file_name"])
        area, terms = area_of(box, image), []
        for channel, (x, y, visible) in enumerate(labels):
            if visible:
                row, column = divmod(int(maps[:, :, channel].argmax()), maps.shape[1])
                dx = (column + 0.5) / maps.shape[1] - x / image["width"]
                dy = (row + 0.5) / maps.shape[0] - y / image["height"]
                terms.append(term(dx, dy, [0.035, *SIGMAS[5:]][channel], area))
        yield Path(image["file_name"]).stem, sum(terms) / len(terms)
