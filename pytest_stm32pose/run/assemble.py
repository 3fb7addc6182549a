"""What a process of a run measured, as the part that it gives to the run's record (record/parts.py)."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.entries.model import GoldenEntry
from pytest_stm32pose.entries.run import BoardEntry, FirmwareEntry, FlashEntry, NotRunEntry, ZooEntry
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.models.zoo import ZooRow, find_model, zoo_row
from pytest_stm32pose.record import plain
from pytest_stm32pose.record.parts import MeasuredNetwork, MeasuredPicture, OperatorCost, OwnBudget, RunPart
from pytest_stm32pose.run.measurements import Measurements
from pytest_stm32pose.types import MemoryStats

GIT_TIMEOUT_S = 5.0


def measured_part(
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
    ran: bool = False,
    skipped: Mapping[str, str] | None = None,
) -> RunPart:
    """What one process measured.

    Args:
        measured: by board name and SHA-256 of the network.
        zoo: rows of the zoo that the run is about, for the conformance table.
        not_run: (row, board) -> why it did not run there.
        reruns: why tests failed that passed when run again.
        notes: on the pictures and their labels.
        ran: whether any test ran.
        skipped: tests that need a board and were skipped, and why.
    """
    memory = {board: found.memory for (board, _), found in measured.items() if found.memory}
    return RunPart(
        started=started.isoformat(timespec="seconds"),
        commit=_commit(root),
        boards=tuple(_board_entry(session, memory.get(session.spec.name)) for session in boards),
        networks=tuple(
            _network(board, found, golden_store) for (board, _), found in measured.items() if found.pictures
        ),
        outcomes=tuple(outcomes),
        zoo=tuple(_zoo_entry(zoo_row(name), not_run or {}) for name in zoo),
        reruns=tuple(reruns),
        notes=tuple(notes),
        ran=ran,
        skipped=tuple((skipped or {}).items()),
    )


def _network(board: str, found: Measurements, golden_store: str) -> MeasuredNetwork:
    device, results = found.device, list(found.pictures.values())
    description, own = device.network.description, device.network.own_family
    return MeasuredNetwork(
        network=plain.network_entry(
            board,
            description,
            _golden_entry(found, golden_store),
            device.preprocessed,
            device.network.plan_name,
            own.identity if own else None,
            device.places,
        ),
        pictures=tuple(map(_picture, results)),
        operators=_operators(device, results),
        budgets=tuple(plain.budget_entry(each) for each in found.budgets),
        own_budgets=tuple(OwnBudget(each.name, each.limit, each.origin) for each in device.budgets),
        device_model=plain.device_model_entry(device.model),
        memory=plain.memory_entry(found.memory),
    )


def _picture(result: PictureResult) -> MeasuredPicture:
    return MeasuredPicture(
        plain.image_entry(result),
        result.timing.clock_hz,
        result.op_values,
        plain.number(result.golden_oks_vs_truth),
        plain.matches_entry(result.golden_matches),
    )


def _operators(device: Device, results: Sequence[PictureResult]) -> tuple[OperatorCost, ...]:
    """What is known of the operators that were profiled; of the device's own, which are not the .tflite's, the name."""
    names = dict(pair for result in results for pair in result.op_names)
    costs = {} if names else {row.index: row for row in device.network.report}
    profiled = dict.fromkeys(op for result in results for op, _ in result.op_values)
    return tuple(
        OperatorCost(
            index=op,
            name=names[op] if op in names else device.operator_name(op),
            macs=costs[op].macs if op in costs else 0,
            arena_bytes=costs[op].arena_bytes if op in costs else 0,
        )
        for op in profiled
    )


def _zoo_entry(row: ZooRow, not_run: Mapping[tuple[str, str], str]) -> ZooEntry:
    """The published columns of a row, which file stands for it here, and where it did not run."""
    path = find_model(row.name)
    # A file that is missing is missing for every board: one reason.
    reasons = {(board if path else None): why for (name, board), why in not_run.items() if name == row.name}
    return ZooEntry(
        name=row.name,
        origin=row.origin,
        licence=row.licence,
        family=row.family,
        category=row.category,
        implementation=row.implementation,
        dataset=row.dataset,
        keypoints=row.keypoints,
        resolution=row.resolution,
        format=row.format,
        metric="map50" if row.metric == "map50" else "oks",
        accuracy=row.accuracy,
        source=row.source,
        macc_m=row.macc_m,
        activation_kib=row.activation_kib,
        weights_kib=row.weights_kib,
        tool=row.tool,
        note=row.note,
        file_sha256=hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
        not_run=tuple(NotRunEntry(board, why) for board, why in reasons.items()),
    )


def _golden_entry(found: Measurements, store: str) -> GoldenEntry:
    identity = next(iter(found.pictures.values())).golden
    return GoldenEntry(identity.engine, identity.version, identity.resolver, store)


def _board_entry(session: BoardSession, memory: MemoryStats | None) -> BoardEntry:
    spec, hello, flash = session.spec, session.hello_or_none, session.flash
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
        flash=FlashEntry(flash.bytes_written, flash.skipped, flash.seconds) if flash else FlashEntry(0, False, 0.0),
        caches=session.caches,
        memories=session.memories,
    )


def _commit(root: Path) -> str | None:
    """The commit of the tree under test; None outside a git checkout."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
