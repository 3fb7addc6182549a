"""Where a firmware image puts its bytes: what its sections and its board say (firmware/include/pose/board.h).

Read from the ELF alone, stripped of debugging information or not, so that no table beside it can be wrong.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError

#: The beginning of struct pose_board_info, 32-bit: words in its order; time_source is padded to one.
_INFO = struct.Struct("<17I")
_MEMBERS = (
    "name", "mcu", "clock_hz", "tick_hz", "time_source", "network", "network_max_bytes", "arena", "arena_bytes",
    "slot_block", "slot_block_bytes", "mailbox", "mailbox_bytes", "stack_bottom", "stack_top", "flash_bytes",
    "ram_bytes",
)  # fmt: skip
#: Every board calls its object so, whatever the compiler put around it.
_INFO_NAME = re.compile(r"(\w+_)?info(\.\d+)?")
_TEXT_BYTES = 32  #: of name and mcu, with the end
_SECTIONS = {
    ".text": "code and constants",
    ".ARM.exidx": "unwinding table",
    ".stack": "stack",
    ".data": "data with initial values",
    ".bss": "data that begins as zero",
}


@dataclass(frozen=True)
class Area:
    """`bytes` from address `start` on."""

    what: str
    start: int
    bytes: int

    @property
    def end(self) -> int:
        """First address after it."""
        return self.start + self.bytes


@dataclass(frozen=True)
class FirmwareLayout:
    """One image. `parts`: its sections, and the initial values that are copied at the start; none overlap.

    An area with no byte is one that this firmware has not.
    """

    name: str
    mcu: str
    parts: tuple[Area, ...]
    network: Area
    arena: Area
    slots: Area
    mailbox: Area


def read_layout(path: Path) -> FirmwareLayout:
    """Reads a pose runner's ELF.

    Raises:
        ConfigError: no file, no ELF, or not a pose runner's with symbols.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            return _layout(path, elf, _Loaded(elf))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (ELFError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ConfigError(f"{path.name} is not a valid ELF file: {error or type(error).__name__}.") from error


class _Loaded:
    """What an ELF loads, by run address."""

    def __init__(self, elf: Any) -> None:
        self._segments = [
            (segment["p_vaddr"], segment["p_paddr"], segment.data())
            for segment in elf.iter_segments("PT_LOAD")
            if segment["p_filesz"]
        ]

    def at(self, address: int, size: int) -> bytes | None:
        """`size` bytes, fewer at a segment's end; None where nothing is loaded."""
        for start, _, data in self._segments:
            if start <= address < start + len(data):
                return bytes(data[address - start : address - start + size])
        return None

    def load_address(self, address: int) -> int:
        """Where what runs at `address` is loaded."""
        return next(
            (load + address - start for start, load, data in self._segments if start <= address < start + len(data)),
            address,
        )

    def text(self, address: int) -> str:
        """A string of printable ASCII; "" when there is none."""
        data = self.at(address, _TEXT_BYTES) or b""
        word, end, _ = data.partition(b"\0")
        return word.decode("ascii") if end and word.isascii() and word.decode("ascii").isprintable() else ""


def _layout(path: Path, elf: Any, loaded: _Loaded) -> FirmwareLayout:
    infos = list(_infos(elf, loaded))
    if len(infos) != 1:
        raise ConfigError(
            f"{path.name} does not say where its board has arena and slots: it is no pose runner, or has no symbols.",
            remedy="Name an ELF that `stm32pose build` wrote or named.",
        )
    [info] = infos
    return FirmwareLayout(
        name=loaded.text(info["name"]),
        mcu=loaded.text(info["mcu"]),
        parts=tuple(sorted(_parts(elf, loaded), key=lambda part: part.start)),
        network=Area("network area", info["network"], info["network_max_bytes"]),
        arena=Area("arena", info["arena"], info["arena_bytes"]),
        slots=Area("input slots", info["slot_block"], info["slot_block_bytes"]),
        mailbox=Area("mailbox", info["mailbox"], info["mailbox_bytes"]),
    )


def _infos(elf: Any, loaded: _Loaded) -> Iterator[dict[str, int]]:
    """Objects that look like struct pose_board_info: named so, long enough, and they begin with two names."""
    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if table else ():
        is_object = symbol["st_info"]["type"] == "STT_OBJECT" and symbol["st_size"] >= _INFO.size
        if not is_object or not _INFO_NAME.fullmatch(symbol.name):
            continue
        data = loaded.at(symbol["st_value"], _INFO.size)
        if data is None or len(data) != _INFO.size:
            continue
        info = dict(zip(_MEMBERS, _INFO.unpack(data), strict=True))
        if loaded.text(info["name"]) and loaded.text(info["mcu"]):
            yield info


def _parts(elf: Any, loaded: _Loaded) -> Iterator[Area]:
    """Sections that take memory of the board; those that are copied at the start also where they are copied from."""
    for section in elf.iter_sections():
        size, start = section["sh_size"], section["sh_addr"]
        if not size or not section["sh_flags"] & 2:  # SHF_ALLOC
            continue
        yield Area(_SECTIONS.get(section.name, f"section {section.name}"), start, size)
        load = loaded.load_address(start) if section["sh_type"] != "SHT_NOBITS" else start
        if load != start:
            yield Area(f"initial values of section {section.name}", load, size)
