"""Every family's decoder: against plain references, and the device's against the host's, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.families.values import logistic
from pytest_stm32pose.types import Decoding, Layout
from tests.firmware.device_decoder import MEMORY, NONE, PARAM, Quantisation, on_device, on_host, reported, same_bits
from tests.firmware.found_persons import FoundPersons

#: Few values: ties; and what an untrained or broken network may give.
VALUES = st.sampled_from(
    [0.0, -0.0, 0.1, 0.25, 0.5, 0.5, 1.0, 2.0, -1.5, 90.0, -90.0, 200.0, 1e30, -1e30, np.inf, -np.inf, np.nan]
)
SIZES = st.tuples(st.integers(1, 640), st.integers(1, 640))
THRESHOLDS = st.builds(
    Decoding, score=st.sampled_from([0.0, 0.001, 0.25, 0.5, 1.0]), nms_iou=st.sampled_from([0.0, 0.1, 0.45, 1.0]),
    max_persons=st.sampled_from([1, 2, 6, 100]),
)  # fmt: skip
Case = tuple[Meaning, list[np.ndarray], list[Quantisation]]
ROOM = settings(deadline=None, max_examples=150)  # the first example builds the library


@st.composite
def tensor(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[np.ndarray, Quantisation]:
    """An output of any type that is decoded; extreme values are as likely as others."""
    dtype = draw(st.sampled_from([None, None, np.int8, np.uint8]))
    if dtype is None:
        return draw(hnp.arrays(np.float32, shape, elements=VALUES)), NONE
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    data = draw(hnp.arrays(dtype, shape, elements=st.sampled_from([low, low + 1, 0, 5, 100, high - 1, high])))
    return data, (draw(st.sampled_from([2.0**-13, 1 / 255, 0.0078431, 0.5, 3.0])), draw(st.integers(low, high)))


def case(draw: st.DrawFn, meaning: Meaning, *shapes: tuple[int, ...]) -> Case:
    drawn = [draw(tensor(shape)) for shape in shapes]
    return meaning, [data for data, _ in drawn], [how for _, how in drawn]


@st.composite
def heat_maps(draw: st.DrawFn) -> Case:
    k, h, w = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return case(draw, Meaning("heatmap", k), (1, h, w, k))


@st.composite
def offsets(draw: st.DrawFn) -> Case:
    k, h, w = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    order = draw(st.permutations([0, 1, 2]))
    layout = Layout(
        pixels=True, sigmoid=draw(st.booleans()), step=draw(st.sampled_from([4, 8, 16, 32])), outputs=tuple(order[:2]),
        input_size=draw(SIZES),
    )  # fmt: skip
    shapes: list[tuple[int, ...]] = [(0,)] * 3
    for number, shape in zip(order, ((1, h, w, k), (1, h, w, 2 * k), (1, h, w, 32)), strict=True):
        shapes[number] = shape
    return case(draw, Meaning("heatmap_offsets", k, layout), *shapes)


@st.composite
def rows(draw: st.DrawFn) -> Case:
    k, name = draw(st.integers(1, 9)), draw(st.sampled_from(["single_pose", "single_pose_xy"]))
    layout = Layout(pixels=draw(st.booleans()), input_size=draw(SIZES))
    return case(draw, Meaning(name, k, layout), draw(st.sampled_from([(1, 1, k, 3), (1, k, 3)])))


@st.composite
def bins(draw: st.DrawFn) -> Case:
    k, order = draw(st.integers(1, 4)), draw(st.permutations([0, 1]))
    shapes = [(1, k, draw(st.integers(1, 12))), (1, k, draw(st.integers(1, 12)))]
    return case(draw, Meaning("simcc", k, Layout(outputs=tuple(order))), *shapes)


@st.composite
def landmarks(draw: st.DrawFn) -> Case:
    points, values = draw(st.integers(1, 9)), draw(st.sampled_from([2, 3, 5]))
    k, has_presence = draw(st.integers(1, points)), draw(st.booleans())
    layout = Layout(
        values, pixels=draw(st.booleans()), sigmoid=draw(st.booleans()), outputs=(0, 1) if has_presence else (0,),
        input_size=draw(SIZES),
    )  # fmt: skip
    shape = draw(st.sampled_from([(1, points * values), (1, 1, 1, points * values), (1, points, values)]))
    shapes = [shape, draw(st.sampled_from([(1, 1), (1,), (1, 1, 1, 1)]))] if has_presence else [shape]
    return case(draw, Meaning("landmarks", k, layout), *shapes)


@st.composite
def persons(draw: st.DrawFn) -> Case:
    k, n = draw(st.integers(1, 3)), draw(st.integers(1, 30))
    name = draw(st.sampled_from(["yolo", "yolo_end_to_end", "multipose"]))
    values = 3 if name == "multipose" else draw(st.sampled_from([2, 3]))
    classes = draw(st.integers(1, 4)) if name == "yolo" else 1
    rows_first = name != "yolo" or draw(st.booleans())
    layout = Layout(values, classes, name == "yolo" and rows_first, draw(st.booleans()), input_size=draw(SIZES))
    columns = {"yolo": 4 + classes, "yolo_end_to_end": 6, "multipose": 5}[name] + values * k
    shape = (1, n, columns) if rows_first else (1, columns, n)
    return case(draw, Meaning(name, k, layout, draw(THRESHOLDS)), shape)


@given(st.one_of(heat_maps(), offsets(), rows(), bins(), landmarks()))
@ROOM
def test_one_person_has_the_same_bits_on_device_and_host(given_case: Case) -> None:
    found, scores = same_bits(*given_case)
    assert found.shape == (1, given_case[0].keypoints, 3)
    assert scores is None


@given(persons())
@ROOM
def test_persons_have_the_same_bits_on_device_and_host(given_case: Case) -> None:
    meaning = given_case[0]
    found, scores = same_bits(*given_case)
    assert scores is not None
    assert len(found) == len(scores) <= meaning.decoding.max_persons
    assert (scores > np.float32(meaning.decoding.score)).all()
    assert (scores[:-1] >= scores[1:]).all()


@given(hnp.arrays(np.float32, 50, elements=st.floats(-100, 100, width=32)))
def test_the_logistic_function(values: np.ndarray) -> None:
    exact = 1 / (1 + np.exp(-values.astype(np.float64)))
    np.testing.assert_allclose(logistic(values), exact, rtol=4e-7, atol=1e-37)
    special = logistic(np.array([np.nan, np.inf, -np.inf, 0, -0.0], np.float32))
    assert np.isnan(special[0])
    assert special[1:].tolist() == pytest.approx([1, 0, 0.5, 0.5], abs=1e-36)


def test_posenet_by_its_formula() -> None:
    random = np.random.default_rng(5)
    maps, shifts = (random.normal(0, 3, (1, 17, 17, n)).astype(np.float32) for n in (17, 34))
    layout = Layout(pixels=True, sigmoid=True, step=16, outputs=(1, 0), input_size=(257, 257))
    found, _ = same_bits(Meaning("heatmap_offsets", 17, layout), [shifts, maps])
    for k in range(17):
        row, column = np.unravel_index(np.argmax(maps[0, :, :, k]), (17, 17))
        y = row * 16 + float(shifts[0, row, column, k])
        x = column * 16 + float(shifts[0, row, column, 17 + k])
        score = 1 / (1 + np.exp(-float(maps[0, row, column, k])))
        assert found[0, k].tolist() == pytest.approx([x / 257, y / 257, score], rel=1e-5)


def test_simcc_by_its_formula() -> None:
    """MMPose: get_simcc_maximum, then division by the split ratio 2; here in 0..1 of 192 x 256 pixels."""
    random = np.random.default_rng(6)
    x, y = (random.normal(0, 1, (1, 17, n)).astype(np.float32) for n in (384, 512))
    x[0, 3] = -np.abs(x[0, 3])
    found, _ = same_bits(Meaning("simcc", 17, Layout(outputs=(0, 1))), [x, y])
    for k in range(17):
        score = min(x[0, k].max(), y[0, k].max())
        place = (int(x[0, k].argmax()), int(y[0, k].argmax())) if score > 0 else (-1, -1)
        assert found[0, k].tolist() == pytest.approx([place[0] / 2 / 192, place[1] / 2 / 256, score], rel=1e-6)
    assert found[0, 3, 0] < 0


def test_blazepose_hand_and_head_by_their_formulas() -> None:
    random = np.random.default_rng(7)
    body = random.uniform(-8, 256, (1, 195)).astype(np.float32)
    layout = Layout(5, pixels=True, sigmoid=True, outputs=(0,), input_size=(256, 256))
    found, _ = same_bits(Meaning("landmarks", 33, layout), [body])
    points = body.reshape(39, 5)[:33].astype(np.float64)
    np.testing.assert_allclose(found[0, :, :2], points[:, :2] / 256, rtol=1e-6)
    np.testing.assert_allclose(found[0, :, 2], 1 / (1 + np.exp(-points[:, 3])), rtol=1e-5, atol=1e-37)
    hand, flag = random.uniform(0, 224, (1, 63)).astype(np.float32), np.array([[0.75]], np.float32)
    layout = Layout(3, pixels=True, outputs=(1, 0), input_size=(224, 224))
    found, _ = same_bits(Meaning("landmarks", 21, layout), [flag, hand])
    np.testing.assert_allclose(found[0, :, :2], hand.reshape(21, 3)[:, :2] / 224, rtol=1e-6)
    assert set(found[0, :, 2].tolist()) == {0.75}
    head = random.uniform(0, 192, (1, 1, 1, 936)).astype(np.float32)
    found, _ = same_bits(Meaning("landmarks", 468, Layout(2, pixels=True, input_size=(192, 192))), [head])
    np.testing.assert_allclose(found[0, :, :2], head.reshape(468, 2) / 192, rtol=1e-6)
    assert (found[0, :, 2] == 1).all()


def test_an_end_to_end_table_keeps_what_is_above_the_threshold_in_order() -> None:
    table = np.zeros((1, 300, 57), np.float32)
    table[0, :, 6:] = np.arange(300)[:, None]
    table[0, :5, 4] = [0.2, 0.9, 0.9, 0.001, 0.5]
    found, scores = same_bits(Meaning("yolo_end_to_end", 17), [table])
    assert found[:, 0, 0].tolist() == [1, 2, 4, 0]
    assert scores is not None
    assert len(same_bits(Meaning("yolo_end_to_end", 17, decoding=Decoding(score=0.5)), [table])[0]) == 2
    table[0, :, 4] = 0.7
    assert len(same_bits(Meaning("yolo_end_to_end", 17), [table])[0]) == 100
    assert len(same_bits(Meaning("yolo_end_to_end", 17, decoding=Decoding(max_persons=7)), [table])[0]) == 7


def test_multipose_by_its_definition() -> None:
    table = np.random.default_rng(8).random((1, 6, 56), np.float32)
    found, scores = same_bits(Meaning("multipose", 17, decoding=Decoding(score=0.25)), [table])
    order = [i for i in np.argsort(-table[0, :, 55], kind="stable") if table[0, i, 55] > 0.25]
    assert scores is not None
    assert scores.tolist() == table[0, order, 55].tolist()
    expected = table[0, order, :51].reshape(len(order), 17, 3)[..., [1, 0, 2]]
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()


def yolo_table(anchors: int, classes: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    table = random.random((1, 4 + classes + 6, anchors), np.float32)
    table[0, 2:4] *= np.float32(0.4)
    table[0, 4 : 4 + classes] = random.integers(0, 31, (classes, anchors)) * np.float32(0.0066836)
    return table


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize(("score", "iou"), [(0.001, 0.1), (0.1, 0.7)])
def test_classes_and_thresholds_are_those_of_tensorflow(classes: int, score: float, iou: float) -> None:
    """Boxes of one class suppress each other, by tf.image.non_max_suppression; the best score of an anchor counts."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the reference of this test")
    table = yolo_table(300, classes, 3)
    x, y, w, h = table[0, :4]
    corners = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], axis=1)
    best, scores = table[0, 4 : 4 + classes].argmax(axis=0), table[0, 4 : 4 + classes].max(axis=0)
    kept: list[int] = []
    for number in range(classes):
        mine = np.flatnonzero(best == number)
        chosen = tf.image.non_max_suppression(corners[mine], scores[mine], 300, iou, score).numpy()
        kept += mine[chosen].tolist()
    kept = sorted(kept, key=lambda i: (-scores[i], i))[:100]
    meaning = Meaning("yolo", 2, Layout(3, classes), Decoding(score=score, nms_iou=iou))
    found, told = same_bits(meaning, [table])
    assert told is not None
    assert told.tolist() == scores[kept].tolist()
    expected = table[0, 4 + classes :, kept].reshape(len(kept), 2, 3)
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()
    turned = Meaning("yolo", 2, Layout(3, classes, rows_first=True), meaning.decoding)
    again, _ = same_bits(turned, [np.ascontiguousarray(table.transpose(0, 2, 1))])
    assert again.tobytes() == found.tobytes()


def test_boxes_in_pixels_suppress_as_those_of_0_to_1_and_keypoints_are_divided() -> None:
    table = yolo_table(200, 1, 9)
    normal, _ = same_bits(Meaning("yolo", 2), [table])
    pixels = table.copy()
    pixels[0, [0, 2]] *= 128  # powers of two: the same floats
    pixels[0, [1, 3]] *= 64
    pixels[0, [5, 8]] *= 128
    pixels[0, [6, 9]] *= 64
    found, _ = same_bits(Meaning("yolo", 2, Layout(pixels=True, input_size=(64, 128))), [pixels])
    assert found.tobytes() == normal.tobytes()


def test_keypoints_without_a_score_have_score_1() -> None:
    table = yolo_table(50, 1, 10)[:, :9]
    found, _ = same_bits(Meaning("yolo", 2, Layout(2)), [table])
    assert (found[..., 2] == 1).all()


F32 = np.float32
WRONG: list[tuple[Meaning, list[Any], int]] = [
    (Meaning("heatmap", 13), [np.zeros((1, 4, 4, 17), F32)], PARAM),
    (Meaning("heatmap", 13), [], PARAM),
    (Meaning("heatmap_offsets", 2, Layout(step=4, outputs=(0, 1))), [np.zeros((1, 4, 4, 2), F32)], PARAM),
    (Meaning("heatmap_offsets", 2, Layout(step=4, outputs=(0, 1))), [np.zeros((1, 4, 4, 2), F32)] * 2, PARAM),
    (Meaning("heatmap_offsets", 2, Layout(step=4, outputs=(0, 1))),
     [np.zeros((1, 4, 4, 2), F32), np.zeros((1, 4, 2, 4), F32)], PARAM),
    (Meaning("single_pose", 2), [np.zeros((1, 2, 2), F32)], PARAM),
    (Meaning("single_pose_xy", 2), [np.zeros((2, 2, 3), F32)], PARAM),
    (Meaning("simcc", 2, Layout(outputs=(0, 1))), [np.zeros((1, 2, 4), F32), np.zeros((1, 3, 4), F32)], PARAM),
    (Meaning("simcc", 2, Layout(outputs=(0, 1))), [np.zeros((1, 2, 4), F32)], PARAM),
    (Meaning("landmarks", 21), [np.zeros((1, 62), F32)], PARAM),
    (Meaning("landmarks", 22), [np.zeros((1, 63), F32)], PARAM),
    (Meaning("landmarks", 21, Layout(outputs=(0, 1))), [np.zeros((1, 63), F32), np.zeros((1, 2), F32)], PARAM),
    (Meaning("landmarks", 21, Layout(outputs=(0, 1))), [np.zeros((1, 63), F32)], PARAM),
    (Meaning("yolo", 2, Layout(classes=2)), [np.zeros((1, 11, 4), F32)], PARAM),
    (Meaning("yolo", 2, Layout(rows_first=True)), [np.zeros((1, 11, 4), F32)], PARAM),
    (Meaning("yolo", 2), [np.zeros((1, 11, 4), np.int8)], PARAM),  # not quantised
    (Meaning("yolo", 2), [np.zeros((1, 11, 16385), F32)], MEMORY),
    (Meaning("yolo_end_to_end", 2), [np.zeros((1, 4, 11), F32)], PARAM),
    (Meaning("yolo_end_to_end", 2), [np.zeros((1, 16385, 12), F32)], MEMORY),
    (Meaning("multipose", 2), [np.zeros((1, 4, 12), F32)], PARAM),
    (Meaning("multipose", 2), [np.zeros((1, 16385, 11), F32)], MEMORY),
]  # fmt: skip


@pytest.mark.parametrize(("meaning", "outputs", "status"), WRONG)
def test_other_outputs_are_refused_by_both(meaning: Meaning, outputs: list[np.ndarray], status: int) -> None:
    assert on_device(meaning, outputs) == status
    with pytest.raises(ModelError):
        on_host(meaning, outputs)


def test_quantisation_that_no_integer_has_is_refused() -> None:
    table = [np.zeros((1, 11, 4), np.int8)]
    assert on_device(Meaning("yolo", 2), table, [(0.1, -(2**31))]) == PARAM
    assert on_device(Meaning("yolo", 2), [table[0].astype(np.uint8)], [(0.1, -1)]) == PARAM
    assert on_device(Meaning("yolo", 2), [table[0].astype(np.int16)], [(0.1, 0)]) == PARAM


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize(
    ("meaning", "shapes"),
    [
        (Meaning("heatmap", 4), [(1, 3, 3, 4)]),
        (Meaning("heatmap_offsets", 4, Layout(step=8, outputs=(0, 1))), [(1, 3, 3, 4), (1, 3, 3, 8)]),
        (Meaning("single_pose", 4), [(1, 1, 4, 3)]),
        (Meaning("simcc", 4, Layout(outputs=(0, 1))), [(1, 4, 9), (1, 4, 7)]),
        (Meaning("landmarks", 4, Layout(values=3)), [(1, 12)]),
        (Meaning("multipose", 4), [(1, 6, 17)]),
    ],
    ids=lambda each: each.family if isinstance(each, Meaning) else "",
)
def test_a_report_that_is_refused_ends_the_decoding(
    meaning: Meaning, shapes: list[tuple[int, ...]], after: int
) -> None:
    """As when the host is gone: nothing more is reported, and the status is that of the report."""
    outputs = [np.full(shape, 0.9, np.float32) for shape in shapes]
    assert isinstance(on_device(meaning, outputs), tuple)
    found = FoundPersons(100, refuse_after=after, status=-6)
    assert reported(found, meaning, outputs) == -6
    assert found.reports == after + 1
