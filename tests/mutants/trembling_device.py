"""A device that answers otherwise when it is asked again: one element of a tensor is off by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.types import InferResult

again = Device.again


def trembling(device: Device, tensor: np.ndarray, **wanted: Any) -> InferResult:
    answer = again(device, tensor, **wanted)
    if answer.output_digests:
        told = answer.output_digests[0]
        return replace(answer, output_digests=(replace(told, crc32=told.crc32 ^ 1), *answer.output_digests[1:]))
    if not answer.outputs:
        return answer
    data = answer.outputs[0].data.copy()
    data.flat[0] += 1
    return replace(answer, outputs=(replace(answer.outputs[0], data=data), *answer.outputs[1:]))


Device.again = trembling  # type: ignore[method-assign, assignment]
