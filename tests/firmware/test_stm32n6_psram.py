"""The PSRAM of the STM32N6570-DK: what the firmware writes to its controller, on a model that was made from the same
public sources (twins/n6/psram.py). Never on silicon.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.twins.n6 import psram as model
from pytest_stm32pose.twins.n6.device import Device
from pytest_stm32pose.twins.n6.faults import plant
from pytest_stm32pose.twins.n6.memory import Memory
from pytest_stm32pose.twins.n6.nor import NorChip
from pytest_stm32pose.twins.n6.nor_commands import Command
from pytest_stm32pose.twins.n6.psram import BYTES, Psram
from tests.firmware.register_model import build, connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

XSPI1, WINDOW = 0x58025000, 0x90000000
CR, DCR1, DCR2, DCR3, DCR4, CCR, TCR, IR, WCCR, WTCR, WIR = (
    XSPI1 + at for at in (0x000, 0x008, 0x00C, 0x010, 0x014, 0x100, 0x108, 0x110, 0x180, 0x188, 0x190)
)  # fmt: skip
RESET_SET, RESET_CLEAR = 0x56028A20, 0x56029220
MHZ = 1_000_000
POLLS = 200  # instead of 100,000, which the model would take seconds for


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    sources = ("boards/stm32n6/psram.c", "boards/stm32n6/system.c", "boards/stm32/cache.c")
    found = build(tmp_path_factory.mktemp("psram"), sources, f"-DREG_POLLS={POLLS}u")
    found.n6_psram_start.argtypes = [ctypes.c_uint32]
    found.n6_psram_start.restype = ctypes.c_uint32
    return found


@pytest.fixture
def psram() -> Psram:
    return Psram()


@contextmanager
def started(library: ctypes.CDLL, psram: Psram | None) -> Iterator[Device]:
    """A device whose core has started, and on whose port the chip hangs."""
    chip = NorChip()
    found = Device(chip, Memory(chip, psram))
    with found.in_charge():
        connect(library, found)
        library.n6_core_start()
        found.accesses.clear()
        yield found
    assert not found.memory.forbidden, "fuses"
    assert not found.faults, [hex(address) for address in found.faults]


@pytest.fixture
def device(library: ctypes.CDLL, psram: Psram) -> Iterator[Device]:
    with started(library, psram) as found:
        yield found


def start(library: ctypes.CDLL, device: Device, hclk_mhz: int = 32) -> int:
    """The clock on its wires, in MHz. The model's HCLK is 32 MHz; another one is what the driver is told."""
    return int(library.n6_psram_start(hclk_mhz * MHZ)) // MHZ


def last(device: Device, *registers: int) -> list[int]:
    """What each register was given last."""
    written = dict(device.writes)
    return [written[register] for register in registers]


def test_the_window_is_ram(library: ctypes.CDLL, device: Device, psram: Psram) -> None:
    assert start(library, device) == 32
    for address, data in ((WINDOW, b"\x12\x34"), (WINDOW + BYTES - 4, b"abcd"), (WINDOW + 5, b"z")):
        device.memory.write(address, data)
        assert device.memory.read(address, len(data)) == data
        assert bytes(psram.cells[address - WINDOW : address - WINDOW + len(data)]) == data
    assert [psram.registers[at] for at in (0, 4, 8)] == [0x30, 0x20, 0x40]


def test_the_settings_are_those_of_public_drivers(library: ctypes.CDLL, device: Device) -> None:
    start(library, device)
    assert last(device, DCR1, DCR3) == [0x06180400, 0x000B0000]
    assert last(device, CCR, TCR, IR) == [0x2D003C04, 0x10000006, 0x20]
    assert last(device, WCCR, WTCR, WIR) == [0x2D003C04, 6, 0xA0]
    assert last(device, CR)[0] & 0x30000001 == 0x30000001


@pytest.mark.parametrize(
    ("hclk", "fuse", "mhz", "prescaler", "refresh"),
    [
        (100, False, 50, 1, 96),
        (200, False, 50, 3, 96),
        (32, False, 32, 0, 60),
        (100, True, 100, 0, 196),
        (200, True, 200, 0, 396),
    ],
)
def test_pins_without_their_fuse_get_50_mhz(
    library: ctypes.CDLL, device: Device, hclk: int, fuse: bool, mhz: int, prescaler: int, refresh: int
) -> None:
    """Selected for 2 us at most, in clocks; the prescaler is written last, and waited for."""
    if fuse:
        plant(device.memory, "fuse", "hslv-vddio2")
    assert start(library, device, hclk) == mhz
    assert last(device, DCR2, DCR4) == [prescaler, refresh]
    configured = [at for at, _ in device.writes if at in (DCR1, DCR2, DCR3, DCR4)]
    assert configured == [DCR1, DCR3, DCR4, DCR2] * 2
    slow = next(value for at, value in device.writes if at == DCR2)
    assert hclk / (slow + 1) <= 50


def test_only_its_own_controller_is_reset(library: ctypes.CDLL, device: Device) -> None:
    """The NOR, which its window shows by now, and the ports are left alone."""
    start(library, device)
    written = device.writes
    assert {value for at, value in written if at in (RESET_SET, RESET_CLEAR)} == {1 << 5}
    assert not [hex(at) for at, _ in written if 0x5802A000 <= at < 0x5802C000]


def test_a_psram_that_is_silent_is_given_up(library: ctypes.CDLL, device: Device, psram: Psram) -> None:
    psram.silent = True
    assert start(library, device) == 0
    assert device.longest_poll() <= 2 * POLLS
    assert device.writes[-1] == (RESET_SET, 1 << 5)


def test_without_a_psram_there_is_none(library: ctypes.CDLL) -> None:
    with started(library, None) as found:
        assert start(library, found) == 0


@pytest.mark.parametrize(("register", "value"), [(1, 0x0E), (2, 0xC6), (2, 0x07)], ids=["vendor", "density", "bad die"])
def test_another_chip_is_not_used(
    library: ctypes.CDLL, device: Device, psram: Psram, monkeypatch: pytest.MonkeyPatch, register: int, value: int
) -> None:
    monkeypatch.setitem(model._AFTER_POWER_ON, register, value)
    psram.power_up()
    assert start(library, device) == 0
    assert CCR in dict(device.writes)
    assert WIR not in dict(device.writes), "it was mapped"


@pytest.mark.parametrize("bit", [0, 7, 8, 31])
def test_a_data_line_that_is_stuck_is_found(library: ctypes.CDLL, device: Device, bit: int) -> None:
    """Seen through the window, where one word of those that are tried has the bit wrong."""
    device.stuck[WINDOW + (1 << 12)] = 1 << bit
    assert start(library, device) == 0


class Folded(Psram):
    """An address line is cut: two places are one."""

    line = 22

    def execute(self, command: Command) -> bytes:
        if command.address is not None and command.opcode in (0x20, 0xA0):
            command = replace(command, address=command.address & ~(1 << self.line))
        return super().execute(command)


@pytest.mark.parametrize("line", [2, 12, 24])
def test_an_address_line_that_is_cut_is_found(library: ctypes.CDLL, line: int) -> None:
    psram = Folded()
    psram.line = line
    with started(library, psram) as found:
        assert start(library, found) == 0


def test_pins_that_do_not_reach_the_fast_clock_fall_back(library: ctypes.CDLL, device: Device) -> None:
    """The fuse's shadow says fast, and the pins are not: an address bit is lost at 200 MHz."""
    plant(device.memory, "fuse", "hslv-vddio2")
    device.memory.peripherals._pins_hz = lambda fuse, low_range: 50 * MHZ  # type: ignore[method-assign]
    device.memory.peripherals.clocks.xspi_hz = lambda number: 200 * MHZ  # type: ignore[method-assign]
    assert start(library, device, 200) == 50
    assert last(device, DCR2) == [3]


def test_the_psram_is_cached_but_for_its_last_line(library: ctypes.CDLL, device: Device) -> None:
    library.n6_caches_start(ctypes.c_uint32(0x34070000), 0x10000, 128 << 20)
    before = len(device.accesses)
    library.n6_caches_add_psram()
    writes = [(at, value) for at, value in device.accesses[before:] if value is not None]
    rnr, rbar, rlar, mair = 0xE000ED98, 0xE000ED9C, 0xE000EDA0, 0xE000EDC0
    end = WINDOW + BYTES
    assert writes == [
        (mair, 0xFFAA44),
        (rnr, 2), (rbar, WINDOW | 1), (rlar, end - 64 | 2 << 1 | 1),
        (rnr, 3), (rbar, end - 32 | 1), (rlar, end - 32 | 1),
    ]  # fmt: skip
    external = board_spec("n6").external_ram
    assert external is not None
    assert (external.address, external.bytes) == (WINDOW, BYTES - 32)
