"""Target types that pyOCD has itself: its reset and flash algorithms, with the memory map of our catalog around them.

A flash region that names an algorithm of ours is a chip beside the microcontroller, which pyOCD does not know.

pyOCD 0.46's STM32H743, for one, does not know the 512 KiB of AXI SRAM at 0x24000000, and erases a sector too many.
"""

from __future__ import annotations

from pyocd.core.exceptions import TargetError
from pyocd.core.memory_map import MemoryMap
from pyocd.core.memory_map import MemoryRegion as PyOcdRegion
from pyocd.target.builtin import BUILTIN_TARGETS

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.probes.base import Region, TargetSpec
from pytest_stm32pose.probes.regions import pyocd_region

#: Target type -> index of a word of its flash algorithm, the wrong word, the right one. STM32H743: EraseSector goes on
#: while the address is not above r6, which is the start of the next sector (add.w r6, r3, #0x20000), and so erases that
#: one too; after the last sector of bank 2 it erases the bank's first. With mov r6, r3; nop it erases one.
REPAIRS = {"stm32h743xx": (0x1A0 // 4, 0x3600F503, 0xBF00461E)}


def extended_target(spec: TargetSpec) -> type[object] | None:
    """A subclass of pyOCD's target type with its flash, and the catalog's RAM and chips; None when pyOCD has none of
    that name built in (a CMSIS pack may).

    Raises:
        ConfigError: the catalog has flash, or sectors, where pyOCD's type has not.
    """
    base = BUILTIN_TARGETS.get(spec.pyocd_target)
    if base is None:
        return None
    flash = [_repaired(spec.pyocd_target, region) for region in base.MEMORY_MAP.regions if region.is_flash]
    for region in spec.regions:
        if region.kind == "flash" and not region.algorithm:
            _check_sectors(spec, region, flash)
    ours = [pyocd_region(region) for region in spec.regions if region.kind == "ram" or region.algorithm]

    class ExtendedTarget(base):  # type: ignore[misc, valid-type]
        VENDOR = spec.vendor
        PART_NUMBER = spec.name
        MEMORY_MAP = MemoryMap(*flash, *ours)

        def init(self) -> None:
            try:
                super().init()
            except AssertionError as error:  # how these types say that it is another device
                raise TargetError(f"pyOCD takes it for no {spec.pyocd_target}: {error}") from error

    return ExtendedTarget


def _repaired(name: str, region: PyOcdRegion) -> PyOcdRegion:
    """The region with its algorithm repaired, where that is the one with the defect: a newer pyOCD's may be right."""
    index, wrong, right = REPAIRS.get(name, (0, None, None))
    words = region.algo["instructions"]
    if words[index] != wrong:
        return region
    return region.clone_with_changes(algo={**region.algo, "instructions": [*words[:index], right, *words[index + 1 :]]})


def _check_sectors(spec: TargetSpec, region: Region, flash: list[PyOcdRegion]) -> None:
    """Every sector of `region`, which may span banks, is a sector of one of pyOCD's flash regions."""
    for start in range(region.start, region.end, region.sector_bytes):
        bank = next((each for each in flash if each.start <= start <= each.end), None)
        if bank is None:
            raise ConfigError(
                f"{spec.name}: pyOCD's {spec.pyocd_target} has no flash at 0x{start:08x}, where the catalog has "
                f"{region.name}."
            )
        if bank.blocksize != region.sector_bytes or (start - bank.start) % bank.blocksize:
            raise ConfigError(
                f"{spec.name}: pyOCD's {spec.pyocd_target} has sectors of {bank.blocksize} bytes from "
                f"0x{bank.start:08x} on, the catalog's {region.name} has {region.sector_bytes} from "
                f"0x{region.start:08x} on."
            )
