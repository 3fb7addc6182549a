"""The tick counter of STM32 boards (boards/stm32/dwt.c) on a model: 64 bits, monotonic, no interrupt's cycles."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.firmware.build import FIRMWARE_DIR

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

DEMCR, DWT_CTRL, DWT_CYCCNT, DWT_LAR = 0xE000EDFC, 0xE0001000, 0xE0001004, 0xE0001FB0
SYSTICK_HIGH, SYSTICK_LOW = 0xFFFFFFF0, 0xFFFFFFF4
#: systick.c counts over 64 bits by itself; here the model does.
SYSTICK = f"""
#include "boards/common/startup.h"
#include "boards/stm32/reg.h"
void pose_systick_start(void) {{ reg_write({SYSTICK_HIGH}u, 0); }}
uint64_t pose_systick_ticks(void)
{{
    const uint64_t high = reg_read({SYSTICK_HIGH}u);
    return high << 32 | reg_read({SYSTICK_LOW}u);
}}
"""
DWT, TIMER = 1, 2


class Core:
    """Every access takes one cycle. `locked`: the DWT ignores writes until its lock is opened; `absent`: it reads 0."""

    def __init__(self, library: ctypes.CDLL, *, locked: bool = False, absent: bool = False) -> None:
        self.cycles = 0
        self.locked, self.absent = locked, absent
        self.values = {DEMCR: 0x00000400, DWT_CTRL: 0x40000000}
        self.stopped_at: int | None = 0
        self.offset = 0
        self._read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)(self.read)
        self._write = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32)(self.write)
        library.pose_reg_model_set(self._read, self._write)
        library.model = self  # type: ignore[attr-defined]  # the functions must live as long as the library may call them
        self.library = library

    def read(self, address: int) -> int:
        self.cycles += 1
        if address in (SYSTICK_HIGH, SYSTICK_LOW):
            return self.cycles >> 32 if address == SYSTICK_HIGH else self.cycles & 0xFFFFFFFF
        if self.absent:
            return 0
        if address == DWT_CYCCNT:
            return (self.stopped_at if self.stopped_at is not None else self.cycles - self.offset) & 0xFFFFFFFF
        return self.values.get(address, 0)

    def write(self, address: int, value: int) -> None:
        self.cycles += 1
        if address == DWT_LAR:
            self.locked = value != 0xC5ACCE55
        elif not self.locked or address == DEMCR:
            self.values[address] = value
        if self.values[DEMCR] & 1 << 24 and self.values[DWT_CTRL] & 1 and self.stopped_at is not None:
            self.offset, self.stopped_at = self.cycles, None

    def ticks(self) -> int:
        return int(self.library.stm32_ticks())


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("ticks")
    (folder / "systick.c").write_text(SYSTICK, encoding="utf-8")
    boards = FIRMWARE_DIR / "boards" / "stm32"
    sources = [boards / "dwt.c", boards / "reg_model.c", folder / "systick.c"]
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-DPOSE_REG_MODEL"]
    includes = [f"-I{FIRMWARE_DIR}", f"-I{FIRMWARE_DIR / 'include'}"]
    subprocess.run(["gcc", *flags, *includes, "-o", str(folder / "ticks.so"), *map(str, sources)], check=True)
    found = ctypes.CDLL(str(folder / "ticks.so"))
    found.stm32_ticks.restype = ctypes.c_uint64
    found.stm32_ticks_start.restype = ctypes.c_uint8
    return found


@pytest.mark.parametrize("locked", [False, True], ids=["open", "behind its lock, as on a Cortex-M7"])
def test_the_cycle_counter_is_found(library: ctypes.CDLL, locked: bool) -> None:
    core = Core(library, locked=locked)
    assert library.stm32_ticks_start() == DWT
    assert core.values[DEMCR] == 0x01000400
    assert core.values[DWT_CTRL] == 0x40000001


@given(steps=st.lists(st.integers(0, 1 << 40), min_size=1, max_size=20))
def test_ticks_are_cycles_however_seldom_they_are_read(library: ctypes.CDLL, steps: list[int]) -> None:
    core = Core(library)
    library.stm32_ticks_start()
    last_ticks, last_cycles = core.ticks(), core.cycles
    for step in steps:
        core.cycles += step
        ticks, cycles = core.ticks(), core.cycles
        assert abs((ticks - last_ticks) - (cycles - last_cycles)) <= 4, "reads of the counters themselves"
        assert ticks > last_ticks
        last_ticks, last_cycles = ticks, cycles


@given(work=st.lists(st.tuples(st.integers(0, 1 << 34), st.integers(0, 1 << 20)), max_size=10))
def test_cycles_of_interrupts_are_left_out(library: ctypes.CDLL, work: list[tuple[int, int]]) -> None:
    core = Core(library)
    library.stm32_ticks_start()
    first = core.ticks()
    for counted, interrupt in work:
        core.cycles += counted
        library.stm32_ticks_irq_enter()
        core.cycles += interrupt
        library.stm32_ticks_irq_leave()
    measured = core.ticks() - first
    assert 0 <= measured - sum(counted for counted, _ in work) <= 4 * (len(work) + 1)


def test_an_interrupt_while_ticks_are_read_is_left_out_too(library: ctypes.CDLL) -> None:
    core = Core(library)
    library.stm32_ticks_start()
    before = core.ticks()
    plain_read = core.read
    left = [1]

    def interrupting(address: int) -> int:
        if address == DWT_CYCCNT and left[0]:
            left[0] = 0
            library.stm32_ticks_irq_enter()
            core.cycles += 1_000_000
            library.stm32_ticks_irq_leave()
        return plain_read(address)

    read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)(interrupting)
    library.pose_reg_model_set(read, core._write)
    after = core.ticks()
    assert before < after < before + 100


def test_without_a_cycle_counter_systick_counts(library: ctypes.CDLL) -> None:
    """As in QEMU, where the DWT reads 0."""
    core = Core(library, absent=True)
    assert library.stm32_ticks_start() == TIMER
    core.cycles += 5 << 32
    assert abs(core.ticks() - core.cycles) <= 2
