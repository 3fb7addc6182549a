"""Bytes on the line of a picture and of a comparison of every tensor, and what they take at a baud rate.

`python -m tests.line [MODEL...]` prints two rows for each network (without any, the default one). Counted at the real
client, which talks to the real firmware built for this machine: frames with their COBS bytes and their end. The time of
the device is not in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytest_stm32pose.families import Meaning
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.models.zoo import default_model, default_pictures, find_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import encode_frame
from tests.firmware.host_device import HostDevice, running, serial_transport

BAUD = 921_600
BITS_OF_A_BYTE = 10  # 8N1
OPEN_S = 60.0


class CountedLink:
    """A transport around another one that counts bytes as they go over a serial line."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.name, self.window = inner.name, inner.window
        self.up = self.down = 0

    @property
    def max_message(self) -> int:
        return self._inner.max_message

    def open(self, timeout_s: float) -> None:
        self._inner.open(timeout_s)

    def close(self) -> None:
        self._inner.close()

    def send(self, message: bytes, timeout_s: float) -> None:
        self.up += len(encode_frame(message))
        self._inner.send(message, timeout_s)

    def receive(self, timeout_s: float) -> bytes:
        message = self._inner.receive(timeout_s)
        self.down += len(encode_frame(message))
        return message


@dataclass(frozen=True)
class Moved:
    """Bytes of one conversation, to the device and back."""

    up: int
    down: int

    def __str__(self) -> str:
        """With the seconds at BAUD: no time to turn round, and nothing at the same time."""
        up_s, down_s = (count * BITS_OF_A_BYTE / BAUD for count in (self.up, self.down))
        return f"{self.up:>7} B ({up_s:.2f} s) up, {self.down:>8} B ({down_s:6.2f} s) back"


class Line:
    """A network on the firmware built for this machine, behind a counted link."""

    def __init__(
        self, path: Path, network: CompiledNetwork, link: CountedLink, client: PoseClient, host: HostDevice
    ) -> None:
        self.host = host
        hello = client.hello()
        self._link = link
        spec = SimpleNamespace(name="host", icount_ns=1, clock_hz=hello.clock_hz, is_twin=False, slowness=10.0)
        board: Any = SimpleNamespace(spec=spec)
        self.device = Device(board, client, network, hello.tick_hz, capabilities=hello.capabilities)
        self.picture = replace(load_pictures(default_pictures(), 1)[0], truth=None)
        meaning = Meaning(network.description.family, network.description.keypoints)
        self.golden = GoldenStore("live", None, network.description, lambda: GoldenEngine(path, meaning))

    def of_a_picture(self, *, all_bytes: bool) -> Moved:
        """One picture, run once: the first run is timed too."""
        return self._counted(self._measure, all_bytes)

    def of_every_tensor(self, *, all_bytes: bool) -> Moved:
        """One comparison of every tensor, the picture's upload included."""
        return self._counted(self._compare, all_bytes)

    def _measure(self) -> None:
        found = measure(self.device, self.golden, self.picture, repeat=1, profile=False).divergence
        assert found is None, found

    def _compare(self) -> None:
        found = self.device.compare_intermediates(self.golden, self.picture).divergence
        assert found is None, found

    def _counted(self, work: Callable[[], None], all_bytes: bool) -> Moved:
        self.device.all_bytes = all_bytes
        for slot in range(len(self.device.slots)):  # else the picture is there already
            self.device.slots.forget(slot)
        up, down = self._link.up, self._link.down
        work()
        return Moved(self._link.up - up, self._link.down - down)


@contextmanager
def on_a_line(
    path: Path,
    tampered: Callable[[bytes], bytes] = bytes,
    between: Callable[[CountedLink], CountedLink] = lambda link: link,
) -> Iterator[Line]:
    """A network, running.

    Args:
        tampered: makes the image that is flashed of the network's.
        between: makes a link that lies of the link.
    """
    network = compile_model(path)
    with running(tampered(network.image)) as host:
        counted = CountedLink(serial_transport(host))
        with closing(between(counted)) as link:
            link.open(OPEN_S)
            yield Line(path, network, counted, PoseClient(link, patience=10.0), host)


def rows(path: Path) -> Iterator[str]:
    """The figures of a network: of its pictures, and of its tensors."""
    with on_a_line(path) as line:
        tensors = len(line.device.network.tensors)
        for what, of in (("picture", line.of_a_picture), (f"{tensors} tensors", line.of_every_tensor)):
            crc, full = of(all_bytes=False), of(all_bytes=True)
            yield f"{path.stem[:32]:32} {what:11} {crc}; all bytes: {full}"


def main() -> int:
    for name in sys.argv[1:] or [str(default_model())]:
        path = find_model(name) or Path(name)
        if not path.is_file():
            print(f"{name} is not here")
            continue
        for row in rows(path):
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
