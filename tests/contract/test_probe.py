"""What a debug probe with pyOCD must do, on every emulated machine and every twin that boots from flash. Real QEMU and
unicorn, unmodified pyOCD."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Iterator

import pytest
from pyocd.core import exceptions
from pyocd.core.target import Target

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec
from pytest_stm32pose.errors import ProbeError
from pytest_stm32pose.probes.qemu import machine
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.session import ProbeSession
from pytest_stm32pose.probes.twin import process as twin
from tests.support.guest import assemble
from tests.support.waiting import eventually

BOARDS = ("qemu-m55", "qemu-m7", "qemu-f405", "sim-f405", "sim-h7")
COUNTER = 0x20002000
DWT_CTRL = 0xE0001000
COUNT = """
    ldr r0, =0x20002000
    movs r1, #0
loop:
    adds r1, #1
    str r1, [r0]
    nop
    b loop
"""
SLEEP = """
    ldr r0, =0x20002000
    ldr r1, =0xE000E100
    mvn r2, #0
    str r2, [r1]
    str r2, [r1, #4]
sleep:
    wfi
    b sleep
    .thumb_func
other:
    ldr r0, =0x20002000
    ldr r1, [r0]
    adds r1, #1
    str r1, [r0]
    bx lr
"""


@pytest.fixture(params=BOARDS)
def probe(request: pytest.FixtureRequest) -> Iterator[ProbeSession]:
    spec = board_spec(request.param)
    if reason := spec.unavailable_reason():
        pytest.skip(reason)
    instance = start(spec)
    try:
        kind = "stm32pose_twin" if spec.is_twin else "stm32pose_qemu"
        with ProbeSession(f"{kind}:{instance.unique_id}", spec.target) as session:
            yield session
    finally:
        (twin if spec.is_twin else machine).stop(instance)


def start(spec: BoardSpec) -> Instance:
    if spec.is_twin:
        return twin.start(spec.name, spec.machine, spec.target, clock_hz=spec.clock_hz, faults=())
    return machine.start(spec.name, spec.machine, spec.target, icount_shift=5)


def load(probe: ProbeSession, source: str) -> dict[str, int]:
    """Puts a program at the boot address and halts the core at its reset handler."""
    boot = next(region.start for region in probe._spec.regions if region.boot)
    code, symbols = assemble(source, boot)
    probe.program(boot, code)
    probe.write32(COUNTER, 0)
    probe.reset_and_halt()
    return symbols


def shared_ram(probe: ProbeSession) -> int:
    """RAM that the probe reaches through a file while the core runs, on the machines that have such RAM."""
    return 0x60000000 if probe._spec.region_at(0x60000000, 0x10000) else 0x20010000


def wait_until_halted(probe: ProbeSession) -> int:
    """Waits, then returns the program counter."""
    eventually(lambda: probe.state() == "halted", probe.state)
    return probe.read_registers("pc")["pc"]


def wait_until_counted(probe: ProbeSession) -> None:
    """The program runs: its counter has another value than before."""
    before = probe.read32(COUNTER)
    eventually(lambda: probe.read32(COUNTER) != before, "the counter stands still")


def halt_asleep(probe: ProbeSession, symbols: dict[str, int]) -> None:
    """Halts the core when it sleeps, out of which only an interrupt brings it."""

    def asleep() -> bool:
        probe.halt()
        if probe.read_registers("pc")["pc"] in (symbols["sleep"], symbols["sleep"] + 2):
            return True
        probe.resume()
        return False

    probe.resume()
    eventually(asleep, "the core does not reach its sleep")


def test_reset_and_halt_stops_before_the_first_instruction(probe: ProbeSession) -> None:
    symbols = load(probe, COUNT)
    registers = probe.read_registers("pc", "sp", "msp", "xpsr")
    assert registers["pc"] == symbols["start"]
    assert registers["sp"] == registers["msp"] == 0x20008000
    assert registers["xpsr"] & 0x010001FF == 0x01000000
    assert probe.read32(COUNTER) == 0


@pytest.mark.parametrize("kind", [Target.ResetType.SYSTEM, Target.ResetType.HARDWARE, Target.ResetType.EMULATED])
def test_every_reset_type_starts_over(probe: ProbeSession, kind: Target.ResetType) -> None:
    symbols = load(probe, COUNT)
    probe.resume()
    wait_until_counted(probe)
    probe.pyocd.target.reset_and_halt(kind)
    assert probe.read_registers("pc")["pc"] == symbols["start"]
    assert probe.read32(COUNTER) > 0, "RAM does not survive the reset"


def test_step_executes_one_instruction(probe: ProbeSession) -> None:
    symbols = load(probe, COUNT)
    seen = []
    for _ in range(8):
        probe.step()
        seen.append(probe.read_registers("pc")["pc"])
    start, loop = symbols["start"], symbols["loop"]
    assert seen == [start + 4, loop, loop + 2, loop + 4, loop + 6, loop, loop + 2, loop + 4]
    assert probe.read32(COUNTER) == 2


def test_a_core_that_was_halted_asleep_steps_and_runs_on(probe: ProbeSession) -> None:
    symbols = load(probe, SLEEP)
    halt_asleep(probe, symbols)
    for _ in range(4):
        probe.step()
    assert probe.read_registers("pc")["pc"] in (symbols["sleep"], symbols["sleep"] + 2)
    assert probe.read_registers("msp")["msp"] == 0x20008000
    probe.resume()
    assert probe.state() == "running"


@pytest.mark.parametrize("number", [5, 28])
def test_an_interrupt_pended_by_the_debugger_wakes_the_core(probe: ProbeSession, number: int) -> None:
    halt_asleep(probe, load(probe, SLEEP))
    probe.resume()
    for count in (1, 2, 3):
        probe.write32(0xE000E200, 1 << number)
        eventually(lambda count=count: probe.read32(COUNTER) == count, f"interrupt {count} did not come")  # type: ignore[misc]
    assert probe.state() == "running"


def test_memory_is_readable_and_writable_while_the_core_runs(probe: ProbeSession) -> None:
    load(probe, COUNT)
    probe.resume()
    wait_until_counted(probe)
    for address in (0x20003000, shared_ram(probe) + 0x1000, shared_ram(probe) + 0x1003):
        data = bytes(range(1, 200))
        probe.write(address, data)
        assert probe.read(address, len(data)) == data
        assert probe.read(address - 1, 3)[1:] == data[:2]
    assert probe.state() == "running"


def test_the_core_sees_what_the_probe_writes_into_the_shared_ram(probe: ProbeSession) -> None:
    ram = shared_ram(probe)
    load(
        probe,
        f"""
    ldr r0, ={ram:#x}
wait:
    ldr r1, [r0]
    cmp r1, #0
    beq wait
    mvns r1, r1
    str r1, [r0, #4]
done: b done
""",
    )
    probe.write(ram, bytes(8))
    probe.resume()
    time.sleep(0.02)
    assert probe.read32(ram + 4) == 0
    probe.write32(ram, 0x12345678)
    eventually(lambda: probe.read32(ram + 4) == 0x12345678 ^ 0xFFFFFFFF, lambda: hex(probe.read32(ram + 4)))


def test_core_registers_hold_what_is_written(probe: ProbeSession) -> None:
    load(probe, COUNT)
    values = {f"r{number}": 0x1000 + number for number in range(13)}
    values |= {"psp": 0x20004000, "msp": 0x20007000, "lr": 0x101, "primask": 1, "basepri": 0x40}
    values |= {f"s{number}": 0x40000000 + number for number in range(32)}
    probe.write_registers(**values)
    assert probe.read_registers(*values) == values
    assert probe.read_registers("sp")["sp"] == 0x20007000
    doubles = probe.read_registers("d0", "d15")
    assert doubles == {"d0": 0x40000001_40000000, "d15": 0x4000001F_4000001E}


def test_the_core_is_what_the_catalog_says(probe: ProbeSession) -> None:
    parts = {"cortex-m55": 0xD22, "cortex-m7": 0xC27, "cortex-m4": 0xC24}
    core = probe.pyocd.target.selected_core_or_raise
    assert core.core_type == parts[board_spec(probe._spec.name).core]
    assert core.has_fpu


@pytest.mark.parametrize("kind", [Target.BreakpointType.HW, Target.BreakpointType.SW])
def test_breakpoints_halt_before_their_instruction(probe: ProbeSession, kind: Target.BreakpointType) -> None:
    symbols = load(probe, COUNT)
    target = probe.pyocd.target
    address = symbols["loop"] + 4
    assert target.set_breakpoint(address, kind)
    for _ in range(3):
        probe.resume()
        assert wait_until_halted(probe) == address
        assert target.get_halt_reason() == Target.HaltReason.BREAKPOINT
        before = probe.read32(COUNTER)
        target.remove_breakpoint(address)
        probe.step()
        assert target.set_breakpoint(address, kind)
        assert probe.read_registers("pc")["pc"] == symbols["loop"] + 6
        assert probe.read32(COUNTER) == before
    target.remove_breakpoint(address)
    probe.resume()
    wait_until_counted(probe)
    assert probe.state() == "running"


def test_there_are_as_many_hardware_breakpoints_as_comparators(probe: ProbeSession) -> None:
    load(probe, COUNT)
    target = probe.pyocd.target
    addresses = [0x1000 + 4 * index for index in range(9)]
    results = [bool(target.set_breakpoint(address, Target.BreakpointType.HW)) for address in addresses]
    assert results.count(True) >= 7
    assert not results[8]


@pytest.mark.parametrize(
    ("kind", "hit"),
    [
        (Target.WatchpointType.WRITE, True),
        (Target.WatchpointType.READ, False),
        (Target.WatchpointType.READ_WRITE, True),
    ],
)
def test_watchpoints_halt_on_their_kind_of_access(probe: ProbeSession, kind: Target.WatchpointType, hit: bool) -> None:
    symbols = load(probe, COUNT)
    target = probe.pyocd.target
    if not probe.read32(DWT_CTRL) >> 28:  # a core without comparators says so, and its probe refuses
        assert not target.set_watchpoint(COUNTER, 4, kind)
        return
    assert target.set_watchpoint(COUNTER, 4, kind)
    probe.resume()
    if hit:
        for count in (1, 2, 3):
            assert wait_until_halted(probe) == symbols["loop"] + 4, "a Cortex-M stops after the access"
            assert target.get_halt_reason() == Target.HaltReason.WATCHPOINT
            assert probe.read32(COUNTER) == count
            if count < 3:
                probe.resume()
        target.remove_watchpoint(COUNTER, 4, kind)
        probe.resume()
    wait_until_counted(probe)
    assert probe.state() == "running"


def test_a_bkpt_of_the_program_halts_at_it(probe: ProbeSession) -> None:
    symbols = load(probe, "    movs r0, #7\n    push {r0, lr}\nhere:\n    bkpt #3\n    movs r0, #8\nend: b end\n")
    sp = probe.read_registers("sp")["sp"]
    probe.resume()
    assert wait_until_halted(probe) == symbols["here"]
    registers = probe.read_registers("r0", "xpsr", "sp")
    assert (registers["r0"], registers["xpsr"] & 0x1FF, registers["sp"]) == (7, 0, sp - 8)
    assert probe.pyocd.target.get_halt_reason() == Target.HaltReason.BREAKPOINT
    probe.write_registers(pc=symbols["here"] + 2)
    probe.step()
    assert probe.read_registers("r0")["r0"] == 8


def test_a_caught_hard_fault_halts_at_its_handler_and_says_where(probe: ProbeSession) -> None:
    symbols = load(probe, "    ldr r0, =0x3F000000\nbad:\n    ldr r1, [r0]\nend: b end\n")
    probe.catch_hard_faults()
    probe.resume()
    assert wait_until_halted(probe) == symbols["hard_fault"]
    report = probe.fault_report()
    assert "HardFault" in report and f"0x{symbols['bad']:08x}" in report


def test_a_fault_handler_of_the_program_runs_when_nobody_catches_faults(probe: ProbeSession) -> None:
    load(
        probe,
        """
    ldr r0, =0x3F000000
    ldr r1, [r0]
end: b end
    .thumb_func
hard_fault:
    ldr r0, =0x20002000
    movs r1, #77
    str r1, [r0]
spin: b spin
""",
    )
    probe.resume()
    while probe.read32(COUNTER) != 77:
        assert probe.state() == "running"


def test_unmapped_memory_is_a_transfer_fault(probe: ProbeSession) -> None:
    with pytest.raises(exceptions.TransferFaultError) as caught:
        probe.pyocd.target.read32(0x3F000000)
    assert caught.value.fault_address == 0x3F000000
    with pytest.raises(exceptions.TransferFaultError):
        probe.pyocd.target.write32(0x3F000000, 1)
    with pytest.raises(ProbeError, match="0x3f000000"):
        probe.read(0x3F000000, 4)


def test_device_registers_take_writes(probe: ProbeSession) -> None:
    probe.halt()
    before = probe.read_registers("r0", "r1", "pc", "xpsr")
    probe.write32(0xE000ED08, 0x00000400)  # VTOR
    assert probe.read32(0xE000ED08) == 0x00000400
    probe.write32(0xE000ED88, 0x00F00000)  # CPACR
    assert probe.read32(0xE000ED88) & 0x00F00000 == 0x00F00000
    assert probe.read_registers("r0", "r1", "pc", "xpsr") == before


def test_disconnecting_lets_the_core_run_and_keeps_no_breakpoint(probe: ProbeSession) -> None:
    symbols = load(probe, COUNT)
    assert probe.pyocd.target.set_breakpoint(symbols["loop"], Target.BreakpointType.HW)
    probe.close()
    probe._options["connect_mode"] = "attach"
    probe.open()
    assert probe.state() == "running"
    wait_until_counted(probe)


def test_rtt_carries_bytes_both_ways(probe: ProbeSession) -> None:
    from pyocd.debug.rtt import RTTControlBlock

    # Control block, one up and one down buffer; the program copies what comes down to the up buffer, plus one.
    block, up, down, name = 0x20003000, 0x20004000, 0x20005000, 0x20003100
    load(
        probe,
        """
    ldr r0, =0x20003000
    ldr r3, =0x20005000
    ldr r5, =0x20004000
loop:
    ldr r1, [r0, #24+24+12]
    ldr r2, [r0, #24+24+16]
    cmp r1, r2
    beq loop
    ldrb r4, [r3, r2]
    adds r4, #1
    ldr r6, [r0, #24+12]
    strb r4, [r5, r6]
    adds r6, #1
    and r6, r6, #63
    str r6, [r0, #24+12]
    adds r2, #1
    and r2, r2, #63
    str r2, [r0, #24+24+16]
    b loop
""",
    )
    probe.write(name, b"up\0down\0")
    control = b"SEGGER RTT".ljust(16, b"\0") + struct.pack("<II", 1, 1)
    control += struct.pack("<6I", name, up, 64, 0, 0, 0) + struct.pack("<6I", name + 3, down, 64, 0, 0, 0)
    probe.write(block, control)
    probe.resume()
    rtt = RTTControlBlock.from_target(probe.pyocd.target, address=block, size=0x100)
    rtt.start()
    sent = bytes(range(60, 160))
    received = b""
    for start in range(0, len(sent), 50):  # the program does not look whether its up buffer is full
        part = sent[start : start + 50]
        assert rtt.down_channels[0].write(part) == len(part)
        while len(received) < start + len(part):
            received += eventually(lambda: bytes(rtt.up_channels[0].read()), received)
    assert received == bytes(value + 1 for value in sent)


def test_semihosting_writes_to_the_debugger(probe: ProbeSession) -> None:
    from pyocd.debug import semihost

    load(
        probe,
        """
    movs r0, #4
    ldr r1, =text
    bkpt #0xab
    movs r2, #1
end: b end
    .align 2
text: .asciz "hello from the core"
""",
    )
    output = io.BytesIO()
    agent = semihost.SemihostAgent(
        probe.pyocd.target.get_target_context(),
        io_handler=semihost.InternalSemihostIOHandler(),
        console=semihost.ConsoleIOHandler(output),
    )
    probe.resume()
    wait_until_halted(probe)
    assert agent.check_and_handle_semihost_request()
    assert output.getvalue() == b"hello from the core"
    probe.resume()

    def went_on() -> bool:
        probe.halt()
        if probe.read_registers("r2")["r2"] == 1:
            return True
        probe.resume()
        return False

    eventually(went_on, "the program does not go on behind its bkpt")
