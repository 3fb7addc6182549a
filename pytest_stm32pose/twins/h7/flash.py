"""The flash of the STM32H743 and H747: 2 banks of 8 sectors, written in words of 256 bits, and its controller.

Sources: RM0433 and RM0399, chapter FLASH. Stricter than silicon: a word that is programmed before it is erased, a wrong
key and a command while an operation runs go to `wrong`. Option bytes are never written: a key for them goes there too,
and they read 0. Left out: ECC (a word that is programmed twice would read with an error), CRC, interrupts, protection.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from pytest_stm32pose.twins.device import Region
from pytest_stm32pose.twins.stm32.board import Memory, Supply
from pytest_stm32pose.twins.stm32.registers import Registers
from pytest_stm32pose.twins.stm32.storage import erased, view

START, BANK_BYTES, SECTOR_BYTES, WORD = 0x08000000, 0x100000, 0x20000, 32
KEYS = (0x45670123, 0xCDEF89AB)
STUCK_AT = 0x08020028
_ACR, _KEYR, _OPTKEYR, _CR, _SR, _CCR, _OPTCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
_LOCK, _PG, _SER, _BER, _FW, _START = 1, 2, 4, 8, 1 << 6, 1 << 7
_BUSY, _WAITING, _QUEUED = 1, 2, 4
_EOP, _PROTECTED, _SEQUENCE, _INCONSISTENT = 1 << 16, 1 << 17, 1 << 18, 1 << 21
_BUSY_LOOKS = 2


class Flash(Registers):
    """Both banks. `cells` is what they hold.

    Attributes:
        erased: start addresses of sectors that were erased, in order.
        protected, stuck: planted faults: nothing changes; bit 0 at an address is always 1.
    """

    def __init__(self, blame: Callable[[str], None], touch: Callable[[], None], supply: Supply) -> None:
        self._blame, self._touch, self._supply = blame, touch, supply
        self.cells = erased(2 * BANK_BYTES)
        self._bytes = view(self.cells)
        self.erased: list[int] = []
        self.protected = False
        self.stuck: int | None = None
        self.on_change: Callable[[], None] = lambda: None
        super().__init__({_ACR: 0x37, _CR: _LOCK, 0x100 + _CR: _LOCK, _OPTCR: 1})

    def reset(self) -> None:
        super().reset()
        self._keys = [0, 0]
        self._dead = [False, False]
        self._busy = [0, 0]
        self._open: list[tuple[int, dict[int, int]] | None] = [None, None]
        self._touch()

    def memories(self) -> list[Memory]:
        return [self._memory(bank) for bank in (0, 1)]

    def _memory(self, bank: int) -> Memory:
        first = bank * BANK_BYTES
        cells = (ctypes.c_ubyte * BANK_BYTES).from_buffer(self.cells, first)
        region = Region(f"flash{bank + 1}", START + first, BANK_BYTES, cells, writable=False)
        return Memory(
            region,
            direct=lambda: not self.values[bank << 8 | _CR] & _PG,
            store=lambda offset, size, value: self.program(first + offset, size, value),
        )

    def waits(self) -> tuple[int, int]:
        """LATENCY and WRHIGHFREQ."""
        return self.field(_ACR, 0, 0xF), self.field(_ACR, 4, 3)

    # --- registers ---

    def read(self, offset: int, size: int) -> int:
        bank = offset >> 8 & 1
        if offset & 0xFF == _SR:
            busy = self._busy[bank] > 0
            self._busy[bank] -= busy
            waiting = _WAITING * (self._open[bank] is not None)
            return self.values.get(offset, 0) | (_BUSY | _QUEUED) * busy | waiting
        return super().read(offset & 0xFF if offset & 0xFF in (_ACR, _OPTCR) else offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        bank, register = offset >> 8 & 1, offset & 0xFF
        if register == _ACR:
            self.values[_ACR] = value & 0x3F
            self.on_change()
        elif register == _KEYR:
            self._unlock(bank, value)
        elif register == _CR:
            self._command(bank, value)
        elif register == _CCR:
            status = bank << 8 | _SR
            self.values[status] = self.values.get(status, 0) & ~value
        elif register not in (_SR, 0x10, 0x1C, 0x28, 0x30, 0x38):
            self._blame(f"FLASH: option register 0x{offset:03x} is written")

    def _unlock(self, bank: int, key: int) -> None:
        """A wrong key locks the register until the next reset; so does a key more."""
        control = bank << 8 | _CR
        if key != KEYS[self._keys[bank]] or not self.values[control] & _LOCK:
            self._blame(f"FLASH: wrong key 0x{key:08x} for bank {bank + 1}")
            self._dead[bank] = True
            self.values[control] |= _LOCK
        self._keys[bank] = (self._keys[bank] + 1) % 2
        if not self._keys[bank] and not self._dead[bank]:
            self.values[control] &= ~_LOCK

    def _command(self, bank: int, value: int) -> None:
        control = bank << 8 | _CR
        if self.values[control] & _LOCK:
            if value & (_PG | _SER | _BER | _START):
                self._blame(f"FLASH: bank {bank + 1} is locked")
                self._flag(bank, _SEQUENCE)
            return
        if self._busy[bank] and value & (_START | _PG | _SER | _BER):
            self._blame(f"FLASH: a command while bank {bank + 1} is busy")
        if (value ^ self.values[control]) & _PG:
            self._touch()
        self.values[control] = value & ~(_START | _FW)
        if value & _FW and self._open[bank]:
            self._write_word(bank)
        if value & _START and value & (_SER | _BER):
            sectors = range(8) if value & _BER else [value >> 8 & 7]
            for sector in sectors:
                self._erase(bank, bank * BANK_BYTES + sector * SECTOR_BYTES)

    def _flag(self, bank: int, flag: int) -> None:
        status = bank << 8 | _SR
        self.values[status] = self.values.get(status, 0) | flag

    # --- cells ---

    def _erase(self, bank: int, first: int) -> None:
        if self.protected:
            self._flag(bank, _PROTECTED)
            return

        def apply(length: int) -> None:
            self._bytes[first : first + length] = b"\xff" * length

        self.erased.append(START + first)
        self._supply.change(apply, SECTOR_BYTES)
        self._done(bank)

    def program(self, offset: int, size: int, value: int) -> None:
        """A write of the core or of a probe: the controller collects a flash word, and writes it when it is whole."""
        bank = offset // BANK_BYTES
        if self.values[bank << 8 | _CR] & (_PG | _LOCK) != _PG:
            self._blame(f"FLASH: a write at 0x{START + offset:08x} without PG")
            self._flag(bank, _SEQUENCE)
            return
        start = offset - offset % WORD
        opened = self._open[bank]
        if opened and opened[0] != start:
            self._blame(f"FLASH: the word at 0x{START + opened[0]:08x} is left before it is whole")
            self._flag(bank, _INCONSISTENT)
            return
        if not opened:
            opened = self._open[bank] = (start, {})
        opened[1].update(enumerate(value.to_bytes(size, "little"), offset - start))
        if len(opened[1]) == WORD:
            self._write_word(bank)

    def _write_word(self, bank: int) -> None:
        opened, self._open[bank] = self._open[bank], None
        assert opened is not None
        start, data = opened
        if self.protected:
            self._flag(bank, _PROTECTED)
            return
        if bytes(self._bytes[start : start + WORD]) != b"\xff" * WORD:
            self._blame(f"FLASH: the word at 0x{START + start:08x} is programmed before it is erased")

        def apply(length: int) -> None:
            for at in range(length):
                self._bytes[start + at] &= data.get(at, 0xFF)

        self._supply.change(apply, WORD)
        if self.stuck is not None and start <= self.stuck - START < start + WORD:
            self._bytes[self.stuck - START] |= 1
        self._done(bank)

    def _done(self, bank: int) -> None:
        self._busy[bank] = _BUSY_LOOKS
        self._flag(bank, _EOP)
