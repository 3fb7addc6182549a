"""JPEG files by TensorFlow's decoder: its own pixels, turned upright here; and a sentence where it is missing."""

from __future__ import annotations

import importlib.util
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.errors import ConfigError, ImageError
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.reading import read_picture


def tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow", reason="TensorFlow is the decoder under test")


def jpeg(mode: str = "RGB", orientation: int = 1) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (41, 67, 3), np.uint8)
    image = Image.fromarray(pixels).resize((134, 82)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80, exif=exif)
    return content.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pixels_are_tensorflow_s(mode: str, tmp_path: Path) -> None:
    content = jpeg(mode)
    (tmp_path / "a.jpg").write_bytes(content)
    expected = tensorflow().io.decode_image(content, channels=3, expand_animations=False).numpy()
    [picture] = load_pictures(tmp_path).decoded_by("tensorflow")
    np.testing.assert_array_equal(picture.pixels, expected)
    assert not np.array_equal(load_pictures(tmp_path)[0].pixels, expected), "the two decoders must be told apart"
    again = load_pictures(tmp_path).decoded_by("tensorflow")
    for pixels in (again[0].pixels, again[:1][0].pixels, again.pixels_of("a")):
        assert pixels is not None
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.slow
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_always(orientation: int, tmp_path: Path) -> None:
    tensorflow()
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(orientation=orientation))
    ours, theirs = (read_picture(path, jpeg=jpeg_).pixels.astype(int) for jpeg_ in ("pillow", "tensorflow"))
    assert ours.shape == theirs.shape == ((82, 134, 3) if orientation < 5 else (134, 82, 3))
    assert np.abs(ours - theirs).mean() < 2


@pytest.mark.slow
def test_other_files_are_read_as_always_and_broken_ones_named(tmp_path: Path) -> None:
    tensorflow()
    Image.new("RGBA", (4, 3), (200, 100, 50, 128)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", jpeg="tensorflow").pixels[0, 0].tolist() == [100, 50, 25]
    (tmp_path / "b.jpg").write_bytes(jpeg()[:900])
    with pytest.raises(ImageError, match=r"b\.jpg is a broken image: "):
        read_picture(tmp_path / "b.jpg", jpeg="tensorflow")


def test_without_tensorflow_it_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert load_pictures(tmp_path).decoded_by("pillow").ids == ("a",)
    with pytest.raises(ConfigError, match=r"--pose-jpeg=tensorflow needs TensorFlow.*\[train\]"):
        load_pictures(tmp_path).decoded_by("tensorflow")
    with pytest.raises(ConfigError, match="needs TensorFlow"):
        read_picture(tmp_path / "a.jpg", jpeg="tensorflow")
