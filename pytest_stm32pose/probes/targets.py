"""Target types made from a TargetSpec at run time and registered with pyOCD, so that no pack is needed."""

from __future__ import annotations

from pyocd.core.memory_map import FlashRegion, MemoryMap, RamRegion
from pyocd.coresight.coresight_target import CoreSightTarget
from pyocd.target import TARGET, normalise_target_type_name

from pytest_stm32pose.probes.base import Region, TargetSpec
from pytest_stm32pose.probes.builtin import extended_target
from pytest_stm32pose.probes.flash_algorithms import pyocd_algorithm
from pytest_stm32pose.probes.stm32f4_flash import ALGORITHM as STM32F4
from pytest_stm32pose.probes.stm32f4_flash import Stm32F4Flash
from pytest_stm32pose.probes.stm32n6 import Stm32N6Target

#: Microcontrollers that need more than a memory map, by the start of their name.
_CLASSES = {"stm32n6": Stm32N6Target}


def register_target(spec: TargetSpec) -> str:
    """Makes pyOCD know the target; returns the type's name for the option `target_override`."""
    name: str = normalise_target_type_name(f"stm32pose_{spec.name}")
    if spec.pyocd_target:
        extended = extended_target(spec)
        if extended is None:
            return spec.pyocd_target
        TARGET[name] = extended
        return name

    base = next((own for start, own in _CLASSES.items() if spec.mcu.startswith(start)), CoreSightTarget)

    class SpecTarget(base):  # type: ignore[misc, valid-type]
        VENDOR = spec.vendor
        PART_NUMBER = spec.name

        def __init__(self, session: object) -> None:
            super().__init__(session, MemoryMap(*map(_region, spec.regions)))

    TARGET[name] = SpecTarget
    return name


def _region(region: Region) -> RamRegion | FlashRegion:
    common = {
        "name": region.name, "start": region.start, "length": region.length, "is_boot_memory": region.boot,
    }  # fmt: skip
    if region.kind == "ram":
        return RamRegion(**common)
    sizes = {"blocksize": region.sector_bytes, "page_size": region.page_bytes, "phrase_size": 4}
    if region.algorithm == STM32F4:
        return FlashRegion(**common, **sizes, flash_class=Stm32F4Flash)
    return FlashRegion(**common, **sizes, algo=pyocd_algorithm(region))
