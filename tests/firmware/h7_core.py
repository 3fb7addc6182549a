"""An STM32H7 image on unicorn's Cortex-M7, every register answered by the model of test_stm32h7_registers.py.

There are no interrupts and no caches: the image is talked to through its mailbox. The D2 SRAM answers when it has its
clock, flash refuses writes, and nothing else exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from tests.firmware.register_model import Registers
from tests.support.elf import symbol_of, symbol_table

unicorn = pytest.importorskip("unicorn", reason="the image runs on unicorn: pip install unicorn")
arm = pytest.importorskip("unicorn.arm_const")

FLASH, FLASH_BYTES = 0x08000000, 0x200000
D2_SRAM, D2_SRAM_BYTES, D2_CLOCKS = 0x30000000, 0x48000, 7 << 29
ALWAYS_ON = ((0x20000000, 0x20000), (0x24000000, 0x80000), (0x38000000, 0x10000))
REGISTERS = (
    (0x40000000, 0x20000), (0x51000000, 0x10000), (0x52002000, 0x1000), (0x58000000, 0x25000), (0x5C001000, 0x1000),
    (0xE0000000, 0x100000), (0x1FF1E000, 0x1000),
)  # fmt: skip
AHB2ENR, CYCCNT = 0x580244DC, 0xE0001004
CYCLES_PER_READ = 10
#: Functions that are entered when there is nothing to do, and again and again while the host does not take an answer.
PAUSES = ("pose_board_idle", "stalled")
TIMEOUT_US = 200_000_000


class Core:
    """The device with an image and a network in its flash; read() and write() are those of a debug probe. The core runs
    before each read, until it has nothing to do or waits for the host to take an answer.
    """

    def __init__(self, registers: Registers, elf: Path, network: tuple[int, bytes]) -> None:
        self.registers, self.problem, self._cycles, self._started = registers, "", 0, False
        self._uc = unicorn.Uc(
            unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS, arm.UC_CPU_ARM_CORTEX_M7
        )
        self._uc.mem_map(FLASH, FLASH_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        for start, length in ALWAYS_ON:
            self._uc.mem_map(start, length, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for start, length in REGISTERS:
            self._map_registers(start, length)
        self._uc.hook_add(unicorn.UC_HOOK_INTR, lambda _, number, __: self._stop(f"exception {number}"))
        self._uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._invalid_access)
        self._uc.mem_write(*network)
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_paddr"], segment.data())
            table = symbol_table(image)
            self._pauses = {symbol_of(table, name)["st_value"] & ~1 for name in PAUSES}
        for address in self._pauses:
            self._uc.hook_add(unicorn.UC_HOOK_CODE, self._pause, begin=address, end=address)
        stack, self._next = (int.from_bytes(self._uc.mem_read(FLASH + at, 4), "little") for at in (0, 4))
        self._uc.reg_write(arm.UC_ARM_REG_SP, stack)

    def run(self) -> None:
        """Until a pause; from the last one on."""
        self._started = False
        try:
            self._uc.emu_start(self._next | 1, 0xFFFFFFFF, timeout=TIMEOUT_US)
        except unicorn.UcError as error:
            self._stop(str(error))
        self._next = int(self._uc.reg_read(arm.UC_ARM_REG_PC)) & ~1
        if self._next not in self._pauses:
            self._stop("no end")
        assert not self.problem, f"{self.problem} at 0x{self._next:08x}"

    def _pause(self, *_: Any) -> None:
        """Not where it has just paused."""
        if self._started or int(self._uc.reg_read(arm.UC_ARM_REG_PC)) & ~1 != self._next:
            self._uc.emu_stop()
        self._started = True

    def read(self, address: int, size: int) -> bytes:
        self.run()
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        self._uc.mem_write(address, data)

    def _stop(self, why: str) -> None:
        self.problem = self.problem or why
        self._uc.emu_stop()

    def _map_registers(self, start: int, length: int) -> None:
        def read(_: Any, offset: int, size: int, __: Any) -> int:
            if start + offset == CYCCNT:
                self._cycles += CYCLES_PER_READ
                return self._cycles
            return self.registers.read(start + offset)

        def write(_: Any, offset: int, size: int, value: int, __: Any) -> None:
            if size != 4:
                self._stop(f"{size} bytes of the register 0x{start + offset:08x} are written")
            self.registers.write(start + offset, value)

        self._uc.mmio_map(start, length, read, None, write, None)

    def _invalid_access(self, _: Any, __: int, address: int, size: int, ___: int, ____: Any) -> bool:
        """The first use of the D2 SRAM, if it has its clock by then; anything else is a fault."""
        on = self.registers.values.get(AHB2ENR, 0) & D2_CLOCKS == D2_CLOCKS
        if on and D2_SRAM <= address < D2_SRAM + D2_SRAM_BYTES:
            self._uc.mem_map(D2_SRAM, D2_SRAM_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
            return True
        self._stop(f"access to {size} bytes at 0x{address:08x}")
        return False
