"""The XSPI controller: calibration, FIFO, status polling, errors, and the way into and out of its window (RM0486)."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import Fault
from tests.unit.twins.n6.driver import (
    AR,
    BUSY,
    CCR,
    CR,
    DCR1,
    DCR2,
    DHQC,
    DLR,
    DR,
    DTR_READ,
    FCR,
    FTF,
    IR,
    MAP_DTR,
    MAPPED,
    POLL,
    PSMAR,
    PSMKR,
    SMF,
    SPI_ADDRESS_ONLY,
    SPI_ADDRESSED,
    SPI_COMMAND,
    SPI_READ,
    SR,
    TCF,
    TCR,
    TEF,
    WCCR,
    WIR,
    XSPI1,
    XSPI2,
    Driver,
)

SHOWN = 0x71000000


@pytest.fixture
def spi() -> Driver:
    driver = Driver()
    driver.connect()
    driver.controller(3)
    return driver


@pytest.fixture
def mapped() -> Driver:
    driver = Driver()
    driver.twin.chip._store(0x01000000, b"cells")
    driver.start_dtr()
    driver.map(MAP_DTR)
    return driver


def test_a_prescaler_makes_it_busy_for_a_while(spi: Driver) -> None:
    spi[DCR2] = 0
    assert spi[SR] & BUSY
    spi[TCR] = 5
    assert "busy" in spi.twin.wrong[0]
    assert spi.wait(BUSY, 0)
    assert spi[TCR] == 0, "it was not taken"


def test_it_is_not_enabled_while_the_prescaler_settles() -> None:
    driver = Driver()
    driver.connect()
    driver[DCR2] = 3
    driver[CR] = 1
    assert "settles" in driver.twin.wrong[0]


def test_registers_need_clock_and_no_reset() -> None:
    driver = Driver()
    with pytest.raises(Fault):
        driver[SR]
    driver.connect()
    driver.write32(0x56028A20, 1 << 12)
    with pytest.raises(Fault):
        driver[CR] = 1


def test_without_a_kernel_clock_nothing_ends(spi: Driver) -> None:
    spi.write32(0x56028158, 2 << 4)  # IC3, which is off
    spi.write32(0x56028A20, 1 << 12)
    spi.write32(0x56029220, 1 << 12)
    spi.controller(3)
    assert spi.command(SPI_READ, 0, 0x9F, read=3) is None


def test_a_long_read_is_complete_when_its_last_bytes_are_in_the_fifo(spi: Driver) -> None:
    spi[CR], spi[DLR] = 1 | 31 << 8 | 1 << 28, 127
    spi[CCR], spi[TCR], spi[IR] = SPI_ADDRESSED, 8, 0x0C
    spi[AR] = 0
    assert spi[SR] & (FTF | TCF | BUSY) == FTF | BUSY
    assert spi[SR] >> 8 & 0x7F == 64
    for _ in range(16):
        spi[DR]
    assert spi[SR] & TCF
    for _ in range(16):
        spi[DR]
    assert not spi[SR] & BUSY
    spi[DR]
    assert "0 in the FIFO" in spi.twin.wrong[0]


def test_a_fifo_takes_64_bytes(spi: Driver) -> None:
    spi.command(SPI_COMMAND, 0, 0x06)
    spi[CR], spi[DLR] = 1 | 31 << 8, 255
    spi[CCR], spi[TCR], spi[IR] = SPI_ADDRESSED, 0, 0x12
    spi[AR] = 0
    for _ in range(17):
        spi[DR] = 0
    assert "full" in spi.twin.wrong[0]


def test_status_polling_ends_by_itself(spi: Driver) -> None:
    spi.command(SPI_COMMAND, 0, 0x06)
    spi.command(SPI_ADDRESS_ONLY, 0, 0xDC, 0)
    spi[CR], spi[DLR], spi[PSMKR], spi[PSMAR] = 1 | 1 << 22 | POLL << 28, 0, 1, 0
    spi[CCR], spi[TCR], spi[IR] = SPI_READ, 0, 0x05
    looks = [spi[SR] & (SMF | BUSY) for _ in range(10)]
    assert looks[0] == BUSY
    assert looks[-1] == SMF
    spi[FCR] = 8
    assert not spi[SR] & SMF


def test_status_polling_in_dtr_matches_both_bytes() -> None:
    driver = Driver()
    driver.start_dtr()
    driver[CR], driver[DLR], driver[PSMKR], driver[PSMAR] = 1 | 1 << 22 | POLL << 28, 1, 0x0101, 0
    driver[CCR], driver[TCR], driver[IR] = DTR_READ, DHQC | 5, 0x05FA
    driver[AR] = 0
    assert driver.wait(SMF, SMF)


def test_a_chip_that_stays_busy_is_polled_until_the_abort(spi: Driver) -> None:
    spi.twin.set_fault("nor", "stuck-busy")
    spi.command(SPI_COMMAND, 0, 0x06)
    spi.command(SPI_ADDRESS_ONLY, 0, 0xDC, 0)
    spi[CR], spi[DLR], spi[PSMKR], spi[PSMAR] = 1 | 1 << 22 | POLL << 28, 0, 1, 0
    spi[CCR], spi[TCR], spi[IR] = SPI_READ, 0, 0x05
    assert not spi.wait(SMF, SMF)
    spi.abort()
    assert spi.command(SPI_READ, 0, 0x05, read=1) == b"\3"


def test_an_address_beyond_the_device_is_an_error(spi: Driver) -> None:
    assert spi.command(SPI_ADDRESSED, 8, 0x0C, 128 << 20, read=4) is None
    assert spi[SR] & (TEF | BUSY) == TEF


# --- the window ---


def test_a_window_is_a_region_of_parts_that_change_with_the_map(mapped: Driver) -> None:
    twin = mapped.twin
    twin.changed = False
    region = twin.region_at(SHOWN + 5)
    assert region is not None
    assert (region.start, region.length, region.writable) == (SHOWN, 1 << 20, False)
    assert bytes(region.buffer[:6]) == b"cells\xff"
    assert twin.region_at(0x77FFFFFF) is not None
    assert twin.region_at(0x78000000) is None
    mapped.abort()
    mapped[CR] = 1
    assert twin.changed
    assert twin.region_at(SHOWN) is None
    with pytest.raises(Fault):
        twin.read(SHOWN, 4)


def test_a_part_shows_what_was_programmed_since(mapped: Driver) -> None:
    before = mapped.twin.region_at(SHOWN)
    mapped.abort()
    mapped[CR] = 1
    mapped.command(0x0800001C, DHQC, 0x06F9)
    mapped.command(0x0C003C1C, DHQC, 0x12ED, 0x01000010, data=b"more")
    while mapped.command(DTR_READ, DHQC | 5, 0x05FA, 0, read=2) != b"\0\0":
        pass
    mapped.map(MAP_DTR)
    region = mapped.twin.region_at(SHOWN)
    assert region is before, "the same object for ever"
    assert region is not None
    assert bytes(region.buffer[:20]) == b"cells" + b"\xff" * 11 + b"more"


def test_a_window_that_was_read_is_busy_until_it_is_left(mapped: Driver) -> None:
    assert not mapped[SR] & BUSY
    assert mapped.twin.region_at(SHOWN)
    assert mapped[SR] & BUSY
    mapped[CR] = 1
    assert "mode is changed" in mapped.twin.wrong[0]
    assert mapped[CR] >> 28 == MAPPED
    mapped.abort()
    mapped[CR] = 1
    assert mapped.command(DTR_READ, DHQC | 5, 0x05FA, 0, read=2) == b"\0\0"
    assert len(mapped.twin.wrong) == 1


def test_with_a_timeout_it_is_not_busy(mapped: Driver) -> None:
    mapped[CR] = mapped[CR] | 8
    assert mapped.shown(SHOWN, 4) == b"cell"
    assert not mapped[SR] & BUSY


def test_a_device_size_larger_than_the_chip_is_told() -> None:
    driver = Driver("n6-nucleo")
    driver.start_dtr()
    driver.map(MAP_DTR)
    assert driver.twin.wrong == ["XSPI2: DEVSIZE says 128 MB, the chip has 64"]


def test_a_smaller_one_ends_the_window() -> None:
    driver = Driver()
    driver.start_dtr()
    driver[DCR1] = 0x01190100
    driver.map(MAP_DTR)
    assert driver.twin.region_at(0x73FFFFFF) is not None
    assert driver.twin.region_at(0x74000000) is None
    with pytest.raises(Fault):
        driver.twin.read(0x74000000, 4)


def test_late_sampling_in_dtr_is_told(mapped: Driver) -> None:
    mapped.abort()
    mapped[CR] = 1
    mapped.map((MAP_DTR[0], MAP_DTR[1] | 1 << 30, MAP_DTR[2]))
    assert "SSHIFT" in mapped.twin.wrong[0]


def test_a_write_into_the_nors_window_is_told_and_changes_nothing(mapped: Driver) -> None:
    mapped[WCCR], mapped[WIR] = 0x0C003C1C, 0x12ED
    mapped.write32(SHOWN + 0x100, 0)
    assert "window of the NOR" in mapped.twin.wrong[0]
    assert mapped.twin.chip.peek(0x01000100, 4) == b"\xff" * 4


def test_a_busy_chip_is_no_region(mapped: Driver) -> None:
    mapped.abort()
    mapped[CR] = 1
    mapped.command(0x0800001C, DHQC, 0x06F9)
    mapped.command(0x08003C1C, DHQC, 0x21DE, 0)
    mapped.map(MAP_DTR)
    assert mapped.twin.region_at(SHOWN) is None
    assert mapped.shown(SHOWN, 4) != b"cell"


def test_both_controllers_have_registers_of_their_own() -> None:
    driver = Driver()
    driver.connect()
    driver.write32(0x56028A60, 1 << 5)
    driver[DCR1] = 0x011A0100
    driver.write32(XSPI1 + DCR1, 0x06180400)
    assert (driver.read32(XSPI2 + DCR1), driver.read32(XSPI1 + DCR1)) == (0x011A0100, 0x06180400)
