"""Calibrates what a virtual board calls an instruction: a loop of known length, timed by SysTick as the firmware times
an operator, on the bare machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pytest_stm32pose.boards.catalog import BoardSpec
from tests.firmware.qemu_machine import MACHINES, RAM_BASE, Qemu
from tests.support.guest import build_elf
from tests.support.waiting import eventually

TURNS = 2_500_000
#: Four a turn; SysTick's 24 bits hold them. Reading the counter before and after adds one.
LOOP_INSTRUCTIONS = 4 * TURNS


def counting_program(turns: int, result: int) -> str:
    """Assembly that writes SysTick's ticks of a loop of `turns` turns, four instructions each, to `result`."""
    return f"""
    ldr r0, =0xE000E010
    ldr r1, =0xFFFFFF
    str r1, [r0, #4]
    str r1, [r0, #8]
    movs r1, #5
    str r1, [r0]
    ldr r2, =100
wait:
    subs r2, #1
    bne wait
    ldr r2, ={turns}
    ldr r3, [r0, #8]
turn:
    nop
    nop
    subs r2, #1
    bne turn
    ldr r4, [r0, #8]
    subs r3, r3, r4
    ldr r5, =0x{result:08x}
    str r3, [r5]
end:
    b end
    .ltorg
"""


def counted_instructions(spec: BoardSpec) -> float:
    """Instructions that the loop took by the machine's counter, converted as the runs' ticks are."""
    machine = next(machine for machine in MACHINES if machine.name == spec.machine)
    program = counting_program(TURNS, RAM_BASE)
    with tempfile.TemporaryDirectory() as folder, Qemu(machine, build_elf(Path(folder), program)) as qemu:
        ticks = eventually(
            lambda: int.from_bytes(qemu.read(RAM_BASE, 4), "little"), f"the loop on {spec.machine} does not end"
        )
    return ticks * 1e9 / (spec.clock_hz * spec.icount_ns)
