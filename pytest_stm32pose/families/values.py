"""Arithmetic that the families share: float32 operation by operation, as firmware/postproc/values.h has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import Floats
from pytest_stm32pose.types import Layout


def normalised(rows: Floats, layout: Layout) -> Floats:
    """Keypoints [..., 3] x, y, score in 0..1 of the input; a copy."""
    found = np.array(rows, dtype=np.float32)
    if layout.pixels:
        height, width = layout.input_size
        with np.errstate(over="ignore", invalid="ignore"):
            found[..., 0] /= np.float32(width)
            found[..., 1] /= np.float32(height)
    return found


def selected(outputs: Sequence[NDArray[np.generic]], layout: Layout) -> list[NDArray[np.generic]]:
    """The outputs that a layout names, in its order; those that are not there are left out."""
    return [outputs[n] for n in layout.outputs if n < len(outputs)] if layout.outputs else list(outputs)


def chosen_outputs(
    outputs: Sequence[NDArray[np.generic]], layout: Layout, what: str, *shapes: Sequence[tuple[int, ...]]
) -> list[Floats]:
    """The outputs that a layout names.

    Args:
        what: they should be, for the sentence.
        shapes: of each in turn what it may have, -1 is any size; the first is shown.

    Raises:
        ModelError: one is not there, has another shape or is no float32.
    """
    found = selected(outputs, layout)
    if len(found) != len(shapes) or not all(map(_fits, found, shapes)):
        wanted = " and ".join(f"{list(each[0])}".replace("-1", "N") for each in shapes)
        shown = ", ".join(f"{output.dtype} {list(output.shape)}" for output in outputs)
        raise ModelError(f"{what} is float32 {wanted}; the network's output is {shown or 'missing'}.")
    return [np.asarray(each, dtype=np.float32) for each in found]


def _fits(output: NDArray[np.generic], shapes: Sequence[tuple[int, ...]]) -> bool:
    fits = [
        len(shape) == output.ndim and all(size in (-1, real) for size, real in zip(shape, output.shape, strict=True))
        for shape in shapes
    ]
    return output.dtype == np.float32 and output.size > 0 and any(fits)


def dequantised(data: NDArray[np.generic], scale: float, zero_point: int) -> NDArray[np.generic]:
    """int8 and uint8 -> float32 as the device (and TFLite's DEQUANTIZE) does; other types as they are."""
    if data.dtype not in (np.int8, np.uint8) or scale <= 0:
        return data
    return (data.astype(np.int32) - np.int32(zero_point)).astype(np.float32) * np.float32(scale)


def peaks(table: Floats) -> tuple[NDArray[np.intp], Floats]:
    """[rows, K] -> the first largest value of each column: row and value. NaN is never the largest."""
    best = np.argmax(np.where(np.isnan(table), -np.inf, table), axis=0)
    return best, table[best, np.arange(table.shape[1])]


def logistic(values: Floats) -> Floats:
    """1 / (1 + exp(-x)) to about one unit in the last place, of float32 operations alone: the device's bits.

    The exponential is Cephes' expf (Moshier, 1989). Twin: pose_logistic in firmware/postproc/values.h.
    """
    f = np.float32
    with np.errstate(invalid="ignore", over="ignore"):
        x = np.maximum(-np.abs(values), f(-86))  # NaN stays
        n = np.trunc(np.where(np.isnan(x), f(0), x) * f(1.44269504) - f(0.5))
        r = x - n * f(0.693359375)
        r = r - n * f(-2.12194440e-4)
        p = np.full_like(r, f(1.9875691500e-4))
        for each in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
            p = p * r + f(each)
        p = p * (r * r) + r + f(1)
        small = p * np.ldexp(f(1), n.astype(np.int32)).astype(np.float32)
        found = np.where(values < 0, small, f(1)) / (f(1) + small)
    return np.where(np.isnan(values), values, found).astype(np.float32)
