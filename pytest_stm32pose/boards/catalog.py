"""The board catalog: catalog.toml of this package, read into BoardSpec. The same schema describes hardware boards."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

from ..errors import ConfigError
from ..probes.base import Region, TargetSpec

_EMULATOR = "qemu-system-arm"
_KINDS = ("virtual", "hardware")
_LOADS = ("ram", "flash")
_TRANSPORTS = ("serial", "swd")
_CORE_CLOCK_OPTIONS = {"virtual": (("reset.post_delay", 0.0),), "hardware": ()}


@dataclass(frozen=True)
class Mailbox:
    """RAM window for bulk data over SWD, in bytes; writing interrupt `doorbell_irq` pending wakes the firmware."""

    address: int
    bytes: int
    doorbell_irq: int


@dataclass(frozen=True)
class NetworkArea:
    """Where the network image is flashed."""

    address: int
    bytes: int


@dataclass(frozen=True)
class BoardSpec:
    """One board of the catalog.

    Attributes:
        kind: "virtual" (QEMU) or "hardware".
        machine: QEMU's machine name; "" for hardware.
        clock_hz: of the core.
        icount_ns: virtual nanoseconds per instruction, a power of two; 0 for hardware.
        firmware: folder under firmware/boards/.
        kernels: kernel set of the firmware, "ref", "dsp" or "mve".
        load: "ram" (reset and halt, load, set registers, run) or "flash" (program, reset).
        transport: default transport, "serial" or "swd".
        baud: of the serial port (an emulated one ignores it).
        usb_serial_interface: which VCP of a probe with several (0 the first).
        pyocd_target: pyOCD's own target type; "" makes one from `regions`.
    """

    name: str
    kind: str
    mcu: str
    core: str
    clock_hz: int
    firmware: str
    kernels: str
    load: str
    transport: str
    network: NetworkArea
    regions: tuple[Region, ...]
    mailbox: Mailbox | None = None
    machine: str = ""
    icount_ns: int = 0
    baud: int = 921_600
    usb_serial_interface: int = 0
    pyocd_target: str = ""

    def unavailable_reason(self) -> str:
        """Why this host cannot run the board, one sentence; "" when nothing is known to be missing."""
        if self.kind == "virtual" and shutil.which(_EMULATOR) is None:
            return f"{_EMULATOR} not found: install it (apt-get install {_EMULATOR})."
        return ""

    @property
    def target(self) -> TargetSpec:
        return TargetSpec(
            name=self.name,
            vendor="QEMU" if self.kind == "virtual" else "STMicroelectronics",
            core=self.core,
            regions=self.regions,
            pyocd_target=self.pyocd_target,
            options=_CORE_CLOCK_OPTIONS[self.kind],
        )


@cache
def boards() -> dict[str, BoardSpec]:
    """Every board by name, in the catalog's order."""
    text = resources.files(__package__).joinpath("catalog.toml").read_text(encoding="utf-8")
    return parse_catalog(text, "catalog.toml")


def board_spec(name: str) -> BoardSpec:
    """Raises ConfigError, listing the known boards."""
    known = boards()
    if name not in known:
        raise ConfigError(f"There is no board named {name!r}.", remedy=f"Known boards: {', '.join(known)}.")
    return known[name]


def parse_catalog(text: str, where: str) -> dict[str, BoardSpec]:
    """Reads a catalog. Raises ConfigError naming file, board and key."""
    try:
        tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}.") from error
    return {name: _board(name, _inherit(name, tables, where), where) for name in tables}


def _inherit(name: str, tables: dict[str, dict[str, Any]], where: str) -> dict[str, Any]:
    table = dict(tables[name])
    like = table.pop("like", None)
    if like is None:
        return table
    if like not in tables or "like" in tables[like]:
        raise ConfigError(f"{where}: board {name} is like {like!r}, which is no complete board of this file.")
    return {**tables[like], **table}


def _board(name: str, table: dict[str, Any], where: str) -> BoardSpec:
    allowed = {field.name for field in fields(BoardSpec)} - {"name"}
    if unknown := sorted(table.keys() - allowed):
        raise ConfigError(f"{where}: board {name} has unknown keys: {', '.join(unknown)}.")
    for key, choices in (("kind", _KINDS), ("load", _LOADS), ("transport", _TRANSPORTS)):
        if table.get(key) not in choices:
            raise ConfigError(f"{where}: board {name}: {key} must be one of {', '.join(choices)}.")
    try:
        table["regions"] = tuple(Region(**region) for region in table["regions"])
        table["network"] = NetworkArea(**table["network"])
        if "mailbox" in table:
            table["mailbox"] = Mailbox(**table["mailbox"])
        return BoardSpec(name=name, **table)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{where}: board {name} is incomplete or wrong: {error}.") from error
