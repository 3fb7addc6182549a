"""The NOR chip and the memory map of the STM32N6 model say what data sheet and reference manual say, nothing easier."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.n6.memory import RCC, XSPI2, Fault, Memory
from pytest_stm32pose.twins.n6.nor import Command, NorChip
from pytest_stm32pose.twins.n6.xspi import WINDOW, DriverError

ENABLE, STATUS = Command(0x06), Command(0x05, read_bytes=1)


def program(chip: NorChip, address: int, data: bytes) -> None:
    chip.execute(ENABLE)
    chip.execute(Command(0x12, address=address, address_bytes=4, data=data))
    settle(chip)


def settle(chip: NorChip) -> int:
    polls = 0
    while chip.execute(STATUS)[0] & 1:
        polls += 1
    return polls


def test_a_page_program_wraps_inside_its_page_and_clears_bits_only() -> None:
    chip = NorChip()
    program(chip, 0x1FE, b"\x0f\x0e\x0d")
    assert chip.peek(0x100, 1) + chip.peek(0x1FE, 2) == b"\x0d\x0f\x0e"
    program(chip, 0x1FE, b"\xf1")
    assert chip.peek(0x1FE, 1) == b"\x01"


def test_more_than_a_page_keeps_the_last_256_bytes() -> None:
    chip = NorChip()
    program(chip, 0, bytes([1]) * 4 + bytes([2]) * 256)
    assert chip.peek(0, 256) == bytes([2]) * 256


def test_a_write_needs_its_latch_each_time_and_takes_time() -> None:
    chip = NorChip()
    chip.execute(Command(0x12, address=0, address_bytes=4, data=b"\0"))
    assert chip.peek(0, 1) == b"\xff"
    chip.execute(ENABLE)
    assert chip.execute(STATUS) == b"\x02"
    chip.execute(Command(0xDC, address=0, address_bytes=4))
    assert chip.execute(STATUS) == b"\x03"
    assert chip.execute(Command(0x13, address=0, address_bytes=4, read_bytes=2)) == b"\xff\xff"
    assert len(chip.wrong) == 1, "reading while it is busy"
    assert settle(chip) > 0
    assert chip.execute(STATUS) == b"\0"


def test_erasing_takes_the_whole_sector_and_no_more() -> None:
    chip = NorChip()
    for address in (0xFFFC, 0x10000, 0x1FFFC, 0x20000):
        program(chip, address, b"\0")
    chip.execute(ENABLE)
    chip.execute(Command(0xDC, address=0x1ABCD, address_bytes=4))
    settle(chip)
    assert [chip.peek(address, 1) for address in (0xFFFC, 0x10000, 0x1FFFC, 0x20000)] == [
        b"\0",
        b"\xff",
        b"\xff",
        b"\0",
    ]


@pytest.mark.parametrize(
    "command",
    [
        Command(0x12, address=0, address_bytes=3, data=b"\0"),
        Command(0x0C, address=0, address_bytes=4, read_bytes=1),
        Command(0x9F, dummy_cycles=8, read_bytes=3),
        Command(0xC7),
    ],
)
def test_a_command_of_the_wrong_shape_does_nothing_and_is_noted(command: Command) -> None:
    chip = NorChip()
    chip.execute(ENABLE)
    assert chip.execute(command) == b"\xff" * command.read_bytes
    assert chip.wrong == [command]
    assert chip.peek(0, 1) == b"\xff"


def test_a_mode_hears_only_its_own_commands_and_reset_needs_its_enable() -> None:
    chip = NorChip(mode="opi")
    assert chip.execute(Command(0x9F, read_bytes=3)) == b"\xff" * 3
    chip.execute(Command(0x9966, lines=8))
    assert chip.mode == "opi"
    chip.execute(Command(0x6699, lines=8))
    chip.execute(Command(0x9966, lines=8))
    assert chip.mode == "spi"
    assert chip.execute(Command(0x9F, read_bytes=3)) == chip.jedec_id


@pytest.mark.parametrize("address", [0x34200000, 0x34400000, XSPI2, WINDOW, 0x50000000, 0x20040000])
def test_what_is_off_or_not_there_faults(address: int) -> None:
    memory = Memory(NorChip())
    with pytest.raises(Fault):
        memory.read(address, 4)
    with pytest.raises(Fault):
        memory.write(address, bytes(4))


def test_set_and_clear_registers_change_their_bits_only() -> None:
    memory = Memory(NorChip())
    memory.write(RCC + 0xA4C, (0x5).to_bytes(4, "little"))
    memory.write(RCC + 0xA4C, (0x2).to_bytes(4, "little"))
    memory.write(RCC + 0x124C, (0x4).to_bytes(4, "little"))
    assert memory.rcc(0x24C) == 0x3
    assert not memory.is_on(3), "a clock is not enough"


def test_the_controller_is_as_strict_as_its_manual() -> None:
    memory = Memory(NorChip())
    memory.write(RCC + 0xA60, (1 << 12).to_bytes(4, "little"))
    memory.write(XSPI2 + 0x0C, (3).to_bytes(4, "little"))  # a new prescaler: busy
    with pytest.raises(DriverError, match="busy"):
        memory.write(XSPI2 + 0x10, bytes(4))
    with pytest.raises(DriverError, match="expected"):
        memory.write(XSPI2 + 0x50, bytes(4))
