"""Loses the last picture without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.run import inputs


def load_fewer(path: str | Path, max_images: int | None = None, *more: Any, **options: Any) -> PictureSequence:
    return load_pictures(path, len(load_pictures(path, max_images, *more, **options)) - 1, *more, **options)


inputs.load_pictures = load_fewer  # type: ignore[attr-defined]  # the name it imported is replaced
