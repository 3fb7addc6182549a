"""What the STM32N6 firmware writes to its registers before it serves: every value, the order, every poll bounded.

The C code runs here, on a model of the device (twins/n6, which faults where silicon would hang). Expected
values are those of the reference manual (RM0486) and of ST's public projects: STM32CubeN6 (600 MHz),
STM32N6-GettingStarted (800 MHz).
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from pytest_stm32pose.twins.n6.device import (
    CFGR1,
    CFGR2,
    CORE,
    CR1,
    GPIOB,
    GPIOE,
    GPIOF,
    HSI,
    ISR,
    OVERRUN,
    SR,
    SYSCFG,
    USART1,
    VOSCR,
    Device,
)  # fmt: skip
from pytest_stm32pose.twins.n6.memory import BSEC, PERIPHERALS, RAMCFG, RCC
from tests.firmware.register_model import connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

HSICFGR, CSR, CCR = (RCC + at for at in (0x048, 0x800, 0x1000))
PLL1, PLL2, PLL3 = (tuple(RCC + at + 4 * i for i in range(3)) for at in (0x080, 0x090, 0x0A0))
IC1, IC2, IC6, IC11 = (RCC + at for at in (0x0C4, 0x0C8, 0x0D8, 0x0EC))
DIVENSR, MEMENSR, AHB2ENSR, AHB4ENSR, AHB5ENSR, APB2ENSR, APB4ENSR2 = (
    RCC + at for at in (0xA40, 0xA4C, 0xA54, 0xA5C, 0xA60, 0xA6C, 0xA78)
)  # fmt: skip
CCIPR13 = RCC + 0x174
PLL = {number: 1 << 7 + number for number in (1, 2, 3)}
MODER, AFRL = 0x00, 0x20
POLLS_MAX = 1_000  # instead of 100,000, which the model would take seconds for
DK, NUCLEO = (128 << 20, "F", 4), (64 << 20, "B", 12)

SAFE = [(CSR, HSI), (HSICFGR, 0), (CFGR1, 0), (CFGR2, 0x00100000)]


def pll_on(number: int, registers: tuple[int, ...], cfgr1: int, cfgr3: int) -> list[tuple[int, int]]:
    on = [(CCR, PLL[number]), (registers[0], cfgr1), (registers[1], 0), (registers[2], cfgr3), (CSR, PLL[number])]
    return on


#: 64 MHz / 4 * 75 = 1200 MHz; the core gets half of it, the buses a third, HCLK a quarter of that.
AT_600 = [
    (CR1, 0), (VOSCR, 0),
    *pll_on(1, PLL1, 0x00404B00, 0x49000005),
    (IC1, 0x00010000), (IC2, 0x00020000), (IC6, 0x00030000), (IC11, 0x00020000), (DIVENSR, 0x423),
    (CFGR2, 0x00200000), (CFGR1, 0x03030000),
]  # fmt: skip
#: 64 / 2 * 25 = 800 MHz for the core; 64 / 8 * 125 = 1000 MHz for the NPU; 64 / 8 * 225 / 2 = 900 MHz for its RAM.
AT_800 = [
    (CR1, 0), (VOSCR, 1),
    *pll_on(1, PLL1, 0x00201900, 0x49000005),
    *pll_on(2, PLL2, 0x00807D00, 0x49000005),
    *pll_on(3, PLL3, 0x0080E100, 0x4A000005),
    (IC1, 0), (IC2, 0x00010000), (IC6, 0x10000000), (IC11, 0x20000000), (DIVENSR, 0x423),
    (CFGR2, 0x00100000), (CFGR1, 0x03030000),
]  # fmt: skip
OVERDRIVE_DK = [(AHB4ENSR, 1 << 5), (GPIOF + 0x18, 1 << 4), (GPIOF + 4, 0), (GPIOF, 0xFFFFFDFF)]
OVERDRIVE_NUCLEO = [(AHB4ENSR, 1 << 1), (GPIOB + 0x18, 1 << 12), (GPIOB + 4, 0), (GPIOB, 0xFDFFFFFF)]
MHZ = 1_000_000
CLOCKS = {64: (64, 32, 64, 64), 600: (600, 100, 300, 400), 800: (800, 200, 1000, 400)}  # core, HCLK, NPU, interconnect


class Board(ctypes.Structure):
    _fields_ = (("nor_bytes", ctypes.c_uint32), ("port", ctypes.c_char), ("pin", ctypes.c_uint8))


class Clocks(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("core", "hclk", "npu", "nic", "pll1"))


class Nor(ctypes.Structure):
    _fields_ = (("hz", ctypes.c_uint32), ("lines", ctypes.c_uint8), ("double_rate", ctypes.c_bool))


class Usart(ctypes.Structure):
    _fields_ = (("base", ctypes.c_uint32), ("clock_hz", ctypes.c_uint32), ("baudrate", ctypes.c_uint32))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    output = tmp_path_factory.mktemp("n6") / "n6.so"
    own = (f"stm32n6/{name}.c" for name in ("clock", "system", "nor", "octal_nor_port"))
    octal = ("octal_nor", "octal_nor_wire", "octal_nor_words")
    shared = (f"stm32/{name}.c" for name in ("cache", "usart", "usart_divider", "reg_model", *octal))
    sources = [FIRMWARE_DIR / "boards" / name for name in (*own, *shared)]
    flags = [
        "-std=c11",
        "-Wall",
        "-DPOSE_XSPI2=0x5802A000u",
        "-Wextra",
        "-Werror",
        "-O1",
        "-shared",
        "-fPIC",
        "-DPOSE_REG_MODEL",
        f"-DREG_POLLS={POLLS_MAX}u",
    ]
    includes = [f"-I{FIRMWARE_DIR}", f"-I{FIRMWARE_DIR / 'include'}"]
    subprocess.run(["gcc", *flags, *includes, "-o", str(output), *map(str, sources)], check=True)
    return load(output)


def load(path: Path) -> ctypes.CDLL:
    found = ctypes.CDLL(str(path))
    for name in ("n6_clock_start", "n6_nor_start", "stm32_usart_init"):
        getattr(found, name).restype = ctypes.c_bool
    found.n6_caches_start.argtypes = [ctypes.c_uint32] * 3
    found.n6_nor_start.argtypes = [ctypes.c_uint32, ctypes.POINTER(Clocks)]
    found.n6_nor.restype = ctypes.POINTER(Nor)
    found.n6_nor_mode.restype = ctypes.c_char_p
    found.stm32_usart_divider.argtypes = [ctypes.c_uint32] * 2
    found.stm32_usart_divider.restype = ctypes.c_uint32
    found.stm32_usart_read.restype = found.stm32_usart_write.restype = ctypes.c_size_t
    return found


@pytest.fixture
def device(library: ctypes.CDLL) -> Iterator[Device]:
    found = Device()
    connect(library, found)
    yield found
    assert not found.memory.forbidden, "fuses"
    assert not found.faults, [hex(address) for address in found.faults]


def clocks_of(mhz: int) -> Clocks:
    """What n6_clock_start() says at that speed."""
    return Clocks(*(MHZ * each for each in (*CLOCKS[mhz], {64: 0, 600: 1200, 800: 800}[mhz])))


def start_core(library: ctypes.CDLL, device: Device) -> None:
    library.n6_core_start()
    device.accesses.clear()


def start_clock(
    library: ctypes.CDLL, mhz: int, board: tuple[int, str, int] = DK
) -> tuple[bool, tuple[int, int, int, int]]:
    clocks = Clocks()
    nor, port, pin = board
    library.n6_clock_safe(ctypes.byref(clocks))
    reached = library.n6_clock_start(ctypes.byref(Board(nor, port.encode(), pin)), mhz, ctypes.byref(clocks))
    return reached, tuple(getattr(clocks, name) / MHZ for name in ("core", "hclk", "npu", "nic"))


def in_order(wanted: list[tuple[int, int]], writes: list[tuple[int, int]]) -> bool:
    rest = iter(writes)
    return all(each in rest for each in wanted)


# --- clocks ---


def test_600_mhz_takes_these_writes_in_this_order(library: ctypes.CDLL, device: Device) -> None:
    start_core(library, device)
    assert start_clock(library, 600) == (True, CLOCKS[600])
    assert device.writes == SAFE + AT_600


@pytest.mark.parametrize(("board", "overdrive"), [(DK, OVERDRIVE_DK), (NUCLEO, OVERDRIVE_NUCLEO)])
def test_800_mhz_raises_the_voltage_first(
    library: ctypes.CDLL, device: Device, board: tuple[int, str, int], overdrive: list[tuple[int, int]]
) -> None:
    start_core(library, device)
    assert start_clock(library, 800, board) == (True, CLOCKS[800])
    assert device.writes == SAFE + overdrive + AT_800
    ramp = device.accesses.index((CR1, 0)) - device.accesses.index(overdrive[-1])
    assert ramp > POLLS_MAX // 5, "no time for the converter"


def test_64_mhz_leaves_supply_and_plls_alone(library: ctypes.CDLL, device: Device) -> None:
    assert start_clock(library, 64) == (True, CLOCKS[64])
    assert device.writes == SAFE


def test_a_clock_that_does_not_exist_is_refused(library: ctypes.CDLL, device: Device) -> None:
    assert start_clock(library, 700) == (False, CLOCKS[64])
    assert device.writes == SAFE


@pytest.mark.parametrize(("mhz", "writes"), [(600, AT_600), (800, AT_800)])
def test_the_values_give_the_frequencies(mhz: int, writes: list[tuple[int, int]]) -> None:
    """The arithmetic of the reference manual on the values that are written."""
    values = dict(writes)
    outputs = {}
    for number, registers in ((1, PLL1), (2, PLL2), (3, PLL3)):
        if registers[0] in values:
            cfgr1, cfgr3 = values[registers[0]], values[registers[2]]
            assert not cfgr1 >> 28 & 7, "the reference is the internal oscillator"
            vco = 64 / (cfgr1 >> 20 & 0x3F) * (cfgr1 >> 8 & 0xFFF)
            assert 800 <= vco <= 3200
            outputs[number] = vco / (cfgr3 >> 27 & 7) / (cfgr3 >> 24 & 7)
    core, bus, npu, ram = (
        outputs[(values[ic] >> 28 & 3) + 1] / ((values[ic] >> 16 & 0xFF) + 1) for ic in (IC1, IC2, IC6, IC11)
    )
    assert (core, bus / (1 << (values[CFGR2] >> 20 & 7)), npu, bus) == CLOCKS[mhz]
    assert ram <= 900


@pytest.mark.parametrize("mhz", [600, 800])
@pytest.mark.parametrize(
    ("register", "bits"),
    [
        pytest.param(VOSCR, 1 << 17, id="supply not there"),
        pytest.param(VOSCR, 1 << 1, id="voltage not reached"),
        pytest.param(SR, PLL[1], id="PLL1 never locks"),
        pytest.param(RCC + 0x240, 1 << 5, id="a divider stays off"),
        pytest.param(CFGR1, 0x00300000, id="the core is not switched"),
        pytest.param(CFGR1, 0x30000000, id="the buses are not switched"),
    ],
)
def test_what_does_not_come_up_leaves_64_mhz(
    library: ctypes.CDLL, device: Device, mhz: int, register: int, bits: int
) -> None:
    start_core(library, device)
    device.stuck[register] = bits
    assert start_clock(library, mhz) == (False, CLOCKS[64])
    assert device.writes[-5:] == [*SAFE, (CCR, PLL[1] | PLL[2] | PLL[3])]
    assert POLLS_MAX <= device.longest_poll() <= POLLS_MAX + 1


@pytest.mark.parametrize("number", [2, 3])
def test_800_mhz_needs_all_three_plls(library: ctypes.CDLL, device: Device, number: int) -> None:
    start_core(library, device)
    device.stuck[SR] = PLL[number]
    assert start_clock(library, 800) == (False, CLOCKS[64])
    assert (CFGR1, 0x03030000) not in device.writes


def test_a_pll_that_does_not_stop_is_not_changed(library: ctypes.CDLL, device: Device) -> None:
    start_core(library, device)
    device.held[SR] = PLL[1]
    assert start_clock(library, 600) == (False, CLOCKS[64])
    assert PLL1[0] not in dict(device.writes)


def test_a_program_that_ran_before_is_left_behind(library: ctypes.CDLL, device: Device) -> None:
    """It ran on PLL1 with divided buses, the oscillator off and divided: oscillator, then switch, then buses."""
    device.registers |= {RCC: PLL[1], CFGR1: 0x03030001, CFGR2: 0x00277077, HSICFGR: 0x00000180 | 0x40 << 16}
    clocks = Clocks()
    library.n6_clock_safe(ctypes.byref(clocks))
    assert device.writes == [(CSR, HSI), (HSICFGR, 0x40 << 16), (CFGR1, 1), (CFGR2, 0x00100000)]
    assert clocks.core == 64 * MHZ


# --- core, memories, pins ---


def test_the_core_starts_as_after_a_reset(library: ctypes.CDLL, device: Device) -> None:
    device.registers[0xE000ED14] = 0x201
    library.n6_core_start()
    writes = device.writes
    assert writes[0] == (0xE000E010, 0), "SysTick"
    for word in range((195 + 31) // 32):
        assert (0xE000E180 + 4 * word, 0xFFFFFFFF) in writes, "interrupts enabled"
        assert (0xE000E280 + 4 * word, 0xFFFFFFFF) in writes, "interrupts pending"
    assert (0xE000EDD0, 0) in writes, "SAU"
    assert (0xE000ED14, 0x201 | 1 << 19) in writes, "loop cache"
    assert in_order([(APB4ENSR2, 3), (SYSCFG + 0x10, 0x18000000), (AHB4ENSR, 1 << 18)], writes)


def test_axisram_gets_clocks_then_power(library: ctypes.CDLL, device: Device) -> None:
    for number in (2, 3, 4, 5, 6):
        device.registers[RAMCFG + 0x80 * (number - 1)] = 1 << 20 | 0x1
    library.n6_memory_start()
    power = [(RAMCFG + at, 1) for at in (0x080, 0x100, 0x180, 0x200, 0x280)]
    assert device.writes == [(MEMENSR, 0x38F), (AHB2ENSR, 1 << 12), *power]
    spec = board_spec("n6")
    arena = next(region for region in spec.regions if region.name == "axisram")
    assert device.memory.block_at(arena.end - 4, 4), "the end of the arena answers"


def test_the_serial_port_gets_pins_and_clock(library: ctypes.CDLL, device: Device) -> None:
    library.n6_core_start()
    library.n6_pins_start()
    assert device.registers[GPIOE + AFRL] == 0x07700000
    assert device.registers[GPIOE + MODER] == 0xFFFFEBFF  # pins 5 and 6: alternate function; the others analog
    assert device.registers[GPIOE + 0x0C] == 1 << 12, "RX is pulled up, TX is not"
    assert device.memory.rcc(0x174) & 7 == 6, "HSI"
    functions = next(i for i, (address, _) in enumerate(device.writes) if address == GPIOE + AFRL)
    modes = next(i for i, (address, _) in enumerate(device.writes) if address == GPIOE + MODER)
    assert functions < modes, "a pin must not drive before its function is chosen"


def test_the_serial_port_takes_these_writes(library: ctypes.CDLL, device: Device) -> None:
    library.n6_pins_start()
    device.accesses.clear()
    assert library.stm32_usart_init(ctypes.byref(Usart(USART1, 64 * MHZ, 921_600)))
    cr1, cr2, cr3, brr, icr = (USART1 + at for at in (0x00, 0x04, 0x08, 0x0C, 0x20))
    # Off; divider 69; errors cleared; FIFOEN, RXFNEIE, TE, RE; then UE.
    assert device.writes == [
        (cr1, 0), (cr2, 0), (cr3, 0), (brr, 69), (icr, 0xF), (cr1, 0x2000002C), (cr1, 0x2000002D),
    ]  # fmt: skip


@pytest.fixture
def port(library: ctypes.CDLL, device: Device) -> Iterator[Usart]:
    library.n6_pins_start()
    found = Usart(USART1, 64 * MHZ, 921_600)
    assert library.stm32_usart_init(ctypes.byref(found))
    yield found
    read_all(library)


def read_all(library: ctypes.CDLL) -> bytes:
    buffer = ctypes.create_string_buffer(65536)
    got = library.stm32_usart_read(buffer, ctypes.c_size_t(len(buffer)))
    return buffer.raw[:got]


def test_received_bytes_come_out_and_an_overrun_is_cleared(library: ctypes.CDLL, device: Device, port: Usart) -> None:
    device.receive(b"abc")
    library.stm32_usart_irq(ctypes.byref(port))
    device.receive(bytes(range(20)))  # four more than the FIFO has room for
    library.stm32_usart_irq(ctypes.byref(port))
    library.stm32_usart_irq(ctypes.byref(port))  # nothing there
    assert not device.registers[ISR] & OVERRUN, "the interrupt would come for ever"
    assert read_all(library) == b"abc" + bytes(range(16))


def test_the_receive_buffer_holds_the_window(library: ctypes.CDLL, device: Device, port: Usart) -> None:
    data = bytes(at * 7 & 0xFF for at in range(16_128))
    for at in range(0, len(data), 16):
        device.receive(data[at : at + 16])
        library.stm32_usart_irq(ctypes.byref(port))
    assert read_all(library) == data


def test_a_full_receive_buffer_drops_and_goes_on(library: ctypes.CDLL, device: Device, port: Usart) -> None:
    for _ in range(16384 // 16 + 1):
        device.receive(b"0123456789abcdef")
        library.stm32_usart_irq(ctypes.byref(port))
    assert read_all(library) == b"0123456789abcdef" * (16384 // 16)
    device.receive(b"again")
    library.stm32_usart_irq(ctypes.byref(port))
    assert read_all(library) == b"again"


def test_sending_stops_when_the_fifo_is_full(library: ctypes.CDLL, device: Device, port: Usart) -> None:
    device.room = 2
    assert library.stm32_usart_write(ctypes.byref(port), b"xyz", ctypes.c_size_t(3)) == 2
    assert library.stm32_usart_write(ctypes.byref(port), b"z", ctypes.c_size_t(1)) == 0
    assert device.sent == b"xy"


@given(clock_hz=st.integers(1_000_000, 240_000_000), baud=st.integers(1_200, 15_000_000))
def test_the_divider_is_the_nearest_or_none(library: ctypes.CDLL, clock_hz: int, baud: int) -> None:
    divider = library.stm32_usart_divider(clock_hz, baud)
    best = min(
        (16, *range(max(16, clock_hz // baud - 1), clock_hz // baud + 3)), key=lambda d: abs(clock_hz - d * baud)
    )
    if divider:
        assert 16 <= divider <= 0xFFFF
        assert abs(clock_hz - divider * baud) <= abs(clock_hz - best * baud)
        assert abs(clock_hz - divider * baud) * 100 <= 2 * clock_hz
    else:
        assert best > 0xFFFF or abs(clock_hz - best * baud) * 100 > 2 * clock_hz


def test_no_baud_rate_is_no_divider(library: ctypes.CDLL) -> None:
    assert library.stm32_usart_divider(64 * MHZ, 0) == 0


# --- caches ---


def test_caches_come_last_and_leave_out_the_mailbox_and_the_end_of_the_nor(
    library: ctypes.CDLL, device: Device
) -> None:
    spec = board_spec("n6")
    assert spec.mailbox is not None
    library.n6_caches_start(spec.mailbox.address, spec.mailbox.bytes, 128 << 20)
    writes = device.writes
    ctrl, rnr, rbar, rlar, mair, mscr, ccr = (
        0xE000ED94, 0xE000ED98, 0xE000ED9C, 0xE000EDA0, 0xE000EDC0, 0xE001E000, 0xE000ED14,
    )  # fmt: skip
    end = spec.mailbox.address + spec.mailbox.bytes - 32
    assert in_order(
        [
            (ctrl, 0), (mair, 0xAA44),
            (rnr, 0), (rbar, spec.mailbox.address | 1), (rlar, end | 1),
            (rnr, 1), (rbar, 0x70000000 | 5), (rlar, 0x77FFFFC0 | 3),
            (rnr, 15), (rbar, 0x77FFFFE0 | 5), (rlar, 0x77FFFFE0 | 1),
            (ctrl, 5), (mscr, 0x3000), (0xE000EF50, 0), (ccr, 1 << 17), (ccr, 3 << 16),
        ],
        writes,
    )  # fmt: skip
    lines = [value for address, value in writes if address == 0xE000EF60]
    assert sorted(lines) == sorted(way << 30 | line << 5 for way in range(4) for line in range(256))
    assert writes[-1] == (ccr, 3 << 16), "the data cache before it was invalidated"


def test_caches_that_are_on_keep_what_they_hold(library: ctypes.CDLL, device: Device) -> None:
    device.registers[0xE000ED14] = 3 << 16
    library.n6_caches_start(0x34070000, 0x10000, 64 << 20)
    assert {0xE000EF50, 0xE000EF60}.isdisjoint(dict(device.writes))


def test_no_reserved_bit_of_the_dividers_is_changed(library: ctypes.CDLL, device: Device) -> None:
    """PPRE4 has bits 12 to 14 of CFGR2 (RM0486)."""
    device.registers[CFGR2] = 1 << 15
    assert start_clock(library, 64)[0]
    assert dict(device.writes)[CFGR2] == 0x00100000 | 1 << 15


# --- everything ---


@pytest.mark.parametrize("mhz", [64, 600, 800])
def test_the_whole_start_changes_no_fuse_and_touches_nothing_without_a_clock(
    library: ctypes.CDLL, device: Device, mhz: int
) -> None:
    """The order of pose_board_init() in port.c."""
    source = (FIRMWARE_DIR / "boards" / "stm32n6" / "port.c").read_text(encoding="utf-8")
    calls = [
        "n6_core_start(", "n6_nor_stop(", "n6_clock_safe(", "n6_memory_start(", "n6_pins_start(", "n6_clock_start(",
        "n6_nor_start(", "n6_caches_start(", "stm32_port_start(",
    ]  # fmt: skip
    body = source[source.index("void pose_board_init(") :]
    assert sorted(calls, key=body.index) == calls
    library.n6_core_start()
    library.n6_nor_stop()
    library.n6_memory_start()
    library.n6_pins_start()
    reached, _ = start_clock(library, mhz)
    assert reached
    assert library.n6_nor_start(128 << 20, ctypes.byref(clocks_of(mhz)))
    library.n6_caches_start(0x34070000, 0x10000, 128 << 20)
    assert library.stm32_usart_init(ctypes.byref(Usart(USART1, 64 * MHZ, 921_600)))
    fuses = {access for access in device.accesses if BSEC <= access[0] < BSEC + 0x1000}
    assert fuses == {(BSEC + 0x1F0, None)}, "the shadow of word 124 is read"
    touched = {address & ~0x3FF for address, _ in {*device.accesses} - fuses if address not in CORE}
    assert touched <= {base & ~0x3FF for base in (*PERIPHERALS, *(RCC + 0x400 * i for i in range(5)))}
