"""Macronix octal NOR behind its controller: ST's order works in every mode, and every deviation gives what it would.

Expected values: ST's public drivers stm32-mx66uw1g45g and stm32n6570-dk-bsp, Linux spi-nor for Macronix, data sheets.
"""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.n6.nor import PowerLost
from tests.unit.twins.n6.driver import (
    BUSY,
    CR,
    DCR1,
    DCR2,
    DHQC,
    DTR_ADDRESS_ONLY,
    DTR_COMMAND,
    DTR_READ,
    DTR_WRITE,
    GPION,
    MAP_DTR,
    MAP_SPI,
    MAP_STR,
    RCC,
    SPI_ADDRESS_ONLY,
    SPI_ADDRESSED,
    SPI_COMMAND,
    SPI_READ,
    STR_ADDRESSED,
    STR_COMMAND,
    SVMCR3,
    XSPIM,
    Driver,
)

CELLS = bytes(range(1, 65))
AT = 0x01000000
SHOWN = 0x71000000


def with_cells(board: str = "n6") -> Driver:
    driver = Driver(board)
    driver.twin.chip._store(AT, CELLS)
    driver.twin.chip._store(AT + (1 << 22), b"\xee" * 64)
    return driver


@pytest.fixture
def dtr() -> Driver:
    """In octal DTR at 50 MHz with 20 dummy cycles, not mapped."""
    driver = with_cells()
    driver.start_dtr()
    return driver


# --- ST's order ---


@pytest.mark.parametrize("mode", ["spi", "opi", "dtr"])
def test_octal_dtr_is_reached_from_any_mode_and_shows_the_cells(mode: str) -> None:
    driver = with_cells()
    driver.twin.chip.mode = mode
    driver.start_dtr()
    assert driver.command(DTR_READ, DHQC | 5, 0x718E, 0, read=2) == b"\2\2"
    driver.map(MAP_DTR)
    assert driver.shown(SHOWN, 64) == CELLS
    assert driver.twin.fingerprint()["nor_hz"] == "50000000"
    assert not driver.twin.wrong


def test_an_octal_command_resets_only_a_chip_in_its_mode() -> None:
    driver = Driver()
    driver.connect()
    driver.controller(3)
    for mode, ccr, tcr in (("opi", DTR_COMMAND, DHQC), ("dtr", STR_COMMAND, 0), ("dtr", SPI_COMMAND, 0)):
        driver.twin.chip.mode = mode
        for code in (0x66, 0x99) if ccr == SPI_COMMAND else (0x6699, 0x9966):
            driver.command(ccr, tcr, code)
        assert driver.twin.chip.mode == mode
    driver.command(DTR_COMMAND, DHQC, 0x9966)
    assert driver.twin.chip.mode == "dtr", "without its enable it is none"


def test_str_shows_the_cells_without_the_strobe() -> None:
    driver = with_cells()
    driver.connect()
    driver.controller(0)
    driver.reset_chip()
    driver.enter_dtr(mode=1)
    assert driver.command(STR_ADDRESSED, 4, 0x05FA, 0, read=1) == b"\0"
    assert driver.command(STR_ADDRESSED, 4, 0x9F60, 0, read=3) == b"\xc2\x81\x3b"
    driver.map(MAP_STR)
    assert driver.shown(SHOWN, 16) == CELLS[:16]
    assert not driver.twin.wrong


def test_spi_shows_the_cells() -> None:
    driver = with_cells()
    driver.connect()
    driver.controller(0)
    driver.map(MAP_SPI)
    assert driver.shown(SHOWN, 16) == CELLS[:16]


def test_registers_of_the_chip_in_dtr(dtr: Driver) -> None:
    assert dtr.command(DTR_READ, DHQC | 4, 0x9F60, 0, read=6) == b"\xc2\xc2\x81\x81\x3b\x3b", "each byte twice"
    assert dtr.command(0x24003C1C, DHQC | 4, 0x9F60, 0, read=3) == b"\xc2\x81\x3b", "data on one edge"
    for dummies in (4, 5, 6):  # Linux, ST's driver, ST's example
        assert dtr.command(DTR_READ, DHQC | dummies, 0x05FA, 0, read=2) == b"\0\0"
    assert dtr.command(DTR_READ, DHQC | 5, 0x718E, 0x300, read=2) == b"\0\0"
    assert dtr.command(DTR_READ, DHQC | 5, 0x15EA, 1, read=2) == b"\0\0"
    assert dtr.command(DTR_READ, DHQC | 20, 0x5AA5, 0, read=4) == b"SFDP"
    assert not dtr.twin.wrong


def test_sfdp_in_spi_has_three_address_bytes() -> None:
    driver = Driver("n6-nucleo")
    driver.connect()
    driver.controller(0, 0x01190100)
    assert driver.command(0x01002101, 8, 0x5A, 0, read=4) == b"SFDP"
    assert driver.command(0x01002101, 8, 0x5A, 0x34, read=4) == (0x1FFFFFFF).to_bytes(4, "little"), "64 MB"
    assert driver.command(SPI_READ, 0, 0x9F, read=3) == b"\xc2\x80\x3a"


def status(driver: Driver) -> int:
    read = driver.command(DTR_READ, DHQC | 5, 0x05FA, 0, read=2)
    assert read is not None
    return read[0]


def settle(driver: Driver) -> int:
    looks = 0
    while status(driver) & 1:
        looks += 1
    return looks


def program(driver: Driver, address: int, data: bytes) -> None:
    driver.command(DTR_COMMAND, DHQC, 0x06F9)
    assert status(driver) & 2
    driver.command(DTR_WRITE, DHQC, 0x12ED, address, data=data)


def test_programming_and_erasing_in_dtr(dtr: Driver) -> None:
    data = bytes(range(256))
    program(dtr, 0x20000, data)
    assert settle(dtr) > 0
    assert dtr.twin.chip.peek(0x20000, 256) == data
    assert dtr.command(DTR_READ, DHQC | 5, 0x2BD4, 0, read=2) == b"\0\0", "no failure"
    for code, length in ((0x21DE, 0x1000), (0xDC23, 0x10000)):
        dtr.command(DTR_COMMAND, DHQC, 0x06F9)
        dtr.command(DTR_ADDRESS_ONLY, DHQC, code, 0x20000)
        assert settle(dtr) > 0
        assert dtr.twin.chip.peek(0x20000, length) == b"\xff" * length
        program(dtr, 0x20000, data)
        settle(dtr)
    assert status(dtr) == 0, "write enable is spent"
    assert not dtr.twin.wrong


def test_chip_erase_takes_everything(dtr: Driver) -> None:
    dtr.command(DTR_COMMAND, DHQC, 0x06F9)
    dtr.command(DTR_COMMAND, DHQC, 0x609F)
    assert settle(dtr) > 6
    assert dtr.twin.chip.peek(AT, 64) == b"\xff" * 64


def test_programming_in_spi_and_str() -> None:
    driver = Driver()
    driver.connect()
    driver.controller(3)
    driver.enable_writing()
    driver.command(SPI_ADDRESSED, 0, 0x12, 0x100, data=b"ab")
    while driver.command(SPI_READ, 0, 0x05, read=1) != b"\0":
        pass
    driver.enter_dtr(mode=1)
    driver.command(STR_COMMAND, 0, 0x06F9)
    driver.command(STR_ADDRESSED, 0, 0x12ED, 0x102, data=b"c")
    assert driver.twin.chip.peek(0x100, 4) == b"abc\xff"
    assert not driver.twin.wrong


def test_a_protected_sector_says_so_in_the_security_register(dtr: Driver) -> None:
    dtr.twin.chip.protected.add(0x20000)
    program(dtr, 0x20000, b"ab")
    dtr.command(DTR_COMMAND, DHQC, 0x06F9)
    dtr.command(DTR_ADDRESS_ONLY, DHQC, 0xDC23, 0x20000)
    assert dtr.command(DTR_READ, DHQC | 5, 0x2BD4, 0, read=2) == b"\x60\x60"


# --- deviations ---


@pytest.mark.parametrize(
    ("code", "cycles", "shown"),
    [
        (7, 6, CELLS[:8]),
        (5, 10, CELLS[:8]),
        (5, 9, b"\xff\xff\1\2\3\4\5\6"),
        (5, 8, b"\xff\xff\xff\xff\1\2\3\4"),
        (5, 11, bytes(range(3, 11))),
        (7, 20, bytes(range(29, 37))),
        (0, 6, b"\xff" * 8),
    ],
)
def test_dummy_cycles_must_agree(code: int, cycles: int, shown: bytes) -> None:
    driver = with_cells()
    driver.start_dtr(code)
    assert driver.command(DTR_READ, DHQC | cycles, 0xEE11, AT, read=8) == shown
    driver.map((MAP_DTR[0], DHQC | cycles, 0xEE11))
    assert (driver.twin.region_at(SHOWN) is not None) == (shown == CELLS[:8]), "no region shows other data"
    assert (driver.shown(SHOWN, 4) == CELLS[:4]) == (shown == CELLS[:8])


def test_in_str_a_cycle_is_a_byte() -> None:
    driver = with_cells()
    driver.connect()
    driver.controller(0)
    driver.enter_dtr(code=7, mode=1)
    assert driver.command(STR_ADDRESSED, 5, 0xEC13, AT, read=4) == b"\xff\1\2\3"
    assert driver.command(STR_ADDRESSED, 7, 0xEC13, AT, read=4) == b"\2\3\4\5"
    assert driver.command(STR_ADDRESSED, 6, 0xEC13, AT, read=4) == b"\1\2\3\4"


@pytest.mark.parametrize("dummies", [3, 5])
def test_the_id_needs_its_four_cycles(dtr: Driver, dummies: int) -> None:
    assert dtr.command(DTR_READ, DHQC | dummies, 0x9F60, 0, read=6) != b"\xc2\xc2\x81\x81\x3b\x3b"


@pytest.mark.parametrize("mhz", [67, 84, 100, 200])
def test_a_dummy_code_has_a_highest_clock(mhz: int) -> None:
    driver = with_cells()
    driver.twin.set_fault("fuse", "hslv")
    driver.start_dtr(7)
    driver[CR] = 0
    driver.pll1_1200(1200 // mhz)
    driver.controller(0)
    assert driver.command(DTR_READ, DHQC | 6, 0xEE11, AT, read=4) == b"\xff\xff\1\2"


def at_hz(divider: int, fault: str = "none") -> Driver:
    driver = with_cells()
    driver.twin.set_fault("fuse", fault)
    driver.start_dtr()
    driver[CR] = 0
    driver.pll1_1200(divider)
    driver.controller(0)
    return driver


def test_above_50_mhz_pins_without_their_fuse_lose_an_address_bit() -> None:
    """1200 / 9 = 133 MHz: what one user measured."""
    driver = at_hz(9)
    assert driver.command(DTR_READ, DHQC | 20, 0xEE11, AT + (1 << 22), read=4) == CELLS[:4], "bit 22 is lost"
    driver.map(MAP_DTR)
    assert driver.twin.region_at(SHOWN) is None
    assert driver.shown(SHOWN + (1 << 22), 4) == CELLS[:4]


def test_far_above_nothing_is_heard() -> None:
    assert at_hz(4).command(DTR_READ, DHQC | 20, 0xEE11, AT, read=4) is None, "300 MHz"


def test_200_mhz_with_the_fuse() -> None:
    driver = at_hz(6, "hslv-vddio3")
    driver.map(MAP_DTR)
    assert driver.shown(SHOWN + (1 << 22), 4) == b"\xee" * 4
    assert driver.twin.region_at(SHOWN) is not None
    driver.write32(SVMCR3, 1 << 9)
    assert driver.twin.region_at(SHOWN) is None, "the fuse counts in the 1.8 V range"


def test_the_fuse_of_the_other_port_does_not_help() -> None:
    driver = at_hz(6, "hslv-vddio2")
    assert driver.command(DTR_READ, DHQC | 20, 0xEE11, AT + (1 << 22), read=4) == CELLS[:4]


@pytest.mark.parametrize(
    ("what", "ccr", "tcr"),
    [
        ("no strobe", 0x0C003C1C, DHQC | 20),
        ("no quarter of a clock", 0x2C003C1C, 20),
        ("address on one edge", 0x2C00341C, DHQC | 20),
        ("address of 24 bits", 0x2C002C1C, DHQC | 20),
        ("data on 4 lines", 0x2B003C1C, DHQC | 20),
    ],
)
def test_a_read_of_another_shape_gives_other_data(dtr: Driver, what: str, ccr: int, tcr: int) -> None:
    got = dtr.command(ccr, tcr, 0xEE11, AT, read=8)
    assert got != CELLS[:8], what
    if got is None:
        dtr.abort()
    dtr.map((ccr, tcr, 0xEE11))
    assert dtr.twin.region_at(SHOWN) is None, what


def test_the_wrong_opcode_of_a_mode_is_told(dtr: Driver) -> None:
    dtr.command(DTR_READ, DHQC | 20, 0xEC13, AT, read=8)
    assert "0xec13" in dtr.twin.wrong[0]


def test_a_strobe_that_nobody_drives_is_waited_for_until_the_abort() -> None:
    driver = Driver()
    driver.connect()
    driver.controller(3)
    assert driver.command(DTR_READ, DHQC | 5, 0x05FA, 0, read=2) is None, "the chip is in SPI"
    assert driver[0x20] & BUSY
    driver.abort()
    assert driver.command(SPI_READ, 0, 0x9F, read=3) == b"\xc2\x81\x3b"


def test_str_reads_with_the_strobe_need_it_switched_on() -> None:
    driver = with_cells()
    driver.connect()
    driver.controller(0)
    driver.enter_dtr(mode=1)
    assert driver.command(STR_ADDRESSED | 1 << 29, 20, 0xEC13, AT, read=2) is None
    driver.abort()
    driver.command(STR_COMMAND, 0, 0x06F9)
    driver.command(STR_ADDRESSED, 0, 0x728D, 0x200, data=b"\2")
    assert driver.command(STR_ADDRESSED | 1 << 29, 20, 0xEC13, AT, read=2) == b"\1\2"


def test_memory_type_micron_changes_the_bytes_of_a_pair(dtr: Driver) -> None:
    dtr[CR] = 0
    dtr.controller(0, 0x001A0100)
    assert dtr.command(DTR_READ, DHQC | 20, 0xEE11, AT, read=4) == b"\2\1\4\3"
    program(dtr, 0x30000, b"ab")
    assert dtr.twin.chip.peek(0x30000, 2) == b"ba"


@pytest.mark.parametrize(("address", "data"), [(0x30001, b"ab"), (0x30000, b"abc")])
def test_odd_addresses_and_lengths_in_dtr_are_told_and_do_nothing(dtr: Driver, address: int, data: bytes) -> None:
    program(dtr, address, data)
    assert "odd" in dtr.twin.wrong[0]
    assert dtr.twin.chip.peek(0x30000, 4) == b"\xff" * 4


def test_write_enable_is_needed_for_each_configuration() -> None:
    driver = Driver()
    driver.connect()
    driver.controller(3)
    driver.enable_writing()
    driver.command(SPI_ADDRESSED, 0, 0x72, 0x300, data=b"\5")
    driver.command(SPI_ADDRESSED, 0, 0x72, 0, data=b"\2")
    assert driver.twin.chip.mode == "spi"
    assert driver.command(SPI_ADDRESSED, 0, 0x71, 0x300, read=1) == b"\5"


@pytest.mark.parametrize(("address", "value"), [(0, 3), (0x300, 8), (0x400, 1), (0x40000000, 2)])
def test_a_configuration_that_there_is_not_is_told(address: int, value: int) -> None:
    """The last one would change the mode after power on, for ever; the controller refuses so large an address."""
    driver = Driver()
    driver.connect()
    driver.controller(3, 0x011F0100)
    driver.enable_writing()
    driver.command(SPI_ADDRESSED, 0, 0x72, address, data=bytes([value]))
    assert len(driver.twin.wrong) == 1
    assert driver.twin.chip.mode == "spi"


def test_a_chip_reset_while_it_erased_is_silent_for_a_while() -> None:
    driver = Driver()
    driver.connect()
    driver.controller(3)
    driver.enable_writing()
    driver.command(SPI_ADDRESS_ONLY, 0, 0xDC, 0x10000)
    driver.reset_chip()
    answers = [driver.command(SPI_READ, 0, 0x9F, read=3) for _ in range(5)]
    assert answers[0] == b"\xff" * 3
    assert answers[-1] == b"\xc2\x81\x3b"


def test_power_lost_in_a_page_leaves_half_of_it(dtr: Driver) -> None:
    dtr.twin.set_fault("power", "lost-at-page-2")
    program(dtr, 0x20000, b"\0" * 256)
    settle(dtr)
    with pytest.raises(PowerLost):
        program(dtr, 0x20100, b"\0" * 256)
    assert dtr.twin.chip.peek(0x20000, 0x200) == b"\0" * 384 + b"\xff" * 128
    dtr.twin.power_up()
    assert dtr.twin.chip.mode == "spi"
    assert dtr.twin.chip.peek(AT, 4) == CELLS[:4]


# --- supply, pins, port ---


@pytest.mark.parametrize(
    ("what", "address", "value"),
    [
        ("VDDIO3 not valid", SVMCR3, 1 << 26),
        ("no pull-up on the chip select", GPION + 0x0C, 0),
        ("IO4 is not the XSPI's", GPION + 0x20, 0x09099999),
        ("DQS is no alternate function", GPION, 0xFFAA2AAB),
    ],
)
def test_without_supply_or_pins_there_is_no_chip(dtr: Driver, what: str, address: int, value: int) -> None:
    dtr.write32(address, value)
    assert dtr.command(DTR_READ, DHQC | 20, 0xEE11, AT, read=4) is None, what


def test_without_its_supply_the_id_is_zeros() -> None:
    """What one user saw: commands "succeed"."""
    driver = Driver()
    driver.connect()
    driver.write32(SVMCR3, 0)
    driver.controller(3)
    assert driver.command(SPI_READ, 0, 0x9F, read=3) == b"\0\0\0"


@pytest.mark.parametrize("port", [1 << 0, 1 << 1, 1 << 4 | 1 << 6])
def test_a_port_that_leads_elsewhere(port: int) -> None:
    driver = Driver()
    driver.connect()
    driver.write32(XSPIM, port)
    driver.controller(3)
    assert driver.command(SPI_READ, 0, 0x9F, read=3) == b"\0\0\0"


def test_the_port_is_not_switched_under_a_running_controller(dtr: Driver) -> None:
    dtr.write32(XSPIM, 1 << 4)
    assert "XSPIM" in dtr.twin.wrong[0]


@pytest.mark.parametrize("register", [0x0CC, 0x158])
def test_a_kernel_clock_that_changes_stops_the_controller_until_its_reset(dtr: Driver, register: int) -> None:
    dtr.write32(RCC + register, 0)
    assert dtr[0x20] & BUSY
    dtr[CR] = 3
    assert dtr[0x20] & BUSY
    dtr.write32(RCC + 0xA20, 1 << 12)
    dtr.write32(RCC + 0x1220, 1 << 12)
    assert not dtr[0x20] & BUSY
    assert (dtr[DCR1], dtr[DCR2]) == (0, 0)
