"""What the kernels say of themselves is what the planner's rules say, in every kernel set."""

from __future__ import annotations

import ctypes
import re
import shutil
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pytest_stm32pose.firmware.build import (
    CORE_KERNEL_SETS,
    FIRMWARE_DIR,
    KERNEL_SETS,
    board_folders,
    board_kernel_sets,
    build_firmware,
    build_host_library,
)
from pytest_stm32pose.network.image import OP_IN_PLACE
from pytest_stm32pose.network.rules import has_row_window, makes_rows, supported_operators, works_in_place
from pytest_stm32pose.network.schema import OPERATORS
from tests.support.elf import symbol_of, symbol_table

CODES = {name: code for code, name in enumerate(OPERATORS)}
#: POSE_KERNEL_ROWS in firmware/include/pose/kernels.h
KERNEL_ROWS = 0x100
_OPCODE_ROW = re.compile(r"^ {4}X\((\w+), (\w+), (\d+)\)", re.MULTILINE)
_REGISTRATION = re.compile(r"^POSE_KERNEL(?:_FLAGS)?\(POSE_OPCODE_(\w+),", re.MULTILINE)
_KERNEL = struct.Struct("<HHII")  # struct pose_kernel on a 32-bit core


@cache
def image_flags(kernels: str) -> dict[int, int]:
    """Operator code -> flags, of the kernel table in an image; for the sets that the host cannot run."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    board = next(each for each in board_folders() if kernels in board_kernel_sets(each))
    with build_firmware(board, kernels).open("rb") as file:
        image = ELFFile(file)
        table = symbol_table(image)
        start, end = (symbol_of(table, f"__{name}_pose_kernels")["st_value"] for name in ("start", "stop"))
        segment = next(s for s in image.iter_segments("PT_LOAD") if 0 <= start - s["p_vaddr"] < s["p_filesz"])
        rows = segment.data()[start - segment["p_vaddr"] : end - segment["p_vaddr"]]
    return {opcode: flags for opcode, flags, _, _ in _KERNEL.iter_unpack(rows)}


@cache
def host_flags(kernels: str) -> dict[int, int]:
    """The same of a host library."""

    class Head(ctypes.Structure):
        _fields_ = (("opcode", ctypes.c_uint16), ("flags", ctypes.c_uint16))

    library = ctypes.CDLL(str(build_host_library(kernels)))
    library.pose_runtime_kernel.restype = ctypes.POINTER(Head)
    found = {code: library.pose_runtime_kernel(ctypes.c_uint16(code)) for code in range(256)}
    return {code: int(kernel.contents.flags) for code, kernel in found.items() if kernel}


def declared(kernels: str) -> dict[str, int]:
    """Operator name -> flags of its kernel."""
    read: Callable[[str], dict[int, int]] = host_flags if kernels in KERNEL_SETS else image_flags
    return {OPERATORS[code]: flags for code, flags in read(kernels).items()}


@pytest.mark.parametrize("kernels", (*KERNEL_SETS, *CORE_KERNEL_SETS))
def test_kernels_and_rules_say_the_same(kernels: str) -> None:
    flags = declared(kernels)
    names = supported_operators()
    assert sorted(flags) == list(names), "a rule without a kernel, or a kernel without a rule"
    assert {name for name in names if flags[name] & KERNEL_ROWS} == {name for name in names if makes_rows(name)}
    assert {name for name in names if flags[name] & OP_IN_PLACE} == {name for name in names if works_in_place(name)}
    assert not {name for name in names if flags[name] & ~(KERNEL_ROWS | OP_IN_PLACE)}


def test_window_operators_are_the_planners() -> None:
    library = ctypes.CDLL(str(build_host_library("ref")))
    library.pose_stream_has_window.restype = ctypes.c_bool
    windowed = {name for name in supported_operators() if has_row_window(name)}
    assert {name for name, code in CODES.items() if library.pose_stream_has_window(ctypes.c_uint16(code))} == windowed
    assert all(makes_rows(name) for name in windowed)


def test_flag_is_the_headers() -> None:
    text = (FIRMWARE_DIR / "include" / "pose" / "kernels.h").read_text(encoding="utf-8")
    assert f"#define POSE_KERNEL_ROWS 0x{KERNEL_ROWS:x}u\n" in text


def test_opcodes_are_the_schemas() -> None:
    """The one header has each operator once, as TFLite numbers it, and all that we support."""
    header = FIRMWARE_DIR / "include" / "pose" / "opcodes.h"
    rows = _OPCODE_ROW.findall(header.read_text(encoding="utf-8"))
    assert {name: int(code) for name, _, code in rows} == {name: CODES[name] for name, _, _ in rows}
    assert all(lower == name.lower() for name, lower, _ in rows)
    assert len({name for name, _, _ in rows}) == len(rows)
    assert set(supported_operators()) <= {name for name, _, _ in rows}
    texts = {path.name: path.read_text(encoding="utf-8") for path in kernel_files()}
    assert not [name for name, text in texts.items() if re.search(r"#define \w*OPCODE", text)], "numbers of their own"


def test_a_kernel_stands_in_the_file_of_its_name() -> None:
    for path in kernel_files():
        names = _REGISTRATION.findall(path.read_text(encoding="utf-8"))
        assert set(names) <= {path.stem.upper()}, path


def kernel_files() -> list[Path]:
    return sorted((FIRMWARE_DIR / "kernels").rglob("*.[ch]"))
