"""Two dies of NOR behind the STM32H747's QUADSPI: the facts' registers and commands work, every deviation is told."""

from __future__ import annotations

import random

import pytest

from pytest_stm32pose.twins.device import Fault, PowerLost
from pytest_stm32pose.twins.h7.device import Device
from tests.support.h7_driver import QSPI, Qspi, clocked

WINDOW, BYTES = 0x90000000, 128 << 20
ID = 0x0100019F
PROGRAM, ERASE_8K, ERASE_128K = 0x01003512, 0x00003521, 0x000035DC
READ = 0x0120350C
DATA = random.Random(25).randbytes(512)


@pytest.fixture
def device() -> Device:
    return clocked()


@pytest.fixture
def qspi(device: Device) -> Qspi:
    driver = Qspi(device)
    driver.start_over()
    return driver


def program(qspi: Qspi, address: int, data: bytes = DATA) -> None:
    qspi.enable_writing()
    qspi.put(PROGRAM, data, address)
    qspi.wait()


def window(device: Device, offset: int, length: int) -> bytes:
    region = device.region_at(WINDOW + offset)
    assert region is not None and (region.start, region.length, region.writable) == (WINDOW, BYTES, False)
    return bytes(region.buffer[offset : offset + length])


def test_both_dies_say_who_they_are(device: Device, qspi: Qspi) -> None:
    assert qspi.get(ID, 6) == bytes.fromhex("2020baba2020")
    assert device.wrong == []


@pytest.mark.parametrize(
    "ccr",
    [0x0F203DEC, 0x0D20350C, 0x0F203DEB],
    ids=["EC, 1-4-4", "0C, 1-1-1", "EB, 1-4-4, addresses of 4 bytes by the mode"],
)
def test_programmed_bytes_are_in_the_window(device: Device, qspi: Qspi, ccr: int) -> None:
    program(qspi, 0x1234000)
    assert qspi.get(READ, 512, 0x1234000) == DATA
    qspi.map(ccr)
    assert window(device, 0x1234000, 512) == DATA
    assert window(device, 0x1234200, 4) == b"\xff" * 4
    assert device.read(WINDOW + 0x1234001, 1) == DATA[1]
    assert device.wrong == []


def test_the_four_line_mode(device: Device, qspi: Qspi) -> None:
    program(qspi, 0)
    qspi.command(0x135)
    qspi.map(0x0F203FEB)
    assert window(device, 0, 512) == DATA
    qspi.unmap()
    qspi.command(0x3F5)
    assert qspi.get(ID, 2) == b"\x20\x20" and device.wrong == []


def test_ten_dummies(device: Device, qspi: Qspi) -> None:
    qspi.enable_writing()
    qspi.put(0x01000181, b"\xab\xab")
    assert qspi.get(0x01000185, 2) == b"\xab\xab"
    qspi.command(0x135)
    qspi.map(0x0F283FEC)
    assert window(device, 0, 2) == b"\xff\xff" and device.wrong == []


@pytest.mark.parametrize(("ccr", "length"), [(ERASE_8K, 8 << 10), (ERASE_128K, 128 << 10), (0x00003552, 64 << 10)])
def test_erasing_takes_a_block_of_each_die(device: Device, qspi: Qspi, ccr: int, length: int) -> None:
    for address in (length - 512, length, 2 * length - 512, 2 * length):
        program(qspi, address)
    qspi.enable_writing()
    qspi.command(ccr, length + 1024)
    assert qspi.get(0x01000105, 2) == b"\x03\x03", "both are busy"
    qspi.wait()
    qspi.map()
    assert window(device, length - 512, 512) == DATA and window(device, 2 * length, 512) == DATA
    assert window(device, length, length) == b"\xff" * length
    assert device.wrong == []


def test_programming_wraps_inside_a_page_of_each_die(device: Device, qspi: Qspi) -> None:
    program(qspi, 0x100)
    qspi.map()
    assert window(device, 0, 512) == DATA[256:] + DATA[:256]


def test_programming_clears_bits_only(device: Device, qspi: Qspi) -> None:
    for value in (0xF0, 0x3C):
        program(qspi, 0, bytes([value]) * 2)
    qspi.map()
    assert window(device, 0, 2) == b"\x30\x30"


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda qspi: qspi.put(PROGRAM, b"abc", 0), "an odd number of bytes"),
        (lambda qspi: qspi.put(PROGRAM, b"ab", 1), "the odd address"),
        (lambda qspi: qspi.put(PROGRAM, b"ab", 0), "programmed without write enable"),
        (lambda qspi: qspi.command(ERASE_8K, 0), "erased without write enable"),
        (lambda qspi: qspi.command(0x1B7), "address mode without write enable"),
        (lambda qspi: qspi.put(0x01000181, b"\x8b\x8b"), "configuration 0x81 without write enable"),
        (lambda qspi: qspi.put(0x010001B1, b"\xff\xff"), "command 0xb1 in that shape"),
        (lambda qspi: qspi.get(0x01080105, 2), "command 0x05 in that shape"),
        (lambda qspi: qspi.get(0x0128350C, 2, 0), "command 0x0c in that shape"),
        (lambda qspi: qspi.get(0x01003513, 2, 0), "at most 66"),
        (lambda qspi: qspi.get(0x0120350C, 2, BYTES), "beyond the size"),
        (lambda qspi: (qspi.enable_writing(), qspi.put(PROGRAM, DATA, 0), qspi.get(READ, 2, 0)), "while it is busy"),
        (lambda qspi: (qspi.set(0x10, 1), qspi.command(PROGRAM, 0), qspi.command(0x106)), "controller is busy"),
        (lambda qspi: (qspi.map(), qspi.command(0x106)), "controller is busy"),
        (lambda qspi: (qspi.map(), qspi.set(0x00, 0x03000051)), "while the controller is busy"),
        (lambda qspi: qspi.device.read(QSPI + 0x20, 4), "4 bytes are read of 0"),
        (lambda qspi: (qspi.set(0x00, 0x00000051), qspi.command(0x106)), "at most 108"),
        (lambda qspi: (qspi.set(0x00, 0x01000050), qspi.command(0x106)), "while the controller is off"),
    ],
)  # fmt: skip
def test_what_silicon_forbids_is_told(device: Device, qspi: Qspi, do: object, words: str) -> None:
    assert callable(do)
    do(qspi)
    assert any(words in what for what in device.wrong), device.wrong


def test_the_same_without_dummies_at_50_mhz(device: Device, qspi: Qspi) -> None:
    program(qspi, 0)
    qspi.set(0x00, 0x03000051)
    assert qspi.get(0x01003513, 4, 0) == DATA[:4]
    qspi.map(0x0D003513)
    assert window(device, 0, 4) == DATA[:4] and device.wrong == []


@pytest.mark.parametrize(
    "ccr", [0x0F1C3DEC, 0x0F203FEC, 0x8F203DEC, 0x0F202DEC], ids=["7 dummies", "QPI", "DTR", "3 bytes"]
)
def test_a_window_in_a_wrong_shape_shows_no_cells(device: Device, qspi: Qspi, ccr: int) -> None:
    program(qspi, 0)
    qspi.map(ccr)
    assert device.region_at(WINDOW) is None
    assert device.read(WINDOW, 4).to_bytes(4, "little") != DATA[:4]


def test_a_window_of_one_die_is_not_that_of_two(device: Device, qspi: Qspi) -> None:
    program(qspi, 0)
    qspi.set(0x00, 0x01000011)
    qspi.map()
    assert device.region_at(WINDOW) is None
    assert device.read(WINDOW, 2).to_bytes(2, "little") == DATA[0:4:2]


def test_the_window_comes_and_goes(device: Device, qspi: Qspi) -> None:
    with pytest.raises(Fault):
        device.read(WINDOW, 4)
    device.changed = False
    qspi.map()
    assert device.changed and qspi.status >> 5 & 1, "busy"
    device.changed = False
    qspi.unmap()
    assert device.changed and not qspi.status >> 5 & 1
    with pytest.raises(Fault):
        device.read(WINDOW, 4)
    assert qspi.get(ID, 2) == b"\x20\x20" and device.wrong == []


@pytest.mark.parametrize("lines", [(0x100,), (0x300,), (0x300, 0x100)])
def test_dies_in_qpi_need_the_reset_in_four_lines(device: Device, lines: tuple[int, ...]) -> None:
    device.set_fault("qspi", "left-in-qpi")
    qspi = Qspi(device)
    assert qspi.get(ID, 2) == b"\xff\xff"
    for each in lines:
        qspi.command(each | 0x66)
        qspi.command(each | 0x99)
    assert (qspi.get(ID, 2) == b"\x20\x20") == (0x300 in lines)


def test_a_reset_of_the_controller_leaves_the_dies_as_they_are(device: Device, qspi: Qspi) -> None:
    qspi.command(0x135)
    device.reset()
    again = Qspi(device)
    assert again.get(ID, 2) == b"\xff\xff"
    device.power_up()
    assert Qspi(device).get(ID, 2) == b"\x20\x20"


def test_the_reset_needs_its_enable(device: Device, qspi: Qspi) -> None:
    qspi.command(0x135)
    qspi.command(0x366)
    qspi.command(0x304)
    qspi.command(0x399)
    assert qspi.get(ID, 2) == b"\xff\xff"


@pytest.mark.parametrize(("pins", "answer"), [(1, "ffff"), (5, "ffff"), (6, "20ff"), (9, "20ff"), (10, "2020")])
def test_each_die_needs_its_pins(device: Device, pins: int, answer: str) -> None:
    assert Qspi(device, pins=pins).get(ID, 2).hex() == answer


def test_flag_status_says_ready_and_the_address_mode(qspi: Qspi) -> None:
    assert qspi.get(0x01000170, 2) == b"\x81\x81"
    qspi.enable_writing()
    qspi.put(PROGRAM, DATA, 0)
    assert qspi.get(0x01000170, 2) == b"\x01\x01"


def test_a_silent_chip_and_another_one(device: Device, qspi: Qspi) -> None:
    device.set_fault("qspi", "wrong-id")
    assert qspi.get(ID, 2) == b"\xc2\xc2"
    device.set_fault("qspi", "silent")
    assert qspi.get(ID, 2) == b"\xff\xff"
    qspi.map()
    assert device.region_at(WINDOW) is None and device.read(WINDOW, 4) == 0xFFFFFFFF


def test_power_that_goes_in_a_page(device: Device, qspi: Qspi) -> None:
    device.set_fault("power", "lost-at-write-1")
    with pytest.raises(PowerLost):
        program(qspi, 0)
    device.power_up()
    assert bytes(device.quadspi.cells[:256:2]) == DATA[:256:2] and device.quadspi.cells[256] == 0xFF
    assert device.quadspi.cells[1] == 0xFF, "the second die had not begun"
