"""Regions of the catalog as pyOCD's, with the flash algorithms that are ours."""

from __future__ import annotations

from pyocd.core.memory_map import FlashRegion, RamRegion

from pytest_stm32pose.probes.base import Region
from pytest_stm32pose.probes.flash_algorithms import pyocd_algorithm
from pytest_stm32pose.probes.stm32f4_flash import ALGORITHM as STM32F4
from pytest_stm32pose.probes.stm32f4_flash import Stm32F4Flash


def pyocd_region(region: Region) -> RamRegion | FlashRegion:
    common = {
        "name": region.name, "start": region.start, "length": region.length, "is_boot_memory": region.boot,
    }  # fmt: skip
    if region.kind == "ram":
        return RamRegion(**common)
    sizes = {"blocksize": region.sector_bytes, "page_size": region.page_bytes, "phrase_size": 4}
    if region.algorithm == STM32F4:
        return FlashRegion(**common, **sizes, flash_class=Stm32F4Flash)
    return FlashRegion(**common, **sizes, algo=pyocd_algorithm(region))
