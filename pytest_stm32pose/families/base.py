"""What a host decoder of one network family is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Family(Protocol):
    """Turns a network's output tensors into keypoints, with the same arithmetic as the decoder on the device."""

    @property
    def name(self) -> str:
        """As in NetworkDescription.family."""

    def decode(self, outputs: Sequence[NDArray[Any]], keypoints: int) -> NDArray[np.float32]:
        """Outputs in the .tflite's order -> [persons, keypoints, 3] x, y in 0..1 of the network's input, score.

        Raises:
            ModelError: the outputs are not this family's.
        """


@runtime_checkable
class ScoredFamily(Family, Protocol):
    """A family that finds several persons, each with a score."""

    def decode_scored(
        self, outputs: Sequence[NDArray[Any]], keypoints: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `decode`, and float32 [persons] scores, descending."""
