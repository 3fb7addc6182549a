"""Flash algorithms as data (flash_algorithms.toml, built by firmware/flash/build.py), placed for one region."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from pytest_stm32pose.probes.base import Region

_STACK_BYTES = 1024
_CODE_AND_STACK_BYTES = 4096
#: Result codes of firmware/flash/*.c, by their low byte.
_REASONS = {
    1: "the address or length is wrong for this memory",
    2: "the flash chip is not one of those known (JEDEC id {detail:06x}; 000000 and ffffff mean that none answers)",
    3: "the flash controller does not finish a transfer",
    4: "the flash chip stays busy",
    5: "the flash chip refuses to be written",
    6: "the flash chip reports that erasing or programming failed (is the sector protected?)",
}


@cache
def _algorithms() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("flash_algorithms.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def pyocd_algorithm(region: Region) -> dict[str, object]:
    """The dictionary that pyOCD's Flash class takes, for the algorithm that the region names."""
    algorithm = _algorithms()[region.algorithm]
    base = region.algorithm_address
    top = base + _CODE_AND_STACK_BYTES
    if region.sector_bytes != algorithm["sector_bytes"]:
        raise ValueError(f"{region.name}: {region.algorithm} erases {algorithm['sector_bytes']} bytes at a time")
    return {
        "load_address": base,
        "instructions": algorithm["code"],
        "pc_init": base + algorithm["Init"] + 1,
        "pc_unInit": base + algorithm["UnInit"] + 1,
        "pc_erase_sector": base + algorithm["EraseSector"] + 1,
        "pc_program_page": base + algorithm["ProgramPage"] + 1,
        "static_base": base,
        "begin_stack": top,
        "end_stack": top - _STACK_BYTES,
        "page_buffers": [region.buffer_address],
        "min_program_length": 4,
        "analyzer_supported": False,
    }


def maps_memory(region: Region) -> bool:
    """Whether the region can be read only after its algorithm ran: a serial chip behind a controller."""
    return bool(region.algorithm) and bool(_algorithms().get(region.algorithm, {}).get("maps_memory"))


def reason(result_code: int | None) -> str:
    """What an algorithm's result code means, one clause; "" for pyOCD's own failures, which have none."""
    if not result_code:
        return ""
    text = _REASONS.get(result_code & 0xFF, "the flash algorithm gave result 0x{code:x}")
    return text.format(detail=result_code >> 8, code=result_code)
