"""Programs the flash of an STM32F4 through its controller's registers, by the debugger alone: no code runs on the core.

RM0090 chapter 3 (FLASH_KEYR, FLASH_SR, FLASH_CR). A word written to the flash while PG is set is programmed; the bus
waits until that is done. pyOCD has no target for the STM32F405, so this serves silicon as well as the emulated board.
"""

from __future__ import annotations

import array
import time
from typing import Any

from pyocd.core.exceptions import FlashEraseFailure, FlashFailure, FlashProgramFailure
from pyocd.flash.flash import Flash

ALGORITHM = "stm32f4"  #: what a region of the catalog calls this

_KEYR, _SR, _CR = 0x40023C04, 0x40023C0C, 0x40023C10
_KEYS = (0x45670123, 0xCDEF89AB)
_SR_ERRORS, _SR_BUSY = 0xF0, 1 << 16  # PGSERR, PGPERR, PGAERR, WRPERR
_CR_PROGRAM, _CR_ERASE_SECTOR, _CR_WORDS, _CR_START, _CR_LOCK = 1, 2, 2 << 8, 1 << 16, 1 << 31
_FLASH = 0x08000000
_ERASE_TIMEOUT_S = 5.0  # 128 KB take 2 s at most (DS8626)
_PROGRAM_TIMEOUT_S = 1.0


def sector_number(address: int) -> int:
    """Sectors 0 to 3 have 16 KB, 4 has 64 KB, the others 128 KB."""
    offset = address - _FLASH
    if offset < 0x10000:
        return offset // 0x4000
    return 4 if offset < 0x20000 else 4 + offset // 0x20000


class Stm32F4Flash(Flash):  # type: ignore[misc]
    """One region of equal sectors; what pyOCD's loader calls."""

    def __init__(self, target: object) -> None:
        super().__init__(target, None)
        self._active_operation: Flash.Operation | None = None
        self.is_valid = True
        self.min_program_length = 4

    @property
    def is_erase_all_supported(self) -> bool:
        """It would take the network along with the firmware."""
        return False

    def init(self, operation: Flash.Operation, address: int | None = None, clock: int = 0, reset: bool = False) -> None:
        if self._active_operation is not None:
            self.uninit()
        if reset:
            self.target.reset_and_halt()
        else:
            self.target.halt()
        if self.target.read32(_CR) & _CR_LOCK:
            for key in _KEYS:
                self.target.write32(_KEYR, key)
        if self.target.read32(_CR) & _CR_LOCK:
            raise FlashFailure("the flash controller does not unlock; power the board off and on")
        self.target.write32(_SR, _SR_ERRORS)
        self.target.write32(_CR, _CR_WORDS | (_CR_PROGRAM if operation == self.Operation.PROGRAM else 0))
        self._active_operation = operation

    def uninit(self) -> None:
        if self._active_operation is not None:
            self._active_operation = None
            self.target.write32(_CR, _CR_LOCK)

    def cleanup(self) -> None:
        self.uninit()

    def erase_sector(self, address: int) -> None:
        setup = _CR_WORDS | _CR_ERASE_SECTOR | sector_number(address) << 3
        self.target.write32(_CR, setup)
        self.target.write32(_CR, setup | _CR_START)
        if problem := self._finish(_ERASE_TIMEOUT_S):
            raise FlashEraseFailure(f"erasing a sector: {problem}", address=address)

    def program_page(self, address: int, bytes: Any) -> None:
        self.target.write_memory_block32(address, array.array("I", bytearray(bytes)))
        if problem := self._finish(_PROGRAM_TIMEOUT_S):
            raise FlashProgramFailure(f"programming: {problem}", address=address)

    def _finish(self, timeout_s: float) -> str:
        """Waits for the controller. Returns what it reports, one clause; "" for success."""
        deadline = time.monotonic() + timeout_s
        while (status := self.target.read32(_SR)) & _SR_BUSY:
            if time.monotonic() > deadline:
                return f"the flash controller is busy after {timeout_s:g} s"
        return f"the flash controller reports error 0x{status & _SR_ERRORS:02x}" if status & _SR_ERRORS else ""
