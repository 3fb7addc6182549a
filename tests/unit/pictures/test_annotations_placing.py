"""Labels against the picture files: EXIF orientation, sizes, fractions, boxes of another form, points outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.reading import read_raster
from pytest_stm32pose.types import Truth
from tests.support.annotation_files import BOX, HEIGHT, WIDTH, document, figure, first_truth, image, load, person, write
from tests.support.shared_data import shared_dir

TURNED, PERHAPS = "turned upright with them", "taken as made after"
PROBABLY = "taken as made before, like those of the file's other pictures"


def marked(path: Path, orientation: int, size: tuple[int, int], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A picture with 17 single pixels of distinct colours; their [17, 2] places as stored, and upright by Pillow.

    Both are looked up in pixels, so that no formula of an orientation is involved.
    """
    width, height = size
    places = np.random.default_rng(seed).choice((width - 40) * (height - 40), 17, replace=False)
    stored = np.zeros((height, width, 3), dtype=np.uint8)
    for number, place in enumerate(places, 1):
        stored[20 + place // (width - 40), 20 + place % (width - 40)] = (10 * number, 255 - number, number)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(path, exif=exif)
    with Image.open(path) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    return tuple(  # type: ignore[return-value]
        np.array([np.argwhere(pixels[..., 2] == number)[0][::-1] + 0.5 for number in range(1, 18)])
        for pixels in (stored, upright)
    )


def around(points: np.ndarray) -> list[float]:
    """The box of points with 5 pixels of room."""
    low, high = points.min(axis=0) - 5, points.max(axis=0) + 5
    return [*low.tolist(), *(high - low).tolist()]


def labels(points: np.ndarray, image_id: Any = 1) -> dict[str, Any]:
    return person(image_id, np.column_stack([points, np.full(17, 2)]), bbox=around(points), area=123.5)


def check(truth: Truth, upright: np.ndarray) -> None:
    np.testing.assert_allclose(truth.keypoints_px[0, :, :2], upright)
    np.testing.assert_allclose(truth.boxes_px[0], around(upright))
    assert truth.areas_px[0] == pytest.approx(123.5)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_and_orientation_of_a_file(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (60, 90)).save(path, exif=exif)
    raster = read_raster(path)
    assert (raster.stored, raster.orientation) == ((60, 90), orientation)
    with Image.open(path) as opened:
        assert raster.upright == ImageOps.exif_transpose(opened).size
    assert load_pictures(path)[0].pixels.shape[1::-1] == raster.upright


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_orientations_that_there_are_not(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (60, 90)).save(tmp_path / "a.jpg", exif=exif)
    assert read_raster(tmp_path / "a.jpg").orientation == 1


def test_an_orientation_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 90)).save(tmp_path / "a.png", exif=exif)
    content = (tmp_path / "a.png").read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    closing = content.index(b"IEND") - 4
    moved = content[:start] + content[end:closing] + content[start:end] + content[closing:]
    (tmp_path / "a.png").write_bytes(moved)
    assert read_raster(tmp_path / "a.png").orientation == 6
    assert load_pictures(tmp_path / "a.png")[0].pixels.shape == (60, 90, 3)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_on_the_stored_raster_are_turned(tmp_path: Path, orientation: int) -> None:
    stored, upright = marked(tmp_path / "a.png", orientation, (120, 180))
    pictures = load(tmp_path, document([labels(stored)], [image(size=(120, 180))]), {})
    check(first_truth(pictures), upright)
    assert pictures[0].pixels.shape == (120, 180, 3)
    (note,) = pictures.notes
    assert TURNED in note
    assert note.endswith("1 (first: a.png).")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_on_the_upright_picture_stay(tmp_path: Path, orientation: int) -> None:
    _, upright = marked(tmp_path / "a.png", orientation, (120, 180))
    size = (180, 120) if orientation >= 5 else (120, 180)
    pictures = load(tmp_path, document([labels(upright)], [image(size=size)]), {})
    check(first_truth(pictures), upright)
    assert [PERHAPS in note for note in pictures.notes] == [True] * (orientation in (2, 3, 4))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_where_sizes_do_not_tell_the_files_other_pictures_do(tmp_path: Path, orientation: int) -> None:
    stored, upright = marked(tmp_path / "a.png", orientation, (150, 150))
    other, other_upright = marked(tmp_path / "b.png", 6, (120, 180), seed=2)
    images = [image(1, size=(150, 150)), image(2, "b.png", (120, 180))]
    pictures = load(tmp_path, document([labels(stored, 1), labels(other, 2)], images), {})
    check(first_truth(pictures), upright)
    assert pictures[1].truth is not None
    check(pictures[1].truth, other_upright)
    assert [PROBABLY in note for note in pictures.notes] == [False, True]
    alone = load(tmp_path, document([labels(upright)], [image(size=(150, 150))]), {})
    check(first_truth(alone), upright)
    assert PERHAPS in alone.notes[0]


@pytest.mark.parametrize("size", [None, (0, 0), (None, None)])
def test_without_sizes_the_labels_tell_where_they_fit(tmp_path: Path, size: Any) -> None:
    stored, upright = marked(tmp_path / "a.png", 6, (120, 300))
    assert upright[:, 0].max() > 125
    pictures = load(tmp_path, document([labels(upright)], [image(size=size)]), {})
    check(first_truth(pictures), upright)
    assert pictures.notes == ()
    assert stored[:, 1].max() > 125
    pictures = load(tmp_path, document([labels(stored)], [image(size=size)]), {})
    check(first_truth(pictures), upright)
    assert TURNED in pictures.notes[0]
    small = labels(np.clip(upright, 0, 100))
    assert PERHAPS in load(tmp_path, document([small], [image(size=size)]), {}).notes[0]
    assert load(tmp_path, document(images=[image(size=size)])).notes == ()


def test_the_size_of_one_and_the_labels_of_the_other_are_refused(tmp_path: Path) -> None:
    stored, upright = marked(tmp_path / "a.png", 6, (120, 300))
    for points, size in ((upright, (120, 300)), (stored, (300, 120))):
        with pytest.raises(
            ImageError, match=r"a\.png has \d+ x \d+ pixels, as it has (stored|upright), but its labels"
        ):
            load(tmp_path, document([labels(points)], [image(size=size)]), {})


def test_what_is_not_labelled_is_not_turned(tmp_path: Path) -> None:
    points = figure() * np.array([0.5, 0.5, 1])
    points[3:] = 0
    content = document([person(points=points, bbox=[20, 10, 50, 100])], [image(size=(120, 180))])
    truth = first_truth(load(tmp_path, content, {"a.png": (120, 180, 6)}))
    assert (truth.keypoints_px[0, :, 2] > 0).tolist() == [True] * 3 + [False] * 14
    assert not truth.keypoints_px[0, 3:].any()


@pytest.mark.parametrize(
    ("said", "stored"),
    [((320, 480), (160, 240)), ((640, 427), (320, 213)), ((500, 333), (150, 100)), ((80, 120), (160, 240)),
     ((161, 240), (160, 240)), ((1920, 1080), (256, 144))],
)  # fmt: skip
def test_pictures_that_were_scaled(tmp_path: Path, said: tuple[int, int], stored: tuple[int, int]) -> None:
    sides = np.array(said * 2)
    entry = person(points=figure(*said), bbox=(BOX * sides).tolist(), area=float(np.prod(said)) * 0.1)
    pictures = load(tmp_path, document([entry], [image(size=said)]), {"a.png": (*stored, 1)})
    truth = first_truth(pictures)
    np.testing.assert_allclose(truth.keypoints_px[0], figure(*stored))
    np.testing.assert_allclose(truth.boxes_px[0], BOX * np.array(stored * 2))
    assert truth.areas_px[0] == pytest.approx(np.prod(stored) * 0.1)
    (note,) = pictures.notes
    assert "of another size than the file says and of the same proportions, whose labels were scaled" in note


def test_a_scaled_picture_that_was_labelled_as_stored(tmp_path: Path) -> None:
    stored, upright = marked(tmp_path / "a.png", 8, (120, 180))
    entry = person(points=np.column_stack([stored * 2, np.full(17, 2)]), bbox=around(stored * 2))
    pictures = load(tmp_path, document([entry], [image(size=(240, 360))]), {})
    np.testing.assert_allclose(first_truth(pictures).keypoints_px[0, :, :2], upright)
    assert len(pictures.notes) == 2


@pytest.mark.parametrize("said", [(240, 160), (160, 160), (240, 240), (320, 240), (160, 200)])
def test_other_proportions_are_refused(tmp_path: Path, said: tuple[int, int]) -> None:
    with pytest.raises(ImageError) as caught:
        load(tmp_path, document(images=[image(size=said)]))
    assert f"says that a.png has {said[0]} x {said[1]} pixels, but it has 160 x 240" in str(caught.value)
    assert "cropped, padded or stretched" in str(caught.value)


def test_of_other_proportions_than_stored_and_upright(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"it has 240 x 160 \(160 x 240 as stored\)"):
        load(tmp_path, document(images=[image(size=(100, 100))]), {"a.png": (160, 240, 6)})


def test_scaled_labels_must_be_known_to_be_in_the_old_size(tmp_path: Path) -> None:
    """Twice the picture's size is said, but the labels are in the picture's pixels: both readings are possible."""
    entry = image(size=(320, 480))
    with pytest.raises(ImageError, match="nobody can tell whether they are to be scaled"):
        load(tmp_path, document(images=[entry]))
    # Another picture of the file that only one reading explains settles it.
    pair = document([person(1), person(2, figure(320, 480), bbox=(BOX * [320, 480, 320, 480]).tolist())],
                    [entry, image(2, "b.png", (320, 480))])  # fmt: skip
    pictures = load(tmp_path, pair, {"a.png": (160, 240, 1), "b.png": (160, 240, 1)})
    np.testing.assert_allclose(first_truth(pictures).keypoints_px[0, :, :2], figure()[:, :2] / 2)
    with pytest.raises(ImageError, match="its labels lie outside of what the file says"):
        load(tmp_path, document(images=[image(size=(80, 120))]))


@pytest.mark.parametrize("size", [(-160, 240), (1.5, 2), ("wide", 240), (True, 240), (10**400, 240), (float("nan"), 1)])
def test_sizes_that_are_none(tmp_path: Path, size: Any) -> None:
    with pytest.raises(ImageError, match=r"images\[0\] has .* in `width`"):
        load(tmp_path, document(images=[image(size=size)]))


@pytest.mark.parametrize("size", [("160", "240"), (160.0, 240.0)])
def test_sizes_of_other_types(tmp_path: Path, size: Any) -> None:
    assert load(tmp_path, document(images=[image(size=size)])).notes == ()


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("areas", [True, False])
def test_fractions_of_the_picture(tmp_path: Path, points: bool, boxes: bool, areas: bool) -> None:
    whole = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    area = BOX[2] * BOX[3] * 0.5
    changes = {"bbox": (BOX if boxes else BOX * whole).tolist(), "area": area if areas else area * WIDTH * HEIGHT}
    pictures = load(tmp_path, document([person(points=figure(1, 1) if points else figure(), **changes)]))
    truth = first_truth(pictures)
    np.testing.assert_allclose(truth.keypoints_px[0], figure())
    np.testing.assert_allclose(truth.boxes_px[0], BOX * whole)
    assert truth.areas_px[0] == pytest.approx(area * WIDTH * HEIGHT)
    said = [("keypoints are fractions" in note, "boxes or areas are fractions" in note) for note in pictures.notes]
    assert said == [(True, False)] * points + [(False, True)] * (boxes or areas)


def test_fractions_of_the_picture_as_stored(tmp_path: Path) -> None:
    stored, upright = marked(tmp_path / "a.png", 5, (120, 180))
    points = np.column_stack([stored / [120, 180], np.full(17, 2)])
    box = (np.array(around(stored)) / [120, 180, 120, 180]).tolist()
    truth = first_truth(load(tmp_path, document([person(points=points, bbox=box)], [image(size=(120, 180))]), {}))
    np.testing.assert_allclose(truth.keypoints_px[0, :, :2], upright)
    np.testing.assert_allclose(truth.boxes_px[0], around(upright))


def test_fractions_in_a_scaled_picture(tmp_path: Path) -> None:
    pictures = load(tmp_path, document([person(points=figure(1, 1), bbox=BOX.tolist())], [image(size=(320, 480))]))
    np.testing.assert_allclose(first_truth(pictures).keypoints_px[0], figure())


def test_fractions_and_pixels_in_one_file_are_refused(tmp_path: Path) -> None:
    images, both = [image(1), image(2, "b.png")], {"a.png": (160, 240, 1), "b.png": (160, 240, 1)}
    with pytest.raises(ImageError, match=r"keypoints of b\.png as fractions .* those of a\.png in pixels"):
        load(tmp_path, document([person(1), person(2, figure(1, 1))], images), both)
    with pytest.raises(ImageError, match=r"boxes of b\.png as fractions"):
        load(tmp_path, document([person(1), person(2, bbox=BOX.tolist())], images), both)


def test_a_small_person_in_the_corner_is_no_fraction(tmp_path: Path) -> None:
    tiny = figure(0.5, 0.8) + np.array([50, 50, 0])
    pictures = load(tmp_path, document([person(points=tiny, bbox=[50, 50, 0.5, 0.8], area=0.2)]))
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], tiny)
    assert pictures.notes == ()
    corner = np.zeros((17, 3))
    corner[0] = (1, 1, 2)
    pictures = load(tmp_path, document([person(points=corner, bbox=[0, 0, 20, 20], area=200)]))
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], corner)


def test_a_picture_of_one_pixel(tmp_path: Path) -> None:
    entry = person(points=figure(1, 1), bbox=BOX.tolist(), area=0.1)
    pictures = load(tmp_path, document([entry], [image(size=(1, 1))]), {"a.png": (1, 1, 1)})
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], figure(1, 1))


def corners(box: np.ndarray) -> list[float]:
    return [*box[:2].tolist(), *(box[:2] + box[2:]).tolist()]


@pytest.mark.parametrize("moved", [(0, 0), (30, 0), (-30, -10), (40, 20)])
def test_boxes_of_two_corners_are_read_as_such(tmp_path: Path, moved: tuple[int, int]) -> None:
    points = figure() + np.array([*moved, 0])
    box = BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT] + [*moved, 0, 0]
    pictures = load(tmp_path, document([person(points=points, bbox=corners(box), area=None)]))
    truth = first_truth(pictures)
    np.testing.assert_allclose(truth.boxes_px, [box])
    np.testing.assert_allclose(truth.areas_px, box[2] * box[3])
    (note,) = pictures.notes
    assert "persons whose box is two corners (x1, y1, x2, y2), read as such: 1 (first: a.png)" in note
    assert load(tmp_path, document([person(points=points, bbox=box.tolist())])).notes == ()


def test_corners_of_fractions(tmp_path: Path) -> None:
    entry = person(points=figure(1, 1), bbox=corners(BOX + np.array([0.3, 0, 0, 0])), area=None)
    entry["keypoints"][::3] = (figure(1, 1)[:, 0] + 0.3).tolist()
    pictures = load(tmp_path, document([entry]))
    np.testing.assert_allclose(
        first_truth(pictures).boxes_px, [(BOX + np.array([0.3, 0, 0, 0])) * [160, 240, 160, 240]]
    )
    assert len(pictures.notes) == 3


def test_corners_of_some_persons_alone_are_refused(tmp_path: Path) -> None:
    box = BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    persons = [person(points=figure() - [[n, 0, 0]] * 17, bbox=corners(box - np.array([n, 0, 0, 0]))) for n in range(2)]
    content = document(
        [*persons, person(points=figure() + [[9, 0, 0]] * 17, bbox=(box + np.array([9, 0, 0, 0])).tolist())]
    )
    with pytest.raises(ImageError, match=r"boxes as two corners \(x1, y1, x2, y2\), first in a\.png"):
        load(tmp_path, content)


def test_one_wide_box_among_right_ones_is_no_pair_of_corners(tmp_path: Path) -> None:
    box = BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    right = [
        person(points=figure() + [[n, 0, 0]] * 17, bbox=(box + np.array([n, 0, 0, 0])).tolist()) for n in range(1, 5)
    ]
    pictures = load(tmp_path, document([*right, person(bbox=corners(box))]))
    assert len(first_truth(pictures).crowd) == 5


def test_boxes_that_leave_the_picture_or_are_elsewhere_are_noted(tmp_path: Path) -> None:
    (note,) = load(tmp_path, document([person(bbox=[-10, 10, 120, 220])])).notes
    assert "whose box leaves the picture, used as they are: 1" in note
    (note,) = load(tmp_path, document([person(bbox=[20, 20, 10, 10])])).notes
    assert "whose box is not around their keypoints; only its size is used: 1" in note


def test_points_outside_the_picture(tmp_path: Path) -> None:
    points = figure()
    points[16, 1] = 250
    (note,) = load(tmp_path, document([person(points=points)])).notes
    assert "labelled keypoints outside the picture, used as they are: 1" in note
    points[16, 1] = 240.5
    assert load(tmp_path, document([person(points=points)])).notes == ()
    points[16, 1] = 900_000
    with pytest.raises(
        ImageError, match=r"labels a keypoint of a person in a\.png far outside of its 160 x 240 pixels"
    ):
        load(tmp_path, document([person(points=points)]))
    points[16, 2] = 0
    assert load(tmp_path, document([person(points=points)])).notes == ()
    with pytest.raises(ImageError, match="17 of 17 keypoints outside their pictures"):
        load(tmp_path, document([person(points=figure() + np.array([130, 0, 0]))]))


def test_a_whole_person_outside_is_noted(tmp_path: Path) -> None:
    away = person(points=figure() + np.array([1e4, 0, 0]), bbox=[1e4, 20, 40, 200])
    notes = load(tmp_path, document([person(), away])).notes
    assert ["outside the picture" in note for note in notes] == [True, False]


def test_fill_ins_are_refused(tmp_path: Path) -> None:
    points = figure()
    points[:2, :2] = 0
    with pytest.raises(ImageError, match=r"several keypoints of a person in a\.png at 0, 0"):
        load(tmp_path, document([person(points=points)]))
    points[:2, 2] = 0
    assert load(tmp_path, document([person(points=points)])).notes == ()


@pytest.mark.parametrize("folder", ["coco_val2017", "coco_train2017"])
def test_none_of_cocos_labels_is_doubted(folder: str) -> None:
    shared = shared_dir()
    if shared is None or not (shared / "data" / folder).is_dir():
        pytest.skip("needs the labelled photographs (STM32POSE_DATA)")
    notes = load_pictures(shared / "data" / folder).notes
    assert all("left out: no labelled person" in note for note in notes)


def test_truth_of_a_written_file_is_what_was_written(tmp_path: Path) -> None:
    path = write(tmp_path, document())
    truth = first_truth(load_pictures(path))
    np.testing.assert_array_equal(truth.keypoints_px[0], figure())
    np.testing.assert_array_equal(truth.boxes_px[0], BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT])


def percent(folder: Path, count: int, size: tuple[int, int], **changes: Any) -> Any:
    """Pictures of one size, whose labels are percent of it."""
    entries = [image(number, f"{number}.png", size) for number in range(1, count + 1)]
    persons = [
        person(number, figure(100, 100), **{"bbox": (BOX * 100).tolist(), "area": None, **changes})
        for number in range(1, count + 1)
    ]
    return load(folder, document(persons, entries), {f"{number}.png": (*size, 1) for number in range(1, count + 1)})


def test_percent_of_a_whole_file(tmp_path: Path) -> None:
    pictures = percent(tmp_path, 4, (300, 400))
    truth = first_truth(pictures)
    np.testing.assert_allclose(truth.keypoints_px[0], figure(300, 400))
    np.testing.assert_allclose(truth.boxes_px[0], BOX * [300, 400, 300, 400])
    assert ["are percent of the picture (0..100), converted" in note for note in pictures.notes] == [True, True]
    boxless = first_truth(percent(tmp_path, 4, (300, 400), bbox=None))
    np.testing.assert_allclose(boxless.keypoints_px[0], figure(300, 400))


@pytest.mark.parametrize(("count", "size"), [(3, (300, 400)), (4, (240, 400))])
def test_what_may_be_pixels_of_one_corner_stays(tmp_path: Path, count: int, size: tuple[int, int]) -> None:
    np.testing.assert_allclose(first_truth(percent(tmp_path, count, size)).keypoints_px[0], figure(100, 100))


@pytest.mark.parametrize("points", [True, False])
def test_percent_of_keypoints_or_boxes_alone(tmp_path: Path, points: bool) -> None:
    """Told by the other: keypoints lie in their boxes."""
    sides, size = np.array([300, 400, 300, 400]), (300, 400)
    box = (BOX * (sides if points else 100)).tolist()
    entries = [image(number, f"{number}.png", size) for number in range(1, 5)]
    labels = figure(100, 100) if points else figure(*size)
    content = document([person(number, labels, bbox=box, area=None) for number in range(1, 5)], entries)
    truth = first_truth(pictures := load(tmp_path, content, {f"{number}.png": (*size, 1) for number in range(1, 5)}))
    np.testing.assert_allclose(truth.keypoints_px[0], figure(*size))
    np.testing.assert_allclose(truth.boxes_px[0], BOX * sides)
    assert f"whose {'keypoints' if points else 'boxes'} are percent" in pictures.notes[0]
