"""Loading of pictures and labels: formats, order, and one clear sentence for each way to be wrong."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import skeleton_of
from pytest_stm32pose.pictures import reading
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.pictures.reading import read_picture
from tests.support.shared_data import shared_dir


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 6), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, options.pop("color", 0)).save(path, **options)
    return path


def person(image: int, count: int = 17, **changes: Any) -> dict[str, Any]:
    entry = {
        "id": 1,
        "image_id": image,
        "category_id": 1,
        "bbox": [1, 2, 3, 4],
        "area": 10.5,
        "iscrowd": 0,
        "num_keypoints": count,
        "keypoints": [1, 2, 2] * count,
    }
    entry.update(changes)
    return {key: value for key, value in entry.items() if value is not None}


def keypoint_names(count: int) -> list[str]:
    skeleton = skeleton_of(count)
    return list(skeleton.names) if skeleton else [f"limb_{n}" for n in range(count)]


def labelled(
    folder: Path,
    persons: list[dict[str, Any]],
    names: tuple[str, ...] = ("b.png", "a.png"),
    count: int = 17,
    name: str = "person_keypoints_val.json",
) -> Path:
    document = {
        "images": [{"id": index, "file_name": each, "width": 8, "height": 6} for index, each in enumerate(names)],
        "annotations": [{**each, "id": number} for number, each in enumerate(persons, 1)],
        "categories": [{"id": 1, "name": "person", "keypoints": keypoint_names(count)}],
    }
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def test_a_folder_in_order_of_names_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.png", "a.jpg", "c.BMP", "10.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    decoded: list[Path] = []
    real = reading._decode

    def decode(path: Path, content: bytes) -> NDArray[np.uint8]:
        decoded.append(path)
        return real(path, content)

    monkeypatch.setattr(reading, "_decode", decode)
    pictures = load_pictures(tmp_path, max_images=3)
    assert (pictures.ids, len(pictures), decoded) == (("10", "a", "b"), 3, [])
    assert pictures[1].id == "a"
    assert [path.name for path in decoded] == ["a.jpg"]
    assert [picture.id for picture in pictures[1:]] == ["a", "b"]
    assert pictures[-1].truth is None


def test_equal_stems_get_distinct_ids(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "a.jpg")
    assert load_pictures(tmp_path).ids == ("a.jpg", "a.png")
    for folder in ("x", "y"):
        save(tmp_path / folder / "p.png")
    path = labelled(tmp_path, [person(0), person(1)], names=("x/p.png", "y/p.png"))
    assert load_pictures(path).ids == ("p.png", "p.png-2")


def test_pixels_and_hash_are_the_files(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.pixels.dtype == np.uint8
    import hashlib

    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((4, 6, 3), dtype=np.uint8)
    upright[0, 0] = (255, 0, 0)
    upright[0, 5] = (0, 255, 0)
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = np.ascontiguousarray(undo[orientation](upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, upright)


def test_other_colour_models_become_rgb(tmp_path: Path) -> None:
    grey = read_picture(save(tmp_path / "l.png", "L", color=90))
    assert (grey.pixels == 90).all()
    cmyk = read_picture(save(tmp_path / "cmyk.jpg", "CMYK", color=(0, 0, 0, 0), quality=95))
    assert cmyk.pixels.shape == (6, 8, 3)
    assert (cmyk.pixels > 250).all()
    clear = read_picture(save(tmp_path / "rgba.png", "RGBA", color=(200, 100, 50, 128)))
    assert np.abs(clear.pixels.astype(int) - [100, 50, 25]).max() <= 1
    palette = read_picture(save(tmp_path / "p.png", "P", color=0))
    assert palette.pixels.shape == (6, 8, 3)
    Image.fromarray(np.full((6, 8), 200 * 257, dtype=np.uint16)).save(tmp_path / "i16.png")
    assert (read_picture(tmp_path / "i16.png").pixels == 200).all()
    assert (read_picture(save(tmp_path / "bit.png", "1", color=1)).pixels == 255).all()


@pytest.mark.parametrize("placed", ["", "images"])
def test_annotations_beside_their_images(tmp_path: Path, placed: str) -> None:
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / placed / name)
    persons = [
        person(0),
        person(0, iscrowd=1, area=None),
        person(1, keypoints=[0] * 51, num_keypoints=0),
        person(2, bbox=[0.5, 1, 2, 3], keypoints=[7.5, 3, 1] + [0] * 48),
    ]
    path = labelled(tmp_path, persons, names=("c.png", "b.png", "a.png"))
    for source in (path, tmp_path):
        pictures = load_pictures(source)
        assert pictures.ids == ("a", "c")
        assert pictures.notes == (f"1 of 3 pictures of {path} left out: no labelled person.",)
        first, second = (picture.truth for picture in pictures)
        assert first is not None
        assert second is not None
        np.testing.assert_array_equal(first.keypoints_px[0, 0], [7.5, 3, 1])
        np.testing.assert_array_equal(first.boxes_px, [[0.5, 1, 2, 3]])
        np.testing.assert_array_equal(second.crowd, [False, True])
        np.testing.assert_array_equal(second.areas_px, [10.5, 12.0])
    assert load_pictures(tmp_path, max_images=1).ids == ("a",)


def test_a_picture_of_a_labelled_crowd_alone_is_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    path = labelled(tmp_path, [person(0, iscrowd=1), person(1)])
    pictures = load_pictures(path)
    assert pictures.ids == ("a",)
    assert pictures.notes == (f"1 of 2 pictures of {path} left out: no labelled person.",)


def test_thirteen_keypoints(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    path = labelled(tmp_path, [person(0, 13)], names=("a.png",), count=13, name="keypoints.json")
    truth = load_pictures(tmp_path)[0].truth
    assert truth is not None
    assert truth.keypoints_px.shape == (1, 13, 3)
    assert load_pictures(path).notes == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keypoints": None}, "labels no person's keypoints in any of its 1 images: its persons have boxes only"),
        ({"keypoints": [1, 2, 2] * 16}, "48 values in `keypoints`, not 51"),
        ({"keypoints": [1, 2, 3] * 17}, "visibility other than"),
        ({"keypoints": ["x", 2, 2] + [1, 2, 2] * 16}, "'x' in `keypoints`"),
        ({"keypoints": [float("nan"), 2, 2] + [1, 2, 2] * 16}, "nan in `keypoints`"),
        ({"bbox": "box"}, "no list in `bbox`"),
        ({"bbox": [1, 2, 3]}, "3 values in `bbox`"),
        ({"bbox": [1, 2, -3, 4]}, "negative"),
        ({"area": "big"}, "'big' in `area`"),
        ({"image_id": 99}, "belongs to image 99"),
        ({"image_id": None}, "no usable `image_id`"),
    ],
)
def test_wrong_annotations_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    save(tmp_path / "a.png")
    path = labelled(tmp_path, [person(0, **change)], names=("a.png",))
    with pytest.raises(ImageError) as caught:
        load_pictures(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[1]", "no JSON object"),
        ("{}", "no list of objects named `images`"),
        ("[" * 100_000, "not valid JSON"),
        ('{"images": [1], "annotations": []}', "no list of objects named `images`"),
        ('{"images": [], "annotations": []}', "lists no images"),
        ('{"images": [{"id": 1, "file_name": "../a.png"}], "annotations": []}', "outside"),
        ('{"images": [{"id": 1, "file_name": "/a.png"}], "annotations": []}', "outside"),
        ('{"images": [{"id": "", "file_name": "a.png"}], "annotations": []}', "no usable `id`"),
        ('{"images": [{"id": 1}], "annotations": []}', "no `file_name`"),
        (
            '{"images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], "annotations": []}',
            "id 1 of another",
        ),
        ('{"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}', "labels no person"),
        (
            '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": [{"name": "person"}]}',
            "neither its categories nor its annotations have keypoints",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": [{"keypoints": ["nose"]}]}',
            "labels no person's keypoints in any of its 1 images",
        ),
    ],
)
def test_broken_annotation_files_are_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "keypoints.json"
    path.write_text(content)
    with pytest.raises(ImageError) as caught:
        load_pictures(tmp_path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "pictures"),
    [
        ("annotations/person_keypoints_val2017.json", "val2017"),
        ("annotations/person_keypoints_val2017.json", "images/val2017"),
        ("annotations/person_keypoints_default.json", "images/default"),
        ("annotations/keypoints.json", "images"),
    ],
)
def test_labels_in_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: str, pictures: str
) -> None:
    """As COCO and CVAT keep them: the root, the file and the folder of pictures name the same."""
    file = tmp_path / labels
    folder = tmp_path / pictures
    file.parent.mkdir()
    folder.mkdir(parents=True)
    drawn = labelled(tmp_path, [person(0)], names=("a.png",))
    drawn.rename(file)
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    for named in (file, file.parent, folder, tmp_path):
        assert [picture.truth is not None for picture in load_pictures(named)] == [True]
    monkeypatch.chdir(file.parent)
    assert load_pictures(file.name).ids == ("a",)
    (folder / "a.png").unlink()
    with pytest.raises(ImageError, match="neither beside it nor in") as caught:
        load_pictures(file)
    assert str(folder) in str(caught.value)


def test_missing_things_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="nowhere does not exist"):
        load_pictures(tmp_path / "nowhere")
    with pytest.raises(ImageError, match="holds no images"):
        load_pictures(tmp_path)
    path = labelled(tmp_path, [person(0)], names=("gone.png",))
    with pytest.raises(ImageError, match=r"lists gone\.png, which is neither beside it"):
        load_pictures(path)
    labelled(tmp_path, [person(0)], name="person_keypoints_train.json")
    with pytest.raises(ImageError, match="several annotation files"):
        load_pictures(tmp_path)
    with pytest.raises(ImageError, match="At most 0 pictures"):
        load_pictures(tmp_path, max_images=0)
    with pytest.raises(ImageError, match="cannot be read"):
        read_picture(tmp_path / "gone.png")


def test_a_text_file_named_jpg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(ImageError, match=r"a\.jpg is not an image\."):
        load_pictures(tmp_path)[0]


def test_verify_opens_every_picture_without_decoding(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    pictures = load_pictures(tmp_path)
    pictures.verify()
    good = (tmp_path / "b.png").read_bytes()
    for content, said in (
        (b"hello", "is not an image"),
        (png_header(60_000, 60_000), "claims to be|too many"),
        (None, "is not there"),
    ):
        (tmp_path / "b.png").unlink() if content is None else (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(ImageError, match=said) as caught:
            pictures.verify()
        assert str(tmp_path / "b.png") in str(caught.value)
    (tmp_path / "b.png").write_bytes(good)
    pictures.verify()


def test_truncated_pictures(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for suffix in ("jpg", "png", "bmp", "gif", "webp", "tif"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(pixels).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ImageError, match=rf"a\.{suffix} is (a broken|not an) image"):
            read_picture(path)


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, data)
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 1), (10_001, 10_000), (1, 70_000)])
def test_absurd_dimensions(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    with pytest.raises(ImageError, match=r"bomb\.png (claims to be|has too many)"):
        read_picture(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"]), st.data())
def test_damaged_files_give_a_picture_or_an_image_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)).save(stream, kind)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.png"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(ImageError):
        PictureSequence([("damaged", path, None)]).verify()
    try:
        picture = read_picture(path)
    except ImageError as error:
        assert str(path) in str(error)
    else:
        assert picture.pixels.ndim == 3
        assert picture.pixels.shape[2] == 3


def test_labelled_photographs() -> None:
    shared = shared_dir()
    if shared is None or not (shared / "data" / "coco_val2017").is_dir():
        pytest.skip("needs the labelled photographs (STM32POSE_DATA)")
    document = json.loads((shared / "data" / "coco_val2017" / "person_keypoints.json").read_text())
    pictures = load_pictures(shared / "data" / "coco_val2017")
    assert list(pictures.ids) == sorted(pictures.ids)
    by_name = {Path(image["file_name"]).stem: image for image in document["images"]}
    for picture in pictures[:10]:
        image = by_name[picture.id]
        assert picture.sha256 == image["sha256"]
        assert picture.pixels.shape == (image["height"], image["width"], 3)
        labels = [a["keypoints"] for a in document["annotations"] if a["image_id"] == image["id"]]
        assert picture.truth is not None
        np.testing.assert_array_equal(picture.truth.keypoints_px.reshape(len(labels), -1), labels)
