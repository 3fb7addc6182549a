"""Steps before any firmware: the probe, what answers behind it, and the RAM."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pytest_stm32pose.bench.bringup import ram_lines
from pytest_stm32pose.bench.bringup.step import Judgement, Readings, failed, not_applicable, passed
from pytest_stm32pose.bench.bringup.subject import Subject
from pytest_stm32pose.boards.identity import CPUID, core_name
from pytest_stm32pose.errors import ProbeError
from pytest_stm32pose.probes.base import Region

if TYPE_CHECKING:
    from pytest_stm32pose.probes.session import ProbeSession

#: Armv7-M's and Armv8-M's place for external RAM: memory there answers when its controller has been set up.
_EXTERNAL, _DEVICES = 0x60000000, 0xE0000000
#: Bits that give RAM blocks their clock, by the beginning of the microcontroller's name. RM0433, RCC_AHB2ENR: SRAM1 to
#: 3 of domain D2 are off after a reset. (The STM32N6's are switched on by its target type.)
_RAM_CLOCKS = {"stm32h74": (0x580244DC, 7 << 29)}


def is_external(subject: Subject, region: Region) -> bool:
    """Whether memory stands behind a controller of the microcontroller, which only the firmware sets up."""
    return subject.spec.mcu.startswith("stm32") and _EXTERNAL <= region.start < _DEVICES


def probe(subject: Subject, readings: Readings) -> Judgement:
    """The debug probe of this board, and the others that are connected."""
    connected = [] if subject.is_virtual else subject.inventory.all()  # before one of them is ours, and not to be asked
    for attached in connected:
        readings.add("connected", attached.describe())
    subject.board.open(debug=False)
    uid = subject.board.probe_uid
    readings.add("probe", uid)
    if subject.is_virtual:
        pid = subject.board.emulator_pid()
        readings.add("emulator", f"{subject.spec.machine}, process {pid}")
        return passed(f"{uid}, a process of this computer ({subject.spec.machine})")
    mine = next((attached for attached in connected if attached.uid == uid), None)
    if mine is not None and mine.identity is not None:
        readings.add("board id", mine.identity.board_id or "not told", " or ".join(subject.spec.board_ids) or None)
        readings.add("probe firmware", mine.identity.firmware or "not told")
    others = len(connected) - (mine is not None)
    what = mine.describe() if mine is not None else uid
    return passed(f"{what}; {others or 'no'} other{'s' if others > 1 else ''}")


def port(subject: Subject, readings: Readings) -> Judgement:
    """The access port answers, and core and device are those of the catalog."""
    spec, board = subject.spec, subject.board
    try:
        board.connect()
    except ProbeError:
        with contextlib.suppress(ProbeError):  # what can be read of another device, and of a dead port nothing
            _read_identity(subject, readings)
        raise
    _read_identity(subject, readings)
    told = f"access port {board.session.core_port}, {spec.core}"
    if spec.device_id is None:
        return passed(f"{told}; the catalog knows no device id of {spec.mcu}")
    return passed(f"{told}, device id 0x{spec.device_id.device:03x}")


def _read_identity(subject: Subject, readings: Readings) -> None:
    """What is read of core and device, also behind a connection that was refused for it. Raises ProbeError."""
    session = subject.board.session
    readings.add("access port", session.core_port)
    cpuid = session.read32(CPUID)
    readings.add("CPUID", f"0x{cpuid:08x}, {core_name(cpuid)}", subject.spec.core)
    if (expected := subject.spec.device_id) is not None:
        device = session.read32(expected.address)
        readings.add("device id", f"0x{device & 0xFFF:03x}", f"0x{expected.device:03x}")


def ram(subject: Subject, readings: Readings) -> Judgement:
    """Every RAM region of the catalog, by the probe alone; the core stands still."""
    regions = [region for region in subject.spec.regions if region.kind == "ram"]
    inner = [region for region in regions if not is_external(subject, region)]
    if not inner:
        return not_applicable(f"the catalog has no RAM of {subject.spec.name} that answers without firmware")
    session = subject.board.session
    session.reset_and_halt()
    _switch_on(subject, readings)
    for region in inner:
        readings.add(region.name, f"0x{region.start:08x}, {region.length:,} bytes")
        if problem := check_region(session, region):
            return failed(f"RAM {region.name}: {problem}")
    session.reset_and_halt()  # some targets keep in RAM what the core does until it is told otherwise
    left = [region.name for region in regions if region not in inner]
    later = f"; {', '.join(left)} when the firmware runs" if left else ""
    return passed(f"{', '.join(region.name for region in inner)}: data and address lines, cells{later}")


def _switch_on(subject: Subject, readings: Readings) -> None:
    for prefix, (address, bits) in _RAM_CLOCKS.items():
        if subject.spec.mcu.startswith(prefix):
            session = subject.board.session
            session.write32(address, session.read32(address) | bits)
            readings.add(f"RAM clocks (0x{address:08x})", f"0x{session.read32(address):08x}")


def check_region(session: ProbeSession, region: Region) -> str:
    """What is wrong with a region of RAM, one sentence; "" for nothing. Raises ProbeError: it does not answer."""
    patterns, read = ram_lines.data_patterns(), []
    for word in patterns:
        session.write32(region.start, word)
        read.append(session.read32(region.start))
    if problem := ram_lines.judge_data_lines(region.start, patterns, read):
        return problem
    addresses = ram_lines.block_addresses(region.start, region.length)
    for inverted in (False, True):
        written: dict[int, int] = {}
        got: dict[int, int] = {}
        for address in addresses:
            data = ram_lines.block_for(address, inverted=inverted)
            session.write(address, data)
            written.update(ram_lines.words_of(address, data))
        for address in addresses:
            got.update(ram_lines.words_of(address, session.read(address, ram_lines.BLOCK_BYTES)))
        if problem := ram_lines.judge_blocks(written, got):
            return problem
    return ""
