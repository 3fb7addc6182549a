"""Bytes on the line of a picture and of a comparison of every tensor, and what they take at a baud rate.

`python -m tests.line [MODEL...]` prints three rows for each network (without any, the default one). Counted at the real
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
from pytest_stm32pose.measure.slots import Slots
from pytest_stm32pose.models.zoo import default_model, default_pictures, find_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command
from tests.firmware.host_device import HostDevice, running, serial_transport
from tests.support.counted import BITS_PER_BYTE, Counted

BAUD = 921_600
REPEAT = 10  # timed inferences of a picture on hardware
OPEN_S = 60.0


@dataclass(frozen=True)
class Moved:
    """Bytes of one conversation, to the device and back."""

    up: int
    down: int

    def __str__(self) -> str:
        """With the seconds at BAUD: no time to turn round, and nothing at the same time."""
        up_s, down_s = (count * BITS_PER_BYTE / BAUD for count in (self.up, self.down))
        return f"{self.up:>7} B ({up_s:.2f} s) up, {self.down:>8} B ({down_s:6.2f} s) back"


class Line:
    """A network on the firmware built for this machine, behind a counted link."""

    def __init__(
        self,
        path: Path,
        network: CompiledNetwork,
        link: Counted,
        client: PoseClient,
        host: HostDevice,
        *,
        icount_ns: int,
        slots: int,
    ) -> None:
        self.host, self.link = host, link
        hello = client.hello()
        spec = SimpleNamespace(name="host", icount_ns=icount_ns, clock_hz=hello.clock_hz, is_twin=False, slowness=10.0)
        board: Any = SimpleNamespace(spec=spec)
        held = Slots(slots or hello.slot_count)
        self.device = Device(board, client, network, hello.tick_hz, slots=held, capabilities=hello.capabilities)
        self.picture = replace(load_pictures(default_pictures(), 1)[0], truth=None)
        meaning = Meaning(network.description.family, network.description.keypoints)
        self.golden = GoldenStore("live", None, network.description, lambda: GoldenEngine(path, meaning))

    def of_a_picture(self, *, all_bytes: bool) -> Moved:
        """One picture, run once: the first run is timed too."""
        return self._counted(self._measure, all_bytes)

    def of_every_tensor(self, *, all_bytes: bool) -> Moved:
        """One comparison of every tensor, the picture's upload included."""
        return self._counted(self._compare, all_bytes)

    def times_an_upload(self, repeat: int) -> float:
        """All that travels of a picture that is timed so often, to its upload alone."""
        self._counted(lambda: self._measure(repeat), False)
        return (self.link.sent.total() + self.link.received.total()) / self.link.sent[Command.UPLOAD]

    def _measure(self, repeat: int = 1) -> None:
        found = measure(self.device, self.golden, self.picture, repeat=repeat, profile=False).divergence
        assert found is None, found

    def _compare(self) -> None:
        found = self.device.compare_intermediates(self.golden, self.picture).divergence
        assert found is None, found

    def _counted(self, work: Callable[[], None], all_bytes: bool) -> Moved:
        self.device.all_bytes = all_bytes
        for slot in range(len(self.device.slots)):  # else the picture is there already
            self.device.slots.forget(slot)
        self.link.clear()
        work()
        return Moved(self.link.sent.total(), self.link.received.total())


@contextmanager
def on_a_line(
    path: Path,
    tampered: Callable[[bytes], bytes] = bytes,
    between: Callable[[Counted], Counted] = lambda link: link,
    *,
    icount_ns: int = 1,
    slots: int = 0,
) -> Iterator[Line]:
    """A network, running.

    Args:
        tampered: makes the image that is flashed of the network's.
        between: makes a link that lies of the link.
        icount_ns: of the board's entry; 0: a picture is run once and then timed apart, as on hardware.
        slots: that are used; 0: those that there are.
    """
    network = compile_model(path)
    with running(tampered(network.image)) as host:
        counted = Counted(serial_transport(host))
        with closing(between(counted)) as link:
            link.open(OPEN_S)
            client = PoseClient(link, patience=10.0)
            yield Line(path, network, counted, client, host, icount_ns=icount_ns, slots=slots)


def rows(path: Path) -> Iterator[str]:
    """The figures of a network: of its pictures, and of its tensors."""
    with on_a_line(path) as line:
        tensors = len(line.device.network.tensors)
        for what, of in (("picture", line.of_a_picture), (f"{tensors} tensors", line.of_every_tensor)):
            crc, full = of(all_bytes=False), of(all_bytes=True)
            yield f"{path.stem[:32]:32} {what:11} {crc}; all bytes: {full}"
    with on_a_line(path, icount_ns=0) as line:
        factor = line.times_an_upload(REPEAT)
        yield f"{path.stem[:32]:32} timed {REPEAT} times on hardware: {factor:.2f} times one upload"


def main() -> int:
    for name in sys.argv[1:] or [str(default_model())]:
        path = Path(name) if Path(name).is_file() else find_model(name)
        if path is None:
            print(f"{name} is not here")
            continue
        for row in rows(path):
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
