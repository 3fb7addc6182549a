"""One run: settings, boards, networks, goldens, pictures, what was measured, and the record of it all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.bench.interruption import cut_off_by
from pytest_stm32pose.bench.kinds import session_of
from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.errors import PoseError, ProbeError, ProtocolError, TransportError
from pytest_stm32pose.judge import budget, gate
from pytest_stm32pose.judge.gate_limits import Limit
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.models.zoo import resolve_model
from pytest_stm32pose.models.zoo import zoo as published
from pytest_stm32pose.record import plain, summarise, whole_run
from pytest_stm32pose.record.parts import RunPart, own_budgets, record_of
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.record.write import write_record
from pytest_stm32pose.run import assemble
from pytest_stm32pose.run.history import History
from pytest_stm32pose.run.inputs import check_keypoint_budgets
from pytest_stm32pose.run.measuring import RunMeasurements
from pytest_stm32pose.run.outcomes import Outcome
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.tell.publish import publish
from pytest_stm32pose.tell.terminal import summary_lines
from pytest_stm32pose.types import Picture

if TYPE_CHECKING:
    pass


class PoseRun(RunMeasurements):
    """Everything a test session shares. Opens nothing until it is asked for."""

    def __init__(self, settings: Settings, root: Path) -> None:
        super().__init__(settings, root)
        self.interrupted = False
        self.gate_marks: dict[str, Limit] = {}  #: limits that markers give
        self.demanded = False  #: a verdict was asked for, even of a run in which no test wants a board
        self.say: Callable[[str], None] | None = None  #: told what a run waits for
        self._started = datetime.now(UTC)
        self._boards: dict[str, BoardSession] = {}
        self._others: list[RunPart] = []  #: what other processes of the run measured
        self._not_run: dict[tuple[str, str], str] = {}
        self._overlays: dict[tuple[str, str, str], str] = {}
        self._final: RunEntry | None = None
        self._published: list[str] = []
        self._kept: tuple[str, ...] = ()  #: budgets of the whole run that are kept, in words

    # --- boards ---

    def board(self, name: str) -> BoardSession:
        """A board, open, with its firmware running. Raises PoseError, the same one again for every later test."""
        if name not in self._boards:
            from pytest_stm32pose.boards.open import open_board

            firmware = self.firmware(self.spec(name))
            board = open_board(
                name,
                probe=self.settings.probe,
                serial=self.settings.serial_url,
                user_file=self._boards_file,
                wait_s=self.settings.lock_wait_s,
                say=self.say,
            )
            self._boards[name] = session_of(board, firmware, self.settings, self.generated)
        session = self._boards[name]
        session.open()
        return session

    def device(self, session: BoardSession, model: str) -> Device:
        """The board with the network loaded. A row of the zoo that does not get so far is recorded with its reason."""
        try:
            return session.device(self.network(model))
        except PoseError as error:
            if model in self.settings.zoo:
                self.add_not_run(model, session.spec.name, error)
            raise

    def add_not_run(self, model: str, board: str, error: PoseError) -> None:
        """A row of the zoo did not run on a board; the first reason stays."""
        self._not_run.setdefault((model, board), str(error))

    # --- verdict, record, report ---

    def judge_all(self, device: Device) -> str:
        """The run's budgets (--pose-budget) over all pictures measured. Returns what is wrong, or ""."""
        check_keypoint_budgets(device.network.description, self.limits(device))
        measurements = self.measurements(device)
        found = list(measurements.pictures.values())
        self.ask_memory(measurements)
        own = record_of([self._part([])])
        key = (device.board.spec.name, device.network.description.sha256)
        [model] = (each for each in own.models if (each.board, each.sha256) == key)
        figures = whole_run.figures(model, own.boards)
        judged = budget.evaluate(self.limits(device), figures, self.settings.min_pictures)
        measurements.keep(self.outcomes.test, found, judged)
        return summarise.verdict_sentence(f"{len(found)} pictures on {device.board.spec.name}", found, judged)

    def complete(self) -> None:
        """Asks the boards, while they are open, what the budgets of the whole run will need."""
        for (board, _), found in self._measured.items():
            names = [each.name for each in self.limits(found.device)]
            if any(name.startswith("firmware_") for name in names) and not self._boards[board].suspect:
                with contextlib.suppress(PoseError):  # then the budget says that it was not measured
                    self.ask_memory(found)

    @property
    def used(self) -> bool:
        """Whether a test asked for a board, or might have if the run had not ended early, or the user for a verdict."""
        return bool(self._boards or self._others or self.outcomes.asked or self.interrupted or self.demanded)

    def explain(self, error: PoseError) -> PoseError:
        """What is behind an unanswered request, asked of every open board; they are restarted before the next test."""
        for session in self._boards.values():
            if not session.suspect:
                error = session.explain(error)
                session.suspect = isinstance(error, (TransportError, ProtocolError, ProbeError))
        return error

    def add_failure(self, node: str, error: BaseException | None) -> None:
        """A test on a board failed, or could not run."""
        cut = cut_off_by(error)
        self.outcomes.add(node, error, cut)
        for session in self._boards.values() if cut else ():
            session.abandon()

    def add_overlay(self, device: Device, result: PictureResult, picture: Picture) -> str:
        """Draws one picture with the skeletons of device, golden and labels for the report; returns its HTML."""
        from pytest_stm32pose.report.attach import picture_overlay

        html = picture_overlay(plain.image_entry(result), picture.pixels)
        self._overlays[device.board.spec.name, device.network.description.name, result.picture_id] = html
        return html

    def record(self) -> RunEntry:
        """The run record so far, with what other processes measured; after finish() the same one again."""
        if self._final is not None:
            return self._final
        return record_of(self._parts(), self.settings.boards if self._others else None)

    def _parts(self) -> list[RunPart]:
        """Of every process that measured; this one's too where there are no others."""
        outcomes = [*self.outcomes.pairs, *(("blocked", "the run was interrupted") for _ in range(self.interrupted))]
        is_idle = self._others and not self._boards and not outcomes
        return [*([] if is_idle else [self._part(outcomes)]), *self._others]

    def _part(self, outcomes: list[Outcome]) -> RunPart:
        """What this process measured."""
        told = self.outcomes.export()
        return assemble.measured_part(
            started=self._started,
            boards=[session for session in self._boards.values() if session.flash or session.hello_or_none],
            measured=self._measured,
            golden_store="live" if self.settings.golden == "live" else str(self.settings.golden_dir),
            outcomes=outcomes,
            root=self._root,
            zoo=self.settings.zoo,
            not_run=self._not_run,
            reruns=self.outcomes.reruns,
            notes=self.notes(),
            ran=told["ran"],
            skipped=told["skipped"],
        )

    def export(self) -> str:
        """What this process measured, for the one that makes the record."""
        if not self.used:
            return ""
        [part] = self._parts()
        return json.dumps(part.to_json())

    def merge(self, exported: str) -> None:
        """Takes in what another process measured."""
        part = RunPart.from_json(json.loads(exported), "what another process measured")
        self.outcomes.merge({"ran": part.ran, "skipped": dict(part.skipped)})
        self._others.append(part)
        self._final = None

    def finish(self) -> None:
        """Closes the record, which the summary and the report show too, and writes it when it was asked for."""
        if not self.used:
            return
        self._final = self._judged(self.record())
        if self.settings.baseline:
            self._final = self._compared(self._final)
        if self.settings.json:
            write_record(self.settings.json, self._final)
        if self.settings.history and self._final.models:
            History(self.settings.history).add(self._final, "this run")
        self._published = publish(self._final, self.settings, os.environ, self._root)

    def _judged(self, record: RunEntry) -> RunEntry:
        """The record with the budgets of the whole run, and with what makes it no release: nothing was tested."""
        judged = whole_run.judge(record, self.given_budgets(), self.settings.min_pictures, own_budgets(self._parts()))
        if self.interrupted:
            return judged.record
        self._kept = judged.lines
        return whole_run.conclude(judged, self.outcomes.idle, self._keeps_record)

    @property
    def _keeps_record(self) -> bool:
        """Whether others will read what this run was."""
        settings = self.settings
        return bool(settings.json or settings.history or settings.openmetrics or settings.code_quality)

    @property
    def is_green(self) -> bool:
        """Whether the exit code may be 0: the verdict is passed, or no test that needs a board was asked for."""
        return not self.used or (self.record().verdict == "passed" and not self.gate_closed)

    def _compared(self, record: RunEntry) -> RunEntry:
        """The record with its comparison; under --pose-gate its verdict is also the gate's."""
        limits = self.gate_limits.with_general(self.gate_marks)
        comparison = gate.compare(
            self.baseline.records,
            record,
            limits,
            self.baseline.name,
            unclear=self.settings.gate_unclear,
            scope=self._scope(record) if self.baseline.is_folder else None,
        )
        record = replace(record, comparison=comparison.entry)
        if self.settings.gate and comparison.closed:
            outcomes = [(str(record.verdict), reason) for reason in record.reasons or [""]]
            outcomes += [("blocked", f"not compared with the baseline: {why}") for why in comparison.all_refusals]
            outcomes += [("failed", f"regression: {why}") for why in comparison.regressions]
            outcomes += [("failed", f"unclear: {why}") for why in comparison.unclear]
            verdict, reasons = combine_verdicts(outcomes)
            record = replace(record, verdict=verdict, reasons=tuple(reasons))
        return record

    def _scope(self, record: RunEntry) -> gate.Scope:
        """What this run was asked for, or measured without having been asked: of a folder of baselines, its part."""
        asked = {_name_of(model) for model in self.settings.models or ("",)}
        return gate.Scope(
            frozenset({*self.settings.boards, *(board.name for board in record.boards)}),
            frozenset({*asked, *(model.name for model in record.models)}),
        )

    @property
    def gate_closed(self) -> bool:
        """Whether --pose-gate forbids a release."""
        compared = self._final.comparison if self._final else None
        return self.settings.gate and (compared is None or bool(compared.closed))

    def localise(self) -> None:
        """Names the operator that differed first where the small plan hides it: one picture again, every tensor kept.

        At the end of a run, since the board then holds another image. A board that cannot leaves the answer as it is.
        """
        if self.settings.fault:
            return  # the fault is in the image that was flashed, not in this one
        for (board, _), found in self._measured.items():
            network = found.device.network
            path = next((path for path, each in self._networks.items() if each is network), None)
            ids = self.pictures.ids
            hidden = (each for each in found.pictures.values() if each.picture_id in ids)
            result = next((each for each in hidden if _is_hidden(found.device, each)), None)
            if path is None or result is None or network.plan_name != "small":
                continue
            try:
                picture = next(each for each in self.pictures if each.id == result.picture_id)
                device = self._boards[board].device(self.every_tensor(path))
                divergence = device.compare_intermediates(self._goldens[path], picture).divergence
            except PoseError:
                continue
            if divergence is not None and result.divergence is not None:
                divergence = replace(divergence, seen_at=result.divergence.op_index)
                found.pictures[result.picture_id] = replace(result, divergence=divergence)
                was, now = result.divergence.describe(), divergence.describe()
                self.outcomes.reword(was, now)

    def close(self) -> None:
        """Releases every board."""
        for session in self._boards.values():
            session.close()

    def summary_lines(self) -> list[str]:
        """For the terminal: one line per network and board, then the verdict."""
        lines = summary_lines(self.record())
        return [
            *self._kept,
            *lines,
            *([f"record: {self.settings.json}"] if self.settings.json else []),
            *self._published,
        ]

    def html_sections(self) -> list[str]:
        """For pytest-html's summary."""
        from pytest_stm32pose.report.attach import results_summary, worst_overlays

        prefix: list[str] = []
        overlays = worst_overlays(self.record(), self.pictures.pixels_of, self._overlays)
        results_summary(prefix, self.record(), overlays)
        return prefix


def _name_of(model: str) -> str:
    """The name that a network which a user named has in records, also where its file is not on this machine."""
    try:
        return resolve_model(model).stem
    except PoseError:
        return Path(published()[model].file if model in published() else model).stem


def _is_hidden(device: Device, result: PictureResult) -> bool:
    """An operator before the one that is known to differ may be the first."""
    divergence = result.divergence
    return divergence is not None and (divergence.stage == "output" or bool(device.hidden_before(divergence)))
