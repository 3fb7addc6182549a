"""Labels made on a picture as it is stored are not turned upright with it."""

from __future__ import annotations

from pytest_stm32pose.pictures.annotations import placing

placing.turned = lambda truth, raster: truth  # type: ignore[attr-defined]
