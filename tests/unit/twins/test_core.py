"""A twin's core: exceptions, interrupts, faults, time and debugging, by small programs on a device of RAM and one port.

What is expected is from the Armv7-M and Armv8-M Architecture Reference Manuals (DDI 0403, DDI 0553).
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from pytest_stm32pose.twins.device import Fault, PowerLost, Region, Serial
from tests.support.guest import assemble

pytest.importorskip("unicorn", reason="a twin's core is unicorn: pip install 'pytest-stm32pose[sim]'")

from pytest_stm32pose.twins.core import Core
from pytest_stm32pose.twins.debug import Debug
from pytest_stm32pose.twins.processor import State

RAM, BYTES = 0x20000000, 0x10000
RESULT = RAM + 0x3000  #: where programs leave what they found
PORT = 0x40000000  #: reads: how often it was read; writes: kept
POWER = 0x40000100  #: a write there takes the supply away
BAD = 0x40001000  #: no block answers there
LINE = 3  #: the interrupt that the port asserts while `asks`
DHCSR, DCRSR, DCRDR, DEMCR, DFSR, AIRCR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC, 0xE000ED30, 0xE000ED0C
CFSR, HFSR, BFAR = 0xE000ED28, 0xE000ED2C, 0xE000ED38
HALT, RUN, STEP = 0xA05F0003, 0xA05F0001, 0xA05F0005
CORES = {"cortex-m33": "cortex-m55", "cortex-m7": "cortex-m7", "cortex-m4": "cortex-m4"}


class Line:
    def __init__(self) -> None:
        self.sent, self.room, self.received = bytearray(), 1 << 16, bytearray()

    def receive(self, data: bytes) -> int:
        taken = data[: 4 - len(self.received)]
        self.received += taken
        return len(taken)


class Board:
    """RAM, and a port whose accesses are counted."""

    core_port, boot = 0, RAM
    FAULTS: Mapping[str, str] = {}

    def __init__(self, cpu: str) -> None:
        self.cpu, self.core = cpu, CORES[cpu]
        self.ram = Region("ram", RAM, BYTES, (ctypes.c_ubyte * BYTES)())
        self.changed, self.port_closed = False, 0
        self.irqs: set[int] = set()
        self.line, self.wrong = Line(), list[str]()
        self.serial: Serial = self.line
        self.reads, self.written = 0, list[int]()

    def power_up(self) -> None:
        pass

    def reset(self) -> None:
        self.irqs.clear()

    def region_at(self, address: int) -> Region | None:
        return self.ram if RAM <= address < RAM + BYTES else None

    def read(self, address: int, size: int) -> int:
        if address != PORT:
            raise Fault(address)
        self.reads += 1
        return self.reads

    def write(self, address: int, size: int, value: int) -> None:
        if address == POWER:
            raise PowerLost
        if address != PORT:
            raise Fault(address)
        self.written.append(value)
        self.irqs.discard(LINE)
        if value == 0xA5:
            self.irqs.add(LINE)

    def set_fault(self, name: str, value: str) -> None:
        raise ValueError("there is none")


class Bench:
    """A board with a core, and a debugger's view of both."""

    def __init__(self, cpu: str) -> None:
        self.board = Board(cpu)
        self.core = Core(self.board, 1_000_000)
        self.debug = Debug(self.core)
        self._thread = threading.Thread(target=self.core.run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.core.end()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def word(self, address: int) -> int:
        return int.from_bytes(self.debug.read(0, address, 4), "little")

    def store(self, address: int, value: int) -> None:
        self.debug.write(0, address, value.to_bytes(4, "little"))

    def register(self, number: int) -> int:
        self.store(DCRSR, number)
        return self.word(DCRDR)

    def load(self, source: str) -> dict[str, int]:
        """Halts at the program's first instruction, after a reset that was caught."""
        code, symbols = assemble(source, RAM)
        self.store(DHCSR, HALT)
        self.debug.write(0, RAM, code)
        self.debug.write(0, RESULT, bytes(64))
        self.store(DEMCR, 1)
        self.store(AIRCR, 0x05FA0004)
        assert self.word(DHCSR) >> 17 & 1
        assert self.register(15) == symbols["start"]
        self.store(DFSR, 0xF)
        return symbols

    def run(self, source: str) -> dict[str, int]:
        symbols = self.load(source)
        self.store(DHCSR, RUN)
        return symbols

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, (self.core.state, self.core.failure, hex(self.core._pc))
            time.sleep(0.002)

    def result(self, index: int = 0) -> int:
        """A word of RESULT, once the program has halted at a breakpoint of its own."""
        self.until(lambda: bool(self.word(DHCSR) >> 17 & 1))
        return self.word(RESULT + 4 * index)


@pytest.fixture(params=sorted(CORES))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    yield bench
    bench.end()


def test_an_interrupt_keeps_what_the_program_has_in_registers(bench: Bench) -> None:
    """Integer, flags, floating point; the handler spoils what a function may. LR says what is returned to."""
    bench.run("""
    .fpu fpv4-sp-d16
    ldr r0, =0xE000ED88
    ldr r1, [r0]
    orr r1, #0xF00000
    str r1, [r0]
    dsb
    isb
    vmov.f32 s3, #2.0
    ldr r0, =0xE000E100
    movs r1, #8
    str r1, [r0]
    ldr r6, =0x20003000
    ldr r5, =0x40000000
    movs r1, #1
    movs r2, #2
    movs r3, #3
    mov r12, #12
    movs r4, #0xA5
    subs r0, r1, r1
    str r4, [r5]
    ite eq
    moveq r4, #1
    movne r4, #0
    str r4, [r6, #4]
    add r0, r1, r2
    add r0, r0, r3
    add r0, r0, r12
    vmov r7, s3
    str r7, [r6, #8]
    str r0, [r6]
    bkpt
    .thumb_func
other:
    mrs r0, ipsr
    ldr r1, =0x20003000
    str r0, [r1, #12]
    str lr, [r1, #16]
    movs r0, #1
    ldr r1, =0x40000000
    str r0, [r1]
    vmov.f32 s3, #1.0
    mov r12, #0
    movs r2, #77
    movs r3, #78
    bx lr
""")
    assert bench.result() == 18
    assert [bench.result(n) for n in (1, 2, 3, 4)] == [1, 0x40000000, 16 + LINE, 0xFFFFFFF9]
    assert bench.board.written == [0xA5, 1]  # the store that the interrupt followed was made once


def test_the_stack_is_aligned_and_comes_back(bench: Bench) -> None:
    bench.run("""
    ldr r6, =0x20003000
    sub sp, #4
    mov r4, sp
    svc #0
    mov r5, sp
    subs r4, r5
    str r4, [r6]
    bkpt
    .thumb_func
other:
    mov r0, sp
    ldr r1, =0x20003000
    str r0, [r1, #4]
    ldr r0, [sp, #28]
    str r0, [r1, #8]
    bx lr
""")
    assert bench.result() == 0
    assert bench.result(1) == 0x20008000 - 8 - 32
    assert bench.result(2) >> 9 & 1  # xPSR in the frame tells of the word that was left out


@pytest.mark.parametrize("mask", ["cpsid i", "movs r0, #0x40\n msr basepri, r0"])
def test_a_masked_interrupt_waits_until_it_may_come(bench: Bench, mask: str) -> None:
    unmask = "cpsie i" if "cpsid" in mask else "movs r0, #0\n msr basepri, r0"
    bench.run(f"""
    ldr r0, =0xE000E400
    movs r1, #0x80
    strb r1, [r0, #3]
    ldr r0, =0xE000E100
    movs r1, #8
    str r1, [r0]
    ldr r6, =0x20003000
    ldr r5, =0x40000000
    {mask}
    movs r4, #0xA5
    str r4, [r5]
    ldr r0, [r5]
    ldr r0, [r6]
    str r0, [r6, #4]
    {unmask}
wait:
    ldr r0, [r5]
    ldr r0, [r6]
    cmp r0, #1
    bne wait
    bkpt
    .thumb_func
other:
    ldr r1, =0x20003000
    movs r0, #1
    str r0, [r1]
    ldr r1, =0x40000000
    str r0, [r1]
    bx lr
""")
    assert bench.result() == 1
    assert bench.result(1) == 0


def test_a_more_urgent_interrupt_interrupts_a_handler(bench: Bench) -> None:
    """Each pends the other: interrupt 3 (exception 0x13) of priority 0x40 runs within 5 (0x15) of 0x80, and not the
    other way. A handler notes its number when it begins, with 0x80 when it ends."""
    bench.run("""
    ldr r0, =0xE000E400
    movs r1, #0x40
    strb r1, [r0, #3]
    movs r1, #0x80
    strb r1, [r0, #5]
    ldr r7, =0x20003000
    ldr r6, =0xE000E200
    ldr r0, =0xE000E100
    movs r1, #0x28
    str r1, [r0]
    movs r1, #0x20
    str r1, [r6]
    b .
    .thumb_func
other:
    mrs r0, ipsr
    strb r0, [r7]
    adds r7, #1
    movs r1, #0x28
    cmp r0, #0x13
    ite eq
    moveq r1, #0x20
    movne r1, #8
    str r1, [r6]
    mrs r0, ipsr
    adds r0, #0x80
    strb r0, [r7]
    adds r7, #1
    ldr r0, =0x20003010
    cmp r7, r0
    it lt
    bxlt lr
    bkpt
""")
    bench.result()
    assert bench.debug.read(0, RESULT, 8) == bytes([0x15, 0x13, 0x93, 0x95] * 2)


def test_a_bus_fault_names_address_and_instruction(bench: Bench) -> None:
    """By its own handler where that is on, else as a HardFault; registers are those before the instruction."""
    program = """
    ldr r0, =0xE000ED24
    ldr r1, ={shcsr}
    str r1, [r0]
    ldr r5, =0x40001000
    movs r4, #7
bad:
    ldr r4, [r5]
    bkpt
    .thumb_func
hard_fault:
    .thumb_func
other:
    ldr r6, =0x20003000
    str r4, [r6]
    mrs r0, ipsr
    str r0, [r6, #4]
    ldr r0, [sp, #24]
    str r0, [r6, #8]
    bkpt
"""
    for shcsr, exception, forced in ((1 << 17, 5, 0), (0, 3, 1 << 30)):
        symbols = bench.run(program.format(shcsr=shcsr))
        assert [bench.result(n) for n in range(3)] == [7, exception, symbols["bad"]]
        assert bench.word(CFSR) == 0x8200
        assert bench.word(BFAR) == BAD
        assert bench.word(HFSR) == forced


def test_an_undefined_instruction_is_a_usage_fault_and_a_fault_in_a_fault_locks_up(bench: Bench) -> None:
    bench.run("""
    udf #1
    .thumb_func
hard_fault:
    ldr r0, =0x20003000
    ldr r1, =0xE000ED28
    ldr r1, [r1]
    str r1, [r0]
    udf #2
""")
    bench.until(lambda: bool(bench.word(DHCSR) >> 19 & 1))
    assert bench.word(RESULT) == 1 << 16
    bench.store(DHCSR, HALT)  # a debugger may look at it
    assert bench.word(DHCSR) >> 17 & 5 == 1
    assert bench.register(15) == 0xEFFFFFFE
    bench.store(DHCSR, RUN)
    assert bench.word(DHCSR) >> 17 & 5 == 4
    symbols = bench.load("bkpt")  # a reset ends the lock-up
    assert bench.register(15) == symbols["start"]


def test_an_access_that_is_interrupted_by_a_debugger_is_made_once(bench: Bench) -> None:
    """The port counts its reads; the program counts what it asked for."""
    bench.run("""
    ldr r5, =0x40000000
    ldr r6, =0x20003000
    movs r4, #0
loop:
    adds r4, #1
    ldr r0, [r5]
    str r0, [r6]
    str r4, [r6, #4]
    str r4, [r5]
    b loop
""")
    for _ in range(30):
        before = bench.board.reads
        time.sleep(0.002)
        bench.until(lambda before=before: bench.board.reads > before + 3)  # type: ignore[misc]
        bench.store(DHCSR, HALT)
        assert bench.word(DHCSR) >> 17 & 1
        reads, asked = bench.board.reads, bench.register(4)
        assert asked - 1 <= reads <= asked
        assert bench.board.written == list(range(1, len(bench.board.written) + 1))
        bench.store(DHCSR, RUN)
    assert bench.board.reads > 100


def test_steps_go_one_instruction_and_breakpoints_halt_before_theirs(bench: Bench) -> None:
    symbols = bench.load("""
    movs r0, #1
    movs r1, #2
    b far
    nop
far:
    movs r2, #3
    bkpt
""")
    start = symbols["start"]
    for at in (start + 2, start + 4, symbols["far"]):
        bench.store(DHCSR, STEP)
        assert bench.register(15) == at
    bench.store(DCRDR, start)
    bench.store(DCRSR, 1 << 16 | 15)
    bench.store(0xE0002000, 3)
    bench.store(0xE0002008, symbols["far"] | 1)
    bench.store(DFSR, 0xF)
    bench.store(DHCSR, RUN)
    bench.until(lambda: bool(bench.word(DHCSR) >> 17 & 1))
    assert (bench.register(15), bench.word(DFSR)) == (symbols["far"], 2)
    assert bench.register(2) != 3
    bench.store(0xE0002008, 0)
    bench.store(DHCSR, RUN)
    bench.until(lambda: bench.core.state == State.HALTED)
    assert (bench.register(15), bench.register(2)) == (symbols["far"] + 2, 3)


def test_cycles_are_those_of_accesses_and_the_same_again(bench: Bench) -> None:
    counts = []
    for _ in range(2):
        bench.run("""
    ldr r0, =0xE000EDFC
    ldr r1, =0x01000000
    str r1, [r0]
    ldr r0, =0xE0001FB0
    ldr r1, =0xC5ACCE55
    str r1, [r0]
    ldr r0, =0xE0001000
    movs r1, #1
    str r1, [r0]
    ldr r4, [r0, #4]
    ldr r5, =0x40000000
    ldr r1, [r5]
    ldr r1, [r5]
    ldr r2, [r0, #4]
    subs r2, r4
    ldr r6, =0x20003000
    str r2, [r6]
    bkpt
""")
        counts.append(bench.result())
    assert counts == [30, 30]


def test_systick_interrupts_when_it_has_counted_down(bench: Bench) -> None:
    bench.run("""
    ldr r0, =0xE000E010
    movs r1, #99
    str r1, [r0, #4]
    movs r1, #0
    str r1, [r0, #8]
    movs r1, #7
    str r1, [r0]
    ldr r5, =0x40000000
    ldr r6, =0x20003000
loop:
    ldr r1, [r5]
    ldr r1, [r6]
    cmp r1, #3
    bne loop
    bkpt
    .thumb_func
other:
    ldr r0, =0x20003000
    ldr r1, [r0]
    adds r1, #1
    str r1, [r0]
    bx lr
""")
    assert bench.result() == 3
    assert 25 <= bench.board.reads <= 35  # three times 100 cycles, of 10 for each access


def test_a_program_that_waits_costs_nothing_and_wakes_by_a_byte(bench: Bench) -> None:
    """It looks at the time for ever; one that goes round without any access is put to sleep when it is looked at."""
    for body in ("ldr r1, [r0]", "nop"):
        bench.run(f"""
    ldr r0, =0xE000E018
wait:
    {body}
    b wait
""")
        for _ in range(60):
            bench.core.look()
            time.sleep(0.01)
        before = time.process_time()
        for _ in range(10):
            bench.core.look()
            time.sleep(0.1)
        assert time.process_time() - before < 0.5
    bench.core.receive(b"abc")
    bench.until(lambda: bytes(bench.board.line.received) == b"abc")


def test_wfi_sleeps_until_an_interrupt_is_pending(bench: Bench) -> None:
    bench.run("""
    ldr r0, =0xE000E100
    movs r1, #8
    str r1, [r0]
    cpsid i
    wfi
    ldr r0, =0x20003000
    movs r1, #1
    str r1, [r0]
    bkpt
""")
    bench.until(lambda: bench.core._waits_for_interrupt)
    assert bench.word(RESULT) == 0
    bench.store(0xE000E200, 8)
    assert bench.result() == 1


def test_a_lost_supply_and_a_complaint_of_the_model_end_the_twin(bench: Bench) -> None:
    bench.run("""
    ldr r0, =0x40000100
    str r0, [r0]
    b .
""")
    bench.until(lambda: bool(bench.core.failure))
    assert bench.core.failure == "its supply went away"


def test_what_a_model_complains_of_is_said() -> None:
    bench = Bench("cortex-m7")
    bench.board.wrong.append("the clock of the port is off")
    bench.run("""
    ldr r0, =0x40000000
    str r0, [r0]
    b .
""")
    bench.until(lambda: bool(bench.core.failure))
    assert bench.core.failure == "the model refuses what the program did: the clock of the port is off"
    bench.end()
