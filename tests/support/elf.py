"""What tests look up in ELF files."""

from __future__ import annotations

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol, SymbolTableSection


def symbol_table(image: ELFFile) -> SymbolTableSection:
    """The symbols; an image without any fails the test."""
    table = image.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection), "no symbol table"
    return table


def symbol_of(table: SymbolTableSection, name: str) -> Symbol:
    """The first symbol of that name; a name that the table has not fails the test."""
    symbols = table.get_symbol_by_name(name)
    assert symbols, f"no symbol {name}"
    return symbols[0]
