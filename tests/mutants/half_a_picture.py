"""Gives the device the upper half of every picture, as a reader of pictures does that does not wait for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_stm32pose.measure.device import Device

start = Device.start


def start_with_half(self: Device, tensor: np.ndarray, **options: Any) -> float:
    half = tensor.copy()
    half[len(half) // 2 :] = 0
    return start(self, half, **options)


Device.start = start_with_half  # type: ignore[method-assign]
