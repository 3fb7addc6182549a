"""A device that is wrong about every input but the first one: one element of its output is off by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pytest_stm32pose.golden.digest import digest
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.types import InferResult, TensorData, TensorDigest

start, finish, fetch = Device.start, Device.finish, PoseClient.fetch_output
given: list[bytes] = []
wrong: dict[TensorDigest, TensorData] = {}


def remember(self: Device, tensor: np.ndarray, **options: Any) -> float:
    given.append(tensor.tobytes())
    return start(self, tensor, **options)


def finish_wrong(self: Device) -> InferResult:
    answer = finish(self)
    if given[-1] == given[0]:
        return answer
    if answer.output_digests:
        tensor = off_by_one(fetch(self.client, answer, 0))
        wrong[digest(tensor)] = tensor
        return replace(answer, output_digests=(digest(tensor), *answer.output_digests[1:]))
    return replace(answer, outputs=(off_by_one(answer.outputs[0]), *answer.outputs[1:]))


def fetch_wrong(self: PoseClient, answer: InferResult, number: int) -> TensorData:
    """The bytes that go with the CRC-32 that was told."""
    return wrong.get(answer.output_digests[number]) or fetch(self, answer, number)


def off_by_one(tensor: TensorData) -> TensorData:
    data = tensor.data.copy()
    data.flat[0] += 1
    return replace(tensor, data=data)


Device.start = remember  # type: ignore[method-assign]
Device.finish = finish_wrong  # type: ignore[method-assign]
PoseClient.fetch_output = fetch_wrong  # type: ignore[method-assign]
