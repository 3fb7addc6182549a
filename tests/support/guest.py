"""Tiny programs for emulated cores, assembled when a test needs them."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

COMPILER = "arm-none-eabi-gcc"
#: Vector table: stack, reset, 14 system vectors of which `hard_fault` is a name of its own, 96 interrupts.
_HEAD = """
    .syntax unified
    .thumb
    .text
    .word 0x20008000
    .word start + 1
    .word other + 1
    .word hard_fault + 1
    .rept 108
    .word other + 1
    .endr
    .weak hard_fault
    .thumb_func
hard_fault: b hard_fault
    .weak other
    .thumb_func
other: b other
    .global start
    .thumb_func
start:
"""


def needs_compiler() -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is missing: apt-get install gcc-arm-none-eabi")


@cache
def assemble(source: str, address: int = 0) -> tuple[bytes, dict[str, int]]:
    """Links `source` behind a vector table at `address`. Returns the bytes and the symbols' addresses.

    The source's first instruction is the reset handler; `hard_fault` and `other` (every other vector) spin unless it
    defines them.
    """
    needs_compiler()
    with TemporaryDirectory() as folder:
        elf, binary = build_elf(Path(folder), source, address), Path(folder) / "guest.bin"
        subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, binary], check=True)
        listing = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
        rows = (line.split() for line in listing.splitlines())
        return binary.read_bytes(), {row[-1]: int(row[0], 16) & ~1 for row in rows if len(row) == 3}


def build_elf(folder: Path, source: str, address: int = 0) -> Path:
    needs_compiler()
    assembly, elf = folder / "guest.s", folder / "guest.elf"
    # The weak symbols of the head would win inside one file: a definition in `source` replaces them.
    head = _HEAD
    for name in ("hard_fault", "other"):
        if f"\n{name}:" in source or source.startswith(f"{name}:"):
            head = head.replace(f"    .weak {name}\n    .thumb_func\n{name}: b {name}\n", "")
    assembly.write_text(head + source + "\n", encoding="utf-8")
    subprocess.run(
        [COMPILER, "-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=softfp", "-mfpu=fpv5-d16", "-nostdlib",
         f"-Wl,-Ttext={address:#x}", "-Wl,-e,start", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4",
         "-o", elf, assembly],
        check=True,
    )  # fmt: skip
    return elf
