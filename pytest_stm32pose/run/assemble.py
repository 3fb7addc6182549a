"""The record of a run: assembled from what was measured, told in a few lines."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.models.zoo import ZooRow, find_model, zoo_row
from pytest_stm32pose.record import causes, summarise
from pytest_stm32pose.record.entries import BoardEntry, FirmwareEntry, GoldenEntry
from pytest_stm32pose.record.merge import OP_VALUES
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.record.whole_run import OWN_BUDGETS
from pytest_stm32pose.record.write import build_record
from pytest_stm32pose.run.measurements import Measurements
from pytest_stm32pose.types import FlashReport, MemoryStats

GIT_TIMEOUT_S = 5.0
#: Columns of the zoo that say where a file comes from, not what was published.
_NOT_RECORDED = frozenset({"file", "sha256", "bytes", "url", "recipe"})


def assemble(
    *,
    started: datetime,
    boards: Sequence[BoardSession],
    measured: Mapping[tuple[str, str], Measurements],
    golden_store: str,
    outcomes: Iterable[tuple[str, str]],
    root: Path,
    zoo: Sequence[str] = (),
    not_run: Mapping[tuple[str, str], str] | None = None,
    reruns: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """One process's record.

    Args:
        measured: by board name and SHA-256 of the network.
        zoo: rows of the zoo that the run is about, for the conformance table.
        not_run: (row, board) -> why it did not run there.
        reruns: why tests failed that passed when run again.
        notes: on the pictures and their labels.
    """
    memory = {board: found.memory for (board, _), found in measured.items() if found.memory}
    verdict, reasons = combine_verdicts(outcomes)
    record = build_record(
        started=started,
        boards=[_board_entry(session, memory.get(session.spec.name)) for session in boards],
        models=[
            summarise.model_entry(
                board,
                found.device,
                _golden_entry(found, golden_store),
                list(found.pictures.values()),
                found.budgets,
                found.memory,
            )
            for (board, _), found in measured.items()
            if found.pictures
        ],
        verdict=verdict,
        reasons=reasons,
        commit=_commit(root),
        zoo=[_zoo_entry(zoo_row(name), not_run or {}) for name in zoo],
        reruns=reruns,
        notes=notes,
    )
    return causes.grouped(record)


def with_profiles(record: dict[str, Any], measured: Mapping[tuple[str, str], Measurements]) -> dict[str, Any]:
    """A worker's record with what merging.py needs to compute the profile of all workers."""
    models = []
    for model in record["models"]:
        found = measured[model["board"], model["sha256"]]
        values = {picture.picture_id: picture.op_values for picture in found.pictures.values() if picture.op_values}
        models.append({**model, OP_VALUES: values} if values else model)
    return {**record, "models": models}


def with_own_budgets(record: dict[str, Any], measured: Mapping[tuple[str, str], Measurements]) -> dict[str, Any]:
    """A record with the budgets that came with its networks, for whole_run.py to judge."""
    models = []
    for model in record["models"]:
        found = measured.get((model["board"], model["sha256"]))
        own = [[each.name, each.limit, each.origin] for each in found.device.budgets] if found else []
        models.append({**model, OWN_BUDGETS: own} if own else model)
    return {**record, "models": models}


def _zoo_entry(row: ZooRow, not_run: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The published columns of a row, which file stands for it here, and where it did not run."""
    columns = {key: value for key, value in asdict(row).items() if key not in _NOT_RECORDED}
    path = find_model(row.name)
    # A file that is missing is missing for every board: one reason.
    reasons = {(board if path else None): why for (name, board), why in not_run.items() if name == row.name}
    return {
        **columns,
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
        "not_run": [{"board": board, "reason": why} for board, why in reasons.items()],
    }


def _golden_entry(found: Measurements, store: str) -> GoldenEntry:
    identity = next(iter(found.pictures.values())).golden
    return GoldenEntry(identity.engine, identity.version, identity.resolver, store)


def _board_entry(session: BoardSession, memory: MemoryStats | None) -> BoardEntry:
    spec, hello = session.spec, session.hello_or_none
    return BoardEntry(
        name=spec.name,
        mcu=spec.mcu,
        core=spec.core,
        kind="virtual" if spec.kind == "virtual" else "hardware",
        probe_uid=session.probe_uid or None,
        clock_hz=session.clock_hz,
        firmware=FirmwareEntry(
            path=str(session.firmware_path) if session.firmware_path else None,
            sha256=hashlib.sha256(session.firmware_path.read_bytes()).hexdigest() if session.firmware_path else None,
            version=hello.firmware_version if hello else "",
            backend=hello.backend if hello else "",
            flash_bytes=memory.flash_bytes if memory else None,
            ram_bytes=memory.ram_bytes if memory else None,
            kernels=hello.kernels if hello else "",
        ),
        flash=session.flash or FlashReport(0, False, 0.0),
        caches=session.caches,
    )


def _commit(root: Path) -> str | None:
    """The commit of the tree under test; None outside a git checkout."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
