"""Is this the board that was asked for? Asked of the silicon, before anything is written to it."""

from __future__ import annotations

from typing import Protocol

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.errors import ProbeError

CPUID = 0xE000ED00
#: CPUID part number (bits 15:4) -> core, Arm's technical reference manuals.
PARTS = {0xC24: "cortex-m4", 0xC27: "cortex-m7", 0xD21: "cortex-m33", 0xD22: "cortex-m55"}


class _Words(Protocol):
    def read32(self, address: int) -> int: ...


def core_name(cpuid: int) -> str:
    """The core by its CPUID register."""
    part = cpuid >> 4 & 0xFFF
    return PARTS.get(part, f"unknown core 0x{part:03x}")


def check_identity(spec: BoardSpec, target: _Words, probe: str) -> None:
    """Compares core and, where the catalog names one, device id.

    Raises:
        ProbeError: it is another core or device; says which, and that nothing was written.
    """
    core = core_name(target.read32(CPUID))
    if core != spec.core:
        raise _wrong(spec, probe, f"has a {core}, {spec.name} has a {spec.core}")
    if spec.device_id is None:
        return
    device = target.read32(spec.device_id.address) & 0xFFF
    if device != spec.device_id.device:
        raise _wrong(spec, probe, f"has the device id 0x{device:03x}, {spec.mcu} has 0x{spec.device_id.device:03x}")


def _wrong(spec: BoardSpec, probe: str, why: str) -> ProbeError:
    return ProbeError(
        f"The board behind probe {probe} is not {spec.name}: it {why}; nothing was written.",
        remedy="Name the right board with --board, or the right probe with --pose-probe.",
    )
