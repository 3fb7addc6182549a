"""Builds the flash algorithms (*.c of this folder) and writes them as data, so that flashing needs no compiler.

python firmware/flash/build.py            rewrites pytest_stm32pose/probes/flash_algorithms.toml
python firmware/flash/build.py --check    exit status 1 when that file is not what the sources give
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "pytest_stm32pose" / "probes" / "flash_algorithms.toml"
PREFIX = "arm-none-eabi-"
FLAGS = (
    "-mcpu=cortex-m4", "-mthumb", "-fno-tree-loop-distribute-patterns", "-ffreestanding", "-fpic",
    "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-nostdlib",
    "-Wl,-Ttext=4", "-Wl,--build-id=none", "-Wl,-e,Init",
)  # fmt: skip
ENTRIES = ("Init", "UnInit", "EraseSector", "ProgramPage")
_OCTAL_NOR = ("xspi_nor.c", "../boards/stm32/octal_nor.c", "../boards/stm32/octal_nor_wire.c")
_N6 = (*_OCTAL_NOR, "../boards/stm32n6/octal_nor_port.c")
_H7RS = (*_OCTAL_NOR, "../boards/stm32h7rs/octal_nor_port.c")
#: name -> sources, options of the compiler, bytes of a sector, whether the memory can be read only after the
#: algorithm mapped it. As a whole (-flto), because several files would not fit.
ALGORITHMS = {
    "nor64k": (("nor.c",), "-O2", 64 * 1024, False),
    "xspi_nor": (_N6, "-Os -flto -DPOSE_XSPI2=0x5802A000u", 64 * 1024, True),
    "xspi_nor_h7rs": (_H7RS, "-Os -flto -DPOSE_XSPI2=0x5200A000u", 64 * 1024, True),
    "qspi_dual": (("qspi_dual.c",), "-O2", 128 * 1024, True),
}
CODE_BYTES = 3072  #: what flash_algorithms.py leaves for code
BKPT = 0xE00ABE00  # word 0: every routine returns here


def build(sources: tuple[str, ...], options: str, sector_bytes: int) -> tuple[list[int], dict[str, int]]:
    """Machine code as little-endian words (word 0 is the return BKPT), and the entry points' offsets."""
    with tempfile.TemporaryDirectory() as folder:
        elf, binary = Path(folder) / "flash.elf", Path(folder) / "flash.bin"
        flags = [*options.split(), f"-DSECTOR_BYTES={sector_bytes}u", f"-I{HERE.parent}"]
        files = [str(HERE / source) for source in sources]
        subprocess.run([f"{PREFIX}gcc", *FLAGS, *flags, "-o", str(elf), *files], check=True)
        subprocess.run([f"{PREFIX}objcopy", "-O", "binary", "-j", ".text", str(elf), str(binary)], check=True)
        symbols = subprocess.run([f"{PREFIX}nm", str(elf)], check=True, capture_output=True, text=True).stdout
        code = binary.read_bytes()
    code += b"\0" * (-len(code) % 4)
    if len(code) + 4 > CODE_BYTES:
        raise SystemExit(f"{sources[0]} has {len(code) + 4} bytes of code; {CODE_BYTES} fit")
    words = [BKPT, *struct.unpack(f"<{len(code) // 4}I", code)]
    found = {name: int(value, 16) & ~1 for value, name in re.findall(r"^([0-9a-f]+) T (\w+)$", symbols, re.M)}
    return words, {name: found[name] for name in ENTRIES}


def render() -> str:
    version = subprocess.run([f"{PREFIX}gcc", "-dumpversion"], check=True, capture_output=True, text=True).stdout
    lines = ["# Generated from firmware/flash/*.c by: python firmware/flash/build.py"]
    lines += ["", f'compiler = "{version.strip()}"']
    for name, (sources, options, sector_bytes, maps_memory) in ALGORITHMS.items():
        words, entries = build(sources, options, sector_bytes)
        lines += ["", f"[{name}]", f"sector_bytes = {sector_bytes}"]
        lines += ["maps_memory = true"] if maps_memory else []
        lines += [f"{entry} = {offset}" for entry, offset in entries.items()]
        lines += ["code = ["]
        lines += ["    " + " ".join(f"0x{word:08x}," for word in words[i : i + 8]) for i in range(0, len(words), 8)]
        lines += ["]"]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    text = render()
    if "--check" in arguments:
        if OUTPUT.read_text(encoding="utf-8") == text:
            return 0
        print(f"{OUTPUT.name} is not what the sources give; run python firmware/flash/build.py", file=sys.stderr)
        return 1
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
