"""The cache beside the emulated core (tests/traffic.py) counts what programs of known accesses make it count."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.firmware.qemu_machine import MACHINES, RAM_BASE, Qemu
from tests.support.guest import assemble, build_elf
from tests.support.waiting import eventually
from tests.traffic import LINE_BYTES, plugin_option, read_counters

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("gcc") is None, reason="qemu-system-arm and gcc are needed"
)
MACHINE = MACHINES[1]
CACHE = (16 << 10, 4)
RAM = (RAM_BASE + 0x1000, 1 << 20)
DONE = 0xC0DE


def walking_program(size: int, passes: int, stores: int) -> str:
    """Loads `size` bytes of weights word by word, `passes` times, and stores to `stores` words of RAM, a line apart.

    The loads before `begin` are the same once more, and count for nothing but what they leave in the cache.
    """
    walk = f"""
    ldr r0, ={MACHINE.network:#x}
    ldr r1, ={MACHINE.network + size:#x}
    ldr r2, [r0], #4
    cmp r0, r1
    bne .-6
"""
    return f"""{walk}
begin:
    nop
    movs r7, #{passes}
again:{walk}
    subs r7, #1
    bne again
    ldr r0, ={RAM[0]:#x}
    ldr r1, ={RAM[0] + stores * LINE_BYTES:#x}
    str r2, [r0], #{LINE_BYTES}
    cmp r0, r1
    bne .-6
end:
    nop
    ldr r2, ={DONE:#x}
    ldr r0, ={RAM_BASE:#x}
    str r2, [r0]
    b .
    .ltorg
"""


@pytest.mark.parametrize(
    ("size", "passes", "fetched"),
    [
        (8 << 10, 3, 0),  # what was walked before lies in the cache
        (16 << 10, 3, 0),  # all of it
        (32 << 10, 3, 3 * (32 << 10) // LINE_BYTES),  # the line that is wanted next is always the one used longest ago
    ],
    ids=["half of the cache", "the whole cache", "twice the cache"],
)
def test_walks_of_known_length(size: int, passes: int, fetched: int, tmp_path: Path) -> None:
    stores = 2048  # four times the cache's lines: three quarters are written back by the last one
    program = walking_program(size, passes, stores)
    _, symbols = assemble(program)
    counted = symbols["begin"], symbols["end"]
    option = plugin_option(tmp_path, CACHE, (MACHINE.network, size), [RAM], counted)
    with Qemu(MACHINE, build_elf(tmp_path, program), options=("-plugin", option)) as qemu:
        eventually(lambda: int.from_bytes(qemu.read(RAM_BASE, 4), "little") == DONE, "the program does not end")
        (loaded, fills, ram_bytes, ram_fills, written_back, parts), by_line, accessed = read_counters(tmp_path)
    assert (loaded, fills, parts) == (size * passes, fetched, 1)
    assert set(by_line) == {fetched * LINE_BYTES // size}
    assert set(accessed) == {passes * LINE_BYTES // 4}
    assert (ram_bytes, ram_fills, written_back) == (stores * 4, stores, stores - CACHE[0] // LINE_BYTES)
