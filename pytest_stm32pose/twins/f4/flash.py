"""The flash of the STM32F405: 1 MB in 12 sectors, and its controller.

Sources: RM0090 chapter 3. A wrong key, a write without PG, in another width than PSIZE says, or across 16 bytes, and a
command after an error that was not cleared, go to `wrong`; a key for the option bytes too, which are never written.
Left out: protection, interrupts, and that the core stalls while the flash is busy.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.device import Region
from pytest_stm32pose.twins.stm32.board import Memory, Supply
from pytest_stm32pose.twins.stm32.registers import Registers
from pytest_stm32pose.twins.stm32.storage import erased, view

START, BYTES = 0x08000000, 1 << 20
#: (offset, length) by sector number.
SECTORS = (
    *((at << 14, 0x4000) for at in range(4)),
    (0x10000, 0x10000),
    *((at << 17, 0x20000) for at in range(1, 8)),
)
KEYS = (0x45670123, 0xCDEF89AB)
STUCK_AT = 0x08020028
_ACR, _KEYR, _OPTKEYR, _SR, _CR, _OPTCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
_PG, _SER, _MER, _STRT, _LOCK = 1, 2, 4, 1 << 16, 1 << 31
_PROTECTED, _ALIGNMENT, _PARALLELISM, _SEQUENCE = 1 << 4, 1 << 5, 1 << 6, 1 << 7
_ERRORS, _BUSY = 0xF2, 1 << 16
_CACHES, _CACHE_RESETS = 3 << 9, 3 << 11
_BUSY_LOOKS = 2


class Flash(Registers):
    """`cells` is what it holds.

    Attributes:
        erased: start addresses of sectors that were erased, in order.
        protected, stuck: planted faults: nothing changes; bit 0 at an address is always 1.
    """

    def __init__(self, blame: Callable[[str], None], touch: Callable[[], None], supply: Supply) -> None:
        self._blame, self._touch, self._supply = blame, touch, supply
        self.cells = erased(BYTES)
        self._bytes = view(self.cells)
        self.erased: list[int] = []
        self.protected = False
        self.stuck: int | None = None
        self.on_change: Callable[[], None] = lambda: None
        super().__init__({_CR: _LOCK, _OPTCR: 0x0FFFAAED})

    def reset(self) -> None:
        super().reset()
        self._keys = 0
        self._dead = False
        self._busy = 0
        self._touch()

    def memories(self) -> list[Memory]:
        """At its own address, and at 0, where the core finds it after a reset from flash."""
        return [
            Memory(
                Region(name, start, BYTES, self.cells, writable=False),
                direct=lambda: not self.values[_CR] & _PG,
                store=self.program,
            )
            for name, start in (("flash", START), ("flash_alias", 0))
        ]

    def waits(self) -> int:
        return self.field(_ACR, 0, 7)

    # --- registers ---

    def read(self, offset: int, size: int) -> int:
        if offset == _SR:
            busy = self._busy > 0
            self._busy -= busy
            return self.values.get(_SR, 0) | _BUSY * busy
        return 0 if offset in (_KEYR, _OPTKEYR) else super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if offset == _ACR:
            if value & _CACHE_RESETS and (value | self.values.get(_ACR, 0)) & _CACHES:
                self._blame("FLASH: a cache is reset while it is on")
            self.values[_ACR] = value & 0x1F07
            self.on_change()
        elif offset == _KEYR:
            self._unlock(value)
        elif offset == _SR:
            self.values[_SR] = self.values.get(_SR, 0) & ~(value & (_ERRORS | 1))
        elif offset == _CR:
            self._command(value)
        else:
            self._blame(f"FLASH: option register 0x{offset:02x} is written")

    def _unlock(self, key: int) -> None:
        """A wrong key locks the register until the next reset."""
        if key != KEYS[self._keys] or not self.values[_CR] & _LOCK:
            self._blame(f"FLASH: wrong key 0x{key:08x}")
            self._dead = True
            self.values[_CR] |= _LOCK
        self._keys = (self._keys + 1) % 2
        if not self._keys and not self._dead:
            self.values[_CR] &= ~_LOCK

    def _command(self, value: int) -> None:
        if self.values[_CR] & _LOCK:
            if value & (_PG | _SER | _MER | _STRT):
                self._blame("FLASH: it is locked")
            return
        if (value ^ self.values[_CR]) & _PG:
            self._touch()
        self.values[_CR] = value & ~_STRT
        if value & _STRT and self._may_change():
            self._start(value)

    def _start(self, value: int) -> None:
        number = value >> 3 & 0xF
        if value & _PG or not value & (_SER | _MER) or (not value & _MER and number >= len(SECTORS)):
            self._refuse(_SEQUENCE, f"an erase with CR 0x{value:x}")
            return
        for first, length in SECTORS if value & _MER else [SECTORS[number]]:
            self._erase(first, length)

    def _refuse(self, error: int, what: str) -> None:
        self.values[_SR] = self.values.get(_SR, 0) | error
        self._blame(f"FLASH: {what}")

    def _may_change(self) -> bool:
        if self.values.get(_SR, 0) & _ERRORS:
            self._blame("FLASH: a change after an error that was not cleared")
            return False
        if self.protected:
            self.values[_SR] = self.values.get(_SR, 0) | _PROTECTED
            return False
        return True

    # --- cells ---

    def _erase(self, first: int, length: int) -> None:
        def apply(count: int) -> None:
            self._bytes[first : first + count] = b"\xff" * count

        self.erased.append(START + first)
        self._supply.change(apply, length)
        self._busy = _BUSY_LOOKS

    def program(self, offset: int, size: int, value: int) -> None:
        """A write of the core or of a probe: bits can only be cleared."""
        control, where = self.values[_CR], f"0x{START + offset:08x}"
        if control & (_PG | _LOCK) != _PG:
            self._refuse(_SEQUENCE, f"a write at {where} without PG")
        elif size != 1 << (control >> 8 & 3):
            self._refuse(_PARALLELISM, f"a write of {size} bytes at {where} with PSIZE {control >> 8 & 3}")
        elif offset // 16 != (offset + size - 1) // 16:
            self._refuse(_ALIGNMENT, f"a write across 16 bytes at {where}")
        elif self._may_change():
            self._program(offset, value.to_bytes(size, "little"))

    def _program(self, offset: int, data: bytes) -> None:
        def apply(count: int) -> None:
            for at in range(count):
                self._bytes[offset + at] &= data[at]

        self._supply.change(apply, len(data))
        if self.stuck is not None and offset <= self.stuck - START < offset + len(data):
            self._bytes[self.stuck - START] |= 1
        self._busy = _BUSY_LOOKS
