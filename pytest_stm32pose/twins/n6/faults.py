"""Faults that can be planted in the STM32N6's model, each with one line of help."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_stm32pose.twins.n6.registers import HSLV_VDDIO2, HSLV_VDDIO3

if TYPE_CHECKING:
    from pytest_stm32pose.twins.n6.memory import Memory

FAULTS = {
    "nor": "silent, wrong-id, locked, stuck-busy, octal-fails (a line is dead), dtr-fails (an edge is lost)",
    "pll": "never-ready: no PLL locks",
    "port": "closed-after-reset: the core's access port stays closed after a reset",
    "power": "lost-at-page-N: the supply goes away in the middle of the N-th page that is programmed",
    "fuse": "hslv, hslv-vddio2, hslv-vddio3, none: which ports are fast at 1.8 V (none is how the model comes)",
    "psram": "silent: the PSRAM never answers",
    "uart": "deaf: nothing that is sent to the board arrives",
    "ram": "stuck-bit or stuck-bit@ADDRESS: a bit of AXISRAM that is always 1",
}
_STUCK_AT, _STUCK_BIT = 0x34180010, 0x04
_FUSES = {
    "hslv": HSLV_VDDIO2 | HSLV_VDDIO3,
    "hslv-vddio2": HSLV_VDDIO2,
    "hslv-vddio3": HSLV_VDDIO3,
    "none": 0,
}


def plant(memory: Memory, name: str, value: str) -> None:
    """Raises ValueError, one clause, for a fault or value that there is not. "port" is the device's own."""
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
    plants: dict[str, Callable[[Memory, str], bool]] = {
        "nor": _nor, "pll": _pll, "power": _power, "fuse": _fuse, "psram": _psram, "uart": _uart, "ram": _ram,
    }  # fmt: skip
    if name in plants and not plants[name](memory, value):
        raise ValueError(f"{name} has no fault {value!r}: {FAULTS[name]}")


def _nor(memory: Memory, value: str) -> bool:
    attributes = {
        "silent": "silent",
        "locked": "write_locked",
        "stuck-busy": "stuck_busy",
        "octal-fails": "line_4_broken",
        "dtr-fails": "falling_edge_lost",
    }
    if value == "wrong-id":
        memory.chip.jedec_id = b"\xef" + memory.chip.jedec_id[1:]
    elif value in attributes:
        setattr(memory.chip, attributes[value], True)
    else:
        return False
    return True


def _pll(memory: Memory, value: str) -> bool:
    memory.peripherals.clocks.plls_never_ready = value == "never-ready"
    return value == "never-ready"


def _power(memory: Memory, value: str) -> bool:
    found = re.fullmatch(r"lost-at-page-([1-9][0-9]{0,6})", value)
    if found:
        memory.chip.lose_power_at_page = int(found[1])
    return found is not None


def _fuse(memory: Memory, value: str) -> bool:
    if value in _FUSES:
        memory.peripherals.fuses = _FUSES[value]
    return value in _FUSES


def _psram(memory: Memory, value: str) -> bool:
    if memory.psram is None or value != "silent":
        return False
    memory.psram.silent = True
    return True


def _uart(memory: Memory, value: str) -> bool:
    memory.peripherals.usart.deaf = value == "deaf"
    return value == "deaf"


def _ram(memory: Memory, value: str) -> bool:
    found = re.fullmatch(r"stuck-bit(?:@(0x[0-9a-fA-F]{1,8}))?", value)
    if not found:
        return False
    address = int(found[1], 16) if found[1] else _STUCK_AT
    if not 0x34000000 <= address < 0x343C0000:
        return False
    memory.stuck_bits[address] = _STUCK_BIT
    return True
