"""The YOLO pose decoder: against TensorFlow's NonMaxSuppression, a plain loop, and the firmware's decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import Meaning, decode, family
from pytest_stm32pose.families.persons import select
from pytest_stm32pose.families.values import dequantised
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.models.zoo import find_model
from pytest_stm32pose.types import Decoding
from tests.firmware import device_decoder
from tests.firmware.device_decoder import MEMORY, PARAM
from tests.support.shared_data import shared_dir

YOLO = ("yolov8n_pose_256_pc", "yolov8n_pose_256_pt")
#: Few values: ties, boxes that touch, equal boxes; and what an untrained or broken network may give.
LENGTHS = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 1.0, -0.5, 1e30, np.nan, np.inf])
SCORES = st.sampled_from([0.0, 0.001, 0.0066836, 0.5, 0.5, 0.9, -1.0, np.nan, np.inf])


@st.composite
def outputs(draw: st.DrawFn, awkward: bool = True) -> np.ndarray:
    """[1, 5 + 3 K, N] float32."""
    keypoints, anchors = draw(st.integers(1, 3)), draw(st.integers(1, 40))
    # Areas far below float32's smallest number are the one place where the float64 reference sees more.
    lengths = LENGTHS if awkward else st.one_of(st.just(0.0), st.floats(2.0**-8, 1, width=32))
    scores = SCORES if awkward else st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
    table = draw(hnp.arrays(np.float32, (5 + 3 * keypoints, anchors), elements=lengths))
    table[4] = draw(hnp.arrays(np.float32, anchors, elements=scores))
    return table[np.newaxis]


def on_device(
    output: np.ndarray, keypoints: int, max_persons: int = 100, scale: float = 0.0, zero_point: int = 0
) -> tuple[np.ndarray, np.ndarray] | int:
    """firmware/postproc/persons.c on one tensor: keypoints and scores, or the negative status."""
    meaning = Meaning("yolo", keypoints, decoding=Decoding(max_persons=max_persons))
    found = device_decoder.on_device(meaning, [output], [(scale, zero_point)])
    if isinstance(found, int):
        return found
    assert found[1] is not None
    return found[0], found[1]


def on_host(output: np.ndarray, keypoints: int) -> tuple[np.ndarray, np.ndarray]:
    """What the host's decoder makes of one tensor: keypoints and scores."""
    found, scores = decode("yolo", [output], keypoints)
    assert found is not None
    assert scores is not None
    return found, scores


def same_bits(device: tuple[np.ndarray, np.ndarray] | int, host: tuple[np.ndarray, np.ndarray]) -> None:
    assert not isinstance(device, int), device
    assert device[0].shape == host[0].shape
    assert device[0].tobytes() == host[0].tobytes()
    assert device[1].tobytes() == host[1].tobytes()


def by_loop(table: np.ndarray, limit: int = 100) -> list[int]:
    """Anchors kept, from the definition, in float64."""
    kept: list[int] = []
    for anchor in sorted(range(table.shape[1]), key=lambda i: (-table[4, i], i)):
        if not table[4, anchor] > np.float32(0.001) or len(kept) == limit:
            break
        if all(overlap(table[:4, anchor].astype(float), table[:4, other].astype(float)) <= 0.1 for other in kept):
            kept.append(anchor)
    return kept


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    sides = []
    for i in (0, 1):
        ends = (a[i] + a[i + 2] / 2, b[i] + b[i + 2] / 2)
        starts = (a[i] - a[i + 2] / 2, b[i] - b[i + 2] / 2)
        sides.append(min(ends) - max(starts))
    if min(sides) <= 0:
        return 0.0
    both = sides[0] * sides[1]
    return float(both / (a[2] * a[3] + b[2] * b[3] - both))


@given(outputs())
@settings(deadline=None)
def test_device_and_host_give_the_same_bits(output: np.ndarray) -> None:
    keypoints = (output.shape[1] - 5) // 3
    same_bits(on_device(output, keypoints), on_host(output, keypoints))


@given(hnp.arrays(np.int8, (1, 11, 30)), st.floats(2.0**-13, 1, width=32), st.integers(-128, 127))
@settings(deadline=None)
def test_int8_outputs_are_dequantised_alike(output: np.ndarray, scale: float, zero_point: int) -> None:
    host = on_host(dequantised(output, scale, zero_point), 2)
    same_bits(on_device(output, 2, scale=scale, zero_point=zero_point), host)


def test_a_person_is_found_once_and_ties_go_to_the_lower_anchor() -> None:
    table = np.zeros((1, 8, 6), np.float32)
    table[0, :5] = np.array(
        # two equal boxes, one apart, one that overlaps the first a little, one below the threshold, the best one
        [[0.3, 0.3, 0.8, 0.46, 0.1, 0.3], [0.3] * 6, [0.2] * 6, [0.2] * 6, [0.5, 0.5, 0.5, 0.4, 0.001, 0.9]],
        np.float32,
    )
    table[0, 5] = np.arange(6)
    keypoints, scores = on_host(table, 1)
    assert keypoints[:, 0, 0].tolist() == [5, 2]
    assert scores.tolist() == pytest.approx([0.9, 0.5])
    table[0, 4, 5] = 0.5
    assert on_host(table, 1)[0][:, 0, 0].tolist() == [0, 2]


@given(outputs(awkward=False))
@settings(deadline=None)
def test_as_a_plain_loop(output: np.ndarray) -> None:
    table = output[0]
    kept = by_loop(table)
    assert select(table[:4], table[4], 100).tolist() == kept or near_the_threshold(table)


def near_the_threshold(table: np.ndarray) -> bool:
    """float32 and float64 may disagree on an overlap of 0.1 to within rounding."""
    pairs = [(i, j) for i in range(table.shape[1]) for j in range(i)]
    found = [overlap(table[:4, i].astype(float), table[:4, j].astype(float)) for i, j in pairs]
    return any(abs(each - 0.1) < 1e-4 for each in found)


@pytest.mark.filterwarnings("ignore")
def test_as_tensorflow_suppresses() -> None:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    random = np.random.default_rng(3)
    for anchors in (1, 10, 300, 1344):
        boxes = random.random((4, anchors), dtype=np.float32) * np.float32(0.4)
        scores = (random.integers(0, 31, anchors) * 0.0066836).astype(np.float32)
        x, y, w, h = boxes
        corners = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], axis=1)
        expected = tf.image.non_max_suppression(corners, scores, 100, iou_threshold=0.1, score_threshold=0.001).numpy()
        assert select(boxes, scores, 100).tolist() == expected.tolist()


def test_at_most_100_persons_and_1700_keypoints() -> None:
    side = 20
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side))).reshape(2, -1).astype(np.float32) / side
    for keypoints, persons in ((2, 100), (17, 100), (34, 50), (255, 6)):
        table = np.zeros((1, 5 + 3 * keypoints, side * side), np.float32)
        table[0, :2], table[0, 2:4], table[0, 4] = grid, 0.5 / side, 0.5
        found = on_host(table, keypoints)
        assert len(found[0]) == persons
        same_bits(on_device(table, keypoints, max_persons=persons), found)


def test_refuses_other_outputs() -> None:
    good = np.zeros((1, 11, 4), np.float32)
    for wrong in ([], [good, good], [good[0]], [good.astype(np.float64)], [good.astype(np.int8)], [good[:, :-1]]):
        with pytest.raises(ModelError, match="YOLO pose output of 2 keypoints"):
            family("yolo").decode(wrong, 2)
    with pytest.raises(ModelError, match="16385 anchors"):
        family("yolo").decode([np.zeros((1, 11, 16385), np.float32)], 2)
    assert on_device(np.zeros((1, 11, 16385), np.float32), 2) == MEMORY
    assert on_device(np.zeros((1, 10, 4), np.float32), 2) == PARAM
    assert on_device(good.astype(np.int8), 2, scale=0.0) == PARAM
    assert on_device(good.astype(np.int8), 2, scale=0.1, zero_point=-(2**31)) == PARAM
    assert on_device(good.astype(np.int16), 2, scale=0.1) == PARAM


@pytest.mark.slow
@pytest.mark.parametrize("name", YOLO)
def test_published_networks_on_photographs(name: str) -> None:
    shared, model = shared_dir(), find_model(name)
    if shared is None or model is None:
        pytest.skip("needs the zoo's YOLO networks and photographs (STM32POSE_DATA)")
    engine = GoldenEngine(model)
    found = 0
    for path in sorted((shared / "data" / "coco_val2017" / "images").glob("*.jpg"))[:4]:
        output = run(engine, path)
        host = on_host(output, 17)
        found += len(host[0])
        same_bits(on_device(output, 17), host)
        assert select(output[0, :4], output[0, 4], 100).tolist() == by_loop(output[0])
    assert found > 4


def run(engine: GoldenEngine, path: Path) -> np.ndarray:
    pixels = np.asarray(Image.open(path).convert("RGB").resize((256, 256)))
    return np.asarray(engine.run(pixels).outputs[0].data)
