"""What `stm32pose boards` shows: every board, what of it is connected, who uses it, what is missing and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_stm32pose.boards.catalog import BoardSpec, boards
from pytest_stm32pose.boards.inventory import AttachedProbe, Inventory
from pytest_stm32pose.boards.locks import Holder, holder_of
from pytest_stm32pose.boards.virtual import lock_of, running
from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.probes.qemu import instances
from pytest_stm32pose.probes.qemu.instances import Instance


@dataclass(frozen=True)
class Status:
    """One board. `missing` is "" for one that can be used now; then `remedy` is "" too."""

    name: str
    kind: str
    mcu: str
    core: str
    kernels: str
    tags: tuple[str, ...]
    connected: bool
    probe: str
    serial: str
    holder: Holder | None
    missing: str
    remedy: str

    def state(self) -> str:
        """One clause for the table."""
        if self.missing:
            return "not connected" if self.kind == "hardware" and not self.connected else self.missing
        return f"in use by {self.holder}" if self.holder is not None else "ready"


def board_status(spec: BoardSpec, known: Iterable[BoardSpec], inventory: Inventory) -> Status:
    """Looks for one board; nothing is opened that somebody uses, and nothing is written anywhere."""
    probe, serial, missing, remedy, file = spec.probe, spec.serial, "", "", None
    connected = spec.kind == "virtual"
    try:
        if spec.kind == "virtual":
            instance = _attached(spec)
            absent = f"No virtual board {probe} runs here." if probe and instance is None else ""
            missing = spec.unavailable_reason() or absent
            file = lock_of(instance.directory) if instance is not None else None
        else:
            probe = inventory.probe_of(spec, spec.probe, known)
            connected = True
            serial = spec.serial or inventory.serial_of(spec, probe)
    except PoseError as error:
        missing, remedy = error.message, error.remedy
    return Status(
        name=spec.name,
        kind=spec.kind,
        mcu=spec.mcu,
        core=spec.core,
        kernels=spec.kernels,
        tags=spec.tags,
        connected=connected and not (spec.kind == "virtual" and missing),
        probe=probe,
        serial=serial,
        holder=holder_of(probe, file) if probe else None,
        missing=missing,
        remedy=remedy,
    )


def _attached(spec: BoardSpec) -> Instance | None:
    """The virtual board that stays up (`stm32pose boards start`) and that a bench names as its probe."""
    return instances.find(spec.probe.rpartition(":")[2]) if spec.probe else None


class BoardsReport:
    """One look at everything.

    Args:
        user_file: the user's boards.toml, or None.
        inventory: what is connected.
    """

    def __init__(self, user_file: Path | None, inventory: Inventory | None = None) -> None:
        self._user_file = user_file
        self._inventory = inventory or Inventory()
        known = list(boards(user_file).values())
        self.boards = [board_status(spec, known, self._inventory) for spec in known]
        self._running = [
            {**info, "holder": holder_of(info["unique_id"], lock_of(Path(info["directory"])))} for info in running()
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """The table, its heading first."""
        rows: list[tuple[str, ...]] = [("board", "kind", "mcu", "core", "kernels", "probe", "serial", "state")]
        for board in self.boards:
            shown = (board.probe or "-", board.serial or "-", board.state())
            rows.append((board.name, board.kind, board.mcu, board.core, board.kernels, *shown))
        return rows

    def lines(self) -> list[str]:
        """What is below the table: probes, running virtual boards, what is missing and what to do about it."""
        probes = [f"probe: {attached.describe()}" for attached in self._inventory.all()]
        closed = [f"cannot be opened: ST-LINK {p.serial_number} ({p.device})" for p in self._inventory.unopened()]
        lines = [*probes, *closed]
        for info in self._running:
            use = f"  in use by {info['holder']}" if info["holder"] else ""
            lines.append(f"running: {info['name']}  probe {info['unique_id']}  pid {info['pid']}{use}")
        absent = [board for board in self.boards if board.missing and board.kind == "hardware"]
        if not probes and not closed and (plain := [board for board in absent if not board.probe]):
            names = ", ".join(board.name for board in plain)
            lines.append(f"missing: no debug probe is connected, for {names}. {plain[0].remedy}")
            absent = [board for board in absent if board.probe]
        return lines + [f"missing: {board.missing} {board.remedy}" for board in absent]

    def to_json(self) -> dict[str, Any]:
        return {
            "boards_file": str(self._user_file) if self._user_file else None,
            "boards": [asdict(board) for board in self.boards],
            "probes": [_probe(attached) for attached in self._inventory.all()],
            "unopened": [asdict(port) for port in self._inventory.unopened()],
            "running": [{**info, "holder": info["holder"] and asdict(info["holder"])} for info in self._running],
        }


def _probe(attached: AttachedProbe) -> dict[str, Any]:
    identity = attached.identity
    return {
        "uid": attached.uid,
        "product": attached.probe.product,
        "serial_ports": [port.device for port in attached.ports],
        "identity": asdict(identity) if identity is not None else None,
        "holder": asdict(attached.holder) if attached.holder is not None else None,
    }
