"""What a probe must know of the target behind it: the memory map, and where flash algorithms go. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Region:
    """One memory region of a target, in bytes.

    `kind` is "ram" or "flash". A flash region names its algorithm (flash_algorithms.toml), where the algorithm's code
    goes (`algorithm_address`, code and stack need 4 KiB) and where page data is handed over (`buffer_address`,
    `page_bytes` long). All of these must lie in RAM that no firmware image uses. The algorithm "stm32f4" is no code
    for the core (stm32f4_flash.py) and needs neither.
    """

    name: str
    kind: str
    start: int
    length: int
    boot: bool = False  #: the core's vectors are here after a reset
    sector_bytes: int = 0
    page_bytes: int = 0
    algorithm: str = ""
    algorithm_address: int = 0
    buffer_address: int = 0

    @property
    def end(self) -> int:
        """First address after the region."""
        return self.start + self.length

    def contains(self, address: int, length: int) -> bool:
        return self.start <= address and address + length <= self.end


@dataclass(frozen=True)
class TargetSpec:
    """A target type that session.py or the probe plugin registers with pyOCD at run time.

    `pyocd_target` names a target type that pyOCD (or a CMSIS pack) already has; then `regions` only describe it.
    `options` are pyOCD session options. `mcu` is the microcontroller's name; some need a target class of their own.
    """

    name: str
    vendor: str
    core: str
    regions: tuple[Region, ...]
    pyocd_target: str = ""
    options: tuple[tuple[str, object], ...] = ()
    mcu: str = ""

    def region_at(self, address: int, length: int) -> Region | None:
        """The region that holds all of [address, address + length), or None."""
        return next((region for region in self.regions if region.contains(address, length)), None)

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TargetSpec:
        fields = dict(data)
        fields["regions"] = tuple(Region(**region) for region in data["regions"])
        fields["options"] = tuple((key, value) for key, value in data["options"])
        return cls(**fields)
