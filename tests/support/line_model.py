"""A serial line with a baud rate and a latency, in virtual time, between the real client and the real firmware.

The firmware runs in this process and answers at once; when a message would have arrived, been read and been answered is
calculated. Nobody waits: the clock of the client is `Clock`, so every figure is exact and repeatable.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from pytest_stm32pose.errors import TransportTimeout
from pytest_stm32pose.protocol import client, exchange, upload
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import encode_frame

BITS_PER_BYTE = 10  # 8N1
#: Of the real link to the firmware; never reached.
REAL_TIMEOUT_S = 60.0

Fate = Literal["arrives", "lost", "flipped", "twice"]
Direction = Literal["to device", "to host"]
#: What becomes of a message: its direction, its number in that direction from 0 on.
Fates = Callable[[Direction, int], Fate]


class Clock:
    """Virtual time, seconds."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def rule(self, patch: pytest.MonkeyPatch) -> None:
        """The client's modules take their time from here."""
        times = SimpleNamespace(monotonic=lambda: self.now_s, perf_counter=lambda: self.now_s, sleep=self.sleep)
        for module in (client, exchange, upload):
            patch.setattr(module, "time", times)


@dataclass(frozen=True)
class _Arrival:
    """A frame in the device's receive buffer: its bytes come from `begin_s` to `end_s`."""

    begin_s: float
    end_s: float
    bytes_: int


class Line:
    """A `Transport`.

    Args:
        device: an open link to the firmware.
        clock: of the client.
        baud: of the line, both directions.
        latency_s: each way, of adapter and drivers.
        looks_every_s: the device reads its receive buffer only so often, as one does that runs a network's operators.
        max_message: the client sends nothing longer.
        window: bytes of unanswered requests; None: as the device says.
        fates: what becomes of the messages; None: all arrive.
    """

    name = "serial"

    def __init__(
        self,
        device: Transport,
        clock: Clock,
        *,
        baud: int = 921_600,
        latency_s: float = 0.004,
        looks_every_s: float = 0.0,
        max_message: int | None = None,
        window: int | None = None,
        fates: Fates | None = None,
    ) -> None:
        self._device, self._clock = device, clock
        self._byte_s, self._latency_s, self._looks_every_s = BITS_PER_BYTE / baud, latency_s, looks_every_s
        self.max_message = max_message or device.max_message
        self.window = device.window if window is None else window
        self._fates: Fates = fates or (lambda direction, number: "arrives")
        self._down_free_s = self._up_free_s = 0.0
        self._numbers: dict[Direction, int] = {"to device": 0, "to host": 0}
        self._arrivals: list[_Arrival] = []
        self._coming: deque[tuple[float, bytes]] = deque()
        self.longest_frame = 0

    def open(self, timeout_s: float) -> None: ...

    def close(self) -> None: ...

    def send(self, message: bytes, timeout_s: float) -> None:
        """Returns at once: the operating system has room."""
        fate = self._fate("to device")
        frame = encode_frame(message)
        self.longest_frame = max(self.longest_frame, len(frame))
        for _ in range(2 if fate == "twice" else 1):
            begin_s = max(self._clock.now_s, self._down_free_s)
            self._down_free_s = begin_s + len(frame) * self._byte_s
            arrival = _Arrival(begin_s + self._latency_s, self._down_free_s + self._latency_s, len(frame))
            if fate != "lost":
                self._arrivals.append(arrival)
            if fate == "flipped":
                self._device.send(_flipped(message), REAL_TIMEOUT_S)  # which the firmware drops
            elif fate != "lost":
                self._device.send(message, REAL_TIMEOUT_S)
                self._answer(self._device.receive(REAL_TIMEOUT_S), self._read_at(arrival.end_s))

    def receive(self, timeout_s: float) -> bytes:
        if not self._coming or self._coming[0][0] > self._clock.now_s + timeout_s:
            self._clock.now_s += timeout_s
            raise TransportTimeout(f"Nothing came within {timeout_s:g} s.")
        arrives_s, message = self._coming.popleft()
        self._clock.now_s = max(self._clock.now_s, arrives_s)
        return message

    def most_buffered(self) -> int:
        """Bytes that the device's receive buffer has held at most."""
        if not self._looks_every_s:
            return 0
        held: dict[int, float] = {}
        for each in self._arrivals:
            first, last = int(each.begin_s / self._looks_every_s), int(each.end_s / self._looks_every_s)
            for look in range(first, last + 1):
                begin_s = max(each.begin_s, look * self._looks_every_s)
                end_s = min(each.end_s, (look + 1) * self._looks_every_s)
                held[look] = held.get(look, 0.0) + (end_s - begin_s) / self._byte_s
        return math.ceil(round(max(held.values(), default=0.0), 3))

    def _answer(self, message: bytes, read_s: float) -> None:
        fate = self._fate("to host")
        for _ in range(2 if fate == "twice" else 1):
            self._up_free_s = max(read_s, self._up_free_s) + len(encode_frame(message)) * self._byte_s
            if fate != "lost":
                arrived = _flipped(message) if fate == "flipped" else message
                self._coming.append((self._up_free_s + self._latency_s, arrived))

    def _read_at(self, arrived_s: float) -> float:
        """When the device looks at what has arrived."""
        step = self._looks_every_s
        return (int(arrived_s / step) + 1) * step if step else arrived_s

    def _fate(self, direction: Direction) -> Fate:
        number = self._numbers[direction]
        self._numbers[direction] += 1
        return self._fates(direction, number)


def _flipped(message: bytes) -> bytes:
    """One bit in the middle of it."""
    changed: Any = bytearray(message)
    changed[len(message) // 2] ^= 0x10
    return bytes(changed)


def efficiency(bytes_: int, taken_s: float, baud: int) -> float:
    """Data bytes as a share of what the line carries in that time."""
    return bytes_ * BITS_PER_BYTE / baud / taken_s
