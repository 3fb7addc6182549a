"""Resizing as TensorFlow 2 defines it: half-pixel centres, no antialiasing, float32. Pure.

`bilinear` is the definition behind the published figures. Per axis, for output index i (all operations float32, no
fused multiply-add):

    at    = (i + 0.5) * (input / output) - 0.5
    lower = max(floor(at), 0);  upper = min(ceil(at), input - 1);  t = at - floor(at)

    top    = p[y0, x0] + (p[y0, x1] - p[y0, x0]) * tx
    bottom = p[y1, x0] + (p[y1, x1] - p[y1, x0]) * tx
    value  = top + (bottom - top) * ty

NumPy rounds after every elementwise operation, so every machine gets the same bits. References: tensorflow/core/kernels
/image/resize_bilinear_op.cc, resize_nearest_neighbor_op.cc and resize_bicubic_op.cc (Keys' kernel with a = -0.5 in a
table of 1024 steps; what lies outside the picture has no weight, and the rest is scaled to a sum of 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]

_STEPS = 1024


def bilinear(pixels: Pixels, height: int, width: int) -> Values:
    """uint8 [h, w, c] to float32 [height, width, c], not rounded."""
    top_row, bottom_row, t_y = _neighbours(pixels.shape[0], height)
    left, right, t_x = _neighbours(pixels.shape[1], width)
    t_x, t_y = t_x[np.newaxis, :, np.newaxis], t_y[:, np.newaxis, np.newaxis]
    top = _along_x(pixels[top_row], left, right, t_x)
    bottom = _along_x(pixels[bottom_row], left, right, t_x)
    blended: Values = top + (bottom - top) * t_y
    return blended


def nearest(pixels: Pixels, height: int, width: int) -> Values:
    """uint8 [h, w, c] to float32 [height, width, c]: values of the picture's own pixels."""
    rows, columns = _nearest(pixels.shape[0], height), _nearest(pixels.shape[1], width)
    return pixels[rows][:, columns].astype(np.float32)


def bicubic(pixels: Pixels, height: int, width: int) -> Values:
    """uint8 [h, w, c] to float32 [height, width, c]; values can lie outside 0 to 255."""
    rows, row_weights = _four_neighbours(pixels.shape[0], height)
    columns, column_weights = _four_neighbours(pixels.shape[1], width)
    down = _weighted([pixels[index] for index in rows], row_weights[:, :, np.newaxis, np.newaxis])
    return _weighted([down[:, index] for index in columns], column_weights[:, np.newaxis, :, np.newaxis])


#: By their names in preprocessing.RESIZERS.
TENSORFLOW: dict[str, Callable[[Pixels, int, int], Values]] = {
    "bilinear": bilinear,
    "nearest": nearest,
    "bicubic": bicubic,
}


def _centres(size: int, new_size: int) -> Values:
    scale = np.float32(size) / np.float32(new_size)
    return (np.arange(new_size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)


def _nearest(size: int, new_size: int) -> NDArray[np.intp]:
    at = (np.arange(new_size, dtype=np.float32) + np.float32(0.5)) * (np.float32(size) / np.float32(new_size))
    index: NDArray[np.intp] = np.minimum(np.floor(at).astype(np.intp), size - 1)
    return index


def _neighbours(size: int, new_size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Values]:
    at = _centres(size, new_size)
    floor = np.floor(at)
    lower = np.maximum(floor, 0).astype(np.intp)
    # The float32 position of the last pixel can round past the end of a very large picture; both ends are clamped.
    upper = np.minimum(np.ceil(at), size - 1).astype(np.intp)
    return np.minimum(lower, size - 1), np.maximum(upper, 0), at - floor


def _along_x(rows: Pixels, left: NDArray[np.intp], right: NDArray[np.intp], t_x: Values) -> Values:
    first = rows[:, left].astype(np.float32)
    second = rows[:, right].astype(np.float32)
    blended: Values = first + (second - first) * t_x
    return blended


def _keys_table() -> tuple[Values, Values]:
    """Weights of the two nearer and the two farther neighbours, by the distance in steps.

    The reference computes in double precision from a float32 distance, which 1024 steps make exact.
    """
    a, x = -0.5, np.arange(_STEPS + 1) / _STEPS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    x = x + 1.0
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return near.astype(np.float32), far.astype(np.float32)


def _four_neighbours(size: int, new_size: int) -> tuple[NDArray[np.intp], Values]:
    """[4, new_size] indices and weights."""
    near, far = _keys_table()
    at = _centres(size, new_size)
    floor = np.floor(at)
    step = np.rint((at - floor) * np.float32(_STEPS)).astype(np.intp)
    wanted = floor.astype(np.intp) + np.arange(-1, 3)[:, np.newaxis]
    index = np.clip(wanted, 0, size - 1)
    weights = np.stack([far[step], near[step], near[_STEPS - step], far[_STEPS - step]])
    weights[index != wanted] = 0
    total = ((weights[0] + weights[1]) + weights[2]) + weights[3]
    usable = np.abs(total) >= np.float32(1000) * np.finfo(np.float32).tiny
    return index, weights * np.where(usable, np.float32(1) / np.where(usable, total, 1), np.float32(1))


def _weighted(values: list[NDArray[np.generic]], weights: Values) -> Values:
    """Sum of four arrays, from the first to the last."""
    total: Values = values[0].astype(np.float32) * weights[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total = total + value.astype(np.float32) * weight
    return total
