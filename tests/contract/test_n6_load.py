"""The load path of the STM32N6 through unmodified pyOCD, on a board without silicon (tests/support/n6_model)."""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from intelhex import IntelHex
from pyocd.core import exceptions

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.errors import FlashError, ProbeError
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.image import CRC_OFFSET, DECODING, HEADER, MAGIC, VERSION
from pytest_stm32pose.probes.flash_algorithms import pyocd_algorithm
from pytest_stm32pose.probes.image import read_image
from pytest_stm32pose.probes.session import ProbeSession
from pytest_stm32pose.twins.n6.device import program
from pytest_stm32pose.twins.n6.memory import BLOCKS
from pytest_stm32pose.twins.n6.nor import MX25UM51245G, MX66UW1G45G, SECTOR_BYTES, Command
from tests.contract.test_probe import (  # the contract of every probe, as far as it needs no running program
    test_device_registers_take_writes,  # noqa: F401
    test_the_core_is_what_the_catalog_says,  # noqa: F401
    test_unmapped_memory_is_a_transfer_fault,  # noqa: F401
)
from tests.support.n6_model.probe import Board, plugged

BOOT = 0x34000000
AXISRAM3 = 0x34200000
NETWORK = board_spec("n6").network.address
CHIP_OFFSET = NETWORK - 0x70000000
STACK, ENTRY = 0x30010000, BOOT + 0x201
VTOR, CCR, MPU_CTRL, SYSTICK = 0xE000ED08, 0xE000ED14, 0xE000ED94, 0xE000E010


Opener = Callable[..., PyOcdBoard]


@pytest.fixture
def silicon() -> Iterator[Board]:
    board = Board(f"N6MODEL{os.getpid()}")
    with plugged(board):
        yield board
    assert board.memory.forbidden == [], "the one-time programmable fuses were touched"
    assert board.chip.wrong == [], "commands that the chip does not have, or that came while it was busy"


@pytest.fixture
def opened(silicon: Board) -> Iterator[Opener]:
    """Opens the board, and closes it at the end of the test, however that ends."""
    boards = []

    def open_one(name: str = "n6") -> PyOcdBoard:
        board = open_board(name, probe=silicon.unique_id)
        assert isinstance(board, PyOcdBoard)
        boards.append(board)
        board.open()
        return board

    yield open_one
    for board in boards:
        board.close()


@pytest.fixture
def board(opened: Opener) -> PyOcdBoard:
    return opened()


@pytest.fixture
def probe(silicon: Board) -> Iterator[ProbeSession]:
    with ProbeSession(silicon.unique_id, board_spec("n6").target) as session:
        yield session


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def image_file(folder: Path, parts: dict[int, bytes]) -> Path:
    image = IntelHex()
    for address, data in parts.items():
        image.puts(address, data)
    path = folder / "firmware.hex"
    image.write_hex_file(str(path))
    return path


def firmware(folder: Path, seed: int = 1) -> tuple[Path, dict[int, bytes]]:
    """Vectors and code at the start of RAM, and data in a block that is off after a reset."""
    vectors = struct.pack("<II", STACK, ENTRY)
    parts = {BOOT: vectors + noise(3000, seed), AXISRAM3 + 0x100: noise(2000, seed + 1)}
    return image_file(folder, parts), parts


def network_image(size: int, seed: int = 1) -> bytes:
    """Header with the right CRC, nothing in the tables."""
    fields = [MAGIC, VERSION, HEADER.size, size, 0, bytes(range(32)), b"model net", 7, 16]
    fields += [0] * 11 + [1, *[0] * 8, bytes(DECODING.size)]
    image = bytearray(HEADER.pack(*fields) + noise(size - HEADER.size, seed))
    struct.pack_into("<I", image, CRC_OFFSET, zlib.crc32(image))
    return bytes(image)


# --- connecting ---


def test_connecting_uses_the_cores_access_port_and_resets_nothing(board: PyOcdBoard, silicon: Board) -> None:
    assert silicon.ports == {1}
    assert (silicon.core.resets, silicon.reset_line) == (0, 0)
    assert board.session.state() == "halted"


def test_access_port_0_is_there_and_gives_no_memory(probe: ProbeSession) -> None:
    port = probe.pyocd.probe
    assert port.read_ap(0x000000FC) == port.read_ap(0x010000FC) != 0
    nothing = port.get_memory_interface_for_ap(type("Address", (), {"apsel": 0})())
    with pytest.raises(exceptions.TransferFaultError):
        nothing.read_memory_block32(BOOT, 1)


def test_ram_that_is_off_is_switched_on_before_it_is_used(opened: Opener, silicon: Board) -> None:
    assert not any(silicon.memory.is_on(number) for number in (3, 4, 5, 6))
    board = opened()
    for block in BLOCKS:
        board.write(block.start + block.length - 4, b"abcd")
        assert board.read(block.start + block.length - 4, 4) == b"abcd"
        assert board.read(block.start - 0x10000000 + block.length - 4, 4) == b"abcd", "the other alias"


def test_attaching_leaves_a_running_core_alone(silicon: Board) -> None:
    with ProbeSession(silicon.unique_id, board_spec("n6").target, {"connect_mode": "attach"}) as session:
        assert session.state() == "running"
    assert silicon.core.resets == 0


def test_a_core_released_without_a_program_does_not_go_on_in_the_boot_rom(opened: Opener, silicon: Board) -> None:
    board = opened()
    board.session.reset_and_halt()
    board.close()
    assert silicon.core.running
    assert silicon.memory.read(silicon.core.registers[15], 2) == b"\xfe\xe7", "it branches to itself"


# --- firmware into RAM ---


def test_firmware_is_loaded_verified_and_started_from_a_clean_core(
    board: PyOcdBoard, silicon: Board, tmp_path: Path
) -> None:
    path, parts = firmware(tmp_path)
    report = board.flash_firmware(path)
    assert (report.bytes_written, report.skipped) == (sum(map(len, parts.values())), False)
    assert board.verify_firmware(path) == ""
    board.start()
    core = silicon.core
    assert core.running
    assert board.session.state() == "running"
    assert {number: core.registers[number] for number in range(17)} == {
        **dict.fromkeys(range(13), 0), 13: STACK, 14: 0xFFFFFFFF, 15: ENTRY & ~1, 16: 1 << 24,
    }  # fmt: skip
    assert core.registers[20] == 0, "interrupts are not masked"
    assert core.registers[28] == 0, "no stack limit of the boot ROM's"
    words = {address: board.session.read32(address) for address in (VTOR, CCR, MPU_CTRL, SYSTICK, 0xE000E180)}
    assert words == {VTOR: BOOT, CCR: 0x201, MPU_CTRL: 0, SYSTICK: 0, 0xE000E180: 0}
    for address, data in parts.items():
        assert silicon.memory.read(address, len(data)) == data


def test_firmware_that_is_there_is_not_written_again(board: PyOcdBoard, silicon: Board, tmp_path: Path) -> None:
    path, _ = firmware(tmp_path)
    board.flash_firmware(path)
    resets = silicon.core.resets
    again = board.flash_firmware(path)
    assert (again.bytes_written, again.skipped) == (0, True)
    assert silicon.core.resets == resets


def test_a_start_brings_back_what_the_reset_took_from_ram(board: PyOcdBoard, silicon: Board, tmp_path: Path) -> None:
    path, parts = firmware(tmp_path)
    board.flash_firmware(path)
    for count in (1, 2):
        board.start()
        assert silicon.core.resets >= count
        assert all(silicon.memory.read(address, len(data)) == data for address, data in parts.items())
        assert silicon.core.registers[15] == ENTRY & ~1


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is missing")
@pytest.mark.parametrize("name", ["n6", "n6-nucleo"])
def test_the_boards_own_firmware_goes_where_it_was_linked(opened: Opener, silicon: Board, name: str) -> None:
    spec = board_spec(name)
    path = build_firmware(spec.firmware, spec.kernels)
    image = read_image(path)
    board = opened(name)
    assert board.flash_firmware(path).bytes_written == image.byte_count
    board.start()
    assert board.verify_firmware(path) == ""
    stack, entry = struct.unpack_from("<II", image.segments[0].data)
    core = silicon.core
    assert (core.registers[13], core.registers[15]) == (stack, entry & ~1)
    nor = spec.target.region_at(NETWORK, 1)
    assert nor is not None
    for start, length in ((nor.algorithm_address, 4096), (nor.buffer_address, nor.page_bytes)):
        assert all(part.end <= start or start + length <= part.address for part in image.segments)


@pytest.mark.parametrize("address", [0x34400000, 0x343BFFFE, 0x20000000, 0x56009000, 0x0])
def test_an_image_outside_ram_is_refused_before_anything_is_written(
    board: PyOcdBoard, silicon: Board, tmp_path: Path, address: int
) -> None:
    path = image_file(tmp_path, {BOOT: noise(64), address: noise(16)})
    before = silicon.memory.read(BOOT, 64)
    with pytest.raises(FlashError, match=f"0x{address:08x}.* is outside the memory of n6"):
        board.flash_firmware(path)
    assert silicon.memory.read(BOOT, 64) == before
    assert silicon.core.resets == 0


def test_ram_that_refuses_writes_is_one_sentence(board: PyOcdBoard, silicon: Board, tmp_path: Path) -> None:
    path, _ = firmware(tmp_path)
    silicon.memory.locked.append((BOOT + 0x800, BOOT + 0x900))
    with pytest.raises(ProbeError) as caught:
        board.flash_firmware(path)
    assert "write 3008 bytes at 0x34000000 n6" in str(caught.value)
    assert "0x34000800" in str(caught.value)


def test_ram_that_does_not_hold_what_is_written_is_named(board: PyOcdBoard, silicon: Board, tmp_path: Path) -> None:
    path, parts = firmware(tmp_path)
    real = silicon.memory.write

    def write(address: int, data: bytes) -> None:
        real(address, data)
        if address == BOOT:
            silicon.memory.ram["flexram"][0x123] ^= 0x40

    silicon.memory.write = write  # type: ignore[method-assign]
    with pytest.raises(FlashError) as caught:
        board.flash_firmware(path)
    expected = parts[BOOT][0x123]
    assert f"0x{BOOT + 0x123:08x}: expected 0x{expected:02x}, got 0x{expected ^ 0x40:02x}" in str(caught.value)


def test_a_pulled_cable_is_one_sentence_and_loading_again_works(opened: Opener, silicon: Board, tmp_path: Path) -> None:
    path, _ = firmware(tmp_path)
    board = opened()
    silicon.unplug_after = 1000
    with pytest.raises(ProbeError, match="is gone"):
        board.flash_firmware(path)
    board.close()
    silicon.powered = True
    board = opened()
    assert not board.flash_firmware(path).skipped
    assert board.verify_firmware(path) == ""


def test_a_core_that_the_boot_rom_never_gives_free_is_one_sentence(board: PyOcdBoard, silicon: Board) -> None:
    silicon.core.boot_accesses = 10**9
    board.session.pyocd.options.set("reset.core_recover.timeout", 0.1)
    with pytest.raises(ProbeError, match="Cannot reset n6"):
        board.session.reset_and_halt()


# --- NOR flash ---


@pytest.mark.parametrize(("name", "chip"), [("n6", MX66UW1G45G), ("n6-nucleo", MX25UM51245G)])
def test_a_network_is_erased_programmed_verified_and_then_left_alone(
    name: str, chip: tuple[bytes, int], opened: Opener, silicon: Board
) -> None:
    silicon.chip.jedec_id, silicon.chip.size = chip
    use(silicon, 0, 1)
    board = opened(name)
    data = b"\xff" * 8 + noise(SECTOR_BYTES + 1000)
    report = board.flash_network(data)
    assert (report.bytes_written, report.skipped) == (2 * SECTOR_BYTES, False)
    assert silicon.chip.peek(CHIP_OFFSET, len(data)) == data
    assert silicon.chip.peek(CHIP_OFFSET + len(data), 1000) == b"\xff" * 1000
    assert silicon.chip.erased == [CHIP_OFFSET, CHIP_OFFSET + SECTOR_BYTES]
    board.session.map_flash(NETWORK)
    assert board.read(NETWORK, 4096) == data[:4096], "the window shows the chip"
    again = board.flash_network(data)
    assert (again.bytes_written, again.skipped) == (0, True)
    changed = data[:-1] + bytes([data[-1] ^ 1])
    assert board.flash_network(changed).bytes_written == SECTOR_BYTES
    assert silicon.chip.erased[2:] == [CHIP_OFFSET + SECTOR_BYTES]


def use(silicon: Board, *sectors: int) -> None:
    """Sectors from the network's place on hold something: they must be erased before they are programmed."""
    for sector in sectors:
        program(silicon.chip, CHIP_OFFSET + sector * SECTOR_BYTES + 0xFFFC, b"\0")


def listen(silicon: Board) -> list[Command]:
    """Every command that the chip gets from now on."""
    heard: list[Command] = []
    real = silicon.chip.execute

    def execute(command: Command) -> bytes:
        heard.append(command)
        return real(command)

    silicon.chip.execute = execute  # type: ignore[method-assign]
    return heard


def test_blank_sectors_are_not_erased(board: PyOcdBoard, silicon: Board) -> None:
    use(silicon, 1)
    data = noise(3 * SECTOR_BYTES)
    board.flash_network(data)
    assert silicon.chip.erased == [CHIP_OFFSET + SECTOR_BYTES]
    assert silicon.chip.peek(CHIP_OFFSET, len(data)) == data


def test_everything_is_read_erased_and_programmed_in_octal_dtr(board: PyOcdBoard, silicon: Board) -> None:
    use(silicon, 0)
    heard = listen(silicon)
    board.flash_network(noise(1000))
    changes = [command for command in heard if command.opcode in (0xDC23, 0x12ED)]
    assert [command.opcode for command in changes] == [0xDC23, *[0x12ED] * 5], "the last: what the sector held besides"
    assert [len(command.data) for command in changes[1:]] == [256] * 5, "whole pages"
    assert all(command.lines == 8 and command.double_rate for command in changes)
    assert {command.opcode for command in heard if command.read_bytes > 4} <= {0x9F60, 0xEE11}


@pytest.mark.parametrize(("fault", "mode"), [("falling_edge_lost", "opi"), ("line_4_broken", "spi")])
def test_a_bus_that_does_not_carry_octal_dtr_is_programmed_in_a_lower_mode(
    board: PyOcdBoard, silicon: Board, fault: str, mode: str
) -> None:
    use(silicon, 0)
    setattr(silicon.chip, fault, True)
    data = noise(3000)
    board.flash_network(data)
    assert silicon.chip.mode == mode
    assert silicon.chip.peek(CHIP_OFFSET, len(data)) == data
    board.session.map_flash(NETWORK)
    assert board.read(NETWORK, 1000) == data[:1000]


@pytest.mark.parametrize("mode", ["spi", "opi", "dtr"])
def test_a_chip_is_found_in_whatever_mode_a_program_left_it(board: PyOcdBoard, silicon: Board, mode: str) -> None:
    program(silicon.chip, CHIP_OFFSET, noise(300))
    silicon.chip.mode = mode
    board.session.map_flash(NETWORK)
    assert silicon.chip.mode == "dtr"
    assert board.read(NETWORK, 300) == noise(300)


def test_a_chip_that_is_erasing_is_waited_for(board: PyOcdBoard, silicon: Board) -> None:
    silicon.chip._busy_polls = 1
    board.session.map_flash(NETWORK)
    assert board.read(NETWORK, 16) == b"\xff" * 16


def test_the_algorithm_fits_what_the_catalog_leaves_for_it() -> None:
    """Code and stack have 4 KiB, the stack 1 KiB of them."""
    region = board_spec("n6").target.region_at(NETWORK, 1)
    assert region is not None
    algorithm = pyocd_algorithm(region)
    words, end_stack = algorithm["instructions"], algorithm["end_stack"]
    assert isinstance(words, list)
    assert isinstance(end_stack, int)
    assert region.algorithm_address + 4 * len(words) <= end_stack


def test_a_chip_that_answers_anything_after_its_reset_is_asked_again(board: PyOcdBoard, silicon: Board) -> None:
    silicon.chip.garbled_ids = 3
    board.session.map_flash(NETWORK)
    assert silicon.chip.garbled_ids == 0
    assert board.read(NETWORK, 16) == b"\xff" * 16


def test_programming_clears_bits_only_and_splits_at_pages(board: PyOcdBoard, silicon: Board) -> None:
    board.session.map_flash(NETWORK)
    flash = board.session.pyocd.target.memory_map.get_region_for_address(NETWORK).flash
    flash.init(flash.Operation.PROGRAM)
    flash.program_page(NETWORK + 0x80, b"\x0f" * 512)
    flash.program_page(NETWORK + 0x100, b"\x3c" * 4)
    flash.cleanup()
    assert silicon.chip.peek(CHIP_OFFSET, 0x300) == (
        b"\xff" * 0x80 + b"\x0f" * 0x80 + b"\x0c" * 4 + b"\x0f" * 0x17C + b"\xff" * 0x80
    )
    assert silicon.chip.programmed_pages == 4, "half a page, a page, half a page; then four bytes"


@pytest.mark.parametrize(
    ("jedec_id", "shown"), [(b"\xef\x81\x3b", "ef813b"), (b"\xc2\x80\x39", "c28039"), (b"\0\0\0", "000000")]
)
def test_a_chip_that_is_not_known_is_refused(board: PyOcdBoard, silicon: Board, jedec_id: bytes, shown: str) -> None:
    silicon.chip.jedec_id = jedec_id
    with pytest.raises(FlashError, match=f"not one of those known .JEDEC id {shown}"):
        board.flash_network(noise(64))
    assert silicon.chip.erased == []
    silicon.chip.jedec_id = MX66UW1G45G[0]
    board.session.map_flash(NETWORK)  # a failure leaves nothing behind


def test_nothing_is_written_past_the_end_of_the_chip(board: PyOcdBoard, silicon: Board) -> None:
    silicon.chip.jedec_id, silicon.chip.size = MX25UM51245G  # half of what the board should have
    with pytest.raises(ProbeError, match="0x74000000"):
        board.session.program(0x74000000, noise(64))
    assert silicon.chip.erased == []


def test_a_protected_sector_and_a_locked_chip_are_named(board: PyOcdBoard, silicon: Board) -> None:
    silicon.chip.protected.add(CHIP_OFFSET)
    with pytest.raises(FlashError, match="is the sector protected"):
        board.flash_network(noise(64))
    silicon.chip.protected.clear()
    silicon.chip.write_locked = True
    with pytest.raises(FlashError, match="refuses to be written"):
        board.flash_network(noise(64))


def test_a_worn_cell_is_found_by_reading_back(board: PyOcdBoard, silicon: Board) -> None:
    data = noise(300)
    silicon.chip.worn[CHIP_OFFSET + 0x111] = data[0x111] ^ 0x10
    with pytest.raises(FlashError) as caught:
        board.flash_network(data)
    assert f"failed at 0x{NETWORK + 0x111:08x}: expected 0x{data[0x111]:02x}" in str(caught.value)


def test_power_lost_while_programming_is_one_sentence_and_flashing_again_recovers(
    opened: Opener, silicon: Board
) -> None:
    data = noise(SECTOR_BYTES, 5)
    board = opened()
    board.flash_network(noise(SECTOR_BYTES, 4))
    silicon.chip.lose_power_at_page = 100
    with pytest.raises(ProbeError, match="is gone"):
        board.flash_network(data)
    board.close()
    held = silicon.chip.peek(CHIP_OFFSET, SECTOR_BYTES)
    assert held[: 99 * 256] == data[: 99 * 256], "the pages before"
    assert held != data
    silicon.power_up()
    board = opened()
    assert board.flash_network(data).bytes_written == SECTOR_BYTES
    assert silicon.chip.peek(CHIP_OFFSET, SECTOR_BYTES) == data


def test_an_image_for_ram_and_flash_arrives_in_both(board: PyOcdBoard, silicon: Board, tmp_path: Path) -> None:
    parts = {BOOT: struct.pack("<II", STACK, ENTRY), AXISRAM3: noise(500), NETWORK: noise(700, 2)}
    board.flash_firmware(image_file(tmp_path, parts))
    assert silicon.memory.read(AXISRAM3, 500) == parts[AXISRAM3]
    assert silicon.chip.peek(CHIP_OFFSET, 700) == parts[NETWORK]


# --- identity ---


def test_which_network_is_on_the_board_is_read_from_the_board(opened: Opener, silicon: Board) -> None:
    image = network_image(5000)
    board = opened()
    assert board.network_on_board() is None, "an erased chip"
    board.flash_network(image)
    board.close()
    silicon.power_up()  # the window is not mapped now
    board = opened()
    found = board.network_on_board()
    assert found is not None
    assert (found.name, found.image_bytes, found.model_sha256) == ("model net", 5000, bytes(range(32)).hex())
    assert found.crc32 == int.from_bytes(image[CRC_OFFSET : CRC_OFFSET + 4], "little")
    silicon.chip.worn[CHIP_OFFSET + 4000] = image[4000] ^ 1
    assert board.network_on_board() is None, "its CRC is wrong"
