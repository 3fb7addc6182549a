"""Target types that pyOCD has itself: its reset and flash algorithms, with the memory map of our catalog around them.

pyOCD 0.46's STM32H743, for one, does not know the 512 KiB of AXI SRAM at 0x24000000.
"""

from __future__ import annotations

from typing import Any

from pyocd.core.exceptions import TargetError
from pyocd.core.memory_map import MemoryMap, RamRegion
from pyocd.core.memory_map import MemoryRegion as PyOcdRegion
from pyocd.target.builtin import BUILTIN_TARGETS

from ..errors import ConfigError
from .base import Region, TargetSpec


def extended_target(spec: TargetSpec) -> type[Any] | None:
    """A subclass of pyOCD's target type with its flash and the catalog's RAM; None when pyOCD has none of that name
    built in (a CMSIS pack may).

    Raises:
        ConfigError: the catalog has flash, or sectors, where pyOCD's type has not.
    """
    base = BUILTIN_TARGETS.get(spec.pyocd_target)
    if base is None:
        return None
    flash = [region for region in base.MEMORY_MAP.regions if region.is_flash]
    for region in spec.regions:
        if region.kind == "flash":
            _check_sectors(spec, region, flash)
    ram = [
        RamRegion(name=region.name, start=region.start, length=region.length)
        for region in spec.regions
        if region.kind == "ram"
    ]

    class ExtendedTarget(base):  # type: ignore[misc, valid-type]
        VENDOR = spec.vendor
        PART_NUMBER = spec.name
        MEMORY_MAP = MemoryMap(*flash, *ram)

        def init(self) -> None:
            try:
                super().init()
            except AssertionError as error:  # how these types say that it is another device
                raise TargetError(f"pyOCD takes it for no {spec.pyocd_target}: {error}") from error

    return ExtendedTarget


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
