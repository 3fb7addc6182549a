"""The clock tree of the STM32H7's model: the documented order works, every deviation is refused or recorded."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.h7.device import Device
from tests.support.h7_driver import CLOCKS, FLASH, PWR, RCC, SYSCFG, clocked, write_all

HZ = {"h7": 480e6, "h747": 400e6}
BOARDS = pytest.mark.parametrize("board", ["h7", "h747"])


@BOARDS
def test_the_documented_clock_tree_works(board: str) -> None:
    device = clocked(board)
    assert device.wrong == []
    assert (device.rcc.core, device.rcc.bus) == (HZ[board], HZ[board] / 2)
    assert device.read(RCC + 0x10, 4) >> 3 & 7 == 3
    assert device.read(PWR + 0x04, 4) >> 13 & 1 and device.read(PWR + 0x18, 4) >> 13 & 1


@BOARDS
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ((FLASH, 0x00), "0 wait states"),
        ((FLASH, 0x04), "WRHIGHFREQ 0"),
        ((RCC + 0x18, 0x40), "AHB"),
        ((RCC + 0x1C, 0x400), "APB1"),
        ((RCC + 0x1C, 0x040), "APB2"),
        ((RCC + 0x18, 0x08), "APB3"),
        ((RCC + 0x20, 0x00), "APB4"),
        ((PWR + 0x18, 2 << 14), "voltage scale 2"),
        ((RCC + 0x2C, 0x01F9000C), "PLL1RGE"),
        ((RCC + 0x2C, 0x01F9000A), "PLL1's oscillator"),
    ],
)
def test_a_limit_that_is_passed_is_told(board: str, changed: tuple[int, int], words: str) -> None:
    device = Device(board)
    write_all(device, [changed if address == changed[0] else (address, value) for address, value in CLOCKS[board]])
    assert any(words in what for what in device.wrong), device.wrong


@BOARDS
@pytest.mark.parametrize(("fault", "value", "ready"), [("pll", "never-ready", 25), ("hse", "dead", 17)])
def test_what_never_gets_ready_is_not_switched_to(board: str, fault: str, value: str, ready: int) -> None:
    device = Device(board)
    device.set_fault(fault, value)
    write_all(device, CLOCKS[board])
    assert not device.read(RCC, 4) >> ready & 1
    assert device.read(RCC + 0x10, 4) >> 3 & 7 == 0 and device.rcc.core == 64e6
    assert any("not ready" in what for what in device.wrong)


@BOARDS
def test_the_external_clock_comes_only_as_the_board_has_it(board: str) -> None:
    """A crystal where the ST-LINK's clock is wired, or the other way round."""
    device = Device(board)
    device.write(RCC, 4, 0x00010001 if board == "h7" else 0x00040001)
    device.write(RCC, 4, 0x00010001 if board == "h7" else 0x00050001)
    assert not device.read(RCC, 4) >> 17 & 1


@BOARDS
def test_a_wrong_supply_locks_until_the_power_goes(board: str) -> None:
    device = Device(board)
    right = CLOCKS[board][0][1]
    device.write(PWR + 0x0C, 4, 6 - right)
    assert "locked until power-off" in device.wrong[0]
    device.reset()
    device.write(PWR + 0x0C, 4, right)
    assert device.read(PWR + 0x0C, 4) & 7 == 6 - right
    assert not device.read(PWR + 0x04, 4) >> 13 & 1
    assert "written again" in device.wrong[1]
    device.write(PWR + 0x18, 4, 3 << 14)
    assert device.read(PWR + 0x18, 4) >> 14 & 3 == 1, "the voltage does not change"
    device.power_up()
    device.write(PWR + 0x0C, 4, right)
    assert device.read(PWR + 0x04, 4) >> 13 & 1


def test_the_supply_stays_decided_over_a_reset() -> None:
    device = clocked("h7")
    device.reset()
    write_all(device, CLOCKS["h7"])
    assert device.wrong == []


def test_the_voltage_waits_for_the_supply() -> None:
    device = Device("h747")
    device.write(PWR + 0x18, 4, 3 << 14)
    assert device.wrong == ["PWR: the voltage is changed before the supply is decided"]


def test_the_h747_has_no_overdrive() -> None:
    device = clocked("h747")
    device.write(RCC + 0xF4, 4, 0x10002)
    device.write(SYSCFG + 0x2C, 4, 1)
    assert "overdrive" in device.wrong[0]


@pytest.mark.parametrize(
    ("writes", "words"),
    [
        ([(RCC, 0x00050001)], "switched off"),
        ([(RCC + 0x30, 0x2EE)], "while it is on"),
        ([(RCC, 0x01010001)], "HSEBYP"),
    ],
)
def test_the_running_clock_is_left_alone(writes: list[tuple[int, int]], words: str) -> None:
    device = clocked("h7")
    write_all(device, writes)
    assert words in device.wrong[0]
    assert device.rcc.core == 480e6


def test_reset_flags_say_what_has_happened() -> None:
    device = Device("h7")
    assert device.read(RCC + 0xD0, 4) >> 23 & 1 and not device.read(RCC + 0xD0, 4) >> 24 & 1
    device.write(RCC + 0xD0, 4, 1 << 16)
    device.reset()
    assert not device.read(RCC + 0xD0, 4) >> 23 & 1 and device.read(RCC + 0x130, 4) >> 24 & 1


def test_the_cores_own_view_of_the_enable_registers() -> None:
    device = Device("h7")
    device.write(RCC + 0x13C, 4, 7 << 29)
    assert device.read(RCC + 0xDC, 4) == 7 << 29
