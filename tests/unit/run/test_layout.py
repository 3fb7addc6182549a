"""The table of a board's bytes, on a board and a network made for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec
from pytest_stm32pose.firmware.layout import Area, FirmwareLayout
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.base import Region
from pytest_stm32pose.run.layout import FREE, Layout, Memory, board_layout, lines, markdown

RAM, FLASH = 0x20000000, 0x08000000


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    """96 x 96 x 3, in an arena of more than 0x8000 and less than 0x20000 bytes."""
    return compile_model(default_model())


def board(*, flash: int = 0x40000, ram: int = 0x40000) -> BoardSpec:
    """Two pieces of flash that follow each other, and RAM."""
    return replace(
        board_spec("f405"),
        regions=(
            Region("upper", "flash", FLASH + 0x8000, flash - 0x8000),
            Region("lower", "flash", FLASH, 0x8000),
            Region("ram", "ram", RAM, ram),
        ),
    )


def firmware(*, arena: int = 0x20000, slots: int = 0x10000, network_bytes: int = 0x20000) -> FirmwareLayout:
    return FirmwareLayout(
        name="f405",
        mcu="stm32f405rg",
        parts=(Area("code", FLASH, 0x9000), Area("stack", RAM + 0x100, 0x700)),
        network=Area("network area", FLASH + 0x20000, network_bytes),
        arena=Area("arena", RAM + 0x20000, arena),
        slots=Area("input slots", RAM + 0x10000, slots),
        mailbox=Area("mailbox", 0, 0),
    )


def rows(layout: Layout, name: str) -> list[tuple[int, int, str]]:
    return [(row.start, row.bytes, row.what) for row in memory_of(layout, name).rows]


def memory_of(layout: Layout, name: str) -> Memory:
    return next(memory for memory in layout.memories if memory.name == name)


def test_every_byte_has_one_row(network: CompiledNetwork) -> None:
    arena = network.description.activation_bytes
    layout = board_layout(board(), firmware(), network)
    assert [(m.name, m.kind) for m in layout.memories] == [("lower+upper", "flash"), ("ram", "ram")]
    assert rows(layout, "ram") == [
        (RAM, 0x100, FREE),
        (RAM + 0x100, 0x700, "stack"),
        (RAM + 0x800, 0xF800, FREE),
        (RAM + 0x10000, 27648, "input slot 1 of 2: one picture"),
        (RAM + 0x16C00, 0x8000 - 27648, "unused: the rest of the slot"),
        (RAM + 0x18000, 27648, "input slot 2 of 2: one picture"),
        (RAM + 0x1EC00, 0x8000 - 27648, "unused: the rest of the slot"),
        (RAM + 0x20000, arena, "tensors and scratch of 49 operators"),
        (RAM + 0x20000 + arena, 0x20000 - arena, "unused: the rest of the arena"),
    ]
    assert memory_of(layout, "ram").free_bytes == 0x100 + 0xF800
    assert not layout.outside


def test_a_copy_of_the_image_lies_behind_the_arena_where_the_board_makes_one(network: CompiledNetwork) -> None:
    copying = replace(board(), weights="auto")
    arena, image = network.description.activation_bytes, network.description.network_image_bytes
    layout = board_layout(copying, firmware(arena=0x2E000), network)
    place = RAM + 0x20000 + -(-arena // 32) * 32
    assert (place, image, "copy of the network image") in rows(layout, "ram")
    small = board_layout(copying, firmware(), network)
    assert not any("copy" in what for _, _, what in rows(small, "ram"))


def test_an_input_that_fills_more_than_half_has_one_slot(network: CompiledNetwork) -> None:
    told = rows(board_layout(board(), firmware(slots=0xD7FF), network), "ram")
    assert [row for row in told if "slot" in row[2]][:1] == [
        (RAM + 0x10000, 27648, "input slot 1 of 1: one picture"),
    ], "halves are aligned to 32 bytes: 27,616"
    told = rows(board_layout(board(), firmware(slots=0xD841), network), "ram")
    assert (RAM + 0x10000 + 0xD840, 1, "unused: the rest of the input slots") in told


def test_an_area_that_is_too_small_is_one_row(network: CompiledNetwork) -> None:
    arena = network.description.activation_bytes
    spec = replace(board(), arena_bytes=0x8000)
    layout = board_layout(spec, firmware(arena=0x8000, network_bytes=0x1000), network)
    assert (RAM + 0x20000, 0x8000, f"too small for tensors and scratch of 49 operators: {arena:,} bytes") in rows(
        layout, "ram"
    )
    assert (FLASH + 0x20000, 0x1000, "too small for network image: 106,128 bytes") in rows(layout, "lower+upper")
    assert layout.misfits == (f"the arena needs {arena:,} bytes, its arena has 32,768",)
    assert lines(layout)[-1] == f"does not fit: the arena needs {arena:,} bytes, its arena has 32,768."
    assert markdown(layout).endswith(f"\nf405: does not fit: the arena needs {arena:,} bytes, its arena has 32,768.\n")


def test_what_lies_in_no_memory_is_told(network: CompiledNetwork) -> None:
    arena = network.description.activation_bytes
    layout = board_layout(board(ram=0x20000), firmware(), network)
    assert [row.what for row in layout.outside] == [
        "tensors and scratch of 49 operators",
        "unused: the rest of the arena",
    ]
    assert f"in no memory of the catalog: unused: the rest of the arena, 0x{RAM + 0x20000 + arena:08x}" in lines(layout)
    assert lines(layout)[-1] == "does not fit: of this firmware, 2 parts lie in no memory of f405."


def test_a_bench_may_leave_less_than_the_firmware_would_take(network: CompiledNetwork) -> None:
    spec = replace(board(), network=replace(board().network, address=FLASH + 0x20000, bytes=0x1A000))
    told = rows(board_layout(spec, firmware(), network), "lower+upper")
    assert told[-2:] == [
        (FLASH + 0x20000 + 106128, 0x1A000 - 106128, "unused: the rest of the network area"),
        (FLASH + 0x3A000, 0x6000, FREE),
    ]
