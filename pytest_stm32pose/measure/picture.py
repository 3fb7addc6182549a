"""One picture through device and golden.

picture -> input tensor -> upload -> device -> tensors, keypoints, ticks
                        -> golden (meanwhile on the host) -> compare -> PictureResult
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.measure.checksums import with_outputs
from pytest_stm32pose.measure.device import Device, divergence_of
from pytest_stm32pose.measure.divergence import same_answer
from pytest_stm32pose.measure.result import PictureResult, result_of
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.types import NO_TIME, Picture, Timing

if TYPE_CHECKING:
    from pytest_stm32pose.golden.base import GoldenAnswer
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.pictures.mapping import Mapping


def measure(
    device: Device,
    golden: GoldenStore,
    picture: Picture,
    *,
    repeat: int,
    profile: bool,
    made: tuple[np.ndarray, Mapping] | None = None,
    ahead: Callable[[], None] | None = None,
) -> PictureResult:
    """Runs one picture on the device and, meanwhile, through the golden; compares, and localises what differs.

    Args:
        repeat: timed runs, where the first one is not timed.
        made: what Device.input_tensor makes of the picture, where that is known.
        ahead: work for the next picture, done during the first run: where runs are timed apart, none is disturbed.
    """
    tensor, mapping = made or device.input_tensor(picture)
    answer, reference, upload_s = device.run(
        tensor, lambda: _meanwhile(golden, picture, tensor, ahead), profile=profile, digests=True
    )
    answer = with_outputs(device, answer, reference.result, tensor)
    if device.decodes and answer.keypoints_norm is None:
        raise DeviceError(f"{device.board.spec.name}: no keypoints came back for {picture.id}.")
    ticks, deterministic = [answer.ticks], None
    if not device.times_first_run or repeat > 1:
        # The first run warmed caches and carried the outputs. The timed ones send keypoints only, but for the last,
        # whose ticks are counted before its outputs travel.
        again = [device.again(tensor, outputs=number == repeat - 1, digests=True) for number in range(repeat)]
        ticks = [run.ticks for run in again]
        deterministic = all(same_answer(answer, run) for run in again)
    skeleton = device.network.description.skeleton
    divergence = divergence_of(reference, answer, skeleton)
    if divergence is not None and divergence.stage == "output" and device.capabilities & Capability.INTERMEDIATES:
        seen = device.compare_intermediates(golden, picture).divergence
        divergence = seen or divergence.noting("asked again, the device gave the golden's tensors")
    spec = device.board.spec
    source, unit = ("icount", "instructions") if device.counts_instructions else ("dwt", "cycles")
    clock_hz = device.clock_hz or spec.clock_hz
    values, op_values = tuple(map(device.values, ticks)), tuple((op, device.values(t)) for op, t in answer.op_ticks)
    if not device.has_time:
        source, unit, values, op_values = NO_TIME, "ticks", (), ()
    timing = Timing(source, unit, clock_hz, values, upload_s, answer.download_s)
    figures = result_of(picture, mapping, answer, reference, divergence, timing, op_values, skeleton)
    sent_crc32 = zlib.crc32(np.ascontiguousarray(tensor).tobytes())
    return replace(figures, input_crc32=sent_crc32, deterministic=deterministic)


def _meanwhile(
    golden: GoldenStore, picture: Picture, tensor: np.ndarray, ahead: Callable[[], None] | None
) -> GoldenAnswer:
    """The golden; with work for the next picture, which waits for the line, beside it."""
    if ahead is None:
        return golden.answer(picture, tensor)
    with ThreadPoolExecutor(1) as beside:  # left only when the golden is done: its engine is for one thread at a time
        answer = beside.submit(golden.answer, picture, tensor)
        ahead()
        return answer.result()
