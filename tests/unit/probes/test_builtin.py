"""STM32H7 boards through pyOCD's own target type: its flash algorithms, our memory map, limits before any write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyocd.core.exceptions import TargetError
from pyocd.core.memory_map import MemoryMap
from pyocd.core.session import Session
from pyocd.flash.flash import Flash
from pyocd.probe.debug_probe import DebugProbe
from pyocd.target.builtin import BUILTIN_TARGETS

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import ConfigError, FlashError
from pytest_stm32pose.probes.base import TargetSpec
from pytest_stm32pose.probes.builtin import REPAIRS
from pytest_stm32pose.probes.image import Segment
from pytest_stm32pose.probes.programming import changed_sectors, check_segments
from pytest_stm32pose.probes.targets import register_target

BOARDS = ["h7", "h747"]
FLASH, FLASH_END, SECTOR = 0x08000000, 0x08200000, 0x20000
AXI_SRAM = 0x24000000


class UnpluggedProbe(DebugProbe):  # type: ignore[misc]
    """Enough of a probe for a session that is never opened."""

    unique_id = "unplugged"
    description = vendor_name = product_name = unique_id


def memory_map(spec: TargetSpec) -> MemoryMap:
    """What pyOCD makes of the target, before it connects."""
    session = Session(UnpluggedProbe(), options={"target_override": register_target(spec), "no_config": True})
    return session.board.target.memory_map


@pytest.mark.parametrize("name", BOARDS)
def test_the_flash_is_pyocds_and_the_ram_is_ours(name: str) -> None:
    spec = board_spec(name).target
    found = memory_map(spec)
    own = BUILTIN_TARGETS["stm32h743xx"].MEMORY_MAP
    assert own.get_region_for_address(AXI_SRAM) is None, "pyOCD knows it by now"
    for region in spec.regions:
        if region.kind == "ram":
            assert found.get_region_for_address(region.start).name == region.name
            assert found.get_region_for_address(region.end - 1).is_ram
    chips = [region for region in spec.regions if region.algorithm]
    assert [region.name for region in chips] == (["qspi"] if name == "h747" else [])
    banks = [region for region in found.regions if region.is_flash and region.name not in {chip.name for chip in chips}]
    assert [(bank.start, bank.end + 1) for bank in banks] == [(FLASH, 0x08100000), (0x08100000, FLASH_END)]
    for bank in banks:
        assert bank.blocksize == SECTOR
        words = zip(bank.algo["instructions"], own.get_region_for_address(bank.start).algo["instructions"], strict=True)
        assert [pair for pair in words if pair[0] != pair[1]] == [REPAIRS["stm32h743xx"][:0:-1]]
        assert issubclass(bank.flash_class, Flash)
    assert found.get_boot_memory().start == FLASH


def test_a_chip_beside_the_microcontroller_has_an_algorithm_of_ours() -> None:
    """Its code, stack and buffer are in the DTCM, which needs no clock and is never cached."""
    spec = board_spec("h747").target
    chip = memory_map(spec).get_region_for_address(0x90000000)
    assert (chip.name, chip.start, chip.length, chip.blocksize) == ("qspi", 0x90000000, 0x07FE0000, SECTOR)
    assert chip.algo["pc_erase_sector"] & 1
    [buffer] = chip.algo["page_buffers"]
    dtcm = next(region for region in spec.regions if region.name == "dtcm")
    assert dtcm.contains(chip.algo["load_address"], 4096) and dtcm.contains(buffer, chip.page_size)
    assert buffer >= chip.algo["load_address"] + 4096
    assert 4 * len(chip.algo["instructions"]) + 1024 <= 4096, "code and stack"
    assert memory_map(spec).get_region_for_address(0x97FE0000) is None, "the last sectors are left alone"


def test_a_target_type_that_pyocd_has_not_is_left_to_its_packs() -> None:
    spec = replace(board_spec("h7").target, pyocd_target="stm32h747xihx")
    assert register_target(spec) == "stm32h747xihx"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"length": 0x00220000}, "no flash at 0x08200000, where the catalog has flash"),
        ({"start": 0x07FE0000}, "no flash at 0x07fe0000"),
        ({"sector_bytes": 0x10000}, "has sectors of 131072 bytes from 0x08000000 on, the catalog's flash has 65536"),
        ({"start": 0x08010000, "length": 0x00020000}, "from 0x08010000 on"),
    ],
)
def test_a_catalog_that_differs_from_pyocds_flash_is_refused(change: dict[str, Any], said: str) -> None:
    spec = board_spec("h7").target
    flash, *ram = spec.regions
    with pytest.raises(ConfigError, match=said):
        register_target(replace(spec, regions=(replace(flash, **change), *ram)))


@pytest.mark.parametrize(
    ("address", "size"),
    [
        (FLASH_END - 4, 8),  # over the end of bank 2
        (FLASH_END, 4),
        (0x08200000 - SECTOR, SECTOR + 1),
        (0x1FF00000, 4),  # system memory
        (0x5200201C, 4),  # option bytes
        (0x24080000 - 2, 4),  # over the end of the AXI SRAM
    ],
)
def test_what_is_outside_flash_and_ram_is_refused_in_one_sentence(address: int, size: int) -> None:
    with pytest.raises(
        FlashError, match=f"0x{address:08x}-0x{address + size - 1:08x} is outside the memory of h7"
    ) as no:
        check_segments(board_spec("h7").target, [Segment(address, bytes(size))], "network")
    assert str(no.value).count("\n") == 0


def test_a_network_over_both_banks_is_whole_sectors() -> None:
    """The last bytes of bank 1 and the first of bank 2: two sectors, one in each, the rest of them kept."""
    spec = board_spec("h7").target
    old = bytes(range(256)) * (SECTOR // 256)
    segment = Segment(0x08100000 - 4, b"new bytes")
    flash, ram = check_segments(spec, [segment], "network")
    assert (flash, ram) == ([segment], [])
    first, second = changed_sectors(spec, flash, lambda _, length: (old * 2)[:length])
    assert (first.address, second.address) == (0x08100000 - SECTOR, 0x08100000)
    assert first.data == old[:-4] + b"new "
    assert second.data == b"bytes" + old[5:]


def test_another_device_is_an_error_of_the_probe_not_an_assertion(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyOCD's type asserts the device id that it reads."""

    def init(self: object) -> None:
        raise AssertionError("IDC.DEV_ID 0x480 did not match expected. 0x450")

    monkeypatch.setattr(BUILTIN_TARGETS["stm32h743xx"], "init", init)
    session = Session(UnpluggedProbe(), options={"target_override": register_target(board_spec("h7").target)})
    with pytest.raises(TargetError, match=r"no stm32h743xx: IDC\.DEV_ID 0x480"):
        session.board.target.init()
