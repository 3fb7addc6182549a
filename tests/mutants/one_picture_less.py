"""Loses the last picture without a word."""

from __future__ import annotations

from pathlib import Path

from pytest_stm32pose.pictures.files import PictureSequence
from pytest_stm32pose.run import inputs

load = inputs.load_pictures


def load_fewer(source: str | Path, count: int | None = None) -> PictureSequence:
    return load(source, len(load(source, count)) - 1)


inputs.load_pictures = load_fewer
