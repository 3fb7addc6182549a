"""The STM32F405's model: clock tree, flash controller, serial port and map, by RM0090 and by what breaks it."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import Fault, PowerLost
from pytest_stm32pose.twins.f4.device import IDCODE, Device, device

RCC, PWR, FLASH, USART1, GPIOB = 0x40023800, 0x40007000, 0x40023C00, 0x40011000, 0x40020400
CR, PLLCFGR, CFGR, AHB1ENR, APB1ENR, APB2ENR, CSR = (RCC + at for at in (0, 4, 8, 0x30, 0x40, 0x44, 0x74))
ACR, KEYR, SR, FLASH_CR = (FLASH + at for at in (0, 4, 0xC, 0x10))
START = 0x08000000
PG, SER, MER, WORDS, STRT, LOCK = 1, 2, 4, 2 << 8, 1 << 16, 1 << 31
#: 168 MHz from the oscillator: voltage, PLL, wait states, dividers, switch.
CLOCKS = (
    (APB1ENR, 1 << 28), (PWR, 1 << 14), (PLLCFGR, 0x27002A08), (CR, 0x01000081), (ACR, 0x0705), (CFGR, 0x9400),
    (CFGR, 0x9402),
)  # fmt: skip


def write_all(model: Device, writes: tuple[tuple[int, int], ...]) -> None:
    for address, value in writes:
        model.write(address, 4, value)


def at_full_speed() -> Device:
    model = Device()
    write_all(model, CLOCKS)
    return model


# --- clocks ---


def test_the_documented_clock_tree_works() -> None:
    model = at_full_speed()
    assert (model.rcc.core, model.rcc.apb(1), model.rcc.apb(2)) == (168e6, 42e6, 84e6)
    assert model.read(CFGR, 4) >> 2 & 3 == 2 and model.read(CR, 4) >> 25 & 1 and model.wrong == []


def test_the_crystal_too() -> None:
    model = Device()
    write_all(model, ((CR, 0x00010081), (PLLCFGR, 0x07402A06)))
    assert model.read(CR, 4) >> 17 & 1
    write_all(model, ((CR, 0x01010081), (ACR, 5), (CFGR, 0x9400), (CFGR, 0x9402)))
    assert model.rcc.core == 168e6 and model.wrong == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ((ACR, 4), "4 wait states at 168 MHz"),
        ((PWR, 0), "voltage scale 2"),
        ((PLLCFGR, 0x27002B08), "core 172 MHz"),
        ((PLLCFGR, 0x27002A04), "4 MHz into the PLL"),
        ((PLLCFGR, 0x27003A08), "oscillator at 464 MHz"),
        ((CFGR, 0x9002), "APB1 at 84 MHz"),
        ((CFGR, 0x1402), "APB2 at 168 MHz"),
    ],
)
def test_a_limit_that_is_passed_is_told(changed: tuple[int, int], words: str) -> None:
    model = Device()
    address, value = changed
    replaced = [(at, value if at == address and (at != CFGR or old == 0x9402) else old) for at, old in CLOCKS]
    if address == CFGR:
        replaced[-2] = (CFGR, value & ~3)
    write_all(model, tuple(replaced))
    assert any(words in what for what in model.wrong), model.wrong


def test_what_never_gets_ready_is_not_switched_to() -> None:
    model = Device()
    model.set_fault("pll", "never-ready")
    model.set_fault("hse", "dead")
    write_all(model, CLOCKS)
    model.write(CR, 4, 0x00010081)
    assert not model.read(CR, 4) & (1 << 25 | 1 << 17) and model.rcc.core == 16e6
    assert model.read(CFGR, 4) >> 2 & 3 == 0
    assert any("not ready" in what for what in model.wrong)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        ((CR, 0x81), "switched off"),
        ((PLLCFGR, 0x27002A09), "while the PLL is on"),
        ((ACR, 0x1F05), "a cache is reset while it is on"),
    ],
)
def test_what_runs_is_left_alone(write: tuple[int, int], words: str) -> None:
    model = at_full_speed()
    model.write(write[0], 4, write[1])
    assert words in model.wrong[0] and model.rcc.core == 168e6


def test_reset_flags() -> None:
    model = Device()
    assert model.read(CSR, 4) >> 27 & 1 and not model.read(CSR, 4) >> 28 & 1
    model.write(CSR, 4, 1 << 24)
    model.reset()
    assert model.read(CSR, 4) >> 28 & 1 and not model.read(CSR, 4) >> 27 & 1


# --- map ---


def test_the_memory_map() -> None:
    model = Device()
    for start, length, writable in (
        (0x20000000, 0x20000, True),
        (0x10000000, 0x10000, True),
        (START, 0x100000, False),
        (0, 0x100000, False),
    ):
        region = model.region_at(start)
        assert region is not None and (region.start, region.length, region.writable) == (start, length, writable)
    for address in (0x20020000, 0x08100000, 0x40010000, 0x60000000):
        with pytest.raises(Fault):
            model.read(address, 4)


def test_identity() -> None:
    model = device("f405")
    assert Device.PRIVATE_WORDS[0xE0042000] & 0xFFF == 0x413 and IDCODE[0] == 0xE0042000
    assert model.read(0x1FFF7A22, 2) == 1024
    assert len({model.read(0x1FFF7A10 + at, 4) for at in (0, 4, 8)}) == 3
    with pytest.raises(KeyError):
        device("h7")


def test_a_block_without_its_clock_reads_0_and_is_recorded() -> None:
    model = Device()
    model.write(GPIOB, 4, 0xFFFF)
    assert model.read(GPIOB, 4) == 0 and "GPIOB is used without its clock" in model.wrong[0]
    model.write(AHB1ENR, 4, 2)
    assert model.read(GPIOB, 4) == 0x280


# --- flash ---


def unlocked() -> Device:
    model = Device()
    write_all(model, ((KEYR, 0x45670123), (KEYR, 0xCDEF89AB)))
    return model


def wait(model: Device) -> int:
    looks = 0
    while model.read(SR, 4) >> 16 & 1:
        looks += 1
    return looks


@pytest.mark.parametrize(("number", "start", "length"), [(0, 0, 0x4000), (4, 0x10000, 0x10000), (11, 0xE0000, 0x20000)])
def test_erase_and_program(number: int, start: int, length: int) -> None:
    model = unlocked()
    model.changed = False
    model.write(FLASH_CR, 4, PG | WORDS)
    assert model.changed and model.region_at(START) is None
    for at in (start, start + length - 4):
        model.write(START + at, 4, 0x12345678)
    assert wait(model) and model.read(START + start, 4) == 0x12345678
    model.write(START + start, 4, 0xF0F0F0F0)
    assert model.read(START + start, 4) == 0x12345678 & 0xF0F0F0F0, "bits are only cleared"
    model.write(FLASH_CR, 4, SER | number << 3 | WORDS)
    assert model.region_at(START) is not None
    model.write(FLASH_CR, 4, SER | number << 3 | WORDS | STRT)
    assert wait(model) > 0
    assert bytes(model.flash.cells) == b"\xff" * 0x100000
    assert model.flash.erased == [START + start] and model.wrong == []


@pytest.mark.parametrize(("size", "code"), [(1, 0), (2, 1), (4, 2)])
def test_the_width_is_the_chosen_one(size: int, code: int) -> None:
    model = unlocked()
    model.write(FLASH_CR, 4, PG | code << 8)
    model.write(START, size, 0)
    assert model.read(START, 4) == 0xFFFFFFFF << 8 * size & 0xFFFFFFFF and model.wrong == []
    model.write(START + 8, 3 - size if size < 3 else 2, 0)
    assert model.read(SR, 4) & 1 << 6 and model.read(START + 8, 4) == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("writes", "words", "flag"),
    [
        (((START, 0),), "without PG", 1 << 7),
        (((FLASH_CR, STRT),), "an erase with CR", 1 << 7),
        (((FLASH_CR, SER | PG | STRT),), "an erase with CR", 1 << 7),
        (((FLASH_CR, SER | 12 << 3 | STRT),), "an erase with CR", 1 << 7),
        (((START, 0), (FLASH_CR, SER | STRT)), "not cleared", 1 << 7),
        (((FLASH + 8, 0x08192A3B),), "option register", 0),
        (((FLASH + 0x14, 0),), "option register", 0),
        (((FLASH_CR, LOCK), (FLASH_CR, PG)), "it is locked", 0),
    ],
)
def test_what_the_manual_forbids(writes: tuple[tuple[int, int], ...], words: str, flag: int) -> None:
    model = unlocked()
    write_all(model, writes)
    assert any(words in what for what in model.wrong), model.wrong
    assert model.read(SR, 4) & flag == flag
    model.write(SR, 4, flag)
    assert not model.read(SR, 4) & flag and model.flash.erased == []


def test_a_wrong_key_locks_until_the_next_reset() -> None:
    model = Device()
    write_all(model, ((KEYR, 1), (KEYR, 0x45670123), (KEYR, 0xCDEF89AB)))
    assert model.read(FLASH_CR, 4) & LOCK
    model.reset()
    write_all(model, ((KEYR, 0x45670123), (KEYR, 0xCDEF89AB)))
    assert not model.read(FLASH_CR, 4) & LOCK


def test_mass_erase() -> None:
    model = unlocked()
    model.write(FLASH_CR, 4, MER | STRT)
    assert len(model.flash.erased) == 12


def test_planted_faults_of_the_flash() -> None:
    model = unlocked()
    model.set_fault("flash", "stuck-bit")
    model.write(FLASH_CR, 4, PG | WORDS)
    model.write(0x08020028, 4, 0)
    assert model.read(0x08020028, 4) == 1
    model.set_fault("power", "lost-at-write-2")
    model.write(START, 4, 0)
    with pytest.raises(PowerLost):
        model.write(START + 4, 4, 0)
    model.power_up()
    assert model.read(START + 4, 4) == 0xFFFF0000
    model.set_fault("flash", "write-protected")
    write_all(model, ((KEYR, 0x45670123), (KEYR, 0xCDEF89AB), (FLASH_CR, SER | STRT)))
    assert model.read(SR, 4) & 1 << 4 and model.read(START, 4) == 0


# --- serial port ---


def with_usart() -> Device:
    model = at_full_speed()
    write_all(model, (
        (AHB1ENR, 2), (APB2ENR, 1 << 4), (GPIOB + 0x20, 0x77000000), (GPIOB, 0xA280), (USART1 + 8, 84),
        (USART1 + 0xC, 0x202C),
    ))  # fmt: skip
    return model


def test_bytes_come_one_by_one() -> None:
    model = with_usart()
    assert model.usart.baud == 1_000_000
    for byte in b"ab":
        assert model.irqs == set()
        assert model.serial.receive(b"%c?" % byte) == 1
        assert model.irqs == {37} and model.read(USART1, 4) >> 5 & 1
        assert model.read(USART1 + 4, 1) == byte
    assert not model.read(USART1, 4) >> 5 & 1


def test_bytes_go_out_while_there_is_room() -> None:
    model = with_usart()
    sent = 0
    while model.read(USART1, 4) >> 7 & 1:
        model.write(USART1 + 4, 4, 65 + sent)
        sent += 1
    assert sent == 2 and bytes(model.serial.sent) == b"AB" and model.wrong == []
    model.write(USART1 + 4, 4, 1)
    assert "full transmitter" in model.wrong[0]


@pytest.mark.parametrize("missing", ["clock", "pin", "on", "deaf"])
def test_bytes_that_nobody_receives_are_lost(missing: str) -> None:
    model = with_usart()
    if missing == "deaf":
        model.set_fault("uart", "deaf")
    else:
        model.write(*{"clock": (APB2ENR, 4, 0), "pin": (GPIOB, 4, 0), "on": (USART1 + 0xC, 4, 0x0C)}[missing])
    assert model.serial.receive(b"abc") == 3
    model.write(APB2ENR, 4, 1 << 4)
    assert not model.read(USART1, 4) >> 5 & 1


def test_every_fault_of_the_help_can_be_planted() -> None:
    model = Device()
    for name, help_ in model.FAULTS.items():
        for part in help_.split("; "):
            model.set_fault(name, part.split(":")[0].replace("N", "7"))
