"""Full single-pose networks: [1, 1, K, 3], one person; the network itself finds its keypoints.

Definition (Google's MoveNet SinglePose Lightning and Thunder): K rows of y, x, score, all 0..1 of the network's input.
Twin on the device: firmware/postproc/single_pose.c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import NetworkFacts, Reading, only_output, undecodable

MAX_KEYPOINTS = 255
#: Of MoveNet and its kin.
USUAL_KEYPOINTS = (13, 16, 17, 26, 33)


class SinglePose:
    """Decoder of [1, 1, K, 3], float32. An int8 output is dequantised first."""

    name = "single_pose"
    outputs = "one output [1, 1, K, 3], float32 or int8, with a row y, x, score per keypoint, all 0 to 1"

    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read."""
        output = only_output(facts)
        if output is None or len(output.shape) != 4 or (output.shape[1], output.shape[3]) != (1, 3):
            return None
        keypoints = output.shape[2]
        if not 1 < keypoints <= MAX_KEYPOINTS:
            return None
        problem = undecodable(output, "rows of keypoints", has_coordinates=True)
        return Reading(keypoints, keypoints in USUAL_KEYPOINTS, problem=problem)

    def decode(self, outputs: Sequence[NDArray[np.generic]], keypoints: int) -> NDArray[np.float32]:
        """[1, 1, K, 3] -> float32 [1, K, 3], bit for bit what the network says, x before y.

        Raises:
            ModelError: not one float32 tensor of that shape.
        """
        if len(outputs) != 1 or outputs[0].shape != (1, 1, keypoints, 3) or outputs[0].dtype != np.float32:
            shapes = ", ".join(f"{output.dtype} {list(output.shape)}" for output in outputs)
            raise ModelError(
                f"A single-pose output of {keypoints} keypoints is float32 [1, 1, {keypoints}, 3]; "
                f"the network's output is {shapes or 'missing'}."
            )
        return np.ascontiguousarray(outputs[0][0][..., [1, 0, 2]])
