"""An STM32N6 image on unicorn's Armv8-M core, every register answered by the model (n6_device.py). For kernel set ref.

The core is a Cortex-M33: it lacks what the M55's Armv8.1-M adds, of which loops and conditional selects are done here,
not Helium. There are no caches, and interrupts come only while the firmware is idle.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from pytest_stm32pose.twins.n6.device import Device
from pytest_stm32pose.twins.n6.memory import BLOCKS
from tests.support.elf import symbol_of, symbol_table

unicorn = pytest.importorskip("unicorn", reason="the image runs on unicorn: pip install unicorn")
arm = pytest.importorskip("unicorn.arm_const")

WINDOW, CYCCNT = 0x70000000, 0xE0001004
REGISTERS = ((0x52000000, 0x24000), (0x56000000, 0x2A000), (0x5802A000, 0x2000), (0xE0000000, 0x100000))
XSPI_FIFO = 0x5802A050  # takes and gives as many bytes as an access has
XSPI1, PSRAM = 0x58025000, 0x90000000
CYCLES_PER_READ = 10
_REGISTERS = (
    *(getattr(arm, f"UC_ARM_REG_R{number}") for number in range(13)),
    arm.UC_ARM_REG_SP, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC,
)  # fmt: skip
TIMEOUT_US = 400_000_000


class Core:
    """The device with an image. read() and write() are those of a debug probe; the core runs before each read.

    Args:
        network: address and bytes of what the NOR's window shows there.
        start: first instruction of the image, when a loader has put it into the memory already.

    Attributes:
        problem: what ended the program: a fault, an undefined instruction; "" while it runs.
        loops: how often the end of a low-overhead loop was reached.
    """

    def __init__(self, device: Device, elf: Path, network: tuple[int, bytes], start: int = 0) -> None:
        self.device, self.problem, self.loops = device, "", 0
        self._network, self._cycles = network, 0
        cpu = arm.UC_CPU_ARM_CORTEX_M33
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS, cpu)
        for block in BLOCKS:
            if not block.number:
                self._map(block)
        for first, length in REGISTERS:
            self._map_registers(first, length)
        self._map_bytes(XSPI1, 0x1000)
        if device.memory.psram is not None:
            self._map_bytes(PSRAM, device.memory.psram.size)
        self._uc.hook_add(unicorn.UC_HOOK_INSN_INVALID, self._invalid)
        self._uc.hook_add(unicorn.UC_HOOK_INTR, lambda _, number, __: self._stop(f"exception {number}"))
        self._uc.hook_add(unicorn.UC_HOOK_MEM_UNMAPPED, self._unmapped)
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD") if not start else ():
                device.memory.write(segment["p_paddr"], segment.data())
            self._next = start or image.header.e_entry
            table = symbol_table(image)
            self._idle, self._irq = (
                symbol_of(table, name)["st_value"] & ~1 for name in ("pose_board_idle", "pose_board_irq")
            )

    def run(self) -> None:
        """Until the firmware has nothing to do; then from where that function returns to."""
        self._run_to_idle(self._next)
        self._next = self._get(14)

    def interrupt(self, number: int) -> None:
        """Serves an interrupt as the vector's handler does. Only between two runs, when no register holds anything."""
        self._set(0, number)
        self._set(14, self._idle | 1)
        self._run_to_idle(self._irq)

    def _run_to_idle(self, start: int) -> None:
        try:
            with self.device.in_charge():
                self._uc.emu_start(start | 1, self._idle, timeout=TIMEOUT_US)
        except unicorn.UcError as error:
            self._stop(str(error))
        if self._get(15) & ~1 != self._idle:
            self._stop("no end")
        assert not self.problem, f"{self.problem} at 0x{self._get(15):08x}"

    def read(self, address: int, size: int) -> bytes:
        self.run()
        return self.device.memory.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        self.device.memory.write(address, data)

    def _stop(self, why: str) -> None:
        self.problem = self.problem or why
        self._uc.emu_stop()

    def _map(self, block: Any) -> None:
        ram = ctypes.addressof(self.device.memory.ram[block.name])
        self._uc.mem_map_ptr(block.start, block.length, unicorn.UC_PROT_ALL, ram)

    def _map_bytes(self, start: int, length: int) -> None:
        """What takes words and single bytes: a controller with a FIFO, its window."""

        def read(_: Any, offset: int, size: int, __: Any) -> int:
            return self.device.read(start + offset) if size == 4 else self.device.read_byte(start + offset)

        def write(_: Any, offset: int, size: int, value: int, __: Any) -> None:
            (self.device.write if size == 4 else self.device.write_byte)(start + offset, value)

        self._uc.mmio_map(start, length, read, None, write, None)

    def _map_registers(self, start: int, length: int) -> None:
        def read(_: Any, offset: int, size: int, __: Any) -> int:
            address = start + offset
            if address == CYCCNT:
                self._cycles += CYCLES_PER_READ
                return self._cycles
            if size == 1 and address == XSPI_FIFO:
                return self.device.read_byte(address)
            if size != 4:
                self._stop(f"{size} bytes of the register 0x{address:08x} are read")
            return self.device.read(address)

        def write(_: Any, offset: int, size: int, value: int, __: Any) -> None:
            address = start + offset
            if size == 1 and address == XSPI_FIFO:
                self.device.write_byte(address, value)
                return
            if size != 4:
                self._stop(f"{size} bytes of the register 0x{address:08x} are written")
            self.device.write(address, value)

        self._uc.mmio_map(start, length, read, None, write, None)

    def _unmapped(self, _: Any, __: int, address: int, size: int, ___: int, ____: Any) -> bool:
        """RAM that has been switched on, and the NOR's window where it is mapped; anything else is a fault."""
        block = self.device.memory.block_at(address, 1)
        at, network = self._network
        if block is not None:
            self._map(block)
        elif at <= address < at + len(network) and self.device.memory.read(at, len(network)) == network:
            self._uc.mem_map(at, (len(network) + 0xFFF) & ~0xFFF, unicorn.UC_PROT_READ)
            self._uc.mem_write(at, network)
        else:
            self._stop(f"access to 0x{address:08x}")
            return False
        return True

    def _invalid(self, _: Any, __: Any) -> bool:
        """What Armv8.1-M adds and compilers use for plain C (Armv8-M ARM, DDI 0553, C2.4): DLS, LE; CSEL and kin."""
        pc = self._get(15)
        first, second = (int.from_bytes(self.device.memory.read(pc + at, 2), "little") for at in (0, 2))
        target = pc + 4
        if first & 0xFFF0 == 0xF040 and second == 0xE001:
            self._set(14, self._get(first & 0xF))
        elif first == 0xF00F and second & 0xF001 == 0xC001:
            self.loops += 1
            if self._get(14) > 1:
                self._set(14, self._get(14) - 1)
                target -= (second >> 1 & 0x3FF) << 2 | (second >> 11 & 1) << 1
        elif first & 0xFFF0 == 0xEA50 and second & 0xC000 == 0x8000:
            self._select(first & 0xF, second)
        else:
            self._stop(f"undefined instruction {first:04x} {second:04x}")
            return False
        self._set(15, target | 1)
        return True

    def _select(self, source: int, second: int) -> None:
        """CSEL, CSINC, CSINV, CSNEG; register 15 stands for zero."""
        other = 0 if second & 0xF == 15 else self._get(second & 0xF)
        changed = (other, other + 1, ~other, -other)[second >> 12 & 3]
        value = 0 if source == 15 else self._get(source)
        self._set(second >> 8 & 0xF, (value if self._holds(second >> 4 & 0xF) else changed) & 0xFFFFFFFF)

    def _holds(self, condition: int) -> bool:
        flags = self._uc.reg_read(arm.UC_ARM_REG_XPSR)
        n, z, c, v = (bool(flags >> bit & 1) for bit in (31, 30, 29, 28))
        met = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
        return met != bool(condition & 1)

    def _get(self, number: int) -> int:
        return int(self._uc.reg_read(_REGISTERS[number]))

    def _set(self, number: int, value: int) -> None:
        self._uc.reg_write(_REGISTERS[number], value)
