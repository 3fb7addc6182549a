"""Keypoints are taken in the order of the file, whatever their names are."""

from __future__ import annotations

from pytest_stm32pose.pictures.annotations import categories

categories.rows_of = lambda names: tuple(range(len(names)))  # type: ignore[attr-defined]
