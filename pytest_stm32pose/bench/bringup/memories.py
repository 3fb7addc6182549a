"""The step between clocks and links: memories behind a controller, and flash."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any, Protocol

from pytest_stm32pose.bench.bringup.reaching import check_region, is_external
from pytest_stm32pose.bench.bringup.step import Judgement, Readings, failed, not_applicable, passed
from pytest_stm32pose.bench.bringup.subject import Subject
from pytest_stm32pose.boards.catalog import NetworkArea
from pytest_stm32pose.errors import FlashError, PoseError
from pytest_stm32pose.probes.base import Region

_ERASED = 0xFF
#: HELLO's capability bit of a firmware that tells its memories, and how fast it reads a network's weights.
TELLS_MEMORIES = 256
_SEED = 6  #: any: the sector's content is random, and the same in every bringup


class ToldMemory(Protocol):
    """A memory as the firmware tells it. `mode`: how it is driven, in words; `bytes_` 0: it did not start."""

    name: str
    mode: str
    address: int
    bytes_: int
    is_ram: bool
    is_external: bool


def spare_sector(region: Region, area: NetworkArea) -> tuple[int, int]:
    """Address and bytes of the last sector of the network area, which lies in a flash region."""
    offset = (area.address + area.bytes - 1 - region.start) // region.sector_bytes * region.sector_bytes
    return region.start + offset, region.sector_bytes


def flash(subject: Subject, readings: Readings) -> Judgement:
    """External RAM; a sector of the network area is erased, programmed, verified, and holds again what it held."""
    with subject.client(subject.links[0]) as client:
        told = external_memories(client, client.hello().capabilities)
    for memory in told:
        readings.add(f"{memory.name}, as the firmware drives it", memory.mode or "not told")
    if problem := _external_ram(subject, readings, told):
        return failed(problem)
    area = subject.spec.network
    where = f"0x{area.address:08x} to 0x{area.address + area.bytes - 1:08x}"
    region = subject.spec.target.region_at(area.address, area.bytes)
    if region is None:
        return failed(f"The network area, {where}, is no one region of the memory of {subject.spec.name}.")
    if region.kind != "flash":
        return not_applicable(f"networks of {subject.spec.name} lie in RAM ({region.name})")
    address, size = spare_sector(region, area)
    readings.add("region", region.name)
    readings.add("sector", f"0x{address:08x}, {size:,} bytes")
    session = subject.board.session
    session.map_flash(address)
    began = time.perf_counter()
    before = session.read(address, size)
    read_s = time.perf_counter() - began
    held = before.count(_ERASED) != size
    readings.add("it held", "data, which was put back" if held else "nothing")
    pattern = random.Random(_SEED).randbytes(size)
    programmed_s = _program(subject, address, pattern, before)
    readings.add("seconds to erase, program and verify", round(programmed_s, 3))
    readings.add("read by the probe, bytes per second", round(size / read_s))
    subject.restart()
    modes = "".join(f"; {memory.name} {memory.mode}" for memory in told if memory.mode)
    what = f"{region.name}: a sector of {size:,} bytes erased, programmed and verified"
    if subject.is_virtual:
        return passed(f"{what}; speed not measured: a virtual board's time is not the host's{modes}")
    return passed(f"{what} in {programmed_s:.2f} s through the probe ({size / programmed_s / 1000:.0f} KB/s){modes}")


def _program(subject: Subject, address: int, pattern: bytes, before: bytes) -> float:
    """Seconds that the sector took. It then holds again what it held. Raises FlashError."""
    try:
        report = subject.board.flash_data(address, pattern)
    except FlashError:
        with contextlib.suppress(PoseError):  # the first error is the one to tell
            subject.board.flash_data(address, before)
        raise
    subject.board.flash_data(address, before)
    return report.seconds


def _external_ram(subject: Subject, readings: Readings, told: tuple[ToldMemory, ...]) -> str:
    """What is wrong with RAM behind a controller, which the firmware has set up; the core stands still meanwhile."""
    regions = [region for region in subject.spec.regions if region.kind == "ram" and is_external(subject, region)]
    known = {region.start for region in regions}
    regions += [
        Region(memory.name, "ram", memory.address, memory.bytes_)
        for memory in told
        if memory.is_ram and memory.bytes_ and memory.address not in known
    ]
    if not regions:
        return ""
    session = subject.board.session
    session.halt()
    for region in regions:
        readings.add(region.name, f"0x{region.start:08x}, {region.length:,} bytes")
        if problem := check_region(session, region):
            return f"RAM {region.name}: {problem}"
    session.resume()
    return ""


def external_memories(client: Any, capabilities: int) -> tuple[ToldMemory, ...]:
    """The memories behind pins, as the firmware tells them; none of one that does not.

    Args:
        client: of the running firmware; an older one cannot ask.
    """
    if not capabilities & TELLS_MEMORIES or not hasattr(client, "memories"):
        return ()
    return tuple(memory for memory in client.memories() if memory.is_external)


def weights_speed(client: Any, capabilities: int, tick_hz: int) -> float | None:
    """Bytes per second that the firmware reads of the network's weights; None: it does not tell. As above."""
    if not capabilities & TELLS_MEMORIES or not hasattr(client, "memory_speed"):
        return None
    size, ticks = client.memory_speed()
    return float(size * tick_hz / ticks) if ticks else None
