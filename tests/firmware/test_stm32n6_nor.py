"""How the STM32N6 firmware gets its NOR into octal DTR: from any mode, each step read back, down to plain SPI.

The C code runs here, on the model of device and chip. Expected values: RM0486 ("XSPI", "RCC"), the data sheets of
MX66UW1G45G and MX25UM51245G, ST's public drivers (stm32n6570-dk-bsp, stm32-mx66uw1g45g).
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_stm32pose.twins.n6.device import Device, program
from pytest_stm32pose.twins.n6.memory import BSEC, GPION, PWR, RCC, XSPI2, XSPIM
from pytest_stm32pose.twins.n6.nor import MX25UM51245G, MX66UW1G45G, NorChip
from pytest_stm32pose.twins.n6.nor_commands import Command
from pytest_stm32pose.twins.n6.registers import HSLV_VDDIO3
from tests.firmware.register_model import connect
from tests.firmware.test_stm32n6_registers import (
    MHZ,
    POLLS_MAX,
    clocks_of,
    in_order,
    library,  # noqa: F401
    start_clock,
)

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

IMAGE = bytes(range(251)) * 3
FUSES = BSEC + 0x1F0
CHIPS = [pytest.param(MX66UW1G45G, id="DK"), pytest.param(MX25UM51245G, id="Nucleo")]
CR, DCR2, SR, CCR, TCR, IR = (XSPI2 + at for at in (0x00, 0x0C, 0x20, 0x100, 0x108, 0x110))
AHB4ENSR, AHB5ENSR, AHB5RSTSR, AHB5RSTCR, CCIPR6, IC3, DIVENSR = (
    RCC + at for at in (0xA5C, 0xA60, 0xA20, 0x1220, 0x158, 0x0CC, 0xA40)
)  # fmt: skip
BOTH = 3 << 12  # XSPI2 and XSPIM


class Board:
    """The device at one core clock, with a network in its NOR."""

    def __init__(
        self, library: ctypes.CDLL, kind: tuple[bytes, int] = MX66UW1G45G, mhz: int = 600, image: bytes = IMAGE  # noqa: F811
    ) -> None:  # fmt: skip
        self.library, self.size, self.mhz = library, kind[1], mhz
        self.chip = NorChip(kind[0], kind[1])
        program(self.chip, 0x01000000, image)
        self.device = Device(self.chip)
        connect(library, self.device)
        library.n6_core_start()
        library.n6_nor_stop()
        assert start_clock(library, mhz)[0]
        self.device.accesses.clear()

    def start(self, size: int = 0) -> bool:
        return bool(self.library.n6_nor_start(size or self.size, ctypes.byref(clocks_of(self.mhz))))

    @property
    def told(self) -> tuple[str, int, int, bool]:
        nor = self.library.n6_nor().contents
        return self.library.n6_nor_mode().decode(), nor.hz, nor.lines, nor.double_rate

    def values(self, register: int) -> list[int]:
        return [value for address, value in self.device.writes if address == register]

    def shows(self, data: bytes) -> bool:
        return bool(self.device.memory.read(0x71000000, len(data)) == data)


@pytest.fixture
def board(library: ctypes.CDLL) -> Iterator[Board]:  # noqa: F811
    board = Board(library)
    yield board
    assert not board.device.faults, [hex(address) for address in board.device.faults]


# --- what is reached ---


@pytest.mark.parametrize("kind", CHIPS)
@pytest.mark.parametrize("mode", ["spi", "opi", "dtr"])
@pytest.mark.parametrize(("mhz", "reached"), [(64, 32), (600, 50), (800, 50)])
def test_octal_dtr_from_any_mode(
    library: ctypes.CDLL, kind: tuple[bytes, int], mode: str, mhz: int, reached: int  # noqa: F811
) -> None:  # fmt: skip
    board = Board(library, kind, mhz)
    board.chip.mode = mode
    assert board.start()
    assert board.told == (f"octal DTR {reached} MHz", reached * MHZ, 8, True)
    assert board.shows(IMAGE)
    assert board.device.memory.read(0x70000000 + kind[1] - 4, 4) == b"\xff" * 4
    assert board.chip.mode == "dtr"
    assert (board.values(CCR)[-1], board.values(TCR)[-1], board.values(IR)[-1]) == (0x2C003C1C, 0x10000006, 0xEE11)
    assert board.values(CR)[-1] == 3 << 28 | 31 << 8 | 1
    assert board.values(XSPI2 + 0x08)[-1] == 1 << 24 | {128 << 20: 26, 64 << 20: 25}[kind[1]] << 16 | 1 << 8
    assert not board.chip.wrong
    assert not board.device.faults


@pytest.mark.parametrize(("mhz", "divider"), [(600, 6), (800, 4)])
def test_200_mhz_where_the_fuse_allows_it(library: ctypes.CDLL, mhz: int, divider: int) -> None:  # noqa: F811
    board = Board(library, mhz=mhz)
    board.device.memory.peripherals.fuses = HSLV_VDDIO3
    assert board.start()
    assert board.told == ("octal DTR 200 MHz", 200 * MHZ, 8, True)
    assert board.values(IC3) == [divider - 1 << 16]
    assert board.values(TCR)[-1] == 1 << 28 | 20, "6 dummy cycles do up to 66 MHz"
    assert board.shows(IMAGE)
    assert not board.chip.wrong


def test_the_clock_is_chosen_after_the_reset_and_the_fuse_is_only_read(board: Board) -> None:
    assert board.start()
    wanted = [
        (AHB5ENSR, BOTH), (AHB5RSTSR, BOTH), (AHB5RSTCR, BOTH), (CCIPR6, 0), (AHB4ENSR, 1 << 13 | 1 << 18),
        (PWR + 0x3C, 1 << 9 | 1 << 26), (XSPIM, 1 << 4), (0x5600805C, 1 << 8), (IC3, 0x00170000), (DIVENSR, 4),
        (CCIPR6, 2 << 4), (CR, 0), (DCR2, 3), (CR, 1), (IR, 0x6699),
    ]  # fmt: skip
    assert in_order(wanted, board.device.writes)
    assert [access for access in board.device.accesses if access[0] >> 12 == BSEC >> 12] == [(FUSES, None)]
    pulls = board.device.registers[GPION + 0x0C]
    assert [pulls >> 2 * pin & 3 for pin in range(12)] == [1, 1, *[0] * 10], "strobe and chip select idle high"


def test_resets_in_every_mode_then_each_step_in_its_order(board: Board) -> None:
    assert board.start()
    resets = [0x6699, 0x9966, 0x6699, 0x9966, 0x66, 0x99]
    codes = board.values(IR)
    assert codes[:6] == resets
    assert [code for code in codes[6:] if code in (0x72, 0x728D)] == [0x72, 0x72], "configured twice, in SPI"
    assert set(codes[6:]) == {0x9F, 0x05, 0x0C, 0x06, 0x72, 0x71, 0x718E, 0x05FA, 0x9F60, 0xEE11}, "nothing is erased"
    steps = [0x99, 0x9F, 0x0C, 0x06, 0x72, 0x71, 0x06, 0x72, 0x718E, 0x9F60, 0xEE11]
    assert in_order([(IR, code) for code in steps], board.device.writes)
    assert board.values(DCR2) == [3, 0], "a fourth of the clock until the mode is confirmed"
    reset, look = (board.device.accesses.index((IR, command)) for command in (0x99, 0x9F))
    assert look - reset > 20, "no time for the chip to wake"


# --- what fails, and what is reached then ---


def test_without_the_falling_edge_it_is_octal_str(board: Board) -> None:
    board.chip.falling_edge_lost = True
    assert board.start()
    assert board.told == ("octal STR 50 MHz", 50 * MHZ, 8, False)
    assert (board.values(CCR)[-1], board.values(IR)[-1]) == (0x04003414, 0xEC13)
    assert board.shows(IMAGE)


def test_a_blank_chip_is_judged_by_its_parameter_table(library: ctypes.CDLL) -> None:  # noqa: F811
    """Erased cells read alike with and without the falling edge."""
    board = Board(library, image=b"")
    board.chip.falling_edge_lost = True
    assert board.start()
    assert board.told[0] == "octal STR 50 MHz"


def test_without_its_strobe_it_is_octal_str(board: Board) -> None:
    """A read that waits for the strobe never ends: only a reset of the controller ends it."""
    board.chip.drives_strobe = lambda command: False  # type: ignore[method-assign]
    assert board.start()
    assert board.told[0] == "octal STR 50 MHz"
    assert board.values(AHB5RSTSR)[1:] == [1 << 12] * 2, "XSPI2 alone, before each mode that is tried"
    assert board.shows(IMAGE)


def test_without_its_upper_lines_it_is_spi(board: Board) -> None:
    board.chip.line_4_broken = True
    assert board.start()
    assert board.told == ("SPI 25 MHz", 25 * MHZ, 1, False)
    assert (board.values(CCR)[-1], board.values(IR)[-1]) == (0x01003101, 0x0C)
    assert board.chip.mode == "spi"
    assert board.shows(IMAGE)


def test_a_chip_that_refuses_its_configuration_is_read_in_spi(board: Board) -> None:
    board.chip.write_locked = True
    assert board.start()
    assert board.told[0] == "SPI 25 MHz"
    assert board.shows(IMAGE)


def test_a_clock_that_loses_address_bits_is_halved(library: ctypes.CDLL) -> None:  # noqa: F811
    """Id and status read well at 200 MHz; only words at certain addresses tell."""
    board = Board(library)
    board.device.memory.peripherals.fuses = HSLV_VDDIO3
    real = board.chip.execute

    def lossy(command: Command) -> bytes:
        if command.opcode == 0xEE11 and command.hz > 100 * MHZ and command.address is not None:
            command = replace(command, address=command.address & ~(1 << 22))
        return real(command)

    board.chip.execute = lossy  # type: ignore[method-assign]
    assert board.start()
    assert board.told == ("octal DTR 100 MHz", 100 * MHZ, 8, True)
    assert board.values(TCR)[-1] == 1 << 28 | 10
    assert board.shows(IMAGE)


def test_without_the_divider_it_runs_on_the_bus_clock(board: Board) -> None:
    board.device.stuck[RCC + 0x240] = 1 << 2
    assert board.start()
    assert board.told[0] == "octal DTR 50 MHz", "HCLK, 100 MHz, halved"
    assert board.values(CCIPR6) == [0]
    assert board.shows(IMAGE)


@pytest.mark.parametrize("reads", [1, 2, 20])
def test_a_chip_that_answers_anything_after_its_reset_is_asked_again(board: Board, reads: int) -> None:
    board.chip.garbled_ids = reads
    assert board.start()
    assert board.told[0] == "octal DTR 50 MHz"


@pytest.mark.parametrize("mode", ["spi", "dtr"])
def test_a_chip_that_was_erasing_is_waited_for(board: Board, mode: str) -> None:
    board.chip.mode = mode
    board.chip._busy_polls = 1
    assert board.start()
    assert board.told[0] == "octal DTR 50 MHz"


@pytest.mark.parametrize(
    ("jedec_id", "size"),
    [
        pytest.param(*MX25UM51245G, id="half the size"),
        pytest.param(b"\x20\x5b\x1b", 128 << 20, id="another manufacturer"),
        pytest.param(b"\xff\xff\xff", 128 << 20, id="none"),
    ],
)
def test_another_chip_is_not_mapped(library: ctypes.CDLL, jedec_id: bytes, size: int) -> None:  # noqa: F811
    board = Board(library, (jedec_id, size))
    assert not board.start(128 << 20)
    assert board.told == ("", 0, 0, False)
    assert all(value >> 28 != 3 for value in board.values(CR))


@pytest.mark.parametrize(("bits", "is_held"), [(1 << 5, True), (1 << 1, False)], ids=["busy", "never complete"])
def test_a_controller_that_hangs_is_given_up(board: Board, bits: int, is_held: bool) -> None:
    (board.device.held if is_held else board.device.stuck)[SR] = bits
    assert not board.start()
    assert board.device.longest_poll() <= POLLS_MAX + 1


# --- leaving ---


def test_a_mapped_window_is_left_before_a_clock_changes(board: Board) -> None:
    """Started again without a reset, as by a debugger: the next program finds it mapped, on a PLL that stops."""
    assert board.start()
    assert board.shows(IMAGE)
    board.library.n6_nor_stop()
    assert start_clock(board.library, board.mhz)[0]
    assert board.start()
    assert board.told[0] == "octal DTR 50 MHz"
    assert board.shows(IMAGE)


def test_before_a_reset_the_chip_goes_back_to_spi(board: Board) -> None:
    assert board.start()
    assert board.shows(IMAGE)
    board.library.n6_nor_leave()
    assert board.chip.mode == "spi"
    assert not board.chip.wrong


def test_without_a_chip_nothing_is_left(library: ctypes.CDLL) -> None:  # noqa: F811
    board = Board(library, (b"\xff\xff\xff", 128 << 20))
    assert not board.start()
    board.device.accesses.clear()
    library.n6_nor_leave()
    assert not board.device.accesses
