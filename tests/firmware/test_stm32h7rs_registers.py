"""Every register write of the STM32H7S78-DK's start-up, and its NOR brought into octal DTR.

Sources of the expected values: RM0477 (PWR, RCC, SBS, GPIO, XSPI); ST's public CMSIS header of the STM32H7S7 and
STM32CubeH7RS, template for this board (600 MHz, PLL2 for the NOR); Armv7-M ARM B3.5 for the MPU. The NOR's controller
and chip are the models of the STM32N6, which has the same ones at another address.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.twins.n6.device import program
from pytest_stm32pose.twins.n6.nor import MX25UM51245G, MX66UW1G45G, NorChip
from pytest_stm32pose.twins.n6.xspi import Xspi
from tests.firmware.register_model import Registers, build, connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

RCC, PWR, SBS, FLASH = 0x58024400, 0x58024800, 0x58000400, 0x52002000
CR, CFGR, CDCFGR, BMCFGR, APBCFGR = RCC, RCC + 0x10, RCC + 0x18, RCC + 0x1C, RCC + 0x20
PLLCKSELR, PLLCFGR, PLL1DIVR1, PLL2DIVR1, PLL2DIVR2 = RCC + 0x28, RCC + 0x2C, RCC + 0x30, RCC + 0x38, RCC + 0xC4
CCIPR1, CCIPR2, AHB5RSTR = RCC + 0x4C, RCC + 0x50, RCC + 0x7C
AHB5ENR, AHB2ENR, AHB4ENR, APB1ENR1, APB4ENR = RCC + 0x134, RCC + 0x13C, RCC + 0x140, RCC + 0x148, RCC + 0x154
SR1, CSR2, CSR4, ACR, OBW1SR, CCCSR = PWR + 0x04, PWR + 0x0C, PWR + 0x14, FLASH, FLASH + 0x260, SBS + 0x110
GPIOD, GPION, UART4, XSPI2, XSPIM = 0x58020C00, 0x58023400, 0x40004C00, 0x5200A000, 0x5200B400
MPU_CTRL, RBAR, RASR, CORE_CCR, CCSIDR = 0xE000ED94, 0xE000ED9C, 0xE000EDA0, 0xE000ED14, 0xE000ED80
HSI_HZ, MHZ, UNDECIDED, SMPS = 64_000_000, 1_000_000, 6, 4
BOTH = 1 << 12 | 1 << 14  # XSPI2 and XSPIM
HSLV = 1 << 9
RESET = {
    CR: 0x1, CSR2: UNDECIDED, PLLCKSELR: 0x02020200, CCSIDR: 0xF01FE019, GPIOD: 0xFFFFFFFF, GPION: 0xFFFFFFFF,
}  # fmt: skip
IMAGE = bytes(range(251)) * 3
NETWORK = 0x01000000  # in the chip

OSCILLATOR = [(CR, 1 | 1 << 2 | 1 << 5)] + [(CFGR, 0)] + [(CR, 0x25)] * 2 + [(CDCFGR, 0), (BMCFGR, 0), (APBCFGR, 0)]
#: 64 / 32 * 300 = 600 MHz; 64 / 4 * 25 / 2 = 200 MHz; HCLK and all APB a half of what is above them.
AT_600 = [
    *OSCILLATOR, (CSR2, SMPS), (CSR4, 3), (PLLCKSELR, 0x02004200), (PLLCFGR, 0x0008C028), (PLL1DIVR1, 299),
    (PLL2DIVR1, 0x01010218), (PLL2DIVR2, 0x101), (CR, 0x05000025), (BMCFGR, 8), (APBCFGR, 0x4444), (ACR, 7), (CFGR, 3),
]  # fmt: skip


class Clocks(ctypes.Structure):
    _fields_ = (("core", ctypes.c_uint32), ("hclk", ctypes.c_uint32), ("nor", ctypes.c_uint32))

    @property
    def mhz(self) -> tuple[int, int, int]:
        return self.core // MHZ, self.hclk // MHZ, self.nor // MHZ


ON_OSCILLATOR = (64, 64, 0)


def hardware(*broken: str) -> Callable[[dict[int, int], int, int], int]:
    """The bits that hardware sets by itself, but for those that are `broken`."""
    ready = {"hsi": (1 << 2, 1), "divider": (1 << 5, 1), "pll1": (1 << 25, 1 << 24), "pll2": (1 << 27, 1 << 26)}

    def derive(values: dict[int, int], address: int, value: int) -> int:
        if address == CR:
            for name, (bit, cause) in ready.items():
                value = value | bit if values.get(CR, 0) & cause and name not in broken else value & ~bit
        if address == CFGR:
            value = value & ~0x38 | (0 if "switch" in broken else (value & 7) << 3)
        if address == SR1:
            value |= 0 if "supply" in broken else 2
        if address == CSR4:
            value = value & ~2 | (0 if "voltage" in broken else 2)
        if address == ACR and "flash" in broken:
            value = 0
        if address == CCCSR:
            value |= 0 if "compensation" in broken else 1 << 10
        return value

    return derive


class Board(Registers):
    """The registers, with the controller and its chip behind theirs. A reset bit of the controller resets it."""

    def __init__(
        self, kind: tuple[bytes, int] = MX66UW1G45G, reset: dict[int, int] | None = None, broken: tuple[str, ...] = ()
    ) -> None:
        super().__init__({**RESET, **(reset or {})}, hardware(*broken))
        self.chip = NorChip(*kind)
        program(self.chip, NETWORK, IMAGE)
        limit = 200 * MHZ if self.values.get(OBW1SR, 0) & HSLV else 50 * MHZ
        self.xspi = Xspi(self.chip, self._wired, kernel_hz=self._kernel_hz, pins_hz=lambda: limit)

    def _kernel_hz(self) -> int:
        if self.values.get(CCIPR1, 0) >> 6 & 3:
            return 200 * MHZ
        return 300 * MHZ if self.values.get(CFGR, 0) & 7 else HSI_HZ

    def _wired(self, lines: int, strobe: bool) -> bool:
        """Port supplied, clocked, through its manager, and every pin that is needed on its function."""
        function = self.values.get(GPION + 0x20, 0) | self.values.get(GPION + 0x24, 0) << 32
        pins = [1, 2, 3, 6, *([4, 5, 8, 9, 10, 11] if lines == 8 else []), *([0] if strobe else [])]
        on = self.values.get(CSR2, 0) & 1 << 15 and self.values.get(XSPIM) == 1 << 4
        on = on and self.values.get(AHB5ENR, 0) & BOTH == BOTH and not self.values.get(AHB5RSTR, 0) & BOTH
        return bool(on) and all(
            function >> 4 * pin & 0xF == 9 and self.values[GPION] >> 2 * pin & 3 == 2 for pin in pins
        )

    def read(self, address: int) -> int:
        if address in range(XSPI2, XSPI2 + 0x400):
            return self.xspi.read(address - XSPI2, 4)
        return super().read(address)

    def write(self, address: int, value: int) -> None:
        super().write(address, value)
        if address in range(XSPI2, XSPI2 + 0x400):
            self.xspi.write(address - XSPI2, value, 4)
        if address == AHB5RSTR and value & 1 << 12:
            self.xspi.reset()

    def read_byte(self, address: int) -> int:
        if address == XSPI2 + 0x50:
            return self.xspi.read(0x50, 1)
        return self.values.get(address & ~3, 0) >> 8 * (address & 3) & 0xFF

    def write_byte(self, address: int, value: int) -> None:
        self.writes.append((address, value))
        if address == XSPI2 + 0x50:
            self.xspi.write(0x50, value, 1)
        else:
            shift = 8 * (address & 3)
            self.values[address & ~3] = self.values.get(address & ~3, 0) & ~(0xFF << shift) | value << shift


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    own = ("clock", "system", "nor", "octal_nor_port")
    shared = ("cache", "usart", "usart_divider", "octal_nor", "octal_nor_wire", "octal_nor_words")
    sources = (*(f"boards/stm32h7rs/{name}.c" for name in own), *(f"boards/stm32/{name}.c" for name in shared))
    flags = ("-O1", "-DPOSE_XSPI2=0x5200A000u", "-DREG_POLLS=1000u")
    found = build(tmp_path_factory.mktemp("h7rs"), sources, *flags)
    found.h7rs_clock_max.restype = found.h7rs_clock_hsi.restype = Clocks
    found.h7rs_nor_start.restype = found.stm32_usart_init.restype = ctypes.c_bool
    found.h7rs_nor_mode.restype = ctypes.c_char_p
    return found


def start_clock(library: ctypes.CDLL, registers: Registers, which: str = "max") -> tuple[int, int, int]:
    connect(library, registers)
    clocks: Clocks = getattr(library, f"h7rs_clock_{which}")()
    return clocks.mhz


# --- clocks ---


def test_the_clock_tree_is_started_step_by_step(library: ctypes.CDLL) -> None:
    registers = Registers(RESET, hardware())
    assert start_clock(library, registers) == (600, 300, 200)
    assert registers.writes == AT_600
    assert board_spec("h7s78").clock_hz == 600 * MHZ


def test_the_numbers_give_the_documented_clocks(library: ctypes.CDLL) -> None:
    """Decoded from the fields, with the limits of the reference manual."""
    values = Registers(RESET, hardware())
    start_clock(library, values)
    select, config = values.values[PLLCKSELR], values.values[PLLCFGR]
    first, second = HSI_HZ // (select >> 4 & 0x3F), HSI_HZ // (select >> 12 & 0x3F)
    assert select & 3 == 0, "HSI"
    assert (first, config >> 3 & 3, config >> 1 & 1) == (2 * MHZ, 1, 0), "2 to 4 MHz, wide VCO"
    assert (second, config >> 14 & 3, config >> 12 & 1) == (16 * MHZ, 3, 0), "8 to 16 MHz, wide VCO"
    outputs = config >> 5 & 0xF, config >> 16 & 0x1F
    assert outputs == (1, 1 << 3), "PLL1 P and PLL2 S only"
    vco = first * ((values.values[PLL1DIVR1] & 0x1FF) + 1)
    assert vco // ((values.values[PLL1DIVR1] >> 9 & 0x7F) + 1) == 600 * MHZ
    assert second * ((values.values[PLL2DIVR1] & 0x1FF) + 1) // ((values.values[PLL2DIVR2] & 7) + 1) == 200 * MHZ


def test_the_safe_clock_changes_nothing_else(library: ctypes.CDLL) -> None:
    registers = Registers(RESET, hardware())
    assert start_clock(library, registers, "hsi") == ON_OSCILLATOR
    assert registers.writes == OSCILLATOR


@pytest.mark.parametrize("broken", ["supply", "voltage", "pll1", "pll2", "flash", "switch"])
def test_what_never_becomes_ready_leaves_the_safe_clock(broken: str, library: ctypes.CDLL) -> None:
    registers = Registers(RESET, hardware(broken))
    assert start_clock(library, registers) == ON_OSCILLATOR
    assert registers.values[CFGR] & 7 == 0, "on the oscillator"
    assert not registers.values[CR] & (1 << 24 | 1 << 26), "both PLLs off"
    assert [registers.values[at] for at in (CDCFGR, BMCFGR, APBCFGR)] == [0, 0, 0], "buses at 64 MHz"
    assert (3 in registers.written(CFGR)) == (broken == "switch"), "never switched to a clock that is not there"


@pytest.mark.parametrize("decided", [0, 1, 2, 4])
def test_the_supply_is_decided_once_and_never_changed(decided: int, library: ctypes.CDLL) -> None:
    """A write of another choice would lock the byte, and with it the voltage, until the power goes."""
    registers = Registers({**RESET, CSR2: decided}, hardware())
    assert start_clock(library, registers) == ((600, 300, 200) if decided == SMPS else ON_OSCILLATOR)
    assert not registers.written(CSR2)


# --- core, pins, memory ---


def test_interrupts_and_pins(library: ctypes.CDLL) -> None:
    registers = Registers(RESET, hardware())
    connect(library, registers)
    library.h7rs_core_start()
    assert registers.written(0xE000E010) == [0]
    for number in (0, 155):
        for first in (0xE000E180, 0xE000E280):
            assert registers.values[first + 4 * (number // 32)] == 0xFFFFFFFF
    library.h7rs_pins_start()
    assert library.stm32_usart_init(ctypes.byref(ctypes.c_char.in_dll(library, "stm32_port")))
    assert registers.values[AHB4ENR] == 1 << 3 and registers.values[APB1ENR1] == 1 << 19
    assert registers.values[GPIOD] & 0xF == 0b1010 and registers.values[GPIOD + 0x20] == 0x88, "PD0, PD1: function 8"
    assert registers.values[GPIOD + 0x0C] == 1, "an open receive line is idle"
    assert registers.values[CCIPR2] == 3, "HSI"
    assert abs(HSI_HZ / registers.values[UART4 + 0x0C] / 921_600 - 1) < 0.01
    order = [at for at, _ in registers.writes]
    assert order.index(AHB4ENR) < order.index(GPIOD) < order.index(APB1ENR1) < order.index(UART4)


@pytest.mark.parametrize("has_nor", [False, True])
def test_nothing_outside_is_touched_but_the_nor(has_nor: bool, library: ctypes.CDLL) -> None:
    registers = Registers(RESET, hardware())
    connect(library, registers)
    library.h7rs_memory_start(27 if has_nor else 0)
    # 0: nothing at 0x60000000-0xDFFFFFFF. 1: the mailbox, 32 KiB, not cached. 2: 128 MiB of NOR, cached, read-only.
    # 3: its last line, which is never read by a cache.
    nor = [(RBAR, 0x70000012), (RASR, 0x160B0035), (RBAR, 0x77FFFFF3), (RASR, 0x16080009)] if has_nor else []
    regions = [(at, value) for at, value in registers.writes if at in (MPU_CTRL, RBAR, RASR)]
    assert regions == [
        (MPU_CTRL, 0), (RBAR, 0x00000010), (RASR, 0x1000873F), (RBAR, 0x30000011), (RASR, 0x1308001D), *nor,
        (MPU_CTRL, 5),
    ]  # fmt: skip
    assert registers.values[CORE_CCR] == 3 << 16
    assert registers.values[AHB2ENR] == 3 << 29


# --- NOR ---


def start_nor(library: ctypes.CDLL, board: Board, which: str = "max") -> bool:
    connect(library, board)
    library.octal_nor_stop()
    clocks: Clocks = getattr(library, f"h7rs_clock_{which}")()
    return bool(library.h7rs_nor_start(128 << 20, ctypes.byref(clocks)))


@pytest.mark.parametrize("mode", ["spi", "opi", "dtr"])
@pytest.mark.parametrize(
    ("which", "option", "reached"), [("max", 0, 50), ("hsi", 0, 32), ("max", HSLV, 200), ("hsi", HSLV, 64)]
)
def test_octal_dtr_from_any_mode(library: ctypes.CDLL, mode: str, which: str, option: int, reached: int) -> None:
    board = Board(reset={OBW1SR: option})
    board.chip.mode = mode
    assert start_nor(library, board, which)
    assert library.h7rs_nor_mode().decode() == f"octal DTR {reached} MHz"
    assert (board.xspi.hz, board.chip.mode) == (reached * MHZ, "dtr")
    assert board.xspi.mapped(NETWORK, len(IMAGE)) == IMAGE
    assert not board.chip.wrong
    fast = 1 << 18 if option else 0
    assert board.values[CCCSR] & ~(1 << 10) == 1 << 4 | fast, "fast pins where the option byte allows them"
    pulls = board.values[GPION + 0x0C]
    assert [pulls >> 2 * pin & 3 for pin in range(12)] == [1, 1, *[0] * 10], "strobe and chip select idle high"
    assert board.values[GPION] >> 14 & 3 == 3, "pin 7 is left alone"


def test_the_ports_supply_never_decides_the_cores(library: ctypes.CDLL) -> None:
    """Both are in one word; the flash algorithm is there before anybody has decided."""
    board = Board()
    connect(library, board)
    library.octal_nor_connect()
    assert board.values[CSR2] == UNDECIDED | 1 << 15
    assert [(at, value) for at, value in board.writes if at & ~3 == CSR2] == [(CSR2 + 1, 0x80)], "one byte"
    assert library.octal_nor_bus_hz() == HSI_HZ
    board.values[CFGR] = 3
    assert library.octal_nor_bus_hz() == 300 * MHZ


def test_pins_without_compensation_and_without_a_chip(library: ctypes.CDLL) -> None:
    assert start_nor(library, Board(broken=("compensation",)))
    assert not start_nor(library, Board(MX25UM51245G)), "half as large as the board's"
    assert library.h7rs_nor_mode() == b""


def test_nothing_is_written_that_a_reset_does_not_undo(library: ctypes.CDLL) -> None:
    """No flash key, no option byte, no backup domain; the supply once, as the board is wired."""
    board = Board(reset={OBW1SR: HSLV})
    assert start_nor(library, board)
    library.h7rs_memory_start(27)
    library.h7rs_pins_start()
    library.h7rs_nor_leave()
    assert {at for at, _ in board.writes if at in range(FLASH, FLASH + 0x1000)} == {ACR}
    assert board.written(CSR2) == [SMPS]
    assert {at for at, _ in board.writes if at in range(PWR, PWR + 0x400)} == {CSR2, CSR2 + 1, CSR4}
    assert board.chip.mode == "spi", "as whoever boots expects it"
