"""When a step has passed: figures in, sentences out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_stm32pose.bench.bringup.step import Judgement, failed, passed

if TYPE_CHECKING:
    from pytest_stm32pose.boards.catalog import BoardSpec
    from pytest_stm32pose.types import Hello

#: The tick counter against the host's clock, in parts of one: an RC oscillator is within 1 %, a crystal much closer.
RATE_TOLERANCE = 0.02
#: A counter is compared with the host's clock only when reading it took less than this part of the time.
RATE_DOUBT_MAX = 0.05
#: Of the frames of a link, so many may be lost: the protocol repeats them, and a run is only slower.
LOST_FRAMES_MAX = 0.02
_MHZ = 1e6


def firmware_name(spec: BoardSpec, known: Iterable[BoardSpec]) -> str:
    """What the board's firmware calls itself: the first board of the catalog that it is built for."""
    return next((other.name for other in known if other.firmware == spec.firmware), spec.name)


def judge_firmware(spec: BoardSpec, hello: Hello, name: str, core: str) -> list[str]:
    """What is wrong with a firmware's HELLO, a sentence each. `name`: what it should call itself; `core`: by CPUID."""
    problems = []
    if (hello.board, hello.mcu) != (name, spec.mcu):
        problems.append(
            f"The firmware says it was built for {hello.board} ({hello.mcu}), {spec.name} needs {name} ({spec.mcu})."
        )
    if hello.backend == "runtime" and hello.kernels != spec.kernels:
        problems.append(f"Its kernels are {hello.kernels}, {spec.name} has {spec.kernels}.")
    if core != spec.core:
        problems.append(f"It runs on a {core}, {spec.name} has a {spec.core}.")
    return problems


def judge_clock(spec: BoardSpec, hello: Hello) -> list[str]:
    """What is wrong with the clocks that the firmware tells, a sentence each."""
    if hello.clock_hz != spec.clock_hz:
        return [
            f"The firmware runs at {hello.clock_hz / _MHZ:g} MHz, {spec.name} has {spec.clock_hz / _MHZ:g} MHz in the "
            "catalog: an oscillator, supply or PLL did not become ready."
        ]
    if hello.time_source == "dwt" and not spec.tick_hz and hello.tick_hz != hello.clock_hz:
        return [f"Its cycle counter is told to run at {hello.tick_hz:,} Hz, the core at {hello.clock_hz:,} Hz."]
    return []


@dataclass(frozen=True)
class Counted:
    """A counter read twice: how far it went, in how many seconds of the host, known to within `doubt_s`."""

    ticks: int
    seconds: float
    doubt_s: float

    @property
    def hz(self) -> float:
        return self.ticks / self.seconds


def judge_rate(tick_hz: int, counted: Counted) -> Judgement:
    """The counter's rate against the one that the firmware tells."""
    doubt = counted.doubt_s / counted.seconds
    if counted.ticks == 0:
        return failed(f"The cycle counter stood still for {counted.seconds:.2f} s.")
    off = counted.hz / tick_hz - 1
    measured = f"{counted.hz / _MHZ:.2f} MHz by the host's clock, {off:+.2%} of what the firmware tells"
    if abs(off) > RATE_TOLERANCE + doubt:
        return failed(f"The cycle counter runs at {measured} ({tick_hz / _MHZ:g} MHz).")
    if doubt > RATE_DOUBT_MAX:
        return passed(f"{measured}, but known to {doubt:.0%} only: the probe answers slowly")
    return passed(f"{measured} (within {RATE_TOLERANCE + doubt:.1%})")


@dataclass(frozen=True)
class Traffic:
    """Frames that went over a link, and what became of them."""

    frames: int
    bytes: int
    seconds: float
    damaged: int  #: answers that were no valid message
    repeated: int  #: requests asked again
    dropped: int  #: frames that the device dropped: bad CRC or length

    @property
    def lost(self) -> int:
        """What was asked again without a damage was late: a busy host does that too."""
        return self.damaged + self.dropped

    @property
    def bytes_per_s(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


def judge_traffic(traffic: Traffic, what: str) -> Judgement:
    """Whether a link carries large frames."""
    told = (
        f"{traffic.frames} frames of up to {-(-traffic.bytes // traffic.frames):,} bytes: {traffic.damaged} damaged, "
        f"{traffic.dropped} dropped by the device, {traffic.repeated} asked again"
    )
    if traffic.lost > LOST_FRAMES_MAX * traffic.frames:
        return failed(f"{what} loses frames: {told}.")
    return passed(f"{told}; {traffic.bytes_per_s / 1000:.0f} KB/s")


def judge_self_test(results: Mapping[str, bool], *, has_network: bool) -> Judgement:
    """The parts of SELF_TEST. Without a network on the board its part `network` fails, and says nothing."""
    if not results:
        return failed("The firmware's self test has no parts.")
    wrong = [name for name, good in results.items() if not good and (has_network or name != "network")]
    good_ones = [name for name, good in results.items() if good]
    if wrong:
        return failed(f"The self test fails in {', '.join(wrong)} (good: {', '.join(good_ones) or 'none'}).")
    left = "" if results.get("network", True) else "; network: none is on the board yet, asked again with it"
    return passed(f"{', '.join(good_ones)}{left}")


def judge_network(max_lsb: float | None, divergence: str, *, network_test: bool | None) -> list[str]:
    """What is wrong with the first picture, a sentence each.

    Args:
        max_lsb: largest difference of any output; None: it cannot be told in LSB.
        divergence: the first stage that differs, in words; "" for none.
        network_test: the self test's part `network`, with the network on the board; None: the firmware has none.
    """
    problems = []
    if divergence:
        size = "" if max_lsb is None else f" (largest difference {max_lsb:g} LSB)"
        problems.append(f"The board's answer is not the golden's{size}: {divergence.rstrip('.')}.")
    if network_test is False:
        problems.append("The network's CRC, computed on the board, is not the one that it was opened with.")
    return problems
