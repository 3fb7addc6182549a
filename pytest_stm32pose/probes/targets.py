"""Target types made from a TargetSpec at run time and registered with pyOCD, so that no pack is needed."""

from __future__ import annotations

from pyocd.core.memory_map import MemoryMap
from pyocd.coresight.coresight_target import CoreSightTarget
from pyocd.target import TARGET, normalise_target_type_name

from pytest_stm32pose.probes.base import TargetSpec
from pytest_stm32pose.probes.builtin import extended_target
from pytest_stm32pose.probes.regions import pyocd_region
from pytest_stm32pose.probes.stm32h7rs import Stm32H7RsTarget
from pytest_stm32pose.probes.stm32n6 import Stm32N6Target

#: Microcontrollers that need more than a memory map, by the start of their name.
_CLASSES = {"stm32n6": Stm32N6Target, "stm32h7r": Stm32H7RsTarget, "stm32h7s": Stm32H7RsTarget}


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
            super().__init__(session, MemoryMap(*map(pyocd_region, spec.regions)))

    TARGET[name] = SpecTarget
    return name
