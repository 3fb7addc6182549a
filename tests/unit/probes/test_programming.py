"""Deciding what to write: sectors, regions, differences; and reading firmware files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError, FlashError
from pytest_stm32pose.probes.base import Region, TargetSpec
from pytest_stm32pose.probes.image import Segment, read_image
from pytest_stm32pose.probes.programming import changed_sectors, check_segments, first_difference

SPEC = TargetSpec(
    "toy",
    "nobody",
    "cortex-m4",
    (Region("rom", "flash", 0x100, 0x100, sector_bytes=0x20), Region("ram", "ram", 0x1000, 0x100)),
)


@given(
    st.binary(min_size=0x100, max_size=0x100),
    st.lists(st.tuples(st.integers(0, 15), st.binary(min_size=1, max_size=15)), max_size=6),
)
def test_writing_the_changed_sectors_gives_the_wanted_bytes_and_no_other_sector_is_touched(
    before: bytes, parts: list[tuple[int, bytes]]
) -> None:
    by_start = {0x100 + 0x10 * slot: data for slot, data in parts}
    segments = [Segment(address, data) for address, data in by_start.items()]
    wanted = bytearray(before)
    for segment in segments:
        wanted[segment.address - 0x100 : segment.end - 0x100] = segment.data
    changed = changed_sectors(SPEC, segments, lambda address, length: before[address - 0x100 :][:length])
    after = bytearray(before)
    for sector in changed:
        assert sector.address % 0x20 == 0 and len(sector.data) == 0x20
        assert sector.data != before[sector.address - 0x100 :][:0x20]
        after[sector.address - 0x100 : sector.end - 0x100] = sector.data
    assert after == wanted
    assert len({sector.address for sector in changed}) == len(changed)


def test_segments_are_sorted_by_memory() -> None:
    flash, ram = check_segments(SPEC, [Segment(0x1000, b"r"), Segment(0x1F0, bytes(16))], "x")
    assert [segment.address for segment in flash] == [0x1F0]
    assert [segment.address for segment in ram] == [0x1000]


@pytest.mark.parametrize("segment", [Segment(0x1F8, bytes(16)), Segment(0, b"x"), Segment(0xFFF, b"xy")])
def test_a_segment_that_leaves_its_region_is_refused(segment: Segment) -> None:
    with pytest.raises(FlashError, match=rf"fw\.elf: 0x{segment.address:08x}.*rom 0x00000100-0x000001ff"):
        check_segments(SPEC, [Segment(0x1000, b"fine"), segment], "fw.elf")


@pytest.mark.parametrize(
    ("one", "two", "at"), [(b"abc", b"abc", None), (b"abc", b"abd", 2), (b"abc", b"xbc", 0), (b"abc", b"ab", 2)]
)
def test_first_difference(one: bytes, two: bytes, at: int | None) -> None:
    assert first_difference(one, two) == at


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.elf", None, "does not exist"),
        ("text.elf", b"hello, this is no ELF file", "not a valid ELF"),
        ("short.elf", b"\x7fELF\x01\x01\x01" + bytes(20), "not a valid ELF"),
        ("wrong.hex", b":0000000\n", "not a valid Intel HEX"),
        ("raw.bin", b"1234", "says no address"),
        ("empty.hex", b":00000001FF\n", "nothing to load"),
    ],
)
def test_a_firmware_file_that_cannot_be_loaded_is_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read_image(path)
    assert name in str(caught.value)


def test_a_binary_goes_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "raw.bin"
    path.write_bytes(b"1234")
    image = read_image(path, binary_address=0x1000)
    assert (image.vectors, image.byte_count, image.segments[0].end) == (0x1000, 4, 0x1004)
