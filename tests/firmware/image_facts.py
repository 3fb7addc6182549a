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

from tests.support.elf import symbol_of, symbol_table


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
    slots: Area
    mailbox: Area
    flash_bytes: int
    ram_bytes: int

    @property
    def areas(self) -> tuple[Area, ...]:
        areas = (self.network, self.arena, self.slots, self.mailbox)
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
    """Reads an image, and beside it its debugging information and the stack usage files (-fstack-usage)."""
    with path.open("rb") as file, path.with_suffix(".debug").open("rb") as debug_file:
        elf = ELFFile(file)
        table = symbol_table(elf)
        symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols() if symbol.name}
        start = symbols["vectors"]
        size = symbol_of(table, "vectors")["st_size"]
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
            info=_board_info(elf, ELFFile(debug_file)),
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


def _board_info(elf: ELFFile, debug: ELFFile) -> BoardInfo:
    """The board's info: an object of the struct's size whose name is info, whatever the compiler put around it."""
    offsets, size = _info_layout(debug)
    found = [
        symbol["st_value"]
        for symbol in symbol_table(elf).iter_symbols()
        if re.fullmatch(r"(\w+_)?info(\.\d+)?", symbol.name) and symbol["st_size"] == size
    ]
    assert len(found) == 1, f"{len(found)} objects look like struct pose_board_info"
    data = _bytes_at(elf, found[0], size)

    def word(member: str) -> int:
        return int(struct.unpack_from("<I", data, offsets[member])[0])

    return BoardInfo(
        name=_text(elf, word("name")),
        mcu=_text(elf, word("mcu")),
        clock_hz=word("clock_hz"),
        network=_area("network", word("network"), word("network_max_bytes")),
        arena=_area("arena", word("arena"), word("arena_bytes")),
        slots=_area("input slots", word("slot_block"), word("slot_block_bytes")),
        mailbox=_area("mailbox", word("mailbox"), word("mailbox_bytes")),
        flash_bytes=word("flash_bytes"),
        ram_bytes=word("ram_bytes"),
    )


def _info_layout(elf: ELFFile) -> tuple[dict[str, int], int]:
    """Offset of each member of struct pose_board_info, and its size, from the debugging information."""
    for unit in elf.get_dwarf_info().iter_CUs():
        for entry in unit.iter_DIEs():
            known = {name: attribute.value for name, attribute in entry.attributes.items()}
            if entry.tag != "DW_TAG_structure_type" or known.get("DW_AT_name") != b"pose_board_info":
                continue
            if "DW_AT_byte_size" in known:  # else only declared there
                members = [member.attributes for member in entry.iter_children()]
                named = {
                    each["DW_AT_name"].value.decode(): each["DW_AT_data_member_location"].value for each in members
                }
                return named, known["DW_AT_byte_size"]
    raise AssertionError("the image has no debugging information of struct pose_board_info")


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
