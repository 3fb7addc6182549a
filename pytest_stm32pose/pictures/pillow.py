"""Pillow's resampling, by Pillow itself: antialiased when it makes smaller, and rounded to bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PREFIX = "pillow-"


def resized(pixels: NDArray[np.uint8], height: int, width: int, resizer: str) -> NDArray[np.uint8]:
    """uint8 [h, w, 3 or 1] to [height, width, the same]; `resizer` with the prefix."""
    from PIL import Image

    methods = Image.Resampling
    method = {"bilinear": methods.BILINEAR, "nearest": methods.NEAREST, "bicubic": methods.BICUBIC}[
        resizer.removeprefix(PREFIX)
    ]
    grey = pixels.shape[2] == 1
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))
    return np.asarray(image.resize((width, height), method), dtype=np.uint8).reshape(height, width, pixels.shape[2])
