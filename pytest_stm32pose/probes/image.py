"""Reads firmware files (ELF, Intel HEX, raw binary) into the segments that go to the target."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError

#: What pyelftools raises for a broken file, beside its own ELFError.
_DAMAGE = (ValueError, OSError, KeyError, TypeError, IndexError, AttributeError)


@dataclass(frozen=True)
class Segment:
    """Bytes for [address, address + len(data)), at load addresses."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        return self.address + len(self.data)


@dataclass(frozen=True)
class Image:
    """Segments by ascending address, not overlapping, none empty. The vector table is at the first one's start."""

    path: Path
    segments: tuple[Segment, ...]

    @property
    def vectors(self) -> int:
        return self.segments[0].address

    @property
    def byte_count(self) -> int:
        return sum(len(segment.data) for segment in self.segments)


def read_image(path: Path, *, binary_address: int | None = None) -> Image:
    """Reads `path` by its suffix: .hex/.ihex, .bin (needs `binary_address`), anything else must be an ELF.

    Raises:
        ConfigError: missing, unreadable, not of its kind, or without a byte to load.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"Firmware file {path} does not exist.")
    suffix = path.suffix.lower()
    if suffix in (".hex", ".ihex"):
        segments = _read_hex(path)
    elif suffix == ".bin":
        if binary_address is None:
            raise ConfigError(f"{path.name} is a raw binary and says no address.", remedy="Use an ELF or HEX file.")
        segments = [Segment(binary_address, path.read_bytes())]
    else:
        segments = _read_elf(path)
    segments = sorted((segment for segment in segments if segment.data), key=lambda segment: segment.address)
    if not segments:
        raise ConfigError(f"Firmware file {path.name} holds nothing to load.")
    for before, after in pairwise(segments):
        if before.end > after.address:
            raise ConfigError(f"{path.name}: segments overlap at 0x{after.address:08x}.")
    return Image(path, tuple(segments))


def elf_architecture(path: Path) -> tuple[int, str] | None:
    """Tag_CPU_arch and profile ("A", "R", "M", "" for none) of an ELF; None where a file does not say.

    Raises:
        ConfigError: a damaged ELF.
    """
    if not _is_elf(path):
        return None
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            section: Any = ELFFile(file).get_section_by_name(".ARM.attributes")
            if section is None:
                return None
            found = {
                attribute.tag: attribute.value
                for vendor in section.iter_subsections()
                for scope in vendor.iter_subsubsections()
                for attribute in scope.iter_attributes()
            }
    except (*_DAMAGE, ELFError) as error:
        raise ConfigError(f"{path.name} is not a valid ELF file: {error or type(error).__name__}.") from error
    architecture, profile = found.get("TAG_CPU_ARCH"), found.get("TAG_CPU_ARCH_PROFILE", 0)
    return None if architecture is None else (int(architecture), chr(profile) if profile else "")


def elf_symbols(path: Path) -> frozenset[str]:
    """Names in an ELF's symbol table; empty for other files, stripped ones and damaged ones."""
    if not _is_elf(path):
        return frozenset()
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            section: Any = ELFFile(file).get_section_by_name(".symtab")
            return frozenset(symbol.name for symbol in section.iter_symbols()) if section else frozenset()
    except (*_DAMAGE, ELFError):
        return frozenset()


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _read_elf(path: Path) -> list[Segment]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf["e_machine"] != "EM_ARM":
                raise ConfigError(f"{path.name} is an ELF file for {elf['e_machine']}, not for Arm.")
            return [
                Segment(segment["p_paddr"], segment.data())
                for segment in elf.iter_segments("PT_LOAD")
                if segment["p_filesz"]
            ]
    except (ELFError, ValueError, OSError) as error:
        raise ConfigError(f"{path.name} is not a valid ELF file: {error or type(error).__name__}.") from error


def _read_hex(path: Path) -> list[Segment]:
    from intelhex import IntelHex, IntelHexError

    try:
        image = IntelHex(str(path))
    except (IntelHexError, ValueError, OSError) as error:
        raise ConfigError(f"{path.name} is not a valid Intel HEX file: {error}.") from error
    return [Segment(start, bytes(image.tobinarray(start=start, end=end - 1))) for start, end in image.segments()]
