"""Where the step `flash` works, and what a firmware tells of its memories."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_stm32pose.bench.bringup.memories import TELLS_MEMORIES, external_memories, spare_sector, weights_speed
from pytest_stm32pose.boards.catalog import board_spec, boards


@pytest.mark.parametrize(
    ("board", "sector"),
    [("n6", (0x71FF0000, 0x10000)), ("f405", (0x080E0000, 0x20000)), ("h7", (0x081E0000, 0x20000))],
)
def test_the_spare_sector_is_the_last_of_the_network_area(board: str, sector: tuple[int, int]) -> None:
    spec = board_spec(board)
    region = spec.target.region_at(spec.network.address, spec.network.bytes)
    assert region is not None
    assert spare_sector(region, spec.network) == sector


@pytest.mark.parametrize("name", list(boards()))
def test_no_board_has_its_firmware_in_that_sector(name: str) -> None:
    spec = board_spec(name)
    region = spec.target.region_at(spec.network.address, spec.network.bytes)
    assert region is not None and region.kind == "flash"
    address, size = spare_sector(region, spec.network)
    assert spec.network.address <= address
    assert address + size == spec.network.address + spec.network.bytes


@dataclass
class Told:
    name: str
    mode: str
    address: int
    bytes_: int
    is_ram: bool
    is_external: bool


NOR = Told("nor", "octal DTR 50 MHz", 0x70000000, 0x1000000, False, True)
RAM = Told("axisram", "", 0x34100000, 0x2C0000, True, False)


class Client:
    def memories(self) -> tuple[Told, ...]:
        return (NOR, RAM)

    def memory_speed(self) -> tuple[int, int]:
        return 1 << 20, 6_000_000


def test_memories_are_asked_of_a_firmware_that_tells_them() -> None:
    assert external_memories(Client(), TELLS_MEMORIES | 255) == (NOR,)
    assert external_memories(Client(), 255) == ()
    assert external_memories(object(), TELLS_MEMORIES) == ()


def test_how_fast_weights_are_read() -> None:
    speed = weights_speed(Client(), TELLS_MEMORIES, 600_000_000)
    assert speed == pytest.approx(104_857_600)
    assert weights_speed(Client(), 255, 600_000_000) is None
    assert weights_speed(object(), TELLS_MEMORIES, 600_000_000) is None
