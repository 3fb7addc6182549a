"""`stm32pose zoo`: every row of the zoo on every board named, spread over worker processes, one record.

A worker owns one board at a time (for a virtual board, an emulator of its own) and runs a share of the rows; a row
that cannot run, or a board that fails, becomes a reason in the record and never ends the others.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.errors import ConfigError, PoseError, ProbeError
from pytest_stm32pose.judge.budget import EXACT, judges_keypoints
from pytest_stm32pose.models.zoo import find_model, zoo, zoo_row
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings

#: For rows without a published MACC: millions per byte of the file, as the others have.
_MACC_M_PER_BYTE = 1.5e-4
#: Time of an emulated inference by kernel set, against "dsp": QEMU emulates Helium instructions slowly.
_SLOWNESS = {"ref": 2.0, "mve": 4.0}


@dataclass(frozen=True)
class Share:
    """Rows that one worker runs on one board."""

    board: str
    rows: tuple[str, ...]
    cost: float  #: millions of MACC


def run_conformance(settings: Settings, *, jobs: int | None = None) -> RunEntry:
    """Runs the rows `settings.zoo` (when empty, those of "all") on `settings.boards` and returns the record.

    Args:
        settings: boards, pictures, profile, budgets as for a pytest run.
        jobs: worker processes at most; default the number of processors.

    Raises:
        ConfigError: no board named, unknown board, missing tool, no such row, broken pictures.
    """
    rows = settings.zoo or tuple(zoo())
    if not settings.boards:
        raise ConfigError("No board is named.", remedy="Add --board=NAME; 'stm32pose boards' lists them.")
    if jobs is not None and jobs < 1:
        raise ConfigError(f"--jobs: {jobs} is not a whole number of at least 1.")
    rows = tuple(dict.fromkeys(zoo_row(name).name for name in rows))
    settings = replace(settings, boards=tuple(dict.fromkeys(settings.boards)), zoo=rows, models=rows)
    parent = PoseRun(settings, Path.cwd())
    specs = [parent.inputs.spec(name) for name in settings.boards]
    try:
        parent.inputs.preflight()
        _build(specs)
        shares = share_out(rows, specs)
        for exported in _run_shares(shares, settings, jobs or os.cpu_count() or 1):
            parent.verdict.merge(exported)
        return parent.verdict.record()
    finally:
        parent.close()


def _build(specs: Sequence[BoardSpec]) -> None:
    """Firmware of every board before the workers start: an error is told once, and nobody waits for a lock."""
    from pytest_stm32pose.firmware.build import firmware_for

    for spec in specs:
        firmware_for(spec.name, spec.firmware, spec.kernels)


def share_out(rows: Sequence[str], specs: Sequence[BoardSpec]) -> list[Share]:
    """What workers take one after the other, the costliest first, so that all of them end at about the same time.

    Each row on a virtual board is a share of its own, since every worker can have an emulator; a board that exists once
    is one share.
    """
    shares = [
        Share(spec.name, part, sum(_cost(name) for name in part) * _SLOWNESS.get(spec.kernels, 1.0))
        for spec in specs
        for part in ([tuple(rows)] if spec.exists_once else [(name,) for name in rows])
    ]
    return sorted(shares, key=lambda share: -share.cost)


def _cost(name: str) -> float:
    """Millions of MACC of a row; nothing when its file is not here."""
    row = zoo_row(name)
    return (row.macc_m or (row.bytes or 0) * _MACC_M_PER_BYTE) if find_model(name) else 0.0


def _run_shares(shares: Sequence[Share], settings: Settings, jobs: int) -> list[str]:
    """Runs the shares in processes of their own; returns what they measured, as JSON."""
    # spawn: a forked copy of this process would share pyOCD's and LiteRT's threads and descriptors.
    context = multiprocessing.get_context("spawn")
    exported = []
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(min(jobs, len(shares)), mp_context=context, initializer=_end_on_request) as pool:
        pending = {pool.submit(measure_share, settings, share.board, share.rows): share for share in shares}
        try:
            for done in as_completed(pending):
                exported.append(done.result())
        except BrokenProcessPool as error:
            raise ProbeError(
                "A worker process of the conformance run died.",
                remedy="Look whether the machine ran out of memory; fewer workers: --jobs 1.",
            ) from error
        except BaseException:
            # Interrupted: what has not begun never begins, what runs closes its board and ends.
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
    return exported


def _end_on_request() -> None:
    """In a worker: a request to end unwinds, so that no emulator stays behind."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def measure_share(settings: Settings, board: str, rows: Sequence[str]) -> str:
    """Runs rows on one board in this process. Returns what it measured, as JSON."""
    run = PoseRun(replace(settings, boards=(board,), json=None), Path.cwd())
    try:
        for name in rows:
            _measure_row(run, board, name)
        return run.verdict.export()
    finally:
        run.close()


def _measure_row(run: PoseRun, board: str, name: str) -> None:
    """One network over all pictures. What goes wrong is recorded, not raised."""
    began, exact = time.perf_counter(), True
    try:
        run.inputs.check_fit(board, name)  # a missing file, a refused network or a small board needs no board
        device = run.device(run.board(board), name)
        golden = run.golden(name)
        limits = {key: limit for key, limit in EXACT.items() if device.decodes or not judges_keypoints(key)}
        for result in run.measure_all(device, golden):
            message = run.measurements.judge(device, result, limits)
            if message:
                exact = False
                run.add_failure(name, AssertionError(message))
        message = run.verdict.judge_all(device)
        if message:
            exact = False
            run.add_failure(name, AssertionError(message))
        run.outcomes.passed += exact
        told = f"{len(run.pictures)} pictures in {time.perf_counter() - began:.1f} s"
    except PoseError as error:
        explained = run.benches.explain(error)
        run.outcomes.add_not_run(name, board, explained)
        run.add_failure(name, explained)
        told = str(explained)
    print(f"{board}  {name}: {told}", file=sys.stderr, flush=True)
