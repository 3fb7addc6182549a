"""A device double behind a port: one in memory with its own time, and one on a socket for everything else."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Protocol


class Device(Protocol):
    """Bytes in, bytes out."""

    def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes: ...


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Unplugged(Exception):
    """The host died: not a byte more leaves it."""


class MemoryPort:
    """A serial port to a device, in virtual time.

    Args:
        device: None: nobody is there.
        device_baud: at another speed the device gets noise, and the host hears some.
        latency_s: of the USB bridge, until an answer is there.
        polled: the device has no receive buffer: what comes while it sends is lost, but for one byte.
    """

    def __init__(
        self,
        device: Device | None,
        baudrate: int = 115_200,
        *,
        clock: Clock | None = None,
        device_baud: int | None = None,
        latency_s: float = 0.002,
        polled: bool = False,
    ) -> None:
        self.url = "memory://"
        self.baudrate = baudrate
        self.clock = clock or Clock()
        self.die_after: int | None = None  #: bytes that the host still sends
        self.told_after: int | None = None  #: bytes that still reach the host
        self._device = device
        self._is_noise = device_baud not in (None, baudrate)
        self._latency_s = latency_s
        self._polled = polled
        self._line_free = self._device_free = self.clock()
        self._coming: list[tuple[float, bytes]] = []
        self._noise = random.Random(baudrate)

    def write(self, data: bytes, timeout_s: float) -> None:
        for at, byte in enumerate(data):
            if self.die_after is not None:
                if self.die_after == 0:
                    raise Unplugged
                self.die_after -= 1
            self._line_free = max(self._line_free, self.clock()) + 10 / self.baudrate
            if self._device is None or (self._polled and self._line_free + 10 / self.baudrate < self._device_free):
                continue
            self._give(byte, is_last=at == len(data) - 1)

    def _give(self, byte: int, *, is_last: bool) -> None:
        assert self._device is not None
        if self._is_noise:
            if self._noise.random() < 0.3:
                return
            byte = self._noise.choice([0x00, 0x80, 0xC0, byte])
        answer = self._device.feed(bytes([byte]), transfer_ends=is_last)
        if self.told_after is not None:
            answer = answer[: self.told_after]
            self.told_after -= len(answer)
        if answer:
            self._device_free = max(self._device_free, self._line_free) + 10 * len(answer) / self.baudrate
            heard = bytes(self._noise.choices([0x00, 0x80, 0xFE], k=len(answer) // 2)) if self._is_noise else answer
            self._coming.append((self._device_free + self._latency_s, heard))

    def read(self, timeout_s: float) -> bytes:
        deadline = self.clock() + timeout_s
        if self._coming and self._coming[0][0] <= deadline:
            self.clock.now = max(self.clock.now, self._coming[0][0])
            came = b""
            while self._coming and self._coming[0][0] <= self.clock.now:
                came += self._coming.pop(0)[1]
            return came
        self.clock.now = max(self.clock.now, deadline)
        return b""


@contextlib.contextmanager
def on_socket(device: Device) -> Iterator[str]:
    """The device's URL; it serves one connection after the other, and stays as a host left it."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []
    threading.Thread(target=_serve, args=(listener, connections, device.feed), daemon=True).start()
    try:
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _serve(listener: socket.socket, connections: list[socket.socket], feed: Callable[..., bytes]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections.append(connection)
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    connection.sendall(feed(data, transfer_ends=True))
