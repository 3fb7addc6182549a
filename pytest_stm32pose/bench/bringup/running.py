"""Steps that need the firmware: it starts, its clocks, its links, its self test, and the first picture."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

from pytest_stm32pose.bench.bringup import judge
from pytest_stm32pose.bench.bringup.memories import weights_speed
from pytest_stm32pose.bench.bringup.step import Judgement, Readings, failed, not_applicable, of_problems, passed
from pytest_stm32pose.bench.bringup.subject import Subject
from pytest_stm32pose.bench.kinds import session_of
from pytest_stm32pose.boards.fit import check_fit
from pytest_stm32pose.boards.identity import core_name
from pytest_stm32pose.boards.image_check import check_firmware
from pytest_stm32pose.errors import PoseError, ProtocolError, TransportError
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import OVERHEAD, UPLOAD
from pytest_stm32pose.types import Hello, Timing

_CYCCNT = 0xE0001004
#: The counter is read twice, this far apart: 32 bits of it last 5 s at 800 MHz.
COUNT_S = 1.0
#: Frames that a link has to carry, in bursts of so many; fewer where that would last longer.
FRAMES, BURST, TRAFFIC_S = 40, 4, 4.0


def firmware(subject: Subject, readings: Readings) -> Judgement:
    """Our firmware is put on the board, starts and answers."""
    spec, board = subject.spec, subject.board
    path = subject.material.firmware()
    check_firmware(path, spec)
    readings.add("file", path.name)
    report = board.flash_firmware(path)
    readings.add("bytes written", report.bytes_written)
    readings.add("seconds", round(report.seconds, 3))
    subject.firmware = path
    hello, link = _first_hello(subject, readings)
    subject.hello, subject.links = hello, [link]
    _note_hello(hello, readings)
    name = judge.firmware_name(spec, subject.known)
    silent = "" if link == subject.link_names[0] else f", not over {subject.link_names[0]}"
    what = "was there already" if report.skipped else f"{report.bytes_written:,} bytes written and verified"
    return of_problems(
        judge.judge_firmware(spec, hello, name, core_name(hello.cpuid)),
        f"{what}; version {hello.firmware_version}, kernels {hello.kernels}, answers over {link}{silent}",
    )


def _first_hello(subject: Subject, readings: Readings) -> tuple[Hello, str]:
    """Starts the firmware and asks over one link after the other. Raises what the first one said."""
    problem: PoseError | None = None
    for link in subject.link_names:
        try:
            return subject.start(link), link
        except (TransportError, ProtocolError) as error:
            readings.add(f"over {link}", error.message)
            problem = problem or error
    assert problem is not None
    raise problem


def _note_hello(hello: Hello, readings: Readings) -> None:
    readings.add("board", hello.board)
    readings.add("firmware version", hello.firmware_version)
    readings.add("build id", hello.build_id)
    readings.add("backend", hello.backend)
    readings.add("kernels", hello.kernels)
    readings.add("capabilities", hello.capabilities)
    readings.add("CPUID", f"0x{hello.cpuid:08x}")
    readings.add("unique id", hello.unique_id)
    readings.add("slots", f"{hello.slot_count} x {hello.slot_bytes:,} bytes")
    readings.add("longest message", hello.max_message)


def clocks(subject: Subject, readings: Readings) -> Judgement:
    """What the firmware says of its clock is the catalog's, and the counter runs as fast as it says."""
    spec, hello = subject.spec, subject.hello
    readings.add("clock_hz", hello.clock_hz, spec.clock_hz)
    readings.add("tick_hz", hello.tick_hz, spec.tick_hz or None)
    readings.add("time source", hello.time_source)
    if problems := judge.judge_clock(spec, hello):
        return failed(" ".join(problems))
    told = f"{hello.clock_hz / 1e6:g} MHz, as in the catalog"
    if subject.is_virtual:
        return passed(f"{told}; not measured: a virtual board's time is not the host's")
    if hello.time_source != "dwt":
        return passed(f"{told}; not measured: the firmware counts with {hello.time_source}, not in cycles")
    state = subject.board.session.state()
    if state == "sleeping":
        return passed(f"{told}; not measured: between requests the core sleeps, and its cycle counter with it")
    counted = count(subject.board.session.read32)
    readings.add("cycles counted", counted.ticks)
    readings.add("in seconds of the host", round(counted.seconds, 6))
    readings.add("known to", round(counted.doubt_s, 6))
    rate = judge.judge_rate(hello.tick_hz, counted)
    return rate if rate.status == "failed" else passed(f"{told}; {rate.sentence}")


def count(
    read32: Callable[[int], int],
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> judge.Counted:
    """Reads the core's cycle counter twice. When exactly, between asking and being answered, nobody knows."""
    read32(_CYCCNT)  # the first access may have more to do
    asked = clock()
    first = read32(_CYCCNT)
    answered = clock()
    sleep(COUNT_S)
    asked_again = clock()
    second = read32(_CYCCNT)
    answered_again = clock()
    seconds = (asked_again + answered_again) / 2 - (asked + answered) / 2
    doubt_s = (answered - asked + answered_again - asked_again) / 2
    return judge.Counted((second - first) & 0xFFFFFFFF, seconds, doubt_s)


def uart(subject: Subject, readings: Readings) -> Judgement:
    """The serial port is found, the firmware answers there, and large frames arrive."""
    url = subject.board.serial_url()
    readings.add("port", url)
    readings.add("baud", subject.settings.serial_baud or subject.spec.baud)
    return _link(subject, readings, "serial", f"The serial port {url}")


def mailbox(subject: Subject, readings: Readings) -> Judgement:
    """The same through the mailbox in RAM."""
    if subject.spec.mailbox is None:
        return not_applicable(f"the catalog has no mailbox of {subject.spec.name}")
    readings.add("address", f"0x{subject.spec.mailbox.address:08x}")
    return _link(subject, readings, "swd", "The mailbox")


def _link(subject: Subject, readings: Readings, link: str, what: str) -> Judgement:
    with subject.client(link) as client:
        hello = client.hello()
        readings.add("longest message", hello.max_message)
        traffic = exchange(client, hello)
    for name in ("frames", "bytes", "damaged", "repeated", "dropped"):
        readings.add(name, getattr(traffic, name))
    readings.add("bytes per second", round(traffic.bytes_per_s))
    if link not in subject.links:
        subject.links.append(link)
    return judge.judge_traffic(traffic, what)


def exchange(client: PoseClient, hello: Hello) -> judge.Traffic:
    """Fills an input slot again and again with frames of the longest kind; what arrives is counted on both sides."""
    client.memory()
    dropped = client.dropped_frames
    chunk = hello.max_message - OVERHEAD - UPLOAD.size
    fill = min(hello.slot_bytes // chunk, BURST) * chunk or hello.slot_bytes
    frames, total, seconds = 0, 0, 0.0
    began = time.perf_counter()
    while frames < FRAMES and seconds < TRAFFIC_S:
        client.upload(0, os.urandom(fill))
        frames += -(-fill // chunk)
        total += fill
        seconds = time.perf_counter() - began
    client.memory()
    return judge.Traffic(
        frames, total, seconds, client.damaged_answers, client.repeated_requests, client.dropped_frames - dropped
    )


def self_test(subject: Subject, readings: Readings) -> Judgement:
    """Each part of what the firmware can find out about the board."""
    with subject.client(subject.links[0]) as client:
        client.hello()
        network = client.network_info()
        results = client.self_test().results
    readings.add("network on the board", network.name if network.status == 0 else "none")
    for name, good in results.items():
        readings.add(name, "good" if good else "failed")
    return judge.judge_self_test(results, has_network=network.status == 0)


def network(subject: Subject, readings: Readings) -> Judgement:
    """The default network is flashed, runs one picture, and every output is the golden's."""
    compiled = subject.material.network()
    readings.add("network", compiled.description.name)
    readings.add("network image bytes", compiled.description.network_image_bytes)
    check_fit(subject.spec, compiled.description)
    picture, golden = subject.material.picture(), subject.material.golden()
    settings = replace(subject.settings, transport=subject.links[0])
    session = session_of(subject.board, subject.firmware, settings)
    try:
        began = time.perf_counter()
        device = session.device(compiled)
        readings.add("seconds until it is loaded", round(time.perf_counter() - began, 3))
        result = measure(device, golden, picture, repeat=1, profile=False)
        speed = weights_speed(session.client, session.hello.capabilities, session.hello.tick_hz)
        tests = session.client.self_test().results
    finally:
        session.firmware.close()
    readings.add("picture", picture.id)
    for ticks in result.timing.values:  # none of a twin, whose time is none
        readings.add(result.timing.unit, ticks)
    if speed is not None and not subject.is_virtual:
        readings.add("weights read, bytes per second", round(speed))
    readings.add("largest difference, LSB", result.max_lsb, 0)
    readings.add("outputs compared", len(result.tensors))
    divergence = result.divergence.describe() if result.divergence else ""
    return of_problems(
        judge.judge_network(result.max_lsb, divergence, network_test=tests.get("network")),
        f"{compiled.description.name}, {picture.id}: {len(result.tensors)} outputs equal to the golden's"
        f"{_took(subject, result.timing)}",
    )


def _took(subject: Subject, timing: Timing) -> str:
    """How long a picture took, a clause; "" where it was not timed."""
    if not timing.values:
        return "; not timed: a twin's time is none"
    ticks = timing.values[0]
    took = "" if subject.is_virtual else f", {ticks * 1e3 / subject.hello.clock_hz:.2f} ms"
    return f", {ticks:,} {timing.unit}{took}"
