"""The device's OKS against the labels is a fifth less than it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics import keypoints
from pytest_stm32pose.types import Truth

oks_vs_truth = keypoints.oks_vs_truth


def worse(predicted: NDArray[np.float64], truth: Truth, width: int, height: int) -> float | None:
    found = oks_vs_truth(predicted, truth, width, height)
    return None if found is None else 0.8 * found


keypoints.oks_vs_truth = worse
