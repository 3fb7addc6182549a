"""The default network and its pictures are what `fixtures/MANIFEST.toml` says: hashes, drawing, labels, accuracy.

The figures are computed again here: pictures are redrawn from their seed, the .tflite runs on LiteRT's reference
kernels, and OKS is written out in plain Python, apart from both the package and the training script.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
MANIFEST: dict[str, Any] = tomllib.loads((FIXTURES / "MANIFEST.toml").read_text(encoding="utf-8"))
FILES: dict[str, dict[str, Any]] = {entry["path"]: entry for entry in MANIFEST["file"]}
MODEL = FIXTURES / next(path for path, entry in FILES.items() if entry["kind"] == "model")
LABELS: dict[str, Any] = json.loads((FIXTURES / "images" / "keypoints.json").read_text(encoding="utf-8"))
PICTURES = [image["file_name"] for image in LABELS["images"]]
HELD_OUT = MANIFEST["seeds"]["held_out"]


@pytest.fixture(scope="module")
def stick() -> Iterator[ModuleType]:
    """The drawing module; it imports its neighbours by plain name, as the training script does."""
    sys.path.insert(0, str(FIXTURES))
    try:
        import stick_figures

        yield stick_figures
    finally:
        sys.path.remove(str(FIXTURES))


@pytest.fixture(scope="module")
def dataset(stick: ModuleType) -> ModuleType:
    import stick_dataset

    return stick_dataset


@pytest.fixture(scope="module")
def drawn(stick: ModuleType) -> list[Any]:
    """The manifest's held-out pictures, freshly drawn."""
    count = FILES[MODEL.relative_to(FIXTURES).as_posix()]["oks"]["n"]
    return [stick.draw_picture(HELD_OUT, index) for index in range(count)]


@pytest.fixture(scope="module")
def interpreter() -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    engine = Interpreter(model_path=str(MODEL), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    engine.allocate_tensors()
    return engine


def _oks(predicted: np.ndarray, picture: Any) -> float:
    """ST's OKS of one person, written out: coordinates 0..1, 0.53 times the box, COCO's sigmas, .035 for the head."""
    height, width = picture.pixels.shape[:2]
    scale = 0.53 * (picture.box_px[2] / width) * (picture.box_px[3] / height)
    sigmas = [0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
    total = 0.0
    for (x, y), (true_x, true_y, _), sigma in zip(predicted, picture.keypoints_px, sigmas, strict=True):
        squared = (x - true_x / width) ** 2 + (y - true_y / height) ** 2
        total += math.exp(-squared / (2 * (2 * sigma) ** 2 * scale))
    return total / 13


def _heat_maps(interpreter: Any, image: np.ndarray) -> np.ndarray:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])


def test_manifest_lists_every_generated_file_with_its_hash() -> None:
    present = {p.relative_to(FIXTURES).as_posix() for d in ("images", "models") for p in (FIXTURES / d).iterdir()}
    assert present == set(FILES)
    for path, entry in FILES.items():
        data = (FIXTURES / path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"]), path
    assert MANIFEST["licence"] == "Apache-2.0"
    assert (FIXTURES.parent / MANIFEST["generator"]).is_file()


def test_files_are_small() -> None:
    assert MODEL.stat().st_size <= 200 * 1024
    assert sum(path.stat().st_size for path in (FIXTURES / "images").iterdir()) < 300_000


@pytest.mark.parametrize("index", range(len(PICTURES)))
def test_stored_picture_and_labels_equal_a_fresh_drawing(stick: ModuleType, index: int) -> None:
    picture = stick.draw_picture(HELD_OUT, index)
    with Image.open(FIXTURES / "images" / PICTURES[index]) as stored:
        assert stored.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(stored), picture.pixels)
    annotation = LABELS["annotations"][index]
    np.testing.assert_array_equal(np.reshape(annotation["keypoints"], (13, 3)), picture.keypoints_px)
    np.testing.assert_array_equal(annotation["bbox"], picture.box_px)
    assert annotation["area"] == picture.area_px


def test_training_calibration_and_test_pictures_differ(stick: ModuleType) -> None:
    seeds = MANIFEST["seeds"]
    assert seeds["training"] != seeds["held_out"]
    one, other = (stick.draw_picture(seeds[name], 0).pixels for name in ("training", "held_out"))
    assert one.shape == other.shape and not np.array_equal(one, other)


def test_labels_are_coco_keypoint_annotations(capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    coco = COCO(str(FIXTURES / "images" / "keypoints.json"))
    capsys.readouterr()
    assert len(coco.getImgIds()) == len(PICTURES) == 8
    category = coco.loadCats(coco.getCatIds(catNms=["person"]))[0]
    assert len(category["keypoints"]) == 13 and category["keypoints"][0] == "head"
    assert {number for pair in category["skeleton"] for number in pair} == set(range(1, 14))
    for image in coco.loadImgs(coco.getImgIds()):
        (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=image["id"], iscrowd=False))
        with Image.open(FIXTURES / "images" / image["file_name"]) as stored:
            assert stored.size == (image["width"], image["height"])
        triples = np.reshape(annotation["keypoints"], (13, 3))
        assert annotation["num_keypoints"] == np.count_nonzero(triples[:, 2]) == 13


def test_truth_lies_inside_silhouette_box_and_picture(drawn: list[Any]) -> None:
    shapes: Counter[tuple[int, int]] = Counter()
    for index, picture in enumerate(drawn):
        height, width = picture.pixels.shape[:2]
        shapes[width, height] += 1
        x, y, box_width, box_height = picture.box_px
        assert x >= 0 and y >= 0 and x + box_width <= width and y + box_height <= height, index
        points = picture.keypoints_px
        assert ((points[:, :2] >= (x, y)) & (points[:, :2] <= (x + box_width, y + box_height))).all(), index
        assert set(points[:, 2]) <= {1.0, 2.0} and (points[:, 2] == 2).sum() >= 7, index
        assert 0 < picture.area_px <= box_width * box_height
    assert len(shapes) >= 3 and any(width != height for width, height in shapes)


def test_left_limbs_are_warm_and_right_limbs_cool(stick: ModuleType, drawn: list[Any]) -> None:
    """Labels and paint agree on the side: otherwise left and right could not be learned."""
    for side, sign in (("left", 1), ("right", -1)):
        joints = [stick.KEYPOINT_NAMES.index(f"{side}_{joint}") for joint in ("elbow", "knee")]
        agree = [
            sign * (int(picture.pixels[int(y), int(x), 0]) - int(picture.pixels[int(y), int(x), 2])) > 0
            for picture in drawn
            for x, y, visibility in picture.keypoints_px[joints]
            if visibility == 2
        ]
        assert len(agree) > 300 and np.mean(agree) > 0.97


def test_network_has_the_operators_of_the_heat_map_movenets(interpreter: Any) -> None:
    operators = Counter(op["op_name"] for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE")
    assert set(operators) == {
        "QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD", "RESIZE_BILINEAR", "LOGISTIC", "DEQUANTIZE",
    }  # fmt: skip
    assert operators["PAD"] == 3 and operators["RESIZE_BILINEAR"] == 2


def test_network_input_and_output(interpreter: Any) -> None:
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert source["dtype"] == np.uint8 and tuple(source["shape"]) == (1, 96, 96, 3)
    assert source["quantization"] == (pytest.approx(2 / 255, rel=1e-6), 127)
    assert target["dtype"] == np.float32 and tuple(target["shape"]) == (1, 24, 24, 13)


def test_weights_are_quantised_per_channel(interpreter: Any) -> None:
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    for op in interpreter._get_ops_details():
        if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weights = tensors[op["inputs"][1]]
            channels = weights["shape"][0 if op["op_name"] == "CONV_2D" else 3]
            assert weights["dtype"] == np.int8 and len(weights["quantization_parameters"]["scales"]) == channels


def test_oks_on_held_out_pictures(interpreter: Any, dataset: ModuleType, drawn: list[Any]) -> None:
    scores = []
    for picture in drawn:
        heat_maps = _heat_maps(interpreter, dataset.stretch(picture.pixels, 96, 96))
        best = [int(np.argmax(heat_maps[:, :, k])) for k in range(13)]
        scores.append(_oks(np.array([[(b % 24 + 0.5) / 24, (b // 24 + 0.5) / 24] for b in best]), picture))
    measured = FILES[MODEL.relative_to(FIXTURES).as_posix()]["oks"]
    assert np.mean(scores) >= 0.80
    assert np.mean(scores) == pytest.approx(measured["mean"], abs=2e-4)
    assert np.min(scores) == pytest.approx(measured["lowest"], abs=2e-4)
