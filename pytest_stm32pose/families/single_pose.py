"""Rows of keypoints: [1, 1, K, 3] or [1, K, 3], one person; the network itself finds its keypoints.

Definition (Google's MoveNet SinglePose Lightning and Thunder): K rows of y, x, score. Other networks have x first,
which no file tells: the family's name does. Coordinates are 0..1 of the input, or pixels of it.
Twin on the device: firmware/postproc/single_pose.c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.families.base import DeviceFamily, Found, NetworkFacts, Reading
from pytest_stm32pose.families.reading import in_pixels, only_output, undecodable
from pytest_stm32pose.families.values import chosen_outputs, normalised
from pytest_stm32pose.types import Decoding, Layout

MAX_KEYPOINTS = 468
#: Of MoveNet and its kin.
USUAL_KEYPOINTS = (13, 16, 17, 26, 33)


class SinglePose(DeviceFamily):
    """Decoder of rows y, x, score."""

    name = "single_pose"
    outputs = "one output [1, 1, K, 3] or [1, K, 3], with a row y, x, score per keypoint"
    columns = (1, 0, 2)  #: of x, y, score

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read. Without a name only MoveNet's own shape is taken."""
        output = only_output(facts)
        if output is None or output.shape[-1] != 3 or output.elements != 3 * output.shape[-2]:
            return None
        if len(output.shape) not in (3, 4) or not (len(output.shape) == 4 or facts.stated.family):
            return None
        keypoints = output.shape[-2]
        if not 1 < keypoints <= MAX_KEYPOINTS:
            return None
        is_movenet = len(output.shape) == 4 and self.name == SinglePose.name
        what, high = "rows of keypoints", output.highest(len(output.shape) - 1, 0, 2)
        pixels, problem = in_pixels(facts, output, high, what, usual=False if is_movenet else None)
        problem = undecodable(output, what) or problem
        layout = Layout(pixels=pixels, outputs=facts.stated.outputs, input_size=facts.input_size)
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, problem=problem, layout=layout)

    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """Rows -> float32 [1, K, 3], bit for bit what the network says, x before y.

        Raises:
            ModelError: not one float32 tensor of that shape.
        """
        del decoding
        shapes = [(1, 1, keypoints, 3), (1, keypoints, 3)]
        [rows] = chosen_outputs(outputs, layout, f"A single-pose output of {keypoints} keypoints", shapes)
        return normalised(rows.reshape(1, keypoints, 3)[..., self.columns], layout), None


class SinglePoseXy(SinglePose):
    """Decoder of rows x, y, score. Never guessed: the shape is that of rows with y first."""

    name = "single_pose_xy"
    outputs = "the same with rows x, y, score"
    columns = (0, 1, 2)

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read."""
        return super().read(facts) if facts.stated.family == self.name else None
