"""How the STM32H747I-DISCO's SDRAM and QSPI flash are started: every register write, and what becomes of each failure.

Expected values: RM0399 "FMC", "QUADSPI"; ISSI IS42S32800J; Micron MT25QL512; the wiring and the timing of ST's public
board support package for this board (stm32h747i-disco-bsp), from which the fields were worked out.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable

import pytest

from tests.firmware.register_model import Registers, build, connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

POLLS = 50
RCC = 0x58024400
D1CCIPR, AHB3RSTR, AHB3ENR, AHB4ENR = RCC + 0x4C, RCC + 0x7C, RCC + 0xD4, RCC + 0xE0
BCR1, SDCR1, SDCR2, SDTR1, SDTR2 = 0x52004000, 0x52004140, 0x52004144, 0x52004148, 0x5200414C
SDCMR, SDRTR, SDSR = 0x52004150, 0x52004154, 0x52004158
SDRAM, SDRAM_BYTES = 0xD0000000, 32 << 20
CR, DCR, SR, FCR, DLR, CCR, AR, DR = (0x52005000 + 4 * n for n in (0, 1, 2, 3, 4, 5, 6, 8))
BUS_HZ = {"max": 200_000_000, "hsi": 64_000_000}
#: Port -> pin -> alternate function.
FMC_PINS = {
    "D": (0, 1, 8, 9, 10, 14, 15), "E": (0, 1, *range(7, 16)), "F": (*range(6), *range(11, 16)),
    "G": (0, 1, 2, 4, 5, 8, 15), "H": tuple(range(5, 16)), "I": (*range(8), 9, 10),
}  # fmt: skip
QSPI_PINS = {
    "B": {2: 9}, "D": {11: 9}, "F": {6: 9, 7: 9, 9: 10}, "G": {6: 10, 9: 9, 14: 9}, "H": {2: 9, 3: 9},
}  # fmt: skip
FAST = "2 x 4 lines, 100 MHz"
ID = (0x20, 0xBA, 0x20)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    sources = ("sdram.c", "qspi.c", "words.c")
    found = build(
        tmp_path_factory.mktemp("h747"),
        (
            *(f"boards/stm32h7/h747i_disco/{name}" for name in sources),
            "boards/stm32h7/system.c",
            "boards/stm32/cache.c",
        ),
        f"-DREG_POLLS={POLLS}u",
    )
    found.h747_sdram_start.restype = found.h747_qspi_start.restype = ctypes.c_bool
    found.h747_sdram_mode.restype = found.h747_qspi_mode.restype = ctypes.c_char_p
    return found


def port(letter: str) -> int:
    return 0x58020000 + 0x400 * (ord(letter) - ord("A"))


def check_pins(registers: Registers, pins: dict[str, dict[int, int]], pulled_up: Callable[[str, int], bool]) -> None:
    """Mode, function, speed and pull of each pin, and that the other pins of the ports are left alone."""
    enabled = [value for address, value in registers.writes if address == AHB4ENR][-1]
    assert enabled == sum(1 << ord(letter) - ord("A") for letter in pins)
    for letter, functions in pins.items():
        at = port(letter)
        mode, speed, pull = (registers.values.get(at + offset, 0) for offset in (0x00, 0x08, 0x0C))
        function = registers.values.get(at + 0x20, 0) | registers.values.get(at + 0x24, 0) << 32
        for pin in range(16):
            found = tuple(each >> 2 * pin & 3 for each in (mode, speed, pull)), function >> 4 * pin & 0xF
            used = ((2, 3, int(pulled_up(letter, pin))), functions.get(pin, 0))
            assert found == (used if pin in functions else ((0, 0, 0), 0)), f"P{letter}{pin}"


def clock_before_use(registers: Registers, bit: int, first_use: int) -> None:
    order = [address for address, _ in registers.writes]
    assert registers.values[AHB3ENR] & bit
    assert registers.written(AHB3RSTR) == [bit, 0], "reset, so that nothing is left of a program before"
    assert order.index(AHB3ENR) < order.index(AHB3RSTR) < order.index(first_use)


# --- SDRAM ---


def sdram(change: Callable[[int, int], int] = lambda address, value: value) -> Registers:
    """`change` says what is read at an address of the SDRAM, or of the controller's status."""

    def derive(values: dict[int, int], address: int, value: int) -> int:
        return change(address, value) if address >= SDRAM or address == SDSR else value

    return Registers({BCR1: 0x000030DB, D1CCIPR: 0x00000033}, derive)


@pytest.mark.parametrize(("clock", "refresh"), [("max", 0xC06), ("hsi", (478) << 1)])
def test_the_sdram_is_started_step_by_step(library: ctypes.CDLL, clock: str, refresh: int) -> None:
    registers = sdram()
    connect(library, registers)
    assert library.h747_sdram_start(BUS_HZ[clock])
    assert library.h747_sdram_mode().decode() == f"32 bit, {BUS_HZ[clock] // 2_000_000} MHz"
    assert [write for write in registers.writes if 0x52004000 <= write[0] < 0x52005000] == [
        (SDCR1, 0x00001800), (SDCR2, 0x000001E5), (SDTR1, 0x00106000), (SDTR2, 0x01010361), (BCR1, 0x800030DB),
        (SDCMR, 0x9), (SDCMR, 0xA), (SDCMR, 0xEB), (SDCMR, 0x4600C), (SDRTR, refresh),
    ]  # fmt: skip
    assert registers.values[D1CCIPR] == 0x30, "HCLK3, and the QUADSPI's choice is left alone"
    clock_before_use(registers, 1 << 12, SDCR1)
    check_pins(registers, {letter: dict.fromkeys(pins, 12) for letter, pins in FMC_PINS.items()}, lambda *_: True)


@pytest.mark.parametrize("clock", BUS_HZ)
def test_every_row_is_refreshed_in_time(library: ctypes.CDLL, clock: str) -> None:
    """4096 rows in 64 ms; the controller may be 20 clocks late (RM0399, FMC_SDRTR)."""
    registers = sdram()
    connect(library, registers)
    library.h747_sdram_start(BUS_HZ[clock])
    count, sdclk_hz = registers.values[SDRTR] >> 1, BUS_HZ[clock] / 2
    assert 0.014 < (count + 20) / sdclk_hz * 1000 < 64 / 4096
    assert count >= 41, "the least that the controller takes"


def test_the_chip_has_time_before_its_first_command(library: ctypes.CDLL) -> None:
    """0.1 ms between clock enable and precharge: reads of a register, which take more than 10 ns each."""
    reads: dict[int, int] = {}

    def count(values: dict[int, int], address: int, value: int) -> int:
        if address == SDSR:
            last = values.get(SDCMR, 0)
            reads[last] = reads.get(last, 0) + 1
        return value

    connect(library, Registers({}, count))
    library.h747_sdram_start(BUS_HZ["max"])
    assert reads[0x9] > POLLS // 10
    assert 100_000 // 10 * 10e-9 >= 100e-6, "with the firmware's REG_POLLS"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda address, value: value if address == SDSR else 0xFFFFFFFF, id="absent"),
        pytest.param(lambda address, value: value | 1 << 17 if address >= SDRAM else value, id="a data line stuck"),
        pytest.param(lambda address, value: value & ~1 if address >= SDRAM else value, id="a data line to ground"),
        pytest.param(lambda address, value: 1 << 5 if address == SDSR else value, id="always busy"),
    ],
)
def test_an_sdram_that_does_not_keep_what_is_written_is_off(
    library: ctypes.CDLL, change: Callable[[int, int], int]
) -> None:
    connect(library, sdram(change))
    assert not library.h747_sdram_start(BUS_HZ["max"])
    assert library.h747_sdram_mode() == b"off"


@pytest.mark.parametrize("bit", range(2, 25))
def test_an_address_line_that_is_missing_is_found(library: ctypes.CDLL, bit: int) -> None:
    class Folded(Registers):
        def read(self, address: int) -> int:
            return super().read(address & ~(1 << bit) if address >= SDRAM else address)

        def write(self, address: int, value: int) -> None:
            super().write(address & ~(1 << bit) if address >= SDRAM else address, value)

    registers = Folded({}, lambda values, address, value: value)
    connect(library, registers)
    assert not library.h747_sdram_start(BUS_HZ["max"])


# --- QSPI ---


class Qspi(Registers):
    """QUADSPI with two dies. It answers reads by the instruction of the last CCR, and counts what a driver sends.

    Args:
        ids: of the two dies.
        modes: IMODE 1, 2 or 4 lines as CCR says it (3): the mode each die is in until it is reset in that mode.
        takes_dummies: the volatile register keeps what is written.
        reads_up_to: MHz at which 4-line reads still give the right bytes.
        busy: polls of the status during which a die is busy.
        stuck: bits of SR that never change.
    """

    CONTENT = tuple(0x45534F50 + 0x01020304 * n for n in range(8))

    def __init__(
        self,
        *,
        bus_hz: int = BUS_HZ["max"],
        ids: tuple[tuple[int, ...], tuple[int, ...]] = (ID, ID),
        mode: int = 1,
        takes_dummies: bool = True,
        reads_up_to: float = 1000.0,
        busy: int = 0,
        stuck: int | None = None,
    ) -> None:
        super().__init__({D1CCIPR: 0x00000033}, lambda values, address, value: value)
        self.bus_hz, self.ids, self.mode, self.busy, self.stuck = bus_hz, ids, mode, busy, stuck
        self.takes_dummies, self.reads_up_to = takes_dummies, reads_up_to
        self.volatile, self.write_enabled, self.armed = 0xFBFB, False, False
        self.answer: list[int] = []
        self.wrong: list[str] = []
        self.mapped = 0

    @property
    def mhz(self) -> float:
        return self.bus_hz / 1e6 / ((self.values.get(CR, 0) >> 24) + 1)

    def read(self, address: int) -> int:
        if address == SR:
            return (1 << 1 | 1 << 2) if self.stuck is None else self.stuck
        if address == DR:
            return self.answer.pop(0) if self.answer else 0
        return super().read(address)

    def write(self, address: int, value: int) -> None:
        super().write(address, value)
        if address == DR:
            self._written(value)
        elif address == CCR and value != 1 << 29:
            self._command(value)
        elif address == AR:
            self._read_array(self.values[CCR])

    def _command(self, ccr: int) -> None:
        if self.values.get(CR, 0) & 0x41 != 0x41:
            self.wrong.append(f"CCR 0x{ccr:08x} while the controller is off or drives one chip")
        lines, instruction = ccr >> 8 & 3, ccr & 0xFF
        if lines != self.mode:
            self.answer = [0xFFFFFFFF] * 8
            return
        if instruction == 0x66:
            self.armed = True
            return
        if instruction == 0x99 and self.armed:
            self.mode, self.volatile = 1, 0xFBFB
        self.armed = False
        if instruction == 0x06:
            self.write_enabled = True
        elif ccr >> 26 & 3 == 3:
            self.mapped = ccr
        elif instruction in (0x9F, 0x05, 0x85):
            self.answer = self._register(instruction)

    def _register(self, instruction: int) -> list[int]:
        if instruction == 0x9F:
            pairs = [byte for pair in zip(*self.ids, strict=True) for byte in pair] + [0x10, 0x10]
            return [int.from_bytes(bytes(pairs[at : at + 4]), "little") for at in (0, 4)]
        if instruction == 0x85:
            return [self.volatile | self.volatile << 16]
        self.busy = max(0, self.busy - 1)
        status = (0x0100 if self.busy else 0) | (0x0202 if self.write_enabled else 0)
        return [status | status << 16]

    def _written(self, value: int) -> None:
        if self.values[CCR] & 0xFF == 0x81 and self.write_enabled and self.takes_dummies:
            self.volatile = value
        self.write_enabled = False

    def _read_array(self, ccr: int) -> None:
        quad, dummies = ccr & 0xFF == 0xEC, ccr >> 18 & 0x1F
        right = not quad or (dummies == self.volatile >> 4 & 0xF and self.mhz <= self.reads_up_to)
        if not quad and (dummies or self.mhz > 54):
            self.wrong.append("0x13 has no dummy cycles, and at most 54 MHz")
        self.answer = [word if right else word << 4 & 0xFFFFFFFF for word in self.CONTENT]


def start_qspi(library: ctypes.CDLL, chips: Qspi) -> bool:
    connect(library, chips)
    found = bool(library.h747_qspi_start(chips.bus_hz))
    assert chips.wrong == []
    assert found == bool(chips.mapped)
    return found


def test_the_qspi_is_started_step_by_step(library: ctypes.CDLL) -> None:
    chips = Qspi()
    assert start_qspi(library, chips)
    assert library.h747_qspi_mode().decode() == FAST
    slow, fast = 0x07000051, 0x01000051
    wanted = [
        # ES0392: before anything else, with nothing between.
        (CR, 0), (CR, 0xFF000001), (CCR, 0x20000000), (CCR, 0x20000000), (CR, 0),
        (DCR, 0x001A0300), (CR, slow),
        (CCR, 0x366), (CCR, 0x399), (CCR, 0x266), (CCR, 0x299), (CCR, 0x166), (CCR, 0x199),
        (CCR, 0x0500019F), (CCR, 0x05000105), (CCR, 0x05003513), (AR, 0),
        (CCR, 0x00000106), (CCR, 0x05000105), (CCR, 0x01000181), (DR, 0x8B8B), (CCR, 0x05000185),
        (DCR, 0x001A0300), (CR, fast), (CCR, 0x0500019F), (CCR, 0x07203DEC), (AR, 0), (CCR, 0x0F203DEC),
    ]  # fmt: skip
    assert [write for write in chips.writes if write[0] in (CR, DCR, CCR, AR, DR)] == wanted
    lengths = [value + 1 for value in chips.written(DLR)]
    assert lengths == [8, 4, 32, 4, 2, 4, 8, 32], "even: every byte has its twin in the other die"
    assert chips.values[D1CCIPR] == 0x3, "HCLK3, and the FMC's choice is left alone"
    clock_before_use(chips, 1 << 14, CR)
    check_pins(chips, QSPI_PINS, lambda letter, pin: (letter, pin) == ("G", 6))


@pytest.mark.parametrize("mode", [2, 3])
def test_chips_in_another_mode_are_reset_first(library: ctypes.CDLL, mode: int) -> None:
    """As a demonstration leaves them: 4 lines for everything."""
    assert start_qspi(library, Qspi(mode=mode))
    assert library.h747_qspi_mode().decode() == FAST


@pytest.mark.parametrize(
    ("chips", "mode", "mapped", "prescaler"),
    [
        (Qspi(reads_up_to=99), "2 x 4 lines, 50 MHz", 0x0F203DEC, 3),
        (Qspi(reads_up_to=20), "2 x 1 line, 25 MHz", 0x0D003513, 7),
        (Qspi(takes_dummies=False), "2 x 1 line, 25 MHz", 0x0D003513, 7),
        (Qspi(bus_hz=BUS_HZ["hsi"]), "2 x 4 lines, 64 MHz", 0x0F203DEC, 0),
        (Qspi(bus_hz=BUS_HZ["hsi"], takes_dummies=False), "2 x 1 line, 21 MHz", 0x0D003513, 2),
        (Qspi(busy=3), FAST, 0x0F203DEC, 1),
    ],
)
def test_the_fastest_way_that_reads_right_is_taken(
    library: ctypes.CDLL, chips: Qspi, mode: str, mapped: int, prescaler: int
) -> None:
    assert start_qspi(library, chips)
    assert (library.h747_qspi_mode().decode(), chips.mapped) == (mode, mapped)
    assert chips.values[CR] == prescaler << 24 | 0x51


@pytest.mark.parametrize(
    "chips",
    [
        pytest.param(Qspi(ids=((0xFF,) * 3, (0xFF,) * 3)), id="absent"),
        pytest.param(Qspi(ids=((0,) * 3, (0,) * 3)), id="zeros"),
        pytest.param(Qspi(ids=(ID, (0xFF,) * 3)), id="the second die absent"),
        pytest.param(Qspi(ids=((0xC2, 0x20, 0x1A), ID)), id="another chip"),
        pytest.param(Qspi(ids=(ID, (0x20, 0xBA, 0x21))), id="another size"),
        pytest.param(Qspi(busy=1 << 30), id="busy for ever"),
        pytest.param(Qspi(stuck=1 << 5), id="the controller is busy"),
        pytest.param(Qspi(stuck=0), id="no transfer ends"),
    ],
)
def test_without_two_known_dies_nothing_is_mapped(library: ctypes.CDLL, chips: Qspi) -> None:
    assert not start_qspi(library, chips)
    assert library.h747_qspi_mode() == b"off"


def test_nothing_is_written_that_stays(library: ctypes.CDLL) -> None:
    """Only the commands of the start: no erase, no program, no non-volatile register (B1, 01), no password, no OTP."""
    chips = Qspi()
    start_qspi(library, chips)
    sent = {value & 0xFF for value in chips.written(CCR)} - {0}
    assert sent == {0x66, 0x99, 0x9F, 0x05, 0x13, 0x06, 0x81, 0x85, 0xEC}


# --- what the core may reach ---


class Window(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint32), ("size_log2", ctypes.c_uint32), ("attributes", ctypes.c_uint32)]


def test_the_windows_are_opened_in_what_is_closed(library: ctypes.CDLL) -> None:
    """Normal memory, write-back (write-through loses data, ES0392), never executed; the flash read-only."""
    registers = Registers({0xE000ED80: 0xF00FE019}, lambda values, address, value: value)
    connect(library, registers)
    cached, read_write, read_only = 0xB << 16, 3 << 24, 6 << 24
    windows = (Window * 2)(Window(SDRAM, 25, cached | read_write), Window(0x90000000, 24, cached | read_only))
    library.h7_memory_start(windows, 2)
    regions = [write for write in registers.writes if write[0] in (0xE000ED94, 0xE000ED9C, 0xE000EDA0)]
    assert regions[1:3] == [(0xE000ED9C, 0x00000010), (0xE000EDA0, 0x1000873F)], "no access from 0x60000000 on"
    assert regions[5:] == [
        (0xE000ED9C, 0xD0000012), (0xE000EDA0, 0x130B0031), (0xE000ED9C, 0x90000013), (0xE000EDA0, 0x160B002F),
        (0xE000ED94, 5),
    ]  # fmt: skip
