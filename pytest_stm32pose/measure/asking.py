"""Inferences of inputs that lie in a firmware's slots: uploaded where none holds them, asked for, answered."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.measure.slots import Filled, Slots
from pytest_stm32pose.protocol.messages import InferOption, Status
from pytest_stm32pose.types import InferResult

if TYPE_CHECKING:
    from pytest_stm32pose.measure.runner import Runner


@dataclass(frozen=True)
class _Asked:
    """The inference under way: its input, and whether that was in its slot already."""

    slot: int
    data: bytes
    crc32: int
    options: InferOption
    wanted: Sequence[int]
    is_reused: bool


class Asking:
    """One runner and the slots of its firmware."""

    def __init__(self, runner: Runner, slots: Slots) -> None:
        self._runner, self._slots = runner, slots
        self._asked: _Asked | None = None

    def bring(self, data: bytes) -> int:
        """The slot that holds an input, uploaded to the one that does not run where none does. Raises as upload."""
        return self._bring(data, zlib.crc32(data))

    def _bring(self, data: bytes, crc32: int) -> int:
        found = self._slots.holding(crc32, len(data))
        if found is not None:
            return found
        slot, began = self._slots.to_fill, time.perf_counter()
        self._slots.forget(slot)
        self._runner.upload(slot, data)
        self._slots.filled(slot, Filled(crc32, len(data), time.perf_counter() - began))
        return slot

    def start(self, data: bytes, options: InferOption, wanted: Sequence[int] = ()) -> float:
        """Starts an inference. Returns the seconds that its input took to get there, now or when it was uploaded."""
        crc32 = zlib.crc32(data)
        is_reused = self._slots.holding(crc32, len(data)) is not None
        slot, began = self._bring(data, crc32), time.perf_counter()
        self._ask(_Asked(slot, data, crc32, options, wanted, is_reused))
        return self._slots.upload_s(slot) + time.perf_counter() - began

    def finish(self, timeout_s: float) -> InferResult:
        """Waits for the inference that was started. Raises as Runner.finish_infer."""
        try:
            return self._runner.finish_infer(timeout_s)
        except DeviceError as error:
            asked = self._asked
            if asked is None or not asked.is_reused or error.status not in (Status.STATE, Status.CRC):
                raise
            # Whoever had the link meanwhile (a reset, an upload by hand) left another input there.
            self._slots.forget(asked.slot)
            self._ask(replace(asked, slot=self._bring(asked.data, asked.crc32), is_reused=False))
            return self._runner.finish_infer(timeout_s)

    def _ask(self, asked: _Asked) -> None:
        self._runner.start_infer(asked.slot, asked.crc32, len(asked.data), asked.options, asked.wanted)
        self._slots.run(asked.slot)
        self._asked = asked
