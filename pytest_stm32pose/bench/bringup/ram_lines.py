"""RAM seen through a debug probe: what to write where, and what a difference means. Pure.

Three questions, of bounded size whatever the region's: does every data line carry 0 and 1 (one word), does every
address line select (a block at each power of two), does every part of the region answer (blocks spread over it). Each
word that is written is another one, so that an address line that does nothing shows as one address holding the other's
word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

BLOCK_BYTES = 64
#: Blocks beside those at powers of two, and how close they are at most.
SPREAD, CLOSEST_BYTES = 64, 0x8000
_ALL = 0xFFFFFFFF
_ODD = 2654435761  #: multiplying by an odd number maps the 2^32 addresses one to one


def data_patterns() -> list[int]:
    """Words in which each of the 32 lines is once alone at 1 and once alone at 0."""
    return [word for line in range(32) for word in (1 << line, _ALL ^ 1 << line)]


def block_addresses(start: int, length: int) -> list[int]:
    """Where blocks of BLOCK_BYTES are written: the start, every power of two, spread over the region, and its end."""
    last = length - BLOCK_BYTES
    step = max(CLOSEST_BYTES, length // SPREAD // BLOCK_BYTES * BLOCK_BYTES)
    powers = (1 << bit for bit in range(BLOCK_BYTES.bit_length() - 1, length.bit_length()))
    offsets = {0, *powers, *range(0, length, step), last}
    return [start + offset for offset in sorted(offsets) if 0 <= offset <= last]


def word_for(address: int, *, inverted: bool) -> int:
    """Another word for every address; inverted, every bit of it is the other one."""
    word = address * _ODD & _ALL
    return word ^ _ALL if inverted else word


def block_for(address: int, *, inverted: bool) -> bytes:
    """What is written into the block at an address."""
    words = (word_for(address + offset, inverted=inverted) for offset in range(0, BLOCK_BYTES, 4))
    return b"".join(struct.pack("<I", word) for word in words)


def words_of(address: int, data: bytes) -> dict[int, int]:
    """Words by their address."""
    return {address + 4 * index: word for index, (word,) in enumerate(struct.iter_unpack("<I", data))}


def judge_data_lines(address: int, written: Iterable[int], read: Iterable[int]) -> str:
    """What is wrong with the data lines, one sentence; "" for nothing."""
    low = high = 0
    for want, got in zip(written, read, strict=True):
        low |= want & ~got
        high |= got & ~want
    if not low | high:
        return ""
    both = low & high
    told = [
        f"{_lines('data', bits, 'D')} {what}"
        for bits, what in (
            (low & ~both, "always 0"),
            (high & ~both, "always 1"),
            (both, "not what was written"),
        )
        if bits
    ]
    return f"At 0x{address:08x}: {', '.join(told)}."


def judge_blocks(written: Mapping[int, int], read: Mapping[int, int]) -> str:
    """What is wrong with words written to many addresses, one sentence; "" for nothing."""
    wrong = [address for address, word in written.items() if read.get(address) != word]
    if not wrong:
        return ""
    address = wrong[0]
    got = read.get(address, 0)
    count = f"{len(wrong)} of {len(written)} words are wrong"
    other = next((place for place, word in written.items() if word == got), None)
    if other is not None:
        lines = _lines("address", address ^ other, "A")
        return f"0x{address:08x} holds what was written to 0x{other:08x}: {lines} may select nothing; {count}."
    return f"0x{address:08x} was written 0x{written[address]:08x} and reads 0x{got:08x}; {count}."


def _lines(kind: str, bits: int, letter: str) -> str:
    names = [f"{letter}{bit}" for bit in range(32) if bits >> bit & 1]
    return f"{kind} line{'s' if len(names) > 1 else ''} {', '.join(names)}"
