"""Programming through pyOCD with our flash algorithm on the emulated core: speed, skipping, sectors, verification."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.errors import FlashError
from pytest_stm32pose.probes.session import ProbeSession
from tests.support.guest import build_elf
from tests.support.waiting import eventually

BOARDS = ("qemu-m55", "qemu-m7")
SECTOR = 0x10000
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest) -> Iterator[PyOcdBoard]:
    spec = board_spec(request.param)
    if reason := spec.unavailable_reason():
        pytest.skip(reason)
    board = open_board(request.param)
    assert isinstance(board, PyOcdBoard)
    board.open()
    try:
        yield board
    finally:
        board.close()


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def test_three_mebibytes_are_programmed_verified_and_then_skipped(board: PyOcdBoard) -> None:
    data = noise(3 << 20)
    report = board.flash_network(data)
    assert (report.bytes_written, report.skipped) == (len(data), False)
    assert board.read(board.spec.network.address, len(data)) == data
    assert report.seconds < 5.0, "the aim is 1 s on an idle machine"
    again = board.flash_network(data)
    assert (again.bytes_written, again.skipped) == (0, True)
    assert again.seconds < report.seconds


def test_what_to_write_is_decided_by_what_the_target_holds(board: PyOcdBoard) -> None:
    data = noise(5 * SECTOR)
    address = board.spec.network.address
    board.flash_network(data)
    changed = bytearray(data)
    changed[2 * SECTOR + 17] ^= 0x10
    assert board.flash_network(bytes(changed)).bytes_written == SECTOR
    board.write(address + 4 * SECTOR + 3, bytes([changed[4 * SECTOR + 3] ^ 0xFF]))  # behind the harness's back
    assert board.flash_network(bytes(changed)).bytes_written == SECTOR
    assert board.read(address, len(changed)) == changed
    assert board.flash_network(bytes(changed)).skipped


def test_bytes_beside_the_data_keep_their_value(board: PyOcdBoard) -> None:
    session, address = board.session, board.spec.network.address
    session.program(address, noise(2 * SECTOR))
    session.program(address + SECTOR - 3, b"ABCDEFG")
    want = bytearray(noise(2 * SECTOR))
    want[SECTOR - 3 : SECTOR + 4] = b"ABCDEFG"
    assert session.read(address, 2 * SECTOR) == want


def test_the_algorithm_treats_the_region_as_nor(board: PyOcdBoard) -> None:
    """Erasing sets every bit, programming without erasing only clears bits: by pyOCD's own calls."""
    address = board.spec.network.address
    board.session.program(address, bytes([0x0F]) * SECTOR)
    board.session.halt()
    region = board.session.pyocd.target.memory_map.get_region_for_address(address)
    region.flash.init(region.flash.Operation.PROGRAM)
    region.flash.program_page(address, bytes([0x3C]) * 64)
    region.flash.cleanup()
    assert board.read(address, 65) == bytes([0x0C]) * 64 + b"\x0f"
    region.flash.init(region.flash.Operation.ERASE)
    region.flash.erase_sector(address)
    region.flash.cleanup()
    assert board.read(address, SECTOR) == b"\xff" * SECTOR


@pytest.mark.parametrize(("offset", "length"), [(-4, 8), (-0x100, 0x10)])
def test_data_outside_every_region_is_refused_before_anything_is_written(
    board: PyOcdBoard, offset: int, length: int
) -> None:
    end = max(region.end for region in board.spec.regions)
    session = board.session
    before = session.read(end - 16, 16)
    with pytest.raises(FlashError, match="outside the memory"):
        session.program(end + offset if offset == -4 else 0x3F000000, bytes(length))
    assert session.read(end - 16, 16) == before


def test_a_network_that_is_too_large_is_refused(board: PyOcdBoard) -> None:
    with pytest.raises(FlashError, match="does not fit"):
        board.flash_network(bytes(board.spec.network.bytes + 1))


def test_a_byte_that_does_not_stick_is_named(board: PyOcdBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target whose memory comes back different: the read after programming is the one that is falsified."""
    real, calls = ProbeSession.read, []

    def read(self: ProbeSession, address: int, length: int) -> bytes:
        data = bytearray(real(self, address, length))
        if length == SECTOR:
            calls.append(address)
            if len(calls) > 1:
                data[0x1234] ^= 0x01
        return bytes(data)

    address = board.spec.network.address
    data = noise(SECTOR)
    monkeypatch.setattr(ProbeSession, "read", read)
    with pytest.raises(FlashError) as caught:
        board.flash_network(data)
    expected, got = data[0x1234], data[0x1234] ^ 0x01
    assert f"0x{address + 0x1234:08x}: expected 0x{expected:02x}, got 0x{got:02x}" in str(caught.value)


def test_elf_hex_and_bin_give_the_same_memory(board: PyOcdBoard, tmp_path: Path) -> None:
    elf = build_elf(tmp_path, "    ldr r0, =0x20002000\nloop:\n    adds r1, #1\n    str r1, [r0]\n    b loop\n")
    for kind, suffix in (("ihex", "hex"), ("binary", "bin")):
        subprocess.run(["arm-none-eabi-objcopy", "-O", kind, elf, tmp_path / f"guest.{suffix}"], check=True)
    first = board.flash_firmware(elf)
    assert not first.skipped
    assert board.flash_firmware(tmp_path / "guest.hex").skipped
    assert board.flash_firmware(tmp_path / "guest.bin").skipped
    assert board.verify_firmware(elf) == ""
    board.start()
    assert board.is_alive()
    one = board.read(0x20002000, 4)
    eventually(lambda: board.read(0x20002000, 4) != one)
    board.write(0x40, b"\x55" if board.read(0x40, 1) != b"\x55" else b"\xaa")
    assert board.verify_firmware(elf).startswith("0x00000040 holds 0x")


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is missing")
def test_the_stored_algorithm_is_what_the_sources_give() -> None:
    """Byte for byte with the compiler that built it; another one may generate other code."""
    stored = (REPOSITORY / "pytest_stm32pose/probes/flash_algorithms.toml").read_text(encoding="utf-8")
    version = subprocess.run(["arm-none-eabi-gcc", "-dumpversion"], capture_output=True, text=True).stdout.strip()
    if f'compiler = "{version}"' not in stored:
        pytest.skip(f"the stored algorithm was not built by arm-none-eabi-gcc {version}")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "firmware/flash/build.py", "--check"], capture_output=True, text=True,
        env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_regions_and_algorithms_do_not_collide() -> None:
    for name in BOARDS:
        spec: BoardSpec = board_spec(name)
        for region in (region for region in spec.regions if region.kind == "flash"):
            code, page = (
                spec.target.region_at(region.algorithm_address, 4096),
                spec.target.region_at(region.buffer_address, region.page_bytes),
            )
            assert code is not None and code.kind == "ram" and page is not None and page.kind == "ram"
            assert region.algorithm_address + 4096 <= region.buffer_address or (
                region.buffer_address + region.page_bytes <= region.algorithm_address
            )
