"""Memory map, identity, serial port and faults of the STM32H7's models."""

from __future__ import annotations

import pytest

from pytest_stm32pose.twins.device import Fault
from pytest_stm32pose.twins.h7.device import Device, device
from tests.support.h7_driver import GPIO, RCC, clocked, give_pin, set_bits, write_all

USARTS = {"h7": (0x40004800, RCC + 0xE8, 18, 39, "D", 8), "h747": (0x40011000, RCC + 0xF0, 4, 37, "A", 9)}
BOARDS = pytest.mark.parametrize("board", ["h7", "h747"])
ISR, ICR, RDR, TDR = 0x1C, 0x20, 0x24, 0x28


@BOARDS
@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 0x10000), (0x20000000, 0x20000), (0x24000000, 0x80000), (0x38000000, 0x10000), (0x08000000, 0x200000)],
)
def test_memories_that_need_no_clock(board: str, start: int, length: int) -> None:
    model = Device(board)
    region = model.region_at(start)
    assert region is not None and region.start == start
    last = model.region_at(start + length - 1)
    assert last is not None and last.start + last.length == start + length
    if region.writable:
        model.write(start + 4, 4, 0x12345678)
        assert bytes(region.buffer[4:8]) == b"\x78\x56\x34\x12" and model.read(start + 6, 2) == 0x1234
        assert region.buffer[0] not in (0, 0xFF), "noise"
    else:
        assert bytes(region.buffer[:4]) == b"\xff" * 4


@pytest.mark.parametrize(("start", "bit"), [(0x30000000, 29), (0x30020000, 30), (0x30040000, 31)])
def test_the_d2_sram_answers_with_its_clock(start: int, bit: int) -> None:
    model = Device("h7")
    assert model.region_at(start) is None
    with pytest.raises(Fault):
        model.read(start, 4)
    model.changed = False
    model.write(RCC + 0xDC, 4, 1 << bit)
    region = model.region_at(start)
    assert model.changed and region is not None and region.start == start


@pytest.mark.parametrize(
    "address", [0x00010000, 0x20020000, 0x28000000, 0x40000000, 0x60000000, 0x90000000, 0xD0000000]
)
def test_nothing_else_answers(address: int) -> None:
    model = Device("h7")
    for access in (lambda: model.read(address, 4), lambda: model.write(address, 4, 0)):
        with pytest.raises(Fault) as fault:
            access()
        assert fault.value.address == address


def test_a_block_without_its_clock_reads_0_and_is_recorded() -> None:
    model = Device("h7")
    model.write(GPIO["D"], 4, 0x12345678)
    assert model.read(GPIO["D"], 4) == 0
    assert model.wrong == ["GPIOD is used without its clock: it reads 0 and ignores writes"]
    set_bits(model, RCC + 0xE0, 1 << 3)
    assert model.read(GPIO["D"], 4) == 0xFFFFFFFF


@BOARDS
def test_identity(board: str) -> None:
    model = Device(board)
    assert model.read(0x5C001000, 4) == 0x20036450
    assert model.read(0x1FF1E880, 2) == 2048
    assert len({model.read(0x1FF1E800 + at, 4) for at in (0, 4, 8)}) == 3
    assert (model.cpu, model.core, model.core_port, model.boot) == ("cortex-m7", "cortex-m7", 0, 0x08000000)


def test_other_boards_are_not_its() -> None:
    with pytest.raises(KeyError):
        device("n6")


def with_usart(board: str, control: int = 0x2000002D) -> tuple[Device, int, int]:
    """USART from the oscillator at 921,600 baud, with its FIFO and the receive interrupt."""
    model = clocked(board)
    base, enable, bit, line, letter, pin = USARTS[board]
    for each in (pin, pin + 1):
        give_pin(model, letter, each, 7)
    set_bits(model, RCC + 0x54, 3 << 3 | 3)
    set_bits(model, enable, 1 << bit)
    write_all(model, [(base + 0x0C, 69), (base, control)])
    return model, base, line


@BOARDS
def test_bytes_come_in_and_interrupt(board: str) -> None:
    model, base, line = with_usart(board)
    assert abs(model.usart.baud / 921_600 - 1) < 0.01
    assert model.irqs == set()
    assert model.serial.receive(b"0123456789abcdefXYZ") == 16, "the FIFO's"
    assert model.irqs == {line}
    got = bytearray()
    while model.read(base + ISR, 4) >> 5 & 1:
        got.append(model.read(base + RDR, 1))
    assert got == b"0123456789abcdef" and model.irqs == set()
    assert model.serial.receive(b"XYZ") == 3
    assert model.wrong == []


@BOARDS
def test_bytes_go_out_while_there_is_room(board: str) -> None:
    model, base, line = with_usart(board)
    sent = 0
    while model.read(base + ISR, 4) >> 7 & 1:
        model.write(base + TDR, 4, 65 + sent)
        sent += 1
    assert sent == 16 and bytes(model.serial.sent) == b"ABCDEFGHIJKLMNOP"
    model.write(base, 4, 0x200000AD)
    assert line not in model.irqs
    model.serial.room = 16
    assert line in model.irqs, "there is room again"
    model.serial.room = 0
    model.write(base + TDR, 4, 1)
    assert model.wrong == ["USART: a byte is sent into a full transmitter"]


@pytest.mark.parametrize("missing", ["enable", "receiver", "clock", "pin"])
def test_bytes_that_nobody_receives_are_lost(missing: str) -> None:
    model, base, _ = with_usart("h7", {"enable": 0x2000002C, "receiver": 0x20000029}.get(missing, 0x2000002D))
    if missing == "pin":
        model.write(GPIO["D"], 4, 0xFFFFFFFF)
    if missing == "clock":
        model.write(RCC + 0xE8, 4, 0)
    assert model.serial.receive(b"abc") == 3
    set_bits(model, RCC + 0xE8, 1 << 18)
    assert not model.read(base + ISR, 4) >> 5 & 1


def test_the_divider_is_set_before_the_port_is_on() -> None:
    model, base, _ = with_usart("h7")
    model.write(base + 0x0C, 4, 70)
    assert model.wrong == ["USART: register 0x0c is changed while UE is 1"]
    assert model.read(base + 0x0C, 4) == 69


def test_without_its_fifo_it_holds_one_byte() -> None:
    model, _, _ = with_usart("h7", 0x2D)
    assert model.serial.receive(b"ab") == 1


def test_a_deaf_port() -> None:
    model, base, _ = with_usart("h7")
    model.set_fault("uart", "deaf")
    assert model.serial.receive(b"abc") == 3
    assert not model.read(base + ISR, 4) >> 5 & 1


def test_a_reset_keeps_memory_and_a_power_up_does_not() -> None:
    model, base, _ = with_usart("h7")
    model.write(0x24000000, 4, 0xCAFE)
    model.serial.receive(b"a")
    model.reset()
    assert model.read(0x24000000, 4) == 0xCAFE and model.irqs == set() and model.rcc.core == 64e6
    model.power_up()
    assert model.read(0x24000000, 4) != 0xCAFE
    assert base


#: Vectors and code of a second core's image: parked, or something else.
PARKED = (0x30048000).to_bytes(4, "little") + (0x08100041).to_bytes(4, "little") + bytes(0x38)
CODE = b"\x72\xb6\x30\xbf\xfd\xe7"


@pytest.mark.parametrize(
    ("image", "state"), [(b"", "locked"), (PARKED + CODE, "parked"), (PARKED + b"\x00\xbf" * 3, "runs")]
)
def test_the_second_core_finds_what_lies_in_bank_2(image: bytes, state: str) -> None:
    model = Device("h747")
    model.flash.cells[0x100000 : 0x100000 + len(image)] = list(image)
    model.reset()
    assert model.second_core == state
    assert bool(model.wrong) == (state == "runs")
    assert Device("h7").second_core == "none"


@BOARDS
def test_faults_that_do_not_exist_are_refused_in_a_clause(board: str) -> None:
    model = Device(board)
    for name, value, words in (
        ("fuse", "blown", "there is no fault 'fuse', only flash, pll"),
        ("pll", "slow", "pll takes never-ready, not 'slow'"),
        ("power", "lost-at-write-0", "power takes lost-at-write-N"),
    ):
        with pytest.raises(ValueError, match=words):
            model.set_fault(name, value)
    assert ("sdram" in model.FAULTS) == (board == "h747")


@BOARDS
def test_every_fault_of_the_help_can_be_planted(board: str) -> None:
    model = Device(board)
    for name, help_ in model.FAULTS.items():
        for part in help_.split("; "):
            model.set_fault(name, part.split(":")[0].replace("N", "7"))


def test_the_crc_unit_computes_the_reference_word() -> None:
    """RM0433's example of the default polynomial: the CRC of 0x12345678 by the usual tables (CRC-32/MPEG-2)."""
    model = Device("h7")
    set_bits(model, RCC + 0xE0, 1 << 19)
    write_all(model, [(0x58024C08, 1), (0x58024C00, 0x12345678)])
    assert model.read(0x58024C00, 4) == 0xDF8A8A2B
