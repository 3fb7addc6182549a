"""Runs a function that the debugger calls in the model's RAM, on unicorn's Cortex-M, until it returns."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from pytest_stm32pose.twins.n6.memory import BLOCKS, Memory

_TIMEOUT_US = 200_000_000
_REGISTER_PAGES = (0x52023000, 0x56009000, 0x56023000, 0x56024000, 0x56028000, 0x56029000, 0x5802A000, 0x5802B000)


def call(memory: Memory, registers: dict[int, int]) -> Exception | None:
    """Runs from `registers` (by DCRSR number; updated) until the return, or until an access fails.

    Returns:
        what a register access raised (a bus fault, power lost, an error of the driver), or why the code itself does not
        return; None after a return.
    """
    unicorn = pytest.importorskip("unicorn", reason="the flash algorithm's code runs on unicorn: pip install unicorn")
    from unicorn import arm_const

    machine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    names = [getattr(arm_const, f"UC_ARM_REG_R{number}") for number in range(13)]
    names += [arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR]
    problems: list[Exception] = []
    for block in BLOCKS:
        if not block.number or memory.is_on(block.number):
            where = ctypes.addressof(memory.ram[block.name])
            machine.mem_map_ptr(block.start, block.length, unicorn.UC_PROT_ALL, where)
    for page in _REGISTER_PAGES:
        _map_registers(machine, memory, page, problems)
    for number, name in enumerate(names):
        machine.reg_write(name, registers.get(number, 0))
    back = registers[14] & ~1
    try:
        machine.emu_start(registers[15] | 1, back, timeout=_TIMEOUT_US)
    except unicorn.UcError as error:
        problems.append(error)
    for number, name in enumerate(names):
        registers[number] = machine.reg_read(name)
    registers[15] = machine.reg_read(arm_const.UC_ARM_REG_PC) & ~1
    if not problems and registers[15] != back:
        problems.append(RuntimeError("the call does not return"))
    return problems[0] if problems else None


def _map_registers(machine: Any, memory: Memory, page: int, problems: list[Exception]) -> None:
    def guarded(address: int, size: int, value: int | None) -> int:
        if problems:
            return 0
        try:
            if value is None:
                return int.from_bytes(memory.read(address, size), "little")
            memory.write(address, value.to_bytes(size, "little"))
        except Exception as error:  # must not pass through the C code that called; the caller of call() gets it
            problems.append(error)
            machine.emu_stop()
        return 0

    machine.mmio_map(
        page,
        0x1000,
        lambda _, offset, size, __: guarded(page + offset, size, None),
        None,
        lambda _, offset, size, value, __: guarded(page + offset, size, value),
        None,
    )
