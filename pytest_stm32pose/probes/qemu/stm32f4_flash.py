"""The flash controller of an STM32F4 as a debugger meets it (RM0090 chapter 3), for a machine that has none.

QEMU's flash is a ROM that only a debugger's writes reach. This model takes the debugger's accesses to FLASH_KEYR,
FLASH_SR and FLASH_CR and turns erasing and programming into such writes. Not modelled: the time they take, the options
bytes, write protection, double-word width, and the core's own accesses to the controller (it reads 0 there).
"""

from __future__ import annotations

from collections.abc import Callable

_REGISTERS = 0x40023C00
_KEYR, _SR, _CR = 0x04, 0x0C, 0x10
_KEYS = (0x45670123, 0xCDEF89AB)
_PG, _SER, _STRT, _LOCK = 1, 2, 1 << 16, 1 << 31
_SEQUENCE_ERROR, _PARALLELISM_ERROR = 1 << 7, 1 << 6
_ERRORS = 0xF2
_WORDS = 2  # PSIZE


class FlashController:
    """`sectors`: (start, length) by sector number; none: a machine without it, on which no address is the flash's.

    `read` and `write` reach the memory past the model.
    """

    def __init__(
        self,
        sectors: tuple[tuple[int, int], ...],
        read: Callable[[int, int], bytes],
        write: Callable[[int, bytes], None],
    ) -> None:
        self._sectors = sectors
        self._read, self._write = read, write
        self.reset()

    def reset(self) -> None:
        """As the system reset leaves it: locked."""
        self._control = _LOCK
        self._status = 0
        self._keys: tuple[int, ...] = ()

    def has_register(self, address: int) -> bool:
        return bool(self._sectors) and _REGISTERS <= address < _REGISTERS + 0x18

    def has_memory(self, address: int) -> bool:
        return bool(self._sectors) and self._sectors[0][0] <= address < sum(self._sectors[-1])

    def read_register(self, address: int) -> int:
        return {_SR: self._status, _CR: self._control}.get(address - _REGISTERS, 0)

    def write_register(self, address: int, value: int) -> None:
        offset = address - _REGISTERS
        if offset == _KEYR:
            self._unlock(value)
        elif offset == _SR:
            self._status &= ~(value & _ERRORS)
        elif offset == _CR and not self._control & _LOCK:
            self._control = value & ~_STRT
            if value & _STRT and value & _SER and not value & _PG:
                self._erase(value >> 3 & 0xF)

    def _unlock(self, key: int) -> None:
        """A wrong key locks the register until the next reset."""
        self._keys = (*self._keys, key)
        if self._keys == _KEYS:
            self._control &= ~_LOCK
            self._keys = ()
        elif self._keys != _KEYS[: len(self._keys)]:
            self._keys = (0,)

    def _erase(self, number: int) -> None:
        if number >= len(self._sectors):
            self._status |= _SEQUENCE_ERROR
            return
        start, length = self._sectors[number]
        self._write(start, b"\xff" * length)

    def program(self, address: int, data: bytes) -> None:
        """A write to the flash: bits can only be cleared, and only in the width that PSIZE says."""
        if not self._control & _PG:
            self._status |= _SEQUENCE_ERROR
        elif self._control >> 8 & 3 != _WORDS or (address | len(data)) % 4:
            self._status |= _PARALLELISM_ERROR
        else:
            held = self._read(address, len(data))
            cleared = int.from_bytes(held, "little") & int.from_bytes(data, "little")
            self._write(address, cleared.to_bytes(len(data), "little"))
