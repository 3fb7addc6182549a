"""RAM through a probe: made-up memories with one defect each, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_stm32pose.bench.bringup import ram_lines
from pytest_stm32pose.bench.bringup.reaching import check_region
from pytest_stm32pose.probes.base import Region

START, LENGTH = 0x24000000, 0x80000


class FakeMemory:
    """RAM whose accesses go through `place` (address lines) and whose reads go through `lines` (data lines)."""

    def __init__(self, place: Callable[[int], int] = lambda a: a, lines: Callable[[int], int] = lambda w: w) -> None:
        self.place, self.lines = place, lines
        self.words: dict[int, int] = {}
        self.accesses = 0

    def write(self, address: int, data: bytes) -> None:
        self.accesses += 1
        for at, word in ram_lines.words_of(address, data).items():
            self.words[self.place(at)] = word

    def read(self, address: int, size: int) -> bytes:
        self.accesses += 1
        got = (self.words.get(self.place(at), 0) for at in range(address, address + size, 4))
        return b"".join(self.lines(word).to_bytes(4, "little") for word in got)

    def write32(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(4, "little"))

    def read32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")


def said(memory: FakeMemory, length: int = LENGTH) -> str:
    return check_region(memory, Region("axi", "ram", START, length))  # type: ignore[arg-type]


def test_good_ram_is_good_and_nothing_is_touched_outside() -> None:
    memory = FakeMemory()
    assert said(memory) == ""
    assert min(memory.words) == START and max(memory.words) == START + LENGTH - 4


@pytest.mark.parametrize("length", [64, 0x400, 0x10000, 0x3C0000, 0x11000000])
def test_the_number_of_accesses_is_bounded(length: int) -> None:
    memory = FakeMemory()
    assert said(memory, length) == ""
    assert memory.accesses <= 128 + 4 * 200
    assert max(memory.words) == START + length - 4


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (lambda word: word & ~(1 << 3), "data line D3 always 0"),
        (lambda word: word | 1 << 31, "data line D31 always 1"),
        (lambda word: 0, "always 0"),
        (lambda word: word & ~3 | (word >> 1 & 1) | (word & 1) << 1, "data lines D0, D1 not what was written"),
    ],
)
def test_a_data_line(lines: Callable[[int], int], sentence: str) -> None:
    assert sentence in said(FakeMemory(lines=lines))
    assert f"At 0x{START:08x}" in said(FakeMemory(lines=lines))


@pytest.mark.parametrize("bit", range(2, 19))
def test_every_address_line_that_selects_nothing_is_named(bit: int) -> None:
    told = said(FakeMemory(place=lambda address: address & ~(1 << bit)))
    assert "holds what was written to" in told and f"address line A{bit} may select nothing" in told


@pytest.mark.parametrize(("dead", "seen"), [(0x34000, 0x38000), (0x60000, 0x60000), (0x78000, 0x78000)])
def test_a_part_that_does_not_answer_is_found(dead: int, seen: int) -> None:
    """A bank of 32 KiB without power takes nothing."""
    memory = FakeMemory()
    plain_write = memory.write

    def write(address: int, data: bytes) -> None:
        if not dead <= address - START < dead + 0x8000:
            plain_write(address, data)

    memory.write = write  # type: ignore[method-assign]
    assert said(memory).startswith(f"0x{START + seen:08x} was written 0x")


def test_a_cell_that_keeps_its_bit_is_found_by_the_inverse() -> None:
    at = START + 0x8000
    stuck = ram_lines.word_for(at, inverted=False)
    memory = FakeMemory()
    plain_write = memory.write

    def write(address: int, data: bytes) -> None:
        plain_write(address, data)
        if at in ram_lines.words_of(address, data):
            memory.words[at] = stuck

    memory.write = write  # type: ignore[method-assign]
    assert f"0x{at:08x} was written 0x{stuck ^ 0xFFFFFFFF:08x} and reads 0x{stuck:08x}; 1 of" in said(memory)


def test_words_differ_everywhere() -> None:
    words = {ram_lines.word_for(address, inverted=False) for address in range(0, 1 << 20, 4)}
    assert len(words) == 1 << 18
