"""Clocks of the STM32N6 as the RCC's registers say, and what silicon forbids there. Values: ST's public projects."""

from __future__ import annotations

import pytest

from tests.unit.twins.n6.driver import PWR, RCC, Driver

MHZ = 1_000_000
SR, CFGR1, CFGR2, CSR, CCR, DIVENSR, CCIPR6 = (RCC + at for at in (0x04, 0x20, 0x24, 0x800, 0x1000, 0xA40, 0x158))
PLL1 = ((0x080, 0x00404B00), (0x084, 0), (0x088, 0x49000005))
AT_800 = (
    ((0x080, 0x00201900), (0x084, 0), (0x088, 0x49000005)),
    ((0x090, 0x00807D00), (0x094, 0), (0x098, 0x49000005)),
    ((0x0A0, 0x0080E100), (0x0A4, 0), (0x0A8, 0x4A000005)),
)


@pytest.fixture
def board() -> Driver:
    found = Driver()
    found.write32(RCC + 0xA5C, 1 << 18)
    return found


def start_pll(board: Driver, number: int, writes: tuple[tuple[int, int], ...]) -> bool:
    board.write32(CCR, 1 << 7 + number)
    for offset, value in writes:
        board.write32(RCC + offset, value)
    board.write32(CSR, 1 << 7 + number)
    return bool(board.read32(SR) >> 7 + number & 1)


def switch(board: Driver, *dividers: tuple[int, int], hpre: int) -> None:
    for offset, value in dividers:
        board.write32(RCC + offset, value)
    board.write32(DIVENSR, 0x423)
    board.write32(CFGR2, hpre << 20)
    board.write32(CFGR1, 0x03030000)


def at_600(board: Driver) -> None:
    assert start_pll(board, 1, PLL1)
    switch(board, (0x0C4, 0x10000), (0x0C8, 0x20000), (0x0D8, 0x30000), (0x0EC, 0x20000), hpre=2)


def clocks(board: Driver) -> tuple[float, ...]:
    found = board.twin.memory.peripherals.clocks
    return tuple(hz / MHZ for hz in (found.core_hz, found.bus_hz, found.hclk_hz, found.ic_hz(6), found.ic_hz(11)))


def test_after_a_reset_all_is_the_internal_oscillator(board: Driver) -> None:
    assert clocks(board) == (64, 64, 32, 0, 0)
    assert board.twin.memory.peripherals.clocks.xspi_hz(2) == 32 * MHZ


def test_600_mhz(board: Driver) -> None:
    at_600(board)
    assert board.read32(CFGR1) & 0x30300000 == 0x30300000
    assert clocks(board) == (600, 400, 100, 300, 400)
    assert not board.twin.wrong


@pytest.mark.parametrize("vos", [0, 1])
def test_800_mhz_needs_its_voltage(board: Driver, vos: int) -> None:
    board.write32(PWR + 0x20, vos)
    assert board.read32(PWR + 0x20) & 2, "the range is reached"
    assert all(start_pll(board, number, writes) for number, writes in enumerate(AT_800, 1))
    switch(board, (0x0C4, 0), (0x0C8, 0x10000), (0x0D8, 0x10000000), (0x0EC, 0x20000000), hpre=1)
    assert clocks(board) == (800, 400, 200, 1000, 900)
    assert board.twin.wrong == (
        [] if vos else ["RCC: the core is faster than 600 MHz without the voltage range for it"]
    )


@pytest.mark.parametrize(
    ("choice", "mhz"), [(0, 100), (1, 64), (2, 50), (3, 0)], ids=["HCLK", "CLKP", "IC3", "IC4, which is off"]
)
def test_the_kernel_clock_of_the_nor(board: Driver, choice: int, mhz: int) -> None:
    at_600(board)
    board.write32(RCC + 0x0CC, 0x00170000)
    board.write32(DIVENSR, 1 << 2)
    board.write32(CCIPR6, choice << 4)
    assert board.twin.memory.peripherals.clocks.xspi_hz(2) == mhz * MHZ


@pytest.mark.parametrize(
    ("what", "writes"),
    [
        ("VCO of 3840 MHz", ((0x080, 0x00403C00 | 0xF000), (0x088, 0x49000005))),
        ("VCO of 320 MHz", ((0x080, 0x00401400), (0x088, 0x49000005))),
        ("outputs off", ((0x080, 0x00404B00), (0x088, 0x09000005))),
        ("no post-divider", ((0x080, 0x00404B00), (0x088, 0x48000005))),
        ("from HSE, which is off", ((0x080, 0x20404B00), (0x088, 0x49000005))),
    ],
)
def test_a_pll_that_cannot_run_is_never_ready(board: Driver, what: str, writes: tuple[tuple[int, int], ...]) -> None:
    assert not start_pll(board, 1, writes), what


def test_a_switch_waits_for_its_source(board: Driver) -> None:
    board.write32(CFGR1, 0x03030000)
    assert board.read32(CFGR1) & 0x30300000 == 0
    assert clocks(board)[0] == 64


def test_never_ready(board: Driver) -> None:
    board.twin.set_fault("pll", "never-ready")
    assert not start_pll(board, 1, PLL1)
    board.twin.reset()
    assert not start_pll(board, 1, PLL1), "a reset repairs nothing"


def test_a_running_pll_is_not_changed(board: Driver) -> None:
    start_pll(board, 1, PLL1)
    board.write32(RCC + 0x080, 0x00404A00)
    assert board.twin.wrong == ["RCC: PLL1 is changed while it is on"]


def test_the_cores_clock_is_not_switched_off(board: Driver) -> None:
    at_600(board)
    board.write32(CCR, 0x100)
    assert board.twin.wrong == ["RCC: the clock that the core runs on is switched off"]


def test_hclk_has_a_limit(board: Driver) -> None:
    at_600(board)
    board.write32(CFGR2, 0)
    assert board.twin.wrong == ["RCC: HCLK is faster than 200 MHz"]
