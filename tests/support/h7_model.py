"""An STM32H743 without silicon: the twin's model of it, debug registers, a probe that unmodified pyOCD opens.

It has no running firmware: only calls by the debugger run (pyOCD's flash algorithm), on unicorn's Cortex-M7. Source:
Armv7-M ARM C1.6 (debug registers). What a driver must not do ends the test through `wrong`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from pyocd.core import exceptions

from pytest_stm32pose.probes.bytes_memory import BytesMemory
from pytest_stm32pose.probes.qemu.rom_table import RomTable
from pytest_stm32pose.twins import bus
from pytest_stm32pose.twins.device import Fault
from pytest_stm32pose.twins.h7.device import Device
from pytest_stm32pose.twins.stm32.storage import view
from tests.support import model_probe

KIND = "h7_model"
FLASH, BANK_BYTES, SECTOR_BYTES = 0x08000000, 0x100000, 0x20000
STACK, STACK_BYTES = 0x20000000, 0x20000  # where the algorithm lies and runs
IDCODE = 0x5C001000
_REGISTERS = ((0x40000000, 0x10000), (0x52000000, 0x3000), (0x58000000, 0x30000), (0x5C001000, 0x1000))
_DHCSR, _DCRSR, _DCRDR, _DEMCR, _AIRCR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC, 0xE000ED0C
_CONSTANTS = {
    0xE000ED00: 0x411FC271, 0xE000EF40: 0x10110221, 0xE000EF44: 0x12000011, 0xE0002000: 0x10000081,
    0xE0001000: 0x40000000,
}  # fmt: skip
_HALTED, _READY, _WAS_RESET = 1 << 17, 1 << 16, 1 << 25
_TIMEOUT_US = 200_000_000
_DEVICE_ENABLED = 1 << 6  # read-only in the CSW


class Board:
    """Memory and core.

    Attributes:
        device: the twin's model; `cells` are the bytes of its flash.
        device_id: what DBGMCU_IDCODE says.
        resets: counts system resets and pulls of the pin.
    """

    def __init__(self, unique_id: str, device_id: int = 0x450) -> None:
        self.unique_id, self.device_id = unique_id, device_id
        self.device, self.resets = Device("h7"), 0
        self.cells = view(self.device.flash.cells)
        self.rom = RomTable("cortex-m7")
        self.in_reset, self.powered = False, True
        self.private: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """The core stops before its first instruction when debugging is on and the vector catch is set."""
        self.resets += 1
        self.device.reset()
        self.core = dict.fromkeys(range(32), 0)
        catch = self.private.get(_DEMCR, 0) & 1 and self.private.get(_DHCSR, 0) & 1
        self.running, self.was_reset = not catch, True
        stack, entry = (int.from_bytes(self.cells[at : at + 4], "little") for at in (0, 4))
        self.core.update({13: stack, 15: entry & ~1, 16: 1 << 24})

    # --- memory ---

    def read(self, address: int, length: int) -> bytes:
        if address < 0xE0000000:
            data = bus.read(self.device, address, length)
            return data if address != IDCODE else (0x20030000 | self.device_id).to_bytes(4, "little")
        return b"".join(self._private(at).to_bytes(4, "little") for at in range(address & ~3, address + length, 4))[
            address % 4 : address % 4 + length
        ]

    def write(self, address: int, data: bytes) -> None:
        if address < 0xE0000000:
            bus.write(self.device, address, data)
        elif address % 4 or len(data) % 4:
            raise Fault(address)
        else:
            for at in range(0, len(data), 4):
                self._set_private(address + at, int.from_bytes(data[at : at + 4], "little"))

    # --- debug registers ---

    def _private(self, address: int) -> int:
        if address == _DHCSR:
            status = self.private.get(_DHCSR, 0) & 0xD | _READY | (0 if self.running else _HALTED | 2)
            status |= _WAS_RESET * self.was_reset
            self.was_reset = False
            return status
        if address in _CONSTANTS:
            return _CONSTANTS[address]
        identity = self.rom.read(address)
        return identity if identity is not None else self.private.get(address, 0)

    def _set_private(self, address: int, value: int) -> None:
        if address == _DHCSR:
            if value >> 16 == 0xA05F:
                self.private[_DHCSR] = value & 0xF
                self._control(value)
        elif address == _DCRSR:
            number = value & 0x7F
            number = 13 if number == 17 else number
            if value >> 16:
                self.core[number] = self.private.get(_DCRDR, 0)
            else:
                self.private[_DCRDR] = self.core.get(number, 0)
        elif address == _AIRCR:
            if value >> 16 == 0x05FA and value & 4:
                self.reset()
        elif address not in _CONSTANTS:
            self.private[address] = value

    def _control(self, value: int) -> None:
        if value & 3 == 3:
            self.running = False
        elif not self.running and value & 3 == 1 and self.read(self.core[14] & ~1, 2)[1] == 0xBE:
            _call(self)  # and halted again, at the breakpoint
        elif not value & 2:
            self.running = True


def _call(board: Board) -> None:
    """Runs what the debugger calls until it returns."""
    unicorn = pytest.importorskip("unicorn", reason="the flash algorithm runs on unicorn: pip install unicorn")
    from unicorn import arm_const

    names = [getattr(arm_const, f"UC_ARM_REG_R{number}") for number in range(13)]
    names += [arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR]
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    machine.mem_map(STACK, STACK_BYTES)
    machine.mem_write(STACK, board.read(STACK, STACK_BYTES))

    def io(start: int, length: int) -> None:
        machine.mmio_map(
            start,
            length,
            lambda _, offset, size, __: int.from_bytes(board.read(start + offset, size), "little"),
            None,
            lambda _, offset, size, value, __: board.write(start + offset, value.to_bytes(size, "little")),
            None,
        )

    for start, length in (*_REGISTERS, (FLASH, 2 * BANK_BYTES), (0xE000E000, 0x1000)):
        io(start, length)
    for number, name in enumerate(names):
        machine.reg_write(name, board.core[number])
    back = board.core[14] & ~1
    machine.emu_start(board.core[15] | 1, back, timeout=_TIMEOUT_US)
    for number, name in enumerate(names):
        board.core[number] = machine.reg_read(name)
    board.core[15] = machine.reg_read(arm_const.UC_ARM_REG_PC) & ~1
    assert board.core[15] == back, "the call does not return"
    board.write(STACK, bytes(machine.mem_read(STACK, STACK_BYTES)))


class _Port(BytesMemory):
    def __init__(self, board: Board) -> None:
        self._board = board

    def _read(self, address: int, length: int) -> bytes:
        try:
            return self._board.read(address, length)
        except Fault as error:
            raise exceptions.TransferFaultError(fault_address=address, length=length) from error

    def _write(self, address: int, data: bytes) -> None:
        try:
            self._board.write(address, data)
        except Fault as error:
            raise exceptions.TransferFaultError(fault_address=address, length=len(data)) from error


class ModelProbe(model_probe.ModelProbe):
    """Access port 0 is the core's."""

    product_name = description = "STM32H743 without silicon"

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self._ap = _Port(board)
        self._address = 0

    def reset(self) -> None:
        self._board.reset()

    def assert_reset(self, asserted: bool) -> None:
        if self._board.in_reset and not asserted:
            self._board.reset()
        self._board.in_reset = asserted

    def is_reset_asserted(self) -> bool:
        return bool(self._board.in_reset)

    def _read_ap(self, address: int) -> int:
        return self._port.read_ap(address) if address != 0x0C else int(self._ap.read_memory(self._address))

    def write_ap(self, addr: int, data: int) -> None:
        if addr == 0x04:
            self._address = data
        elif addr == 0x0C:
            self._ap.write_memory(self._address, data)
        else:
            self._port.write_ap(addr, data | _DEVICE_ENABLED * (addr == 0))

    def get_memory_interface_for_ap(self, ap_address: Any) -> _Port:
        return self._ap


def plugged(board: Board) -> AbstractContextManager[str]:
    """The board is connected to this computer. Gives the id by which pyOCD finds its probe."""
    return model_probe.plugged(KIND, ModelProbe, board)
