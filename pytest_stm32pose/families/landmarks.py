"""Landmarks in one row: [1, K V] (also [1, 1, 1, K V] or [1, K, V]), one person; V is 2 (x, y), 3 (x, y, z) or 5.

Definition (Google's MediaPipe; ST model zoo, `hand_spe`, `head_spe`): hands 21, faces 468 or 478, bodies 39 points of
which 33 are the body's. Of 5 values the fourth is the visibility. Coordinates are pixels of the input, or 0..1 of it.
Score: the visibility, else the value of a second output (presence), which all keypoints then have, else 1.
Twin on the device: firmware/postproc/landmarks.c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import DeviceFamily, Found, NetworkFacts, OutputFacts, Reading
from pytest_stm32pose.families.reading import MAX_NORMALISED, TENSORS_ONLY, in_pixels, is_raw, undecodable
from pytest_stm32pose.families.values import logistic, normalised, selected
from pytest_stm32pose.types import Decoding, Layout

MAX_KEYPOINTS = 478
#: Values of an output -> keypoints and values per keypoint of the well-known ones: hands, bodies, faces.
KNOWN = {63: (21, 3), 195: (33, 5), 1404: (468, 3), 1434: (478, 3), 936: (468, 2), 956: (478, 2)}
VALUES = (3, 2, 5)
VISIBILITY = 3
#: Names of a second output that tells whether there is anybody.
_PRESENCE = ("presence", "flag", "score", "conf")


class Landmarks(DeviceFamily):
    """Decoder of a row of landmarks, and of presence where there is such an output."""

    name = "landmarks"
    outputs = "one output [1, 2 K], [1, 3 K] or [1, 195] with x, y of each keypoint, and perhaps one of presence [1, 1]"
    order = "the landmarks, the presence"
    max_outputs = 2

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Without a name only numbers of values that are well known are taken."""
        numbers = self._numbers(facts)
        if numbers is None:
            return None
        output = facts.outputs[numbers[0]]
        parts = _parts(output, facts)
        if parts is None:
            return None
        keypoints, values = parts
        pixels, problem = in_pixels(facts, output, output.high, "landmarks")
        problem = undecodable(output, "landmarks") or problem
        presence = facts.outputs[numbers[1]] if len(numbers) > 1 else None
        if presence is not None:
            problem = problem or undecodable(presence, "the presence of landmarks")
        others = [each for each in facts.outputs if each.elements == output.elements and each.shape[:1] == (1,)]
        if len(others) > 1 and not facts.stated.outputs and not _told_by_range(others):
            problem = problem or _open(output, len(others))
        doubts = []
        if not pixels and facts.stated.pixels is None:
            doubts.append("its values stay within 0 and 1, where such landmarks are in pixels")
        sigmoid = values == 5 or (presence is not None and is_raw(presence))
        layout = Layout(values, pixels=pixels, sigmoid=sigmoid, outputs=numbers, input_size=facts.input_size)
        return Reading(keypoints, True, tuple(doubts), problem, layout)

    @staticmethod
    def _numbers(facts: NetworkFacts) -> tuple[int, ...] | None:
        """The outputs with landmarks and, where there is one, presence."""
        stated = facts.stated.outputs
        if stated:
            fits = len(stated) <= 2 and max(stated) < len(facts.outputs)
            return stated if fits and all(facts.outputs[n].elements == 1 for n in stated[1:]) else None
        vectors = [n for n, each in enumerate(facts.outputs) if _parts(each, facts)]
        if not vectors or (len(facts.outputs) == 1 and not facts.stated.family and len(facts.outputs[0].shape) == 3):
            return None
        widest = max(vectors, key=lambda n: facts.outputs[n].high or 0)
        flags = [n for n, each in enumerate(facts.outputs) if each.elements == 1]
        named = [n for n in flags if any(word in "".join(facts.outputs[n].names).lower() for word in _PRESENCE)]
        presence = named if len(named) == 1 else flags if len(flags) == 1 else []
        return (widest, *presence)

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """Landmarks -> float32 [1, K, 3].

        Raises:
            ModelError: not float32 tensors with so many values.
        """
        del decoding
        found = selected(outputs, layout)
        if (
            len(found) != max(1, len(layout.outputs))
            or any(each.dtype != np.float32 for each in found)
            or found[0].size % layout.values
            or found[0].size < keypoints * layout.values
            or any(each.size != 1 for each in found[1:])
        ):
            shown = ", ".join(f"{output.dtype} {list(output.shape)}" for output in outputs)
            raise ModelError(
                f"Landmarks of {keypoints} keypoints are float32 [1, {keypoints * layout.values}], and [1, 1] of "
                f"presence; the network's output is {shown or 'missing'}."
            )
        rows = np.asarray(found[0], dtype=np.float32).reshape(-1, layout.values)[:keypoints]
        score = np.ones(1, dtype=np.float32)
        if layout.values > VISIBILITY:
            score = rows[:, VISIBILITY]
        elif len(found) > 1:
            score = np.asarray(found[1], dtype=np.float32).reshape(1)
        decoded = np.empty((1, keypoints, 3), dtype=np.float32)
        decoded[0, :, :2] = rows[:, :2]
        has_score = layout.values > VISIBILITY or len(found) > 1
        decoded[0, :, 2] = logistic(score) if layout.sigmoid and has_score else score
        return normalised(decoded, layout), None


def _parts(output: OutputFacts, facts: NetworkFacts) -> tuple[int, int] | None:
    """Keypoints, and values of each; None: this is no row of landmarks, or not to be told."""
    shape, total = output.shape, output.elements
    if len(shape) < 2 or shape[0] != 1 or total < 4:
        return None
    is_row = shape[-1] == total
    is_table = len(shape) == 3 and shape[2] in VALUES
    if not is_row and not is_table:
        return None
    stated = facts.stated.keypoints
    if total in KNOWN and stated in (None, KNOWN[total][0], total // KNOWN[total][1]):
        return stated or KNOWN[total][0], KNOWN[total][1]
    if not facts.stated.family or not stated or total % stated:
        return None
    values = total // stated
    return (stated, values) if values in VALUES and stated <= MAX_KEYPOINTS else None


def _told_by_range(alike: Sequence[OutputFacts]) -> bool:
    """Whether exactly one of several has coordinates in pixels; the others are in metres."""
    return [each.high is not None and each.high > MAX_NORMALISED for each in alike].count(True) == 1 and all(
        each.high is not None for each in alike
    )


def _open(output: OutputFacts, count: int) -> ModelError:
    return ModelError(
        f"{count} outputs are {output.dtype} {list(output.shape)}, and nothing tells which has the landmarks.",
        remedy=f"Number it, counted from 0, and the one with presence: --pose-outputs=N or --pose-outputs=N,M; "
        f"{TENSORS_ONLY}",
    )
