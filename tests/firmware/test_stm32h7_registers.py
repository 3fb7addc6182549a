"""Every register write of an STM32H7 board's start-up, against values worked out from the reference manuals.

Sources: RM0433 (H743), RM0399 (H747): PWR, RCC, FLASH read access latency, GPIO, USART; DS12110 for the flash's wait
states; Armv7-M ARM B3.5 for the MPU. Board wiring: UM2407, UM2411.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.firmware.register_model import Registers, build, connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

RCC, PWR, SYSCFG, FLASH = 0x58024400, 0x58024800, 0x58000400, 0x52002000
CR, CFGR, D1CFGR, D2CFGR, D3CFGR = RCC, RCC + 0x10, RCC + 0x18, RCC + 0x1C, RCC + 0x20
PLLCKSELR, PLLCFGR, PLL1DIVR, D2CCIP2R = RCC + 0x28, RCC + 0x2C, RCC + 0x30, RCC + 0x54
AHB2ENR, AHB4ENR, APB1LENR, APB2ENR, APB4ENR = RCC + 0xDC, RCC + 0xE0, RCC + 0xE8, RCC + 0xF0, RCC + 0xF4
CSR1, CR3, D3CR = PWR + 0x04, PWR + 0x0C, PWR + 0x18
PWRCR, ACR, IDCODE, TARG7 = SYSCFG + 0x2C, FLASH, 0x5C001000, 0x51008108
MPU_CTRL, RBAR, RASR = 0xE000ED94, 0xE000ED9C, 0xE000EDA0
CCR, CCSIDR, ICIALLU, DCISW, CSSELR = 0xE000ED14, 0xE000ED80, 0xE000EF50, 0xE000EF60, 0xE000ED84
HSI_HZ = 64_000_000
REVISION_V, REVISION_Y = 0x20036450, 0x10036450
#: What a power-on leaves in the registers that the start-up changes (without the bits that hardware sets).
RESET = {
    CR: 0x00000001, PLLCKSELR: 0x02020200, PLLCFGR: 0x01FF0000, PLL1DIVR: 0x01010280, APB4ENR: 0x00010000,
    CR3: 0x00000006, D3CR: 0x00004000, ACR: 0x00000037, IDCODE: REVISION_V, CCSIDR: 0xF00FE019,
    0x58020000: 0xABFFFFFF, 0x58020C00: 0xFFFFFFFF,
}  # fmt: skip
SOURCES = ("clock.c", "system.c")
SHARED = ("boards/stm32/cache.c", "boards/stm32/usart.c", "boards/stm32/usart_divider.c")


@dataclass(frozen=True)
class Board:
    """What the manuals say of a board. `max_writes`: what h7_clock_max() must write, in order."""

    folder: str
    hse_hz: int
    core_hz: int
    supply: int
    port: int
    pins: tuple[int, int]
    usart: int
    usart_enable: tuple[int, int]
    usart_select: int
    max_writes: tuple[tuple[int, int], ...]


OSCILLATOR = ((CR, 0x25), (CFGR, 0), (CR, 0x25), (CR, 0x25))
BUSES = ((D1CFGR, 0x48), (D2CFGR, 0x440), (D3CFGR, 0x40))
H743 = Board(
    folder="nucleo_h743zi2", hse_hz=8_000_000, core_hz=480_000_000, supply=2, port=0x58020C00, pins=(8, 9),
    usart=0x40004800, usart_enable=(APB1LENR, 1 << 18), usart_select=3,
    max_writes=(
        *OSCILLATOR, (CR3, 2), (D3CR, 0xE000), (APB4ENR, 0x10002), (PWRCR, 1), (CR, 0x40025), (CR, 0x50025),
        (PLLCKSELR, 0x02020022), (PLLCFGR, 0x01F90008), (PLL1DIVR, 0x2EF), (CR, 0x01070025), *BUSES, (ACR, 0x24),
        (CFGR, 3),
    ),
)  # fmt: skip
H747 = Board(
    folder="h747i_disco", hse_hz=25_000_000, core_hz=400_000_000, supply=4, port=0x58020000, pins=(9, 10),
    usart=0x40011000, usart_enable=(APB2ENR, 1 << 4), usart_select=3 << 3,
    max_writes=(
        *OSCILLATOR, (CR3, 4), (D3CR, 0xE000), (CR, 0x10025), (PLLCKSELR, 0x02020052), (PLLCFGR, 0x01F90008),
        (PLL1DIVR, 0x29F), (CR, 0x01030025), *BUSES, (ACR, 0x22), (CFGR, 3),
    ),
)  # fmt: skip
BOARDS = pytest.mark.parametrize("board", [H743, H747], ids=lambda board: board.folder)

#: Ready bit -> the bit that makes the hardware set it; (register, mask).
READY = {
    "hsi": (CR, 1 << 2, 1 << 0), "divider": (CR, 1 << 5, 1 << 0), "hse": (CR, 1 << 17, 1 << 16),
    "pll": (CR, 1 << 25, 1 << 24),
}  # fmt: skip


def hardware(*broken: str) -> Callable[[dict[int, int], int, int], int]:
    """The bits that hardware sets by itself, but for those that are `broken`."""

    def derive(values: dict[int, int], address: int, value: int) -> int:
        for name, (register, ready, cause) in READY.items():
            if address == register:
                on = values.get(register, 0) & cause and name not in broken
                value = value | ready if on else value & ~ready
        if address == CFGR:
            value = value & ~0x38 | (0 if "switch" in broken else (value & 7) << 3)
        if address == CSR1:
            value |= 0 if "supply" in broken else 1 << 13
        if address == D3CR:
            late = "overdrive" in broken and values.get(PWRCR, 0) & 1
            value = value & ~(1 << 13) | (0 if "voltage" in broken or late else 1 << 13)
        if address == ACR and "flash" in broken:
            value = 0x37
        return value

    return derive


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ctypes.CDLL]:
    found = {}
    for board in (H743, H747):
        sources = (*(f"boards/stm32h7/{name}" for name in (*SOURCES, f"{board.folder}/board.c")), *SHARED)
        library = build(tmp_path_factory.mktemp(board.folder), sources)
        library.h7_clock_max.restype = library.h7_clock_hsi.restype = ctypes.c_uint32
        library.stm32_usart_init.restype = ctypes.c_bool
        found[board.folder] = library
    return found


def start_clock(library: ctypes.CDLL, registers: Registers, which: str = "max") -> int:
    """The tree is the first member of the board."""
    connect(library, registers)
    tree = ctypes.c_char.in_dll(library, "h7_board")
    return int(getattr(library, f"h7_clock_{which}")(ctypes.byref(tree)))


@BOARDS
def test_the_clock_tree_is_started_step_by_step(board: Board, libraries: dict[str, ctypes.CDLL]) -> None:
    registers = Registers(RESET, hardware())
    assert start_clock(libraries[board.folder], registers) == board.core_hz
    assert tuple(registers.writes) == board.max_writes


@BOARDS
def test_the_numbers_give_the_documented_clock(board: Board, libraries: dict[str, ctypes.CDLL]) -> None:
    """Decoded from the fields, with the limits of the data sheets."""
    registers = Registers(RESET, hardware())
    start_clock(libraries[board.folder], registers)
    divider, multiplier = registers.values[PLLCKSELR] >> 4 & 0x3F, (registers.values[PLL1DIVR] & 0x1FF) + 1
    assert registers.values[PLLCKSELR] & 3 == 2, "HSE"
    assert 4_000_000 <= board.hse_hz // divider <= 8_000_000, "PLL1RGE 2"
    vco = board.hse_hz // divider * multiplier
    assert 192_000_000 <= vco <= 960_000_000, "the wide VCO"
    assert vco // ((registers.values[PLL1DIVR] >> 9 & 0x7F) + 1) == board.core_hz
    axi = board.core_hz // 2
    waits = {
        False: [(70e6, 0), (140e6, 1), (210e6, 2), (225e6, 3)],
        True: [(70e6, 0), (140e6, 1), (225e6, 3), (240e6, 4)],
    }
    overdrive = bool(registers.values.get(PWRCR, 0) & 1)
    assert registers.values[ACR] & 0xF == next(states for limit, states in waits[overdrive] if axi <= limit)
    assert axi // 2 <= 120_000_000, "APB"


@BOARDS
def test_the_safe_clock_changes_nothing_else(board: Board, libraries: dict[str, ctypes.CDLL]) -> None:
    registers = Registers(RESET, hardware())
    assert start_clock(libraries[board.folder], registers, "hsi") == HSI_HZ
    assert tuple(registers.writes) == OSCILLATOR


@pytest.mark.parametrize(
    "broken", ["supply", "voltage", "overdrive", "hse", "pll", "flash", "switch", "hsi", "divider"]
)
@BOARDS
def test_what_never_becomes_ready_leaves_the_safe_clock(
    board: Board, broken: str, libraries: dict[str, ctypes.CDLL]
) -> None:
    registers = Registers(RESET, hardware(broken))
    reached = start_clock(libraries[board.folder], registers)
    if broken in ("hsi", "divider") or (broken == "overdrive" and board is H747):
        assert reached == board.core_hz  # the oscillator runs, whatever its flags say; the H747 has no overdrive
        return
    assert reached == HSI_HZ
    assert registers.values[CFGR] & 7 == 0, "on the oscillator"
    assert not registers.values[CR] & (1 << 24 | 1 << 16), "PLL1 and HSE off"
    assert [registers.values[at] for at in (D1CFGR, D2CFGR, D3CFGR)] == [0, 0, 0], "buses at 64 MHz"
    assert (3 in registers.written(CFGR)) == (broken == "switch"), "never switched to a clock that is not there"


@pytest.mark.parametrize("decided", [0, 1, 2, 4])
@BOARDS
def test_the_supply_is_decided_once_and_never_changed(
    board: Board, decided: int, libraries: dict[str, ctypes.CDLL]
) -> None:
    """A write of another choice would lock the register, and with it the voltage, until the power goes."""
    registers = Registers({**RESET, CR3: decided}, hardware())
    reached = start_clock(libraries[board.folder], registers)
    assert reached == (board.core_hz if decided == board.supply else HSI_HZ)
    assert not registers.written(CR3)
    if reached == HSI_HZ:
        assert not registers.written(D3CR)


def test_an_old_revision_is_not_overclocked(libraries: dict[str, ctypes.CDLL]) -> None:
    registers = Registers({**RESET, IDCODE: REVISION_Y}, hardware())
    assert start_clock(libraries[H743.folder], registers) == HSI_HZ
    assert not registers.written(CR3)
    registers = Registers({**RESET, IDCODE: REVISION_Y}, hardware())
    assert start_clock(libraries[H747.folder], registers) == H747.core_hz


@pytest.mark.parametrize(("revision", "workaround"), [(REVISION_V, []), (REVISION_Y, [1])])
def test_memories_before_caches(revision: int, workaround: list[int], libraries: dict[str, ctypes.CDLL]) -> None:
    registers = Registers({**RESET, IDCODE: revision}, hardware())
    library = libraries[H743.folder]
    connect(library, registers)
    library.h7_memory_start(None, 0)
    assert registers.writes[0] == (AHB2ENR, 7 << 29)
    assert registers.written(TARG7) == workaround
    # Region 0: nothing at 0x60000000-0xDFFFFFFF. Region 1: the mailbox, 64 KiB, normal memory that is not cached.
    regions = [(at, value) for at, value in registers.writes if at in (MPU_CTRL, RBAR, RASR)]
    assert regions == [
        (MPU_CTRL, 0), (RBAR, 0x00000010), (RASR, 0x1000873F), (RBAR, 0x38000011), (RASR, 0x1308001F), (MPU_CTRL, 5),
    ]  # fmt: skip
    assert registers.values[CCR] == 3 << 16
    order = [at for at, _ in registers.writes]
    assert order.index(ICIALLU) < order.index(CCR)
    assert max(i for i, at in enumerate(order) if at == MPU_CTRL) < order.index(CCR)
    # 16 KiB of data cache: 4 ways of 128 lines of 32 bytes, each invalidated once, before it is on.
    lines = {way << 30 | line << 5 for way in range(4) for line in range(128)}
    assert set(registers.written(DCISW)) == lines and len(registers.written(DCISW)) == len(lines)
    assert order.index(DCISW) < max(i for i, at in enumerate(order) if at == CCR)


@BOARDS
def test_the_usart_is_on_its_pins_with_its_clock(board: Board, libraries: dict[str, ctypes.CDLL]) -> None:
    registers = Registers(RESET, hardware())
    library = libraries[board.folder]
    connect(library, registers)
    library.h7_pins_start(ctypes.byref(ctypes.c_char.in_dll(library, "h7_board")))
    assert library.stm32_usart_init(ctypes.byref(ctypes.c_char.in_dll(library, "stm32_port")))
    mode, pull, function = (registers.values.get(board.port + offset, 0) for offset in (0x00, 0x0C, 0x20))
    function |= registers.values.get(board.port + 0x24, 0) << 32
    for pin in board.pins:
        assert mode >> 2 * pin & 3 == 2
        assert function >> 4 * pin & 0xF == 7
    untouched = ~sum(3 << 2 * pin for pin in board.pins)
    assert mode & untouched == RESET[board.port] & untouched
    assert pull == 1 << 2 * board.pins[1], "an open receive line is idle"
    assert registers.writes[0] == (AHB4ENR, 1 << (board.port - 0x58020000) // 0x400), "the port's clock comes first"
    assert registers.values[D2CCIP2R] == board.usart_select, "HSI"
    register, bit = board.usart_enable
    assert registers.values[register] == bit
    order = [at for at, _ in registers.writes]
    assert order.index(register) < order.index(board.usart)
    assert abs(HSI_HZ / registers.values[board.usart + 0x0C] / 921_600 - 1) < 0.01
    assert registers.values[board.usart] == 1 << 29 | 1 << 5 | 0b1101, "FIFO, receive interrupt, TE, RE, UE"


@BOARDS
def test_nothing_is_written_that_a_reset_does_not_undo(board: Board, libraries: dict[str, ctypes.CDLL]) -> None:
    """No flash key, option byte or backup domain; PWR_CR3 only with the board's documented supply, and once."""
    library = libraries[board.folder]
    registers = Registers(RESET, hardware())
    start_clock(library, registers)
    library.h7_memory_start(None, 0)
    library.h7_pins_start(ctypes.byref(ctypes.c_char.in_dll(library, "h7_board")))
    library.stm32_usart_init(ctypes.byref(ctypes.c_char.in_dll(library, "stm32_port")))
    allowed = {
        CR, CFGR, D1CFGR, D2CFGR, D3CFGR, PLLCKSELR, PLLCFGR, PLL1DIVR, D2CCIP2R, AHB2ENR, AHB4ENR, APB4ENR,
        board.usart_enable[0], CR3, D3CR, PWRCR, ACR, MPU_CTRL, RBAR, RASR, CCR, ICIALLU, DCISW, CSSELR,
        *(board.port + offset for offset in (0x00, 0x04, 0x08, 0x0C, 0x20, 0x24)),
        *(board.usart + offset for offset in (0x00, 0x04, 0x08, 0x0C, 0x20)),
    }  # fmt: skip
    assert {address for address, _ in registers.writes} <= allowed
    assert registers.written(CR3) == [board.supply]
