"""The STM32N6 as a twin runs on it: memory, peripherals behind their clocks, USART, fuses, cache of the NPU, faults."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import Device, Fault, Serial
from pytest_stm32pose.twins.n6.device import Twin, device
from tests.unit.twins.n6.driver import RCC, SPI_READ, Driver

RAMCFG, USART1, BSEC, CACHEAXI, NPU, RIFSC, PWR, SYSCFG, GPIOE, DBGMCU = (
    0x52023000, 0x52001000, 0x56009000, 0x580DFC00, 0x580E0000, 0x54024000, 0x56024800, 0x56008000, 0x56021000,
    0x54001000,
)  # fmt: skip
MEMENSR, AHB2, AHB3, AHB4, AHB5, APB2, APB4_2 = (
    RCC + 0x800 + at for at in (0x24C, 0x254, 0x258, 0x25C, 0x260, 0x26C, 0x278)
)
IRQ = 159


@pytest.fixture
def twin() -> Twin:
    return device("n6")


def conforms(made: Device) -> Device:
    return made


def test_it_is_a_device(twin: Twin) -> None:
    assert conforms(twin).core == "cortex-m55"
    assert isinstance(twin.serial, Serial)
    assert (twin.core_port, twin.boot, twin.port_closed) == (1, 0, 0)
    with pytest.raises(KeyError):
        device("h7")


# --- memory ---


def test_ram_is_regions_at_both_aliases_with_one_buffer(twin: Twin) -> None:
    secure, other = twin.region_at(0x34000010), twin.region_at(0x24000010)
    assert secure is not None
    assert other is not None
    assert (secure.start, other.start, secure.length) == (0x34000000, 0x24000000, 0x64000)
    secure.buffer[0x10] = 7
    assert other.buffer[0x10] == 7
    assert twin.read(0x24000010, 1) == 7
    assert twin.region_at(0x34063FFF) is secure, "the same object"
    assert twin.region_at(0x34400000) is None


def test_axisram3_needs_clock_and_power(twin: Twin) -> None:
    assert twin.region_at(0x34200000) is None
    with pytest.raises(Fault):
        twin.write(0x34200000, 4, 0)
    twin.write(AHB2, 4, 1 << 12)
    twin.write(MEMENSR, 4, 1)
    assert twin.region_at(0x34200000) is None
    twin.changed = False
    twin.write(RAMCFG + 0x100, 4, 0)
    assert twin.changed
    assert twin.region_at(0x34200000) is not None
    twin.reset()
    assert twin.changed
    assert twin.region_at(0x34200000) is None


def test_a_register_that_maps_nothing_changes_nothing(twin: Twin) -> None:
    twin.changed = False
    twin.write(AHB4, 4, 1 << 4)
    twin.write(GPIOE, 4, 0)
    assert not twin.changed


def test_a_system_reset_keeps_ram_and_a_power_up_does_not(twin: Twin) -> None:
    twin.write(0x34000000, 4, 0x12345678)
    twin.reset()
    assert twin.read(0x34000000, 4) == 0x12345678
    assert twin.port_closed > 0, "the boot ROM opens it"
    twin.power_up()
    assert twin.read(0x34000000, 4) != 0x12345678
    assert twin.port_closed == 0


# --- peripherals ---


@pytest.mark.parametrize(
    ("base", "enable", "bit"),
    [
        (RAMCFG, AHB2, 12), (GPIOE, AHB4, 4), (0x56024000, AHB4, 16), (PWR, AHB4, 18), (SYSCFG, APB4_2, 0),
        (BSEC, APB4_2, 1), (USART1, APB2, 4), (RIFSC, AHB3, 9), (0x54030000, AHB3, 14), (0x54031000, AHB3, 14),
        (0x58025000, AHB5, 5), (0x5802A000, AHB5, 12), (0x5802B400, AHB5, 13), (NPU, AHB5, 31),
    ],
)  # fmt: skip
def test_a_block_without_its_clock_faults(twin: Twin, base: int, enable: int, bit: int) -> None:
    with pytest.raises(Fault):
        twin.read(base, 4)
    twin.write(enable, 4, 1 << bit)
    twin.read(base, 4)
    twin.write(enable + 0x800, 4, 1 << bit)
    with pytest.raises(Fault):
        twin.read(base, 4)


@pytest.mark.parametrize("address", [0x46028000, 0x56028000 - 4, 0x50000000, 0x60000000, 0x18000000])
def test_what_is_not_there_faults(twin: Twin, address: int) -> None:
    with pytest.raises(Fault):
        twin.read(address, 4)


def test_access_rights_of_the_npu_are_plain_registers(twin: Twin) -> None:
    twin.write(AHB3, 4, 1 << 9)
    for offset, value in ((0xC14, 0x310), (0x1C, 1 << 10), (0x3C, 1 << 10)):
        twin.write(RIFSC + offset, 4, value)
        assert twin.read(RIFSC + offset, 4) == value


def test_part_of_a_register(twin: Twin) -> None:
    twin.write(AHB3, 4, 1 << 9)
    twin.write(RIFSC, 4, 0x11223344)
    twin.write(RIFSC + 2, 1, 0xAA)
    assert (twin.read(RIFSC, 4), twin.read(RIFSC + 2, 2)) == (0x11AA3344, 0x11AA)


def test_pins_are_set_and_cleared(twin: Twin) -> None:
    twin.write(AHB4, 4, 1 << 4)
    twin.write(GPIOE + 0x18, 4, 0x0003)
    twin.write(GPIOE + 0x18, 4, 0x0001_0004)
    assert twin.read(GPIOE + 0x14, 4) == 0x0006


def test_a_supply_is_ready_while_it_is_monitored(twin: Twin) -> None:
    twin.write(AHB4, 4, 1 << 18)
    twin.write(PWR + 0x3C, 4, 1 << 9 | 1 << 26)
    assert twin.read(PWR + 0x3C, 4) == 1 << 9 | 1 << 26
    twin.write(PWR + 0x3C, 4, 1 << 9 | 1 << 26 | 2)
    assert twin.read(PWR + 0x3C, 4) & 0x70000 == 1 << 17


def test_a_compensation_cell_becomes_ready(twin: Twin) -> None:
    twin.write(APB4_2, 4, 1)
    assert twin.read(SYSCFG + 0x60, 4) == 0
    twin.write(SYSCFG + 0x5C, 4, 1 << 8)
    assert (twin.read(SYSCFG + 0x60, 4), twin.read(SYSCFG + 0x58, 4)) == (1 << 8, 0)


# --- fuses ---


@pytest.mark.parametrize(
    ("fault", "shadow"), [("none", 0), ("hslv", 3 << 15), ("hslv-vddio3", 1 << 15), ("hslv-vddio2", 1 << 16)]
)
def test_the_fuses_shadow_is_read(twin: Twin, fault: str, shadow: int) -> None:
    twin.set_fault("fuse", fault)
    with pytest.raises(Fault):
        twin.read(BSEC + 0x1F0, 4)
    twin.write(APB4_2, 4, 2)
    assert twin.read(BSEC + 0x1F0, 4) == shadow
    assert twin.read(BSEC + 0x14, 4) == 0x00410032, "the identification"
    assert not twin.wrong


@pytest.mark.parametrize("offset", [0x000, 0x1F0, 0xC04, 0xFFC])
def test_any_write_to_them_is_refused_and_told(twin: Twin, offset: int) -> None:
    twin.write(APB4_2, 4, 2)
    with pytest.raises(Fault):
        twin.write(BSEC + offset, 4, 0)
    assert "never touched" in twin.wrong[0]
    assert twin.memory.forbidden == [BSEC + offset]


# --- NPU and its cache ---


def test_the_npus_cache_invalidates_itself_and_is_then_enabled(twin: Twin) -> None:
    twin.write(AHB5, 4, 1 << 30)
    with pytest.raises(Fault):
        twin.read(CACHEAXI + 4, 4)
    twin.write(MEMENSR, 4, 1 << 10)
    twin.write(RCC + 0xA20, 4, 1 << 30)
    with pytest.raises(Fault):
        twin.read(CACHEAXI + 4, 4)
    twin.write(RCC + 0x1220, 4, 1 << 30)
    assert twin.read(CACHEAXI + 4, 4) & 1
    twin.write(CACHEAXI, 4, 1)
    assert not twin.read(CACHEAXI, 4) & 1, "not while it is busy"
    settle(twin, 1)
    twin.write(CACHEAXI, 4, 1)
    assert twin.read(CACHEAXI, 4) & 1


def settle(twin: Twin, mask: int) -> int:
    looks = 0
    while twin.read(CACHEAXI + 4, 4) & mask:
        looks += 1
    return looks


def test_its_commands(twin: Twin) -> None:
    twin.write(AHB5, 4, 1 << 30)
    twin.write(MEMENSR, 4, 1 << 10)
    settle(twin, 1)
    twin.write(CACHEAXI + 0x0C, 4, 0x12)
    twin.write(CACHEAXI, 4, 2)
    assert settle(twin, 1) > 0
    assert twin.read(CACHEAXI + 4, 4) == 2, "the end of being busy"
    twin.write(CACHEAXI + 0x0C, 4, 0x12)
    twin.write(CACHEAXI + 0x104, 4, 0x90000000)
    twin.write(CACHEAXI + 0x108, 4, 0x90000040)
    twin.write(CACHEAXI + 0x100, 4, 1 | 1 << 1)
    assert settle(twin, 8) > 0
    assert twin.read(CACHEAXI + 4, 4) == 1 << 4, "the end of a command"
    assert not twin.wrong


def test_a_command_to_a_busy_cache_is_told(twin: Twin) -> None:
    twin.write(AHB5, 4, 1 << 30)
    twin.write(MEMENSR, 4, 1 << 10)
    twin.write(CACHEAXI, 4, 2)
    twin.write(CACHEAXI + 0x100, 4, 3)
    assert len(twin.wrong) == 2


def test_the_npu_is_reset(twin: Twin) -> None:
    twin.write(AHB5, 4, 1 << 31)
    twin.write(NPU + 0x100, 4, 5)
    twin.write(RCC + 0xA20, 4, 1 << 31)
    with pytest.raises(Fault):
        twin.read(NPU, 4)
    twin.write(RCC + 0x1220, 4, 1 << 31)
    assert twin.read(NPU + 0x100, 4) == 0


# --- USART1 ---


def serial(twin: Twin, brr: int = 69, cr1: int = 0x2000002D) -> Twin:
    """921600 baud from the internal oscillator, FIFOs on."""
    twin.write(AHB4, 4, 1 << 4)
    twin.write(GPIOE + 0x20, 4, 0x07700000)
    twin.write(GPIOE, 4, 0xFFFFEBFF)
    twin.write(RCC + 0x174, 4, 6)
    twin.write(APB2, 4, 1 << 4)
    twin.write(USART1 + 0x0C, 4, brr)
    twin.write(USART1, 4, cr1)
    return twin


def test_a_fifo_of_16_bytes_and_its_interrupt(twin: Twin) -> None:
    serial(twin)
    assert twin.irqs == set()
    assert twin.serial.receive(bytes(range(20))) == 16
    assert twin.irqs == {IRQ}
    taken = []
    while twin.read(USART1 + 0x1C, 4) & 1 << 5:
        taken.append(twin.read(USART1 + 0x24, 4))
    assert taken == list(range(16))
    assert twin.irqs == set()
    assert twin.read(USART1 + 0x24, 4) == 15, "the last one again"
    assert not twin.wrong


def test_sending_and_room(twin: Twin) -> None:
    serial(twin)
    twin.serial.room = 2
    for value in b"xy":
        assert twin.read(USART1 + 0x1C, 4) & 1 << 7
        twin.write(USART1 + 0x28, 4, value)
    assert not twin.read(USART1 + 0x1C, 4) & 1 << 7
    twin.write(USART1, 4, 0x200000AD)
    assert twin.irqs == set(), "interrupt when there is room"
    twin.serial.room = 1
    assert twin.irqs == {IRQ}
    assert twin.serial.sent == b"xy"


def test_oversampling_by_8(twin: Twin) -> None:
    serial(twin, brr=0x85, cr1=0x800D)
    twin.write(USART1 + 0x28, 4, 0x41)
    assert twin.serial.sent == b"A"


@pytest.mark.parametrize("brr", [34, 75, 138])
def test_another_baud_rate_damages_bytes(twin: Twin, brr: int) -> None:
    serial(twin, brr)
    twin.write(USART1 + 0x28, 4, 0x41)
    assert twin.serial.sent != b"A"
    twin.serial.receive(b"A")
    assert twin.read(USART1 + 0x1C, 4) & 2, "a framing error"
    assert twin.read(USART1 + 0x24, 4) != 0x41


@pytest.mark.parametrize(
    ("register", "value"),
    [(GPIOE + 0x20, 0x07000000), (GPIOE, 0xFFFFFFFF), (USART1, 0x2000002C), (RCC + 0x174, 4)],
    ids=["another function", "analog", "off", "no clock"],
)
def test_a_line_that_leads_nowhere(twin: Twin, register: int, value: int) -> None:
    serial(twin)
    twin.write(register, 4, value)
    assert twin.serial.receive(b"A") == 1
    twin.write(USART1 + 0x28, 4, 0x41)
    assert twin.serial.sent != b"A"
    assert not (twin.read(USART1 + 0x1C, 4) & 1 << 5 and twin.read(USART1 + 0x24, 4) == 0x41)


def test_the_divider_is_not_changed_while_it_is_on(twin: Twin) -> None:
    serial(twin)
    twin.write(USART1 + 0x0C, 4, 70)
    assert "divider" in twin.wrong[0]


# --- faults ---


@pytest.mark.parametrize("name", sorted(Twin.FAULTS))
def test_a_fault_has_one_line_of_help_and_refuses_other_values(twin: Twin, name: str) -> None:
    assert "\n" not in twin.FAULTS[name]
    with pytest.raises(ValueError, match=name):
        twin.set_fault(name, "purple")


def test_a_fault_that_there_is_not(twin: Twin) -> None:
    with pytest.raises(ValueError, match="no fault 'weather'"):
        twin.set_fault("weather", "rain")


@pytest.mark.parametrize(
    ("value", "answer"), [("silent", b"\xff" * 3), ("wrong-id", b"\xef\x81\x3b"), ("stuck-busy", b"\xc2\x81\x3b")]
)
def test_faults_of_the_nor(value: str, answer: bytes) -> None:
    driver = Driver()
    driver.twin.set_fault("nor", value)
    driver.connect()
    driver.controller(3)
    assert driver.command(SPI_READ, 0, 0x9F, read=3) == answer


@pytest.mark.parametrize("value", ["octal-fails", "dtr-fails"])
def test_a_mode_that_fails_shows_it_in_data_only(value: str) -> None:
    driver = Driver()
    driver.twin.set_fault("nor", value)
    driver.start_dtr()
    assert driver.command(0x2C003C1C, 1 << 28 | 5, 0x718E, 0, read=2) == b"\2\2", "it says that it is in DTR"
    assert driver.command(0x2C003C1C, 1 << 28 | 20, 0x5AA5, 0, read=4) != b"SFDP"
    driver.reset_chip()
    driver.enter_dtr(mode=1)
    read = driver.command(0x04003414, 20, 0x5AA5, 0, read=4)
    assert (read == b"SFDP") == (value == "dtr-fails")


def test_a_locked_nor() -> None:
    driver = Driver()
    driver.twin.set_fault("nor", "locked")
    driver.connect()
    driver.controller(3)
    driver.enable_writing()
    assert driver.command(SPI_READ, 0, 0x05, read=1) == b"\0"


def test_a_port_that_stays_closed(twin: Twin) -> None:
    twin.set_fault("port", "closed-after-reset")
    assert twin.port_closed == 0
    twin.reset()
    assert twin.port_closed > 1 << 40


def test_a_deaf_uart(twin: Twin) -> None:
    twin.set_fault("uart", "deaf")
    serial(twin)
    assert twin.serial.receive(b"hello") == 5
    assert twin.irqs == set()
    twin.write(USART1 + 0x28, 4, 0x41)
    assert twin.serial.sent == b"A", "it still speaks"


@pytest.mark.parametrize("value", ["stuck-bit", "stuck-bit@0x34180010"])
def test_a_stuck_bit_of_ram(twin: Twin, value: str) -> None:
    twin.set_fault("ram", value)
    assert twin.changed
    twin.write(0x34180010, 4, 0)
    assert twin.read(0x34180010, 4) == 4
    assert twin.region_at(0x34180010) is None
    before, behind = twin.region_at(0x34100000), twin.region_at(0x34181000)
    assert before is not None
    assert behind is not None
    assert (before.start, before.length, behind.start, behind.length) == (0x34100000, 0x80000, 0x34181000, 0x7F000)
    behind.buffer[0] = 9
    assert twin.read(0x34181000, 1) == 9
    with pytest.raises(ValueError):
        twin.set_fault("ram", "stuck-bit@0x20000000")


def test_what_is_wrong_is_told_once(twin: Twin) -> None:
    twin.write(AHB5, 4, 1 << 12)
    for _ in range(3):
        twin.write(0x5802A050, 4, 0)
    assert twin.wrong == ["XSPI2: 4 bytes are written where 0 are expected"]
