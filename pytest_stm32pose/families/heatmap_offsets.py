"""Heat maps with offsets: [1, H, W, K] and [1, H, W, 2 K], one person.

Definition (Google's PoseNet, single person): per keypoint the first largest cell of its map; its place is cell x step
plus the offset there, in pixels of the input (K offsets of y, then K of x); the step is (input - 1) / (cells - 1).
Raw scores become 0..1 by the logistic function. Further outputs (displacements) are not used.
Twin on the device: firmware/postproc/heatmap_offsets.c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import DeviceFamily, Found, NetworkFacts, OutputFacts, Reading
from pytest_stm32pose.families.reading import TENSORS_ONLY, is_raw, undecodable, whole_outputs
from pytest_stm32pose.families.values import chosen_outputs, logistic, normalised, peaks
from pytest_stm32pose.types import Decoding, Layout

MAX_KEYPOINTS = 255
STEPS = (4, 8, 16, 32)
USUAL_KEYPOINTS = (17,)


class HeatmapOffsets(DeviceFamily):
    """Decoder of maps and offsets, the first of each where nobody numbers them."""

    name = "heatmap_offsets"
    outputs = "two outputs, maps [1, H, W, K] and offsets [1, H, W, 2 K] in pixels (y, then x); more are not used"
    order = "the maps, the offsets"
    max_outputs = 2
    has_units = False

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Outputs are told by their channels."""
        found = whole_outputs(facts)
        numbers = facts.stated.outputs or (_numbers(found) if found else None)
        if not found or numbers is None or len(numbers) != 2 or max(numbers) >= len(found):
            return None
        maps, offsets = (found[n] for n in numbers)
        if not _belong(maps, offsets) or maps.shape[3] > MAX_KEYPOINTS:
            return None
        _, height, width, keypoints = maps.shape
        steps = [each for each in STEPS if _cells(facts.input_size, each) == (height, width)]
        problem = undecodable(maps, "heat maps") or undecodable(offsets, "offsets of heat maps")
        if not steps:
            problem = problem or _no_step(facts, maps)
        doubts = () if len(steps) < 2 else (f"its cells may be {' or '.join(map(str, steps))} pixels apart",)
        layout = Layout(
            pixels=True, sigmoid=is_raw(maps), step=steps[0] if steps else 0, outputs=numbers,
            input_size=facts.input_size,
        )  # fmt: skip
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, doubts, problem, layout)

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """Maps and offsets -> float32 [1, K, 3]. NaN is never the largest.

        Raises:
            ModelError: not two float32 tensors of those shapes.
        """
        del decoding
        shapes = [[(1, -1, -1, keypoints)], [(1, -1, -1, 2 * keypoints)]]
        what = f"An output of heat maps with offsets of {keypoints} keypoints"
        maps, offsets = chosen_outputs(outputs, layout, what, *shapes)
        _, height, width, _ = maps.shape
        best, scores = peaks(maps.reshape(height * width, keypoints))
        at = offsets.reshape(-1, 2 * keypoints)
        if len(at) != height * width:
            raise ModelError(f"{what} has offsets for every cell; the network's outputs differ in their size.")
        columns = np.arange(keypoints)
        found = np.empty((1, keypoints, 3), dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            found[0, :, 0] = (best % width * layout.step).astype(np.float32) + at[best, keypoints + columns]
            found[0, :, 1] = (best // width * layout.step).astype(np.float32) + at[best, columns]
        found[0, :, 2] = logistic(scores) if layout.sigmoid else scores
        return normalised(found, layout), None


def _belong(maps: OutputFacts, offsets: OutputFacts) -> bool:
    shape = maps.shape
    return len(shape) == 4 and offsets.shape == (*shape[:3], 2 * shape[3])


def _numbers(found: tuple[OutputFacts, ...]) -> tuple[int, ...] | None:
    """Of maps and offsets; None where there is not exactly one such pair."""
    pairs = [
        (a, b) for a, maps in enumerate(found) for b, offsets in enumerate(found) if a != b and _belong(maps, offsets)
    ]
    return pairs[0] if len(pairs) == 1 else None


def _cells(size: tuple[int, int], step: int) -> tuple[int, int]:
    return (size[0] - 1) // step + 1, (size[1] - 1) // step + 1


def _no_step(facts: NetworkFacts, maps: OutputFacts) -> ModelError:
    rows, columns = facts.input_size
    return ModelError(
        f"The output {maps.dtype} {list(maps.shape)} would be heat maps with offsets, but {maps.shape[1]} x "
        f"{maps.shape[2]} cells do not cover {rows} x {columns} pixels of input in steps of "
        f"{', '.join(map(str, STEPS))}.",
        remedy=TENSORS_ONLY,
    )
