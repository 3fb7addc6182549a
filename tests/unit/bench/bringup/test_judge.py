"""When a step has passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_stm32pose.bench.bringup import judge
from pytest_stm32pose.bench.bringup.judge import Counted, Traffic
from pytest_stm32pose.bench.bringup.running import count
from pytest_stm32pose.boards.catalog import board_spec, boards
from pytest_stm32pose.types import Hello

N6 = board_spec("n6")
HELLO = Hello(
    firmware_version="0.1.0", protocol_version=1, capabilities=255, board="n6", mcu="stm32n657x0", backend="runtime",
    kernels="mve", build_id="0123456789abcdef", cpuid=0x411FD221, clock_hz=600_000_000, tick_hz=600_000_000,
    time_source="dwt", unique_id="", slot_count=2, slot_bytes=0x40000, max_message=8192,
)  # fmt: skip


@pytest.mark.parametrize(
    ("board", "name"),
    [("n6", "n6"), ("n6-nucleo", "n6-nucleo"), ("qemu-m55-mve", "qemu-m55"), ("qemu-f405", "f405"), ("h747", "h747")],
)
def test_what_the_firmware_of_a_board_calls_itself(board: str, name: str) -> None:
    assert judge.firmware_name(board_spec(board), boards().values()) == name


def test_a_firmware_of_the_board_is_good() -> None:
    assert judge.judge_firmware(N6, HELLO, "n6", "cortex-m55") == []
    assert judge.judge_clock(N6, HELLO) == []


@pytest.mark.parametrize(
    ("change", "core", "sentence"),
    [
        ({"board": "n6-nucleo"}, "cortex-m55", "built for n6-nucleo (stm32n657x0), n6 needs n6"),
        ({"mcu": "stm32h743zi"}, "cortex-m55", "stm32h743zi"),
        ({"kernels": "dsp"}, "cortex-m55", "Its kernels are dsp, n6 has mve."),
        ({}, "cortex-m7", "It runs on a cortex-m7, n6 has a cortex-m55."),
    ],
)
def test_a_firmware_of_another_board(change: dict[str, str], core: str, sentence: str) -> None:
    hello = replace(HELLO, **change)  # type: ignore[arg-type]
    (problem,) = judge.judge_firmware(N6, hello, "n6", core)
    assert sentence in problem


def test_a_clock_that_never_became_ready() -> None:
    (problem,) = judge.judge_clock(N6, replace(HELLO, clock_hz=64_000_000, tick_hz=64_000_000))
    assert "64 MHz" in problem and "600 MHz" in problem and "PLL" in problem


def test_cycles_are_told_at_the_core_s_rate() -> None:
    (problem,) = judge.judge_clock(N6, replace(HELLO, tick_hz=300_000_000))
    assert "300,000,000" in problem
    told = replace(board_spec("qemu-f405"), clock_hz=16_000_000)  # whose machine counts otherwise, and says so
    assert judge.judge_clock(told, replace(HELLO, clock_hz=16_000_000, tick_hz=16_000_000, time_source="timer")) == []


@pytest.mark.parametrize(
    ("factor", "doubt_s", "status"),
    [
        (1.0, 0.001, "passed"),
        (1.018, 0.001, "passed"),
        (0.975, 0.001, "failed"),
        (1.025, 0.001, "failed"),
        (0.5, 0.001, "failed"),
        (1.025, 0.010, "passed"),  # known to 1 % only
        (0.0, 0.001, "failed"),
    ],
)
def test_the_rate_of_the_cycle_counter(factor: float, doubt_s: float, status: str) -> None:
    assert judge.judge_rate(600_000_000, Counted(round(6e8 * factor), 1.0, doubt_s)).status == status


def test_what_is_said_of_a_rate() -> None:
    assert "300.00 MHz" in judge.judge_rate(600_000_000, Counted(300_000_000, 1.0, 0.001)).sentence
    assert "stood still" in judge.judge_rate(600_000_000, Counted(0, 1.0, 0.001)).sentence
    assert "slowly" in judge.judge_rate(600_000_000, Counted(600_000_000, 1.0, 0.1)).sentence


class SlowProbe:
    """A counter behind a probe that needs 2 ms for each access, half of them each way; the clock is made up."""

    def __init__(self, hz: float, first: int) -> None:
        self.now, self.hz, self.first = 100.0, hz, first

    def read32(self, address: int) -> int:
        assert address == 0xE0001004
        self.now += 0.001
        ticks = self.first + round((self.now - 100.0) * self.hz)
        self.now += 0.001
        return ticks & 0xFFFFFFFF

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("first", [0, 0xFFFFFF00])
def test_counting_is_right_across_the_counter_s_end_and_knows_its_doubt(first: int) -> None:
    probe = SlowProbe(600e6, first)
    counted = count(probe.read32, lambda: probe.now, probe.sleep)
    assert counted.hz == pytest.approx(600e6, rel=1e-6)
    assert counted.doubt_s == pytest.approx(0.002)


GOOD = Traffic(frames=40, bytes=40 * 8168, seconds=4.0, damaged=0, repeated=0, dropped=0)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "passed"),
        ({"damaged": 1}, "failed"),
        ({"dropped": 1, "repeated": 1}, "failed"),
        ({"repeated": 2}, "passed"),  # late, and nothing was damaged
        ({"frames": 400, "dropped": 2, "repeated": 2}, "passed"),
    ],
)
def test_frames_that_are_lost(change: dict[str, int], status: str) -> None:
    judgement = judge.judge_traffic(replace(GOOD, **change), "The serial port")
    assert judgement.status == status
    assert (f"{change.get('dropped', 0)} dropped by the device") in judgement.sentence


def test_traffic_says_how_fast_it_went() -> None:
    assert "82 KB/s" in judge.judge_traffic(GOOD, "The serial port").sentence


@pytest.mark.parametrize(
    ("results", "has_network", "status", "sentence"),
    [
        ({"crc32": True, "memory": True}, True, "passed", "crc32, memory"),
        ({"crc32": True, "network": False}, False, "passed", "asked again"),
        ({"crc32": True, "network": False}, True, "failed", "fails in network (good: crc32)"),
        ({"crc32": False, "network": False}, False, "failed", "fails in crc32 (good: none)"),
        ({}, True, "failed", "no parts"),
    ],
)
def test_the_self_test(results: dict[str, bool], has_network: bool, status: str, sentence: str) -> None:
    judgement = judge.judge_self_test(results, has_network=has_network)
    assert judgement.status == status and sentence in judgement.sentence


@pytest.mark.parametrize(
    ("max_lsb", "divergence", "test", "sentences"),
    [
        (0.0, "", True, []),
        (0.0, "", None, []),
        (3.0, "operator 2 CONV_2D differs", True, ["(largest difference 3 LSB): operator 2 CONV_2D differs."]),
        (0.0, "", False, ["CRC"]),
        (None, "x", False, ["golden's: x.", "CRC"]),
    ],
)
def test_the_first_picture(max_lsb: float | None, divergence: str, test: bool | None, sentences: list[str]) -> None:
    problems = judge.judge_network(max_lsb, divergence, network_test=test)
    assert len(problems) == len(sentences)
    for problem, sentence in zip(problems, sentences, strict=True):
        assert sentence in problem
