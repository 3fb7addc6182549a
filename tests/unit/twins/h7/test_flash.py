"""The flash controller of the STM32H7's model, by RM0433's sequences and by what breaks them."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import PowerLost
from pytest_stm32pose.twins.h7.device import Device
from tests.support.h7_driver import FLASH

BANKS = pytest.mark.parametrize("bank", [0, 1])
START, BANK_BYTES, SECTOR = 0x08000000, 0x100000, 0x20000
KEYR, CR, SR, CCR = 0x04, 0x0C, 0x10, 0x14
LOCK, PG, SER, BER, FW, START_BIT = 1, 2, 4, 8, 1 << 6, 1 << 7
PROTECTED, SEQUENCE, INCONSISTENT = 1 << 17, 1 << 18, 1 << 21
DATA = bytes(range(32))


class Bank:
    """One bank through its registers, unlocked."""

    def __init__(self, model: Device, bank: int) -> None:
        self.model, self.start, self._base = model, START + bank * BANK_BYTES, FLASH + 0x100 * bank
        self.unlock()

    def unlock(self) -> None:
        for key in (0x45670123, 0xCDEF89AB):
            self.set(KEYR, key)

    def set(self, offset: int, value: int) -> None:
        self.model.write(self._base + offset, 4, value)

    def get(self, offset: int) -> int:
        return self.model.read(self._base + offset, 4)

    def wait(self) -> int:
        looks = 0
        while self.get(SR) & 7:
            looks += 1
            assert looks < 100
        return looks

    def program(self, address: int, data: bytes, size: int = 4) -> None:
        self.set(CR, PG | 0x30)
        for at in range(0, len(data), size):
            self.model.write(address + at, size, int.from_bytes(data[at : at + size], "little"))
            if at % 32 == 32 - size:
                self.wait()
        self.set(CR, 0x30)

    def erase(self, sector: int) -> None:
        self.set(CR, SER | 0x30 | sector << 8)
        self.set(CR, SER | 0x30 | sector << 8 | START_BIT)
        assert self.wait() > 0, "it takes time"
        self.set(CR, 0x30)


@BANKS
@pytest.mark.parametrize("size", [1, 2, 4])
def test_erase_and_program(bank: int, size: int) -> None:
    model = Device("h7")
    flash = Bank(model, bank)
    at = flash.start + 3 * SECTOR
    flash.program(at + 64, DATA, size)
    region = model.region_at(at)
    assert region is not None and not region.writable
    offset = at + 64 - region.start
    assert bytes(region.buffer[offset : offset + 32]) == DATA
    assert model.read(at + 64, 4) == int.from_bytes(DATA[:4], "little")
    flash.erase(3)
    assert bytes(region.buffer[offset : offset + 32]) == b"\xff" * 32
    assert model.flash.erased == [at] and model.wrong == []


@BANKS
def test_the_bank_that_is_programmed_does_not_answer_directly(bank: int) -> None:
    model = Device("h7")
    flash = Bank(model, bank)
    model.changed = False
    flash.set(CR, PG)
    assert model.changed and model.region_at(flash.start) is None
    assert model.region_at(START + (1 - bank) * BANK_BYTES) is not None
    assert model.read(flash.start, 4) == 0xFFFFFFFF, "it still reads"
    flash.set(CR, 0)
    assert model.region_at(flash.start) is not None


def test_bank_erase() -> None:
    model = Device("h7")
    flash = Bank(model, 1)
    flash.program(flash.start + 7 * SECTOR, DATA)
    flash.set(CR, BER | START_BIT)
    assert bytes(model.flash.cells) == b"\xff" * (2 * BANK_BYTES) and len(model.flash.erased) == 8


def test_a_forced_write_fills_up_with_ones() -> None:
    model = Device("h7")
    flash = Bank(model, 0)
    flash.set(CR, PG)
    model.write(START, 4, 0x11223344)
    assert flash.get(SR) & 2, "the buffer waits"
    flash.set(CR, PG | FW)
    assert model.read(START, 4) == 0x11223344 and model.read(START + 4, 4) == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("do", "words", "flag"),
    [
        (lambda flash: flash.model.write(START, 4, 0), "without PG", SEQUENCE),
        (lambda flash: (flash.set(CR, PG), flash.model.write(START, 4, 0), flash.model.write(START + 32, 4, 0)),
         "before it is whole", INCONSISTENT),
        (lambda flash: (flash.program(START, DATA), flash.program(START, DATA)), "before it is erased", 0),
        (lambda flash: (flash.set(CR, LOCK), flash.set(CR, SER | START_BIT)), "bank 1 is locked", SEQUENCE),
        (lambda flash: (flash.set(CR, SER | START_BIT), flash.set(CR, SER | START_BIT)), "is busy", 0),
        (lambda flash: flash.set(0x08, 0x08192A3B), "option register", 0),
        (lambda flash: flash.set(0x20, 0), "option register", 0),
    ],
)  # fmt: skip
def test_what_the_manual_forbids(do: object, words: str, flag: int) -> None:
    model = Device("h7")
    flash = Bank(model, 0)
    assert callable(do)
    do(flash)
    assert any(words in what for what in model.wrong), model.wrong
    assert flash.get(SR) & flag == flag
    flash.set(CCR, flag)
    assert not flash.get(SR) & flag


@pytest.mark.parametrize("keys", [(1,), (0x45670123, 1), (0xCDEF89AB, 0x45670123)])
def test_a_wrong_key_locks_until_the_next_reset(keys: tuple[int, ...]) -> None:
    model = Device("h7")
    for key in keys:
        model.write(FLASH + KEYR, 4, key)
    flash = Bank(model, 0)
    assert flash.get(CR) & LOCK and "wrong key" in model.wrong[0]
    model.reset()
    flash.unlock()
    assert not flash.get(CR) & LOCK


@BANKS
def test_write_protection_changes_nothing(bank: int) -> None:
    model = Device("h7")
    flash = Bank(model, bank)
    flash.program(flash.start, DATA)
    model.set_fault("flash", "write-protected")
    flash.set(CR, SER | START_BIT)
    flash.program(flash.start + 32, DATA)
    assert flash.get(SR) & PROTECTED
    assert model.read(flash.start, 4) == 0x03020100 and model.read(flash.start + 32, 4) == 0xFFFFFFFF


def test_a_stuck_bit() -> None:
    model = Device("h7")
    model.set_fault("flash", "stuck-bit")
    Bank(model, 0).program(START + SECTOR, bytes(64))
    assert model.read(START + SECTOR + 0x28, 4) == 1 and model.read(START + SECTOR + 0x2C, 4) == 0


def test_power_that_goes_leaves_half_a_change() -> None:
    model = Device("h7")
    model.set_fault("power", "lost-at-write-3")
    flash = Bank(model, 0)
    flash.program(START, bytes(64))
    with pytest.raises(PowerLost):
        flash.program(START + 64, bytes(32))
    model.power_up()
    assert model.read(START + 64 + 12, 4) == 0 and model.read(START + 64 + 16, 4) == 0xFFFFFFFF
    assert flash.get(CR) & LOCK
