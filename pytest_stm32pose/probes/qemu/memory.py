"""The access port's view of memory: pyOCD's MemoryInterface, routed to where each address lives.

debug registers, FPB, DWT, identification -> models of this package
flash of an STM32F4 and its controller    -> a model that writes through the gdb stub
data windows of the shared RAM            -> the file that backs it; the core does not notice, running or not
other device registers                    -> read by the gdb stub, written by an injected instruction
everything else                           -> the gdb stub
"""

from __future__ import annotations

import array
import mmap
from collections.abc import Callable, Sequence
from typing import Any

from pyocd.core.memory_interface import MemoryInterface

from pytest_stm32pose.probes.qemu import comparators, core_debug
from pytest_stm32pose.probes.qemu.core import Core
from pytest_stm32pose.probes.qemu.faults import AccessFault
from pytest_stm32pose.probes.qemu.rom_table import RomTable
from pytest_stm32pose.probes.qemu.stm32f4_flash import FlashController

_PRIVATE_PERIPHERALS = 0xE0000000


def _is_device(address: int) -> bool:
    return 0x40000000 <= address < 0x60000000 or address >= _PRIVATE_PERIPHERALS


class QemuMemory(MemoryInterface):  # type: ignore[misc]
    """`translate` runs an access and turns link errors into pyOCD's exceptions (probe.py)."""

    def __init__(self, core: Core, debug: core_debug.CoreDebug, translate: Callable[..., Any]) -> None:
        self._core = core
        self._debug = debug
        self._translate = translate
        self._fpb = comparators.BreakpointUnit(core.points)
        self._dwt = comparators.WatchpointUnit(core.points, core.model.v8m)
        self._rom = RomTable(core.model.core)
        self._flash = FlashController(core.model.flash_sectors, core.read_memory, core.write_memory)
        core.reset_hooks.append(self._flash.reset)
        self._constants = dict(core.model.constants)
        self._ram: mmap.mmap | None = None
        if core.model.shared_bytes:
            with core.instance.ram_file.open("r+b") as file:
                self._ram = mmap.mmap(file.fileno(), core.model.shared_bytes)

    def close(self) -> None:
        if self._ram is not None:
            self._ram.close()

    # --- pyOCD's interface ---

    def read_memory(self, addr: int, transfer_size: int = 32, now: bool = True, **attrs: object) -> object:
        value = int.from_bytes(self._translate(self._read, addr & 0xFFFFFFFF, transfer_size // 8), "little")
        return value if now else lambda: value

    def write_memory(self, addr: int, data: int, transfer_size: int = 32, **attrs: object) -> None:
        size = transfer_size // 8
        value = data & ((1 << transfer_size) - 1)
        self._translate(self._write, addr & 0xFFFFFFFF, value.to_bytes(size, "little"))

    def read_memory_block32(self, addr: int, size: int, **attrs: object) -> Sequence[int]:
        return array.array("I", self._translate(self._read, addr & 0xFFFFFFFF, size * 4)).tolist()

    def write_memory_block32(self, addr: int, data: Sequence[int], **attrs: object) -> None:
        self._translate(self._write, addr & 0xFFFFFFFF, array.array("I", data).tobytes())

    def read_memory_block8(self, addr: int, size: int, **attrs: object) -> Sequence[int]:
        return list(self._translate(self._read, addr & 0xFFFFFFFF, size))

    def write_memory_block8(self, addr: int, data: Sequence[int], **attrs: object) -> None:
        self._translate(self._write, addr & 0xFFFFFFFF, bytes(data))

    # --- routing ---

    def _read(self, address: int, length: int) -> bytes:
        if length == 0:
            return b""
        self._core.poll(0.0)  # the file outlives a dead core: its old contents must not pass for answers
        if self._ram is not None and (offset := self._window_offset(address, length)) is not None:
            return self._ram[offset : offset + length]
        if address >= _PRIVATE_PERIPHERALS or self._flash.has_register(address):
            return self._read_words(address, length)
        return self._core.read_memory(address, length)

    def _write(self, address: int, data: bytes) -> None:
        self._core.poll(0.0)
        if self._ram is not None and (offset := self._window_offset(address, len(data))) is not None:
            self._ram[offset : offset + len(data)] = data
        elif self._flash.has_memory(address):
            self._flash.program(address, data)
        elif _is_device(address):
            self._write_device(address, data)
        elif data:
            self._core.write_memory(address, data)
            self._core.points.note_write(address, data)

    def _window_offset(self, address: int, length: int) -> int | None:
        for start, size in self._core.model.data_windows:
            if start <= address and address + length <= start + size:
                return address - self._core.model.shared_base
        return None

    def _read_words(self, address: int, length: int) -> bytes:
        first = address & ~3
        last = (address + length + 3) & ~3
        words = b"".join(self._read_word(word).to_bytes(4, "little") for word in range(first, last, 4))
        return words[address - first : address - first + length]

    def _read_word(self, address: int) -> int:
        if address in core_debug.ADDRESSES:
            return self._debug.read(address)
        if (value := self._rom.read(address)) is not None:
            return value
        if (unit := self._unit(address)) is not None:
            return unit.read(address & 0xFFF)
        if self._flash.has_register(address):
            return self._flash.read_register(address)
        if address in self._constants:
            return self._constants[address]
        return int.from_bytes(self._core.read_memory(address, 4), "little")

    def _write_device(self, address: int, data: bytes) -> None:
        offset = 0
        while offset < len(data):
            at = address + offset
            size = 4 if at % 4 == 0 and len(data) - offset >= 4 else 2 if at % 2 == 0 and len(data) - offset >= 2 else 1
            self._write_register(at, int.from_bytes(data[offset : offset + size], "little"), size)
            offset += size

    def _write_register(self, address: int, value: int, size: int) -> None:
        if address in core_debug.ADDRESSES and size == 4:
            self._debug.write(address, value)
        elif (unit := self._unit(address)) is not None:
            unit.write(address & 0xFFF, value)
        elif self._flash.has_register(address) and size == 4:
            self._flash.write_register(address, value)
        elif address >= _PRIVATE_PERIPHERALS and self._rom.read(address) is not None:
            return  # identification registers are read-only
        else:
            self._check_mapped(address, size)
            self._core.store(address, value, size)

    def _unit(self, address: int) -> comparators.BreakpointUnit | comparators.WatchpointUnit | None:
        base = address & ~0xFFF
        if base == comparators.FPB_BASE:
            return self._fpb
        return self._dwt if base == comparators.DWT_BASE else None

    def _check_mapped(self, address: int, size: int) -> None:
        """An injected store to nowhere would fault the core; a read by the stub tells first.

        Reading has no side effect on the private peripherals (the system's own registers), so they are not probed.
        """
        if address < _PRIVATE_PERIPHERALS and len(self._core.read_memory(address, size)) != size:
            raise AccessFault(address, size)
