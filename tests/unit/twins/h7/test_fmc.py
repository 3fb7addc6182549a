"""The SDRAM of the STM32H747I-DISCO's model answers after its whole start, and after nothing less."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import Fault
from pytest_stm32pose.twins.h7.device import Device
from tests.support.h7_driver import CLOCKS, FMC, RCC, SDRAM, clocked, with_sdram_pins, write_all

START, BYTES = 0xD0000000, 32 << 20
SDCR1, SDCR2, SDTR1, SDTR2, SDCMR, SDRTR = (FMC + at for at in (0x140, 0x144, 0x148, 0x14C, 0x150, 0x154))
#: Zephyr's times for the board: CAS 2, TMRD 2, TXSR 6, TRAS 4, TRC 6, TWR 2, TRP 2, TRCD 2, refresh 603.
ZEPHYR = {SDCR2: 0x165, SDTR1: 0x00105000, SDTR2: 0x01010351, SDRTR: 603 << 1}


def started(changes: dict[int, int] | None = None, mode: int = 0x4600C) -> Device:
    device = with_sdram_pins(clocked())
    for address, value in SDRAM:
        command = mode if (address, value) == (SDCMR, 0x4600C) else value
        device.write(address, 4, (changes or {}).get(address, command))
    return device


@pytest.mark.parametrize(("changes", "mode"), [({}, 0x4600C), (ZEPHYR, 0x220 << 9 | 0xC)], ids=["ST", "Zephyr"])
def test_the_documented_start_works(changes: dict[int, int], mode: int) -> None:
    device = started(changes, mode)
    region = device.region_at(START + BYTES - 1)
    assert region is not None and (region.start, region.length) == (START, BYTES) and region.writable
    assert device.region_at(START + BYTES) is None
    device.write(START + 4, 4, 0x12345678)
    assert device.read(START + 4, 4) == 0x12345678 and device.wrong == []
    assert region.buffer[0] not in (0, 0xFF), "noise"


@pytest.mark.parametrize(
    ("address", "value", "words"),
    [
        (SDCR1, 0x1000, "SDCLK is off"),
        (SDCR2, 0x1E4, "SDCR2"),
        (SDCR2, 0x1D5, "SDCR2"),
        (SDCR2, 0x3E5, "SDCR2"),
        (SDCR2, 0x165, "CAS latency 3 in the part, 2 in SDCR2"),
        (SDCR2, 0x0E5, "CAS latency 1"),
        (SDTR1, 0x00101000, "TRC"),
        (SDTR1, 0x00006000, "TRP"),
        (SDTR2, 0x01010360, "TMRD"),
        (SDTR2, 0x01010341, "TXSR"),
        (SDTR2, 0x01010261, "TRAS"),
        (SDTR2, 0x01000361, "TWR"),
        (SDTR2, 0x00010361, "TRCD"),
        (SDRTR, 0, "no refresh"),
        (SDRTR, 0x603 << 2, "refresh count"),
        (SDRTR, 40 << 1, "refresh count"),
    ],
)
def test_a_wrong_value_is_told(address: int, value: int, words: str) -> None:
    check_does_not_work(started({address: value}), words)


@pytest.mark.parametrize(
    ("mode", "words"),
    [(0x4400C, "CAS latency 2"), (0x4620C, "one word a burst"), (0x230 << 9 | 0x14, "load mode")],
)
def test_a_wrong_mode_register_is_told(mode: int, words: str) -> None:
    check_does_not_work(started(mode=mode), words)


@pytest.mark.parametrize("left_out", [at for at, (address, _) in enumerate(SDRAM) if address == SDCMR])
def test_a_command_that_is_left_out_is_told(left_out: int) -> None:
    device = with_sdram_pins(clocked())
    write_all(device, SDRAM[:left_out] + SDRAM[left_out + 1 :])
    check_does_not_work(device, "SDRAM")


def test_too_few_refreshes_are_told() -> None:
    device = with_sdram_pins(clocked())
    write_all(device, [(at, 0x2B if (at, value) == (SDCMR, 0xEB) else value) for at, value in SDRAM])
    check_does_not_work(device, "2 auto-refreshes at its start, not 8")


def check_does_not_work(device: Device, words: str) -> None:
    assert device.region_at(START) is None
    device.write(START + 4, 4, 0x12345678)
    assert device.read(START + 4, 4) != 0x12345678
    assert any(words in what for what in device.wrong), device.wrong


@pytest.mark.parametrize("pin", [("D", 0), ("E", 15), ("F", 11), ("G", 15), ("H", 5), ("I", 10)])
def test_every_pin_is_needed(pin: tuple[str, int]) -> None:
    device = with_sdram_pins(clocked(), without=pin)
    write_all(device, SDRAM)
    check_does_not_work(device, "alternate function 12")


@pytest.mark.parametrize("missing", ["clock", "enable"])
def test_without_clock_or_enable_nothing_answers(missing: str) -> None:
    device = with_sdram_pins(clocked())
    if missing == "clock":
        device.write(RCC + 0xD4, 4, 0)
    write_all(device, [(at, 0x30DB if at == FMC else value) for at, value in SDRAM])
    with pytest.raises(Fault):
        device.read(START, 4)
    assert (FMC == 0x52004000) and bool(device.wrong) == (missing == "clock")


def test_a_faster_clock_than_the_values_were_made_for_is_told() -> None:
    """The start at 64 MHz keeps every limit, but the bus is then taken to 200 MHz, and SDCLK to 100."""
    device = with_sdram_pins(Device("h747"))
    at_32_mhz = {SDTR1: 0x00001000, SDTR2: 0x00000111, SDRTR: 460 << 1}
    write_all(device, [(at, at_32_mhz.get(at, value)) for at, value in SDRAM])
    assert device.region_at(START) is not None and device.wrong == []
    device.changed = False
    write_all(device, CLOCKS["h747"])
    assert device.changed
    check_does_not_work(device, "100 MHz")


def test_a_reset_takes_the_refresh_and_with_it_the_data() -> None:
    device = started()
    device.write(START, 4, 0xCAFE)
    device.reset()
    with pytest.raises(Fault):
        device.read(START, 4)
    write_all(device, CLOCKS["h747"][1:])
    with_sdram_pins(device)
    write_all(device, SDRAM)
    assert device.read(START, 4) != 0xCAFE and device.region_at(START) is not None and device.wrong == []


def test_a_stuck_data_line() -> None:
    device = started()
    device.set_fault("sdram", "stuck-bit")
    assert device.region_at(START) is None
    device.write(START + 64, 4, 0x12345670)
    assert device.read(START + 64, 4) == 0x12345671 and device.wrong == []
