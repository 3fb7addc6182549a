"""How far two tensors are apart: differing elements, the largest difference in LSB, the cosine of their angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TensorDifference:
    """`max_lsb` and `cosine` are None where they have no meaning; `detail` says why."""

    elements: int
    differing: int
    max_lsb: int | None
    cosine: float | None
    first: int | None = None  #: flat index of the first differing element
    detail: str = ""
    is_nonsense: bool = False  #: other shape or type, NaN or infinity: no number of LSB is large enough

    @property
    def equal(self) -> bool:
        return self.differing == 0


def difference(golden: NDArray[np.generic], device: NDArray[np.generic], lsb: float = 0.0) -> TensorDifference:
    """Compares to the last bit; for floats, values that compare equal (0.0 and -0.0) and two NaN do not differ.

    Args:
        golden, device: integer, bool or float tensors of any shape.
        lsb: for float tensors, the value of one quantisation step; 0 when not known, then `max_lsb` is None.
    """
    if golden.shape != device.shape or golden.dtype != device.dtype:
        detail = f"golden is {golden.dtype} {list(golden.shape)}, device is {device.dtype} {list(device.shape)}"
        return TensorDifference(int(golden.size), int(golden.size), None, None, 0, detail, True)
    is_float = np.issubdtype(golden.dtype, np.floating)
    unequal = golden != device
    if is_float:
        unequal &= ~(np.isnan(golden) & np.isnan(device))
    differing = int(np.count_nonzero(unequal))
    if differing == 0:
        return TensorDifference(int(golden.size), 0, 0, 1.0)
    first = int(np.flatnonzero(unequal)[0])
    max_lsb, detail = _max_lsb(golden, device, lsb, is_float)
    finite = not is_float or bool(np.isfinite(golden).all() and np.isfinite(device).all())
    return TensorDifference(int(golden.size), differing, max_lsb, cosine(golden, device), first, detail, not finite)


@dataclass(frozen=True)
class DifferenceMap:
    """Where two tensors differ, for people.

    Attributes:
        counts: differing elements, int64 [rows, columns] of at most MAX_CELLS each: over height and width of
            [1, H, W, C], over rows and columns of [1, R, C]; larger ones are summed in blocks.
        height, width: what the counts stand for, in elements.
        channels: (channel, differing elements) of [1, H, W, C], the most differing first, at most MAX_CHANNELS.
    """

    counts: NDArray[np.int64]
    height: int
    width: int
    channels: tuple[tuple[int, int], ...] = ()


MAX_CELLS = 48
MAX_CHANNELS = 8
#: So many channels that differ alone are worth naming.
MAX_FEW_CHANNELS = 3


def few_channels(channels: Sequence[int], places: int, elements: int) -> tuple[int, ...]:
    """The channels that alone differ, in order, where they are few of more; else none.

    Args:
        channels: that differ, of a DifferenceMap.
        places, elements: of the tensor: height times width, and all of it.
    """
    is_few = 0 < len(channels) <= MAX_FEW_CHANNELS and len(channels) * places < elements
    return tuple(sorted(channels)) if is_few else ()


def difference_map(golden: NDArray[np.generic], device: NDArray[np.generic]) -> DifferenceMap | None:
    """None for tensors of different shapes, or without two dimensions to show."""
    if golden.shape != device.shape or golden.ndim < 2 or golden.size == 0:
        return None
    unequal = golden != device
    if np.issubdtype(golden.dtype, np.floating):
        unequal &= ~(np.isnan(golden) & np.isnan(device))
    channels: tuple[tuple[int, int], ...] = ()
    if golden.ndim >= 4:
        per_channel = np.count_nonzero(unequal.reshape(-1, golden.shape[-1]), axis=0)
        order = np.argsort(-per_channel, kind="stable")[:MAX_CHANNELS]
        channels = tuple((int(channel), int(per_channel[channel])) for channel in order if per_channel[channel])
        flat = np.count_nonzero(unequal, axis=-1)
        flat = flat.reshape(-1, *flat.shape[-2:]).sum(axis=0)
    else:
        flat = unequal.reshape(-1, *unequal.shape[-2:]).sum(axis=0)
    height, width = (int(size) for size in flat.shape)
    rows, columns = -(-height // MAX_CELLS), -(-width // MAX_CELLS)
    sums = np.add.reduceat(
        np.add.reduceat(flat.astype(np.int64), range(0, height, rows), 0), range(0, width, columns), 1
    )
    return DifferenceMap(sums, height, width, channels)


def cosine(golden: NDArray[np.generic], device: NDArray[np.generic]) -> float | None:
    """Cosine of the angle between two tensors of one shape, -1..1. None when one is zero or holds NaN or infinity.

    Summed by NumPy's pairwise sum, not by BLAS: the same value on every machine.
    """
    first, second = golden.astype(np.float64).ravel(), device.astype(np.float64).ravel()
    norms = float(np.sqrt((first * first).sum()) * np.sqrt((second * second).sum()))
    if not np.isfinite(norms) or norms == 0.0:
        return None
    return float(np.clip((first * second).sum() / norms, -1.0, 1.0))


def _max_lsb(
    golden: NDArray[np.generic], device: NDArray[np.generic], lsb: float, is_float: bool
) -> tuple[int | None, str]:
    if not is_float:
        # Python integers: the difference of two int64 does not fit in int64.
        wide = (
            golden.astype(object) - device.astype(object)
            if golden.dtype.itemsize == 8
            else (golden.astype(np.int64) - device.astype(np.int64))
        )
        return int(np.abs(wide).max()), ""
    gap = np.abs(golden.astype(np.float64) - device.astype(np.float64)).max()
    if not np.isfinite(gap):
        return None, "one of them holds NaN or infinity"
    if lsb <= 0:
        return None, f"float tensor without a known step, largest difference {gap:g}"
    return max(1, int(np.rint(gap / lsb))), ""
