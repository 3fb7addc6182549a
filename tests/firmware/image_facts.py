"""What a firmware image (ELF) says about itself: segments, vector table, symbols, the board's memory map.

`struct pose_board_info` (firmware/include/pose/board.h) is read from the image's initialised data, so that arena, slots
and mailbox are those of the firmware, not those of a table kept beside it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

#: struct pose_board_info up to ram_bytes, and its size with stall_ticks.
_INFO = struct.Struct("<4I B3x 13I")
_INFO_BYTES = 80


@dataclass(frozen=True)
class Area:
    """[start, end) in bytes; `what` for messages."""

    what: str
    start: int
    end: int

    def overlaps(self, other: Area) -> bool:
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"{self.what} 0x{self.start:08x}-0x{self.end - 1:08x}"


@dataclass(frozen=True)
class BoardInfo:
    """struct pose_board_info of an image."""

    name: str
    mcu: str
    clock_hz: int
    network: Area
    arena: Area
    slots: tuple[Area, Area]
    mailbox: Area
    flash_bytes: int
    ram_bytes: int

    @property
    def areas(self) -> tuple[Area, ...]:
        areas = (self.network, self.arena, *self.slots, self.mailbox)
        return tuple(area for area in areas if area.start != area.end)


@dataclass(frozen=True)
class ImageFacts:
    """One image.

    Attributes:
        loaded: what is written to the target, at load addresses.
        running: the same and what start-up clears, at run addresses; `writable` is the part that changes.
        code: executable sections.
        vectors: the vector table's words, from its address on.
        symbols: address by name; `undefined` are names without one.
    """

    loaded: tuple[Area, ...]
    running: tuple[Area, ...]
    writable: tuple[Area, ...]
    code: tuple[Area, ...]
    vector_address: int
    vectors: tuple[int, ...]
    symbols: dict[str, int]
    undefined: tuple[str, ...]
    info: BoardInfo
    frames: dict[str, int] = field(repr=False)

    @property
    def stack(self) -> Area:
        return Area("stack", self.symbols["__stack_bottom"], self.symbols["__stack_top"])

    @property
    def image(self) -> tuple[Area, ...]:
        """Everything the linker placed: load and run addresses."""
        return (*self.loaded, *self.running)


def read_facts(path: Path) -> ImageFacts:
    """Reads an image and the stack usage files (-fstack-usage) beside it."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols() if symbol.name}
        start = symbols["vectors"]
        size = table.get_symbol_by_name("vectors")[0]["st_size"]
        segments = [segment for segment in elf.iter_segments("PT_LOAD") if segment["p_memsz"]]
        sections = [section for section in elf.iter_sections() if section["sh_flags"] & SH_FLAGS.SHF_ALLOC]
        return ImageFacts(
            loaded=tuple(_area("segment", s["p_paddr"], s["p_filesz"]) for s in segments if s["p_filesz"]),
            running=tuple(_area("segment", s["p_vaddr"], s["p_memsz"]) for s in segments),
            writable=tuple(_section(s) for s in sections if s["sh_flags"] & SH_FLAGS.SHF_WRITE and s["sh_size"]),
            code=tuple(_section(s) for s in sections if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR),
            vector_address=start,
            vectors=struct.unpack(f"<{size // 4}I", _bytes_at(elf, start, size)),
            symbols=symbols,
            undefined=tuple(s.name for s in table.iter_symbols() if s.name and s["st_shndx"] == "SHN_UNDEF"),
            info=_board_info(elf),
            frames=_frames(path.parent),
        )


def _area(what: str, start: int, size: int) -> Area:
    return Area(what, start, start + size)


def _section(section: object) -> Area:
    return _area(section.name, section["sh_addr"], section["sh_size"])  # type: ignore[attr-defined,index]


def _bytes_at(elf: ELFFile, address: int, size: int) -> bytes:
    for segment in elf.iter_segments("PT_LOAD"):
        offset = address - segment["p_vaddr"]
        if offset >= 0 and offset + size <= segment["p_filesz"]:
            return bytes(segment.data()[offset : offset + size])
    raise AssertionError(f"nothing is loaded at 0x{address:08x}")


def _board_info(elf: ELFFile) -> BoardInfo:
    """The board's info: an object of that size whose name is info, whatever suffix the compiler gave it."""
    symbols = [
        symbol["st_value"]
        for symbol in elf.get_section_by_name(".symtab").iter_symbols()
        if re.fullmatch(r"(\w+_)?info(\.\d+)?", symbol.name) and symbol["st_size"] == _INFO_BYTES
    ]
    assert len(symbols) == 1, f"{len(symbols)} objects look like struct pose_board_info; see image_facts.py"
    words = _INFO.unpack(_bytes_at(elf, symbols[0], _INFO.size))
    name, mcu, clock_hz, _, _, network, network_bytes, arena, arena_bytes, slot0, slot1, slot_bytes = words[:12]
    mailbox, mailbox_bytes, _, _, flash_bytes, ram_bytes = words[12:]
    return BoardInfo(
        name=_text(elf, name),
        mcu=_text(elf, mcu),
        clock_hz=clock_hz,
        network=_area("network", network, network_bytes),
        arena=_area("arena", arena, arena_bytes),
        slots=(_area("slot 0", slot0, slot_bytes), _area("slot 1", slot1, slot_bytes)),
        mailbox=_area("mailbox", mailbox, mailbox_bytes),
        flash_bytes=flash_bytes,
        ram_bytes=ram_bytes,
    )


def _text(elf: ELFFile, address: int) -> str:
    """A string of at most 31 bytes, as board.h says."""
    text = bytearray()
    while len(text) <= 31 and (byte := _bytes_at(elf, address + len(text), 1)) != b"\0":
        text += byte
    return text.decode("ascii")


def _frames(folder: Path) -> dict[str, int]:
    """Stack bytes of each function, by place. Asserts that the compiler knows all of them."""
    frames = {}
    for file in folder.rglob("*.su"):
        for line in file.read_text(encoding="utf-8").splitlines():
            where, size, kind = line.split("\t")
            assert kind == "static", f"{where} has a stack frame of unknown size"
            frames[where] = int(size)
    return frames
