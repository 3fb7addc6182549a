"""The DK's PSRAM: ST's sequence reaches it, and what differs gives other data (aps256xx.h, DK board support)."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import Fault
from tests.unit.twins.n6.driver import (
    BUSY,
    CCR,
    CR,
    DCR1,
    DCR2,
    DCR3,
    DCR4,
    DHQC,
    GPIOO,
    GPIOP,
    IR,
    MAPPED,
    RCC,
    SVMCR3,
    TCR,
    WCCR,
    WIR,
    WTCR,
    XSPI1,
    Driver,
)

REGISTER_READ, REGISTER_WRITE, ARRAY = 0x2C003C04, 0x0C003C04, 0x2D003C04
WINDOW = 0x90000000
MODES = {0: 0x30, 4: 0x20, 8: 0x40}


def connected(board: str = "n6") -> Driver:
    driver = Driver(board, XSPI1)
    driver.write32(RCC + 0xA5C, 1 << 14 | 1 << 15 | 1 << 18)
    driver.write32(RCC + 0xA60, 1 << 5 | 1 << 13)
    driver.write32(SVMCR3, 1 << 8 | 1 << 25)
    for port, modes, low, high in (
        (GPIOO, 0xFFFFFEAE | 0xFFFFFC00, 0x00099909, 0),
        (GPIOP, 0xAAAAAAAA, 0x99999999, 0x99999999),
    ):
        driver.write32(port + 0x0C, 1)
        driver.write32(port + 0x20, low)
        driver.write32(port + 0x24, high)
        driver.write32(port, modes)
    driver[DCR1], driver[DCR3], driver[DCR4] = 0x06180400, 0x000B0000, 129
    driver[DCR2] = 3
    assert driver.wait(BUSY, 0)
    driver[CR] = 1
    return driver


def started(modes: dict[int, int] = MODES) -> Driver:
    driver = connected()
    for address, value in modes.items():
        assert driver.command(REGISTER_WRITE, DHQC, 0xC0, address, data=bytes([value, 0])) == b""
    driver[DCR2] = 0
    assert driver.wait(BUSY, 0)
    return driver


def mapped(driver: Driver, read: int = 6, write: int = 6, ccr: int = ARRAY) -> Driver:
    driver[CCR], driver[TCR], driver[IR] = ccr, DHQC | read, 0x20
    driver[WCCR], driver[WTCR], driver[WIR] = ccr, write, 0xA0
    driver[CR] = 1 | MAPPED << 28
    return driver


def test_mode_registers_and_ids() -> None:
    driver = started()
    for address, value in MODES.items():
        answer = driver.command(REGISTER_READ, DHQC | 6, 0x40, address, read=2)
        assert answer is not None
        assert answer[0] == value
    identity = driver.command(REGISTER_READ, DHQC | 6, 0x40, 1, read=2)
    assert identity is not None
    assert identity[0] & 0x1F == 0x0D
    assert (identity[1] & 7, identity[1] >> 5) == (7, 6), "256 Mb, good die"
    assert not driver.twin.wrong


def test_the_window_is_memory() -> None:
    driver = mapped(started())
    region = driver.twin.region_at(WINDOW + 0x100)
    assert region is not None
    assert (region.start, region.length, region.writable) == (WINDOW, 32 << 20, True)
    driver.write32(WINDOW + 0x100, 0x12345678)
    assert bytes(region.buffer[0x100:0x104]) == b"\x78\x56\x34\x12"
    region.buffer[0x104] = 0x55
    assert driver.read32(WINDOW + 0x104) & 0xFF == 0x55
    assert driver.twin.region_at(WINDOW + (32 << 20)) is None
    assert not driver.twin.wrong


def test_a_read_may_wait_one_latency_or_two() -> None:
    """ST ships both for the same code of MR0."""
    for cycles in (6, 13):
        assert mapped(started(), read=cycles).twin.region_at(WINDOW) is not None


@pytest.mark.parametrize(("read", "write"), [(5, 6), (7, 6), (6, 5), (6, 7), (0, 0)])
def test_another_latency_gives_other_data(read: int, write: int) -> None:
    driver = mapped(started(), read, write)
    assert driver.twin.region_at(WINDOW) is None
    for at, value in enumerate((0x11111111, 0x22222222, 0x33333333)):
        driver.write32(WINDOW + 4 * at, value)
    assert driver.read32(WINDOW + 4) != 0x22222222


@pytest.mark.parametrize(
    ("what", "modes"),
    [
        ("8 lines", {**MODES, 8: 0}),
        ("variable latency", {**MODES, 0: 0x10}),
        ("another read latency", {**MODES, 0: 0x2C}),
        ("another write latency", {**MODES, 4: 0xC0}),
        ("nothing set", {}),
    ],
)
def test_mode_registers_must_say_what_the_controller_does(what: str, modes: dict[int, int]) -> None:
    driver = mapped(started(modes))
    assert driver.twin.region_at(WINDOW) is None, what


@pytest.mark.parametrize("ccr", [0x2C003C04, 0x0D003C04, 0x2D003404, 0x2D003C14])
def test_phases_must_be_its_own(ccr: int) -> None:
    assert mapped(started(), ccr=ccr).twin.region_at(WINDOW) is None


def test_a_reset_forgets_the_modes() -> None:
    driver = started()
    driver.command(0x00002C04, DHQC, 0xFF, 0)
    assert mapped(driver).twin.region_at(WINDOW) is None


@pytest.mark.parametrize(
    ("what", "address", "value"),
    [
        ("VDDIO2 not valid", SVMCR3, 1 << 25),
        ("no DQS1", GPIOO + 0x20, 0x00090909),
        ("no IO15", GPIOP + 0x24, 0x09999999),
    ],
)
def test_without_supply_or_pins_nothing_answers(what: str, address: int, value: int) -> None:
    driver = mapped(started())
    assert driver.twin.region_at(WINDOW) is not None
    driver.write32(address, value)
    assert driver.twin.region_at(WINDOW) is None, what
    with pytest.raises(Fault):
        driver.twin.read(WINDOW, 4)


def test_100_mhz_need_the_fuse() -> None:
    driver = started()
    driver.pll1_1200(12)
    driver.write32(RCC + 0x158, 2)
    driver.write32(RCC + 0xA20, 1 << 5)
    driver.write32(RCC + 0x1220, 1 << 5)
    driver[DCR1], driver[DCR3], driver[DCR2] = 0x06180400, 0x000B0000, 0
    assert driver.wait(BUSY, 0)
    driver[CR] = 1
    assert mapped(driver).twin.region_at(WINDOW) is None
    driver.twin.set_fault("fuse", "hslv-vddio2")
    assert driver.twin.region_at(WINDOW) is not None
    assert driver.twin.fingerprint()["psram_hz"] == "100000000"


@pytest.mark.parametrize("boundary", [0, 12])
def test_a_burst_over_a_row_is_told(boundary: int) -> None:
    driver = started()
    driver[DCR3] = boundary << 16
    mapped(driver)
    assert "CSBOUND" in driver.twin.wrong[0]


@pytest.mark.parametrize(("address", "data"), [(1, b"\0\0"), (0, b"\0")])
def test_a_write_that_no_mode_register_takes_is_told(address: int, data: bytes) -> None:
    driver = connected()
    driver.command(REGISTER_WRITE, DHQC, 0xC0, address, data=data)
    assert driver.twin.wrong[0].startswith("PSRAM")


def test_the_nucleo_has_none() -> None:
    driver = connected("n6-nucleo")
    assert driver.command(REGISTER_READ, DHQC | 6, 0x40, 1, read=2) is None
    with pytest.raises(ValueError, match="psram has no fault"):
        driver.twin.set_fault("psram", "silent")


def test_silent() -> None:
    driver = connected()
    driver.twin.set_fault("psram", "silent")
    assert driver.command(REGISTER_READ, DHQC | 6, 0x40, 1, read=2) is None


def test_it_is_volatile_and_outlasts_a_system_reset() -> None:
    driver = mapped(started())
    driver.write32(WINDOW, 0x12345678)
    assert driver.twin.psram is not None
    driver.twin.reset()
    assert driver.twin.psram.registers[8] == 0x40
    assert bytes(driver.twin.psram.cells[:4]) == b"\x78\x56\x34\x12"
    driver.twin.power_up()
    assert driver.twin.psram.registers[8] == 0
    assert bytes(driver.twin.psram.cells[:4]) != b"\x78\x56\x34\x12"
