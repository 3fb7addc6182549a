"""YOLO pose: [1, 4 + C + K V, N], one column per anchor, or [1, N, 4 + C + K V]; several persons.

Of an anchor: x, y, w, h (the box's middle and size), a score for each of C classes, then K times x, y and, where V is
3, a score. Boxes and keypoints are 0..1 of the input or pixels of it, each for itself; boxes overlap alike in both.
Definition (ST model zoo, `yolo_mpe`; Ultralytics for several classes): non-maximum suppression of boxes of a class
(persons.py); an anchor is of its best class, the first of equal ones. Keypoints without a score have score 1.
Twin on the device: firmware/postproc/persons.c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.families.base import DeviceFamily, Floats, Found, NetworkFacts, OutputFacts, Reading
from pytest_stm32pose.families.persons import (
    MAX_CANDIDATES,
    MAX_KEYPOINTS,
    MAX_PERSONS,
    MAX_ROWS,
    best_first,
    room,
    select,
    too_many,
)
from pytest_stm32pose.families.reading import in_pixels, only_output, undecodable
from pytest_stm32pose.families.values import chosen_outputs, dequantised, normalised
from pytest_stm32pose.types import Decoding, Layout

__all__ = ["MAX_ANCHORS", "MAX_PERSONS", "MAX_ROWS", "YoloEndToEnd", "YoloPose", "dequantised", "select"]

#: Cells of the input, in pixels, that make up the anchors: YOLO's, and its forms with a coarser or a finer level.
STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
#: Rows of other counts are as well those of several classes, or of keypoints without a score.
USUAL_KEYPOINTS = (13, 17)
MAX_CLASSES = 255
MAX_ANCHORS = MAX_CANDIDATES
BOX_ROWS = 4
#: x1, y1, x2, y2, score, class.
END_TO_END_ROWS = 6


class YoloPose(DeviceFamily):
    """Decoder of [1, 4 + C + K V, N] and its transpose."""

    name = "yolo"
    outputs = "one output [1, 5 + 3 K, N] or [1, N, 5 + 3 K], with one column or row per anchor"

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. One class and x, y, score per keypoint, where nobody says otherwise."""
        output = only_output(facts)
        if output is None or len(output.shape) != 3:
            return None
        expected = anchor_counts(facts.input_size)
        rows_first = self._rows_first(output, expected, facts)
        rows, anchors = output.shape[2 if rows_first else 1], output.shape[1 if rows_first else 2]
        parts = _parts(rows - BOX_ROWS, facts)
        if parts is None:
            return None
        keypoints, values, classes = parts
        doubts = []
        if anchors not in expected:
            height, width = facts.input_size
            doubts.append(
                f"YOLO has {expected[0]} anchors for {height} x {width} pixels of input, and this has {anchors} "
                f"{'rows' if rows_first else 'columns'}"
            )
        problem = undecodable(output, "YOLO pose")
        start = BOX_ROWS + classes
        high = output.highest(2 if rows_first else 1, start, rows)
        pixels, unknown = in_pixels(facts, output, high, "YOLO pose")
        problem = problem or (too_many(anchors) if anchors > MAX_ANCHORS else unknown)
        layout = Layout(values, classes, rows_first, pixels, outputs=facts.stated.outputs, input_size=facts.input_size)
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, tuple(doubts), problem, layout)

    @staticmethod
    def _rows_first(output: OutputFacts, expected: list[int], facts: NetworkFacts) -> bool:
        """Which way the table lies: by the number of anchors, else anchors are the longer side."""
        _, first, second = output.shape
        if (first in expected) != (second in expected):
            return first in expected
        fits = [_parts(rows - BOX_ROWS, facts) is not None for rows in (first, second)]
        return fits[1] if fits[0] != fits[1] else first > second

    def decode_scored(self, outputs: Sequence[NDArray[np.generic]], keypoints: int) -> tuple[Floats, Floats]:
        """As `decode`, and the persons' scores, float32 [persons]."""
        found, scores = self.decode_as(outputs, keypoints, Layout(), Decoding())
        assert scores is not None
        return found, scores

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """The table -> float32 [persons, K, 3], the highest score first.

        Raises:
            ModelError: not one float32 tensor of that shape, or more than MAX_ANCHORS anchors.
        """
        start = BOX_ROWS + layout.classes
        rows = start + layout.values * keypoints
        shape = (1, -1, rows) if layout.rows_first else (1, rows, -1)
        [found] = chosen_outputs(outputs, layout, f"A YOLO pose output of {keypoints} keypoints", [shape])
        table = found[0].T if layout.rows_first else found[0]
        if table.shape[1] > MAX_ANCHORS:
            raise too_many(table.shape[1])
        classes = table[BOX_ROWS:start]
        best = np.argmax(np.where(np.isnan(classes), -np.inf, classes), axis=0)
        scores = classes[best, np.arange(len(best))]
        taken = select(table[:BOX_ROWS], scores, room(decoding, keypoints), decoding, best)
        return _keypoints(table[start:, taken], keypoints, layout), scores[taken]


class YoloEndToEnd(DeviceFamily):
    """Decoder of [1, N, 6 + K V]: rows x1, y1, x2, y2, score, class, keypoints; nothing is left to suppress."""

    name = "yolo_end_to_end"
    outputs = "one output [1, N, 6 + 3 K], with one row per person (box, score, class, keypoints)"

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Without a name only what Ultralytics exports is taken: 300 rows."""
        output = only_output(facts)
        if output is None or len(output.shape) != 3:
            return None
        _, persons, rows = output.shape
        parts = _parts(rows - END_TO_END_ROWS, facts, scored=False)
        if parts is None or (not facts.stated.family and (persons != 300 or 300 in anchor_counts(facts.input_size))):
            return None
        keypoints, values, _ = parts
        pixels, problem = in_pixels(facts, output, output.highest(2, END_TO_END_ROWS, rows), "YOLO pose, end to end")
        problem = undecodable(output, "YOLO pose, end to end") or problem
        if persons > MAX_ANCHORS:
            problem = too_many(persons)
        layout = Layout(values, pixels=pixels, outputs=facts.stated.outputs, input_size=facts.input_size)
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, problem=problem, layout=layout)

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """The table -> float32 [persons, K, 3], the highest score first, of equal ones the first row.

        Raises:
            ModelError: not one float32 tensor of that shape.
        """
        rows = END_TO_END_ROWS + layout.values * keypoints
        what = f"A YOLO pose output, end to end, of {keypoints} keypoints"
        [table] = chosen_outputs(outputs, layout, what, [(1, -1, rows)])
        if table.shape[1] > MAX_ANCHORS:
            raise too_many(table.shape[1])
        scores = table[0, :, 4]
        taken = best_first(scores, decoding)[: room(decoding, keypoints)]
        return _keypoints(table[0, taken, END_TO_END_ROWS:].T, keypoints, layout), scores[taken]


def anchor_counts(size: tuple[int, int]) -> list[int]:
    """How many anchors YOLO has for an input, by STRIDES."""
    height, width = size
    return [sum((height // cell) * (width // cell) for cell in cells) for cells in STRIDES]


def _parts(rows: int, facts: NetworkFacts, *, scored: bool = True) -> tuple[int, int, int] | None:
    """Keypoints, values per keypoint and classes of so many rows behind the box; None: they cannot be divided so.

    What the user says counts, then what the exporter says; what nobody says is one class and three values.

    Args:
        scored: the classes have a row each.
    """
    stated, exported = facts.stated, facts.keypoint_shape
    classes = (stated.classes or facts.classes or 1) if scored else 0
    left = rows - classes
    if left < 2 or classes > MAX_CLASSES:
        return None
    if exported and stated.keypoints in (None, exported[0]) and exported[1] in (2, 3) and left == math.prod(exported):
        values = exported[1]
    elif stated.keypoints:
        values = 2 if left == 2 * stated.keypoints else 3
    else:
        values = 2 if left % 3 and stated.classes else 3
    keypoints, rest = divmod(left, values)
    return None if rest or keypoints > MAX_KEYPOINTS else (keypoints, values, max(classes, 1))


def _keypoints(rows: Floats, keypoints: int, layout: Layout) -> Floats:
    """[K V, persons] -> [persons, K, 3]."""
    values = rows.T.reshape(rows.shape[1], keypoints, layout.values)
    found = np.ones((*values.shape[:2], 3), dtype=np.float32)
    found[..., : layout.values] = values
    return normalised(found, layout)
