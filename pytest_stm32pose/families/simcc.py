"""SimCC (RTMPose): [1, K, columns] and [1, K, rows], for each keypoint a row of bins along x and one along y.

Definition (MMPose, simcc_label.py and post_processing.py): the first largest bin of each row, divided by the number of
bins (so that the split ratio cancels out); score = the smaller of the two maxima, raw as the network has it; one of 0
or less puts the keypoint at bin -1. Twin on the device: firmware/postproc/simcc.c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import DeviceFamily, Found, NetworkFacts, OutputFacts, Reading
from pytest_stm32pose.families.reading import TENSORS_ONLY, undecodable, whole_outputs
from pytest_stm32pose.families.values import chosen_outputs, peaks
from pytest_stm32pose.types import Decoding, Layout

MAX_KEYPOINTS = 468
#: MMPose's sets with SimCC heads: COCO, Halpe, hands, COCO-WholeBody.
USUAL_KEYPOINTS = (17, 21, 26, 133)
MAX_RATIO = 8


class Simcc(DeviceFamily):
    """Decoder of two outputs, x before y where the input's sides or their names tell."""

    name = "simcc"
    outputs = "two outputs, [1, K, columns] and [1, K, rows] with bins along x and along y"
    order = "the one along x, the one along y"
    max_outputs = 2
    has_units = False

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Bins cover the input's width and height with the same number per pixel."""
        found = whole_outputs(facts)
        stated = facts.stated.outputs
        numbers = stated or (0, 1)
        if not found or len(numbers) != 2 or max(numbers) >= len(found) or (not stated and len(found) != 2):
            return None
        x, y = (found[n] for n in numbers)
        if len(x.shape) != 3 or len(y.shape) != 3 or x.shape[1] != y.shape[1] or not 1 < x.shape[1] <= MAX_KEYPOINTS:
            return None
        problem = undecodable(x, "rows of bins") or undecodable(y, "rows of bins")
        if not stated and (turned := _is_turned(x, y, facts.input_size)):
            numbers = (1, 0)
        elif not stated and turned is None:
            problem = problem or _open(x)
        fits = _fits(found[numbers[0]], found[numbers[1]], facts.input_size)
        doubts = () if fits else ("its bins do not cover the input's width and height alike",)
        return Reading(x.shape[1], x.shape[1] in USUAL_KEYPOINTS, doubts, problem, Layout(outputs=numbers))

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """Bins -> float32 [1, K, 3]. NaN is never the largest.

        Raises:
            ModelError: not two float32 tensors of those shapes.
        """
        del decoding
        shape = [(1, keypoints, -1)]
        what = f"A SimCC output of {keypoints} keypoints"
        tables = [each[0].T for each in chosen_outputs(outputs, layout, what, shape, shape)]
        (x, x_score), (y, y_score) = map(peaks, tables)
        score = np.where(x_score < y_score, x_score, y_score)
        found = np.empty((1, keypoints, 3), dtype=np.float32)
        for column, (best, table) in enumerate(((x, tables[0]), (y, tables[1]))):
            found[0, :, column] = np.where(score > 0, best, -1).astype(np.float32) / np.float32(len(table))
        found[0, :, 2] = score
        return found, None


def _fits(x: OutputFacts, y: OutputFacts, size: tuple[int, int]) -> bool:
    """Whether the bins of x and y cover width and height alike."""
    height, width = size
    return width > 0 and x.shape[2] * height == y.shape[2] * width and 1 <= x.shape[2] / width <= MAX_RATIO


def _is_turned(first: OutputFacts, second: OutputFacts, size: tuple[int, int]) -> bool | None:
    """Whether y comes first: by the input's sides, else by the names; None: nothing tells."""
    if _fits(first, second, size) != _fits(second, first, size):
        return _fits(second, first, size)
    ends = ["".join(sorted({name.lower()[-1] for name in each.names if "simcc" in name.lower()})) for each in
            (first, second)]  # fmt: skip
    return {("x", "y"): False, ("y", "x"): True}.get((ends[0], ends[1]))


def _open(output: OutputFacts) -> ModelError:
    return ModelError(
        f"The outputs {output.dtype} {list(output.shape)} would be rows of bins (SimCC), but nothing tells the one "
        "along x from the one along y.",
        remedy=f"Number them, x first, counted from 0: --pose-outputs=0,1 or --pose-outputs=1,0; {TENSORS_ONLY}",
    )
