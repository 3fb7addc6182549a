"""The rig of a hardware board: a debug probe on USB, the serial port that belongs to it, and maybe a power switch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pytest_stm32pose.boards import power
from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.boards.inventory import Inventory
from pytest_stm32pose.boards.locks import BoardLock, Say
from pytest_stm32pose.errors import PoseError, ProbeError

T = TypeVar("T")

#: A probe and its serial ports are on USB again this long after their power came back.
RETURN_S = 20.0
_POLL_S = 0.25


class ProbeRig:
    """A board on the desk, for one process at a time.

    Args:
        probe: unique id of the probe or a part of it; "" to find one.
        known: all boards, to tell the others' probes.
        wait_s, say: as BoardLock takes them.
        inventory: makes a fresh look at what is connected.
    """

    def __init__(
        self,
        spec: BoardSpec,
        probe: str,
        known: Sequence[BoardSpec],
        *,
        wait_s: float,
        say: Say,
        inventory: Callable[[], Inventory] = Inventory,
    ) -> None:
        self._spec, self._wanted, self._known = spec, probe, known
        self._wait_s, self._say, self._look = wait_s, say, inventory
        self._lock: BoardLock | None = None
        self._uid = ""
        self._returns_until = 0.0  #: time.monotonic() at which whatever is still missing is not coming back

    def open(self) -> None:
        """Finds the probe and takes the board. One that is off is switched on, where its bench can."""
        try:
            uid = self._find()
        except ProbeError:
            if not power.power_cycle(self._spec):
                raise
            self._returns_until = time.monotonic() + RETURN_S
            uid = self._patiently(self._find)
        lock = BoardLock(uid, self._spec.name, wait_s=self._wait_s, say=self._say)
        lock.acquire()
        self._lock, self._uid = lock, uid

    def close(self) -> None:
        """The board stays on the desk, for the next one."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def power_cycle(self) -> float:
        if not power.power_cycle(self._spec):
            return 0.0
        self._returns_until = time.monotonic() + RETURN_S
        return RETURN_S

    def _find(self) -> str:
        return self._look().probe_of(self._spec, self._wanted, self._known)

    def _patiently(self, look: Callable[[], T]) -> T:
        while True:
            try:
                return look()
            except ProbeError:
                if time.monotonic() >= self._returns_until:
                    raise
                time.sleep(_POLL_S)

    @property
    def probe(self) -> str:
        return self._uid

    @property
    def probe_uid(self) -> str:
        return self._uid

    @property
    def session_options(self) -> dict[str, object]:
        return {}

    @property
    def serial_url(self) -> str:
        return self._patiently(lambda: self._look().serial_of(self._spec, self._uid))

    def nudge(self) -> None:
        """A real UART holds nothing back."""

    def emulator_pid(self) -> int:
        return 0

    def death_reason(self) -> str:
        try:
            connected = any(probe.uid == self._uid for probe in self._look().probes)
        except PoseError:
            return ""
        return "" if connected or not self._uid else f"its probe {self._uid} is not connected any more (cable, power)"
