"""MoveNet MultiPose: [1, N, 3 K + 5], a row per person: K times y, x, score, then ymin, xmin, ymax, xmax, score.

Definition (Google's MoveNet MultiPose Lightning): coordinates in 0..1 of the padded input; persons whose score is above
a threshold, the best first. Twin on the device: firmware/postproc/persons.c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.families.base import DeviceFamily, Found, NetworkFacts, Reading
from pytest_stm32pose.families.persons import MAX_CANDIDATES, MAX_KEYPOINTS, best_first, room, too_many
from pytest_stm32pose.families.reading import in_pixels, only_output, undecodable
from pytest_stm32pose.families.values import chosen_outputs, normalised
from pytest_stm32pose.types import Decoding, Layout

BOX_VALUES = 5
#: The published network's persons and keypoints.
PUBLISHED = (6, 17)


class Multipose(DeviceFamily):
    """Decoder of [1, N, 3 K + 5]."""

    name = "multipose"
    outputs = "one output [1, N, 3 K + 5], with one row per person (keypoints y, x, score, box, score)"

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Without a name only the published shape is taken."""
        output = only_output(facts)
        if output is None or len(output.shape) != 3 or (output.shape[2] - BOX_VALUES) % 3:
            return None
        persons, keypoints = output.shape[1], (output.shape[2] - BOX_VALUES) // 3
        is_published = (persons, keypoints) == PUBLISHED
        if not (is_published or facts.stated.family) or not 1 <= keypoints <= MAX_KEYPOINTS:
            return None
        what = "MoveNet MultiPose"
        usual = False if is_published else None
        pixels, problem = in_pixels(facts, output, output.highest(2, 0, 3 * keypoints), what, usual=usual)
        problem = undecodable(output, what) or problem
        if persons > MAX_CANDIDATES:
            problem = too_many(persons)
        layout = Layout(pixels=pixels, outputs=facts.stated.outputs, input_size=facts.input_size)
        return Reading(keypoints, keypoints == PUBLISHED[1], problem=problem, layout=layout)

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """The table -> float32 [persons, K, 3], the highest score first, of equal ones the first row.

        Raises:
            ModelError: not one float32 tensor of that shape.
        """
        what = f"A multi-pose output of {keypoints} keypoints"
        [found] = chosen_outputs(outputs, layout, what, [(1, -1, 3 * keypoints + BOX_VALUES)])
        table = found[0]
        if len(table) > MAX_CANDIDATES:
            raise too_many(len(table))
        scores = table[:, -1]
        taken = best_first(scores, decoding)[: room(decoding, keypoints)]
        rows = table[taken, : 3 * keypoints].reshape(len(taken), keypoints, 3)
        return normalised(rows[..., [1, 0, 2]], layout), scores[taken]
