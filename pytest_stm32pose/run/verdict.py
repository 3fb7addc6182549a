"""What a run comes to: its record, judged, compared with the baseline, written and told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.judge import budget, gate
from pytest_stm32pose.judge.gate_limits import Limit
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.models.zoo import every_row, resolve_model
from pytest_stm32pose.record import over_all, whole_run
from pytest_stm32pose.record.parts import Key, RunPart, own_budgets, pictures_of, record_of
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.record.write import write_record
from pytest_stm32pose.run import assemble
from pytest_stm32pose.run.benches import Benches
from pytest_stm32pose.run.history import History
from pytest_stm32pose.run.inputs import RunInputs, check_keypoint_budgets
from pytest_stm32pose.run.measuring import RunMeasurements
from pytest_stm32pose.run.outcomes import Outcome, Outcomes
from pytest_stm32pose.tell.publish import publish
from pytest_stm32pose.tell.terminal import summary_lines


class RunVerdict:
    """The run's record: of this process, then of all of them; judged, compared with the baseline, written, told.

    Args:
        started: when the run began.

    Attributes:
        interrupted: the run did not come to its end.
        demanded: a verdict was asked for, even of a run in which no test wants a board.
        gate_marks: limits that markers give.
    """

    def __init__(
        self,
        inputs: RunInputs,
        benches: Benches,
        measurements: RunMeasurements,
        outcomes: Outcomes,
        started: datetime,
    ) -> None:
        self.interrupted = False
        self.demanded = False
        self.gate_marks: dict[str, Limit] = {}
        self._inputs, self._benches = inputs, benches
        self._measurements, self._outcomes = measurements, outcomes
        self._settings = inputs.settings
        self._started = started
        self._others: list[RunPart] = []  #: what other processes of the run measured
        self._final: RunEntry | None = None
        self._published: list[str] = []
        self._kept: tuple[str, ...] = ()  #: budgets of the whole run that are kept, in words

    def judge_all(self, device: Device) -> str:
        """The run's budgets (--pose-budget) over all pictures measured. Returns what is wrong, or ""."""
        self.check_limits(device)
        return self.over_all("budgets", device.board.spec.name, device.network.description.sha256).text

    def check_limits(self, device: Device) -> None:
        """Before the run's budgets are judged: raises ConfigError for one that cannot be of this network, and asks the
        board what only it can tell."""
        check_keypoint_budgets(device.network.description, self._measurements.limits(device))
        self._measurements.of(device).ask_memory()

    def over_all(self, check: over_all.Check, board: str, sha256: str) -> over_all.Said:
        """A judgement of one network on one board, over the pictures of every process that has told what it measured.

        Raises:
            ConfigError: a budget cannot be judged by what was measured.
        """
        parts, key = self._parts(), (board, sha256)
        networks = [each for part in parts for each in part.networks if each.key == key]
        if not networks:
            return over_all.Said("failed", f"No picture was measured on {board}.")
        pictures = pictures_of(networks)
        if check == "as_the_golden":
            return over_all.as_the_golden(pictures)
        record = record_of(parts)
        [model] = (each for each in record.models if (each.board, each.sha256) == key)
        limits = whole_run.limits_of(self._inputs.given_budgets(), own_budgets(parts).get(key, ()))
        judged = budget.evaluate(limits, whole_run.figures(model, record.boards), self._settings.min_pictures)
        if key in self._measurements.by_network:
            names = [picture.image.id for picture in pictures]
            self._measurements.by_network[key].keep(self._outcomes.test, names, judged)
        return over_all.budgets(board, pictures, judged)

    @property
    def used(self) -> bool:
        """Whether a test asked for a board, or might have if the run had not ended early, or the user for a verdict."""
        return bool(self._benches.sessions or self._others or self._outcomes.asked or self.interrupted or self.demanded)

    def record(self) -> RunEntry:
        """The run record so far, with what other processes measured; after finish() the same one again."""
        if self._final is not None:
            return self._final
        return self._record_of(self._parts())

    def _record_of(self, parts: list[RunPart]) -> RunEntry:
        return record_of(parts, self._settings.boards if self._others else None)

    def _parts(self) -> list[RunPart]:
        """Of every process that measured; this one's too where there are no others."""
        outcomes = list(self._outcomes.pairs)
        if self.interrupted:
            outcomes.append(("blocked", "the run was interrupted"))
        is_idle = self._others and not self._benches.sessions and not outcomes
        return [*([] if is_idle else [self._part(outcomes)]), *self._others]

    def _part(self, outcomes: list[Outcome]) -> RunPart:
        """What this process measured."""
        told = self._outcomes.export()
        return assemble.measured_part(
            started=self._started,
            boards=[session for session in self._benches.sessions.values() if session.flash or session.hello_or_none],
            measured=self._measurements.by_network,
            golden_store="live" if self._settings.golden == "live" else str(self._settings.golden_dir),
            outcomes=outcomes,
            root=self._inputs.root,
            zoo=self._settings.zoo,
            not_run=self._outcomes.not_run,
            reruns=self._outcomes.reruns,
            notes=self._inputs.notes(),
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
        self._outcomes.merge({"ran": part.ran, "skipped": dict(part.skipped)})
        self._others.append(part)
        self._final = None

    def finish(self) -> None:
        """Closes the record, which the summary and the report show too, and writes it when it was asked for."""
        if not self.used:
            return
        parts = self._parts()
        record = self._record_of(parts) if self._final is None else self._final
        self._final = self._judged(record, own_budgets(parts))
        del parts, record  # of thousands of pictures, before the record is written
        if self._settings.baseline:
            self._final = self._compared(self._final)
        if self._settings.json:
            write_record(self._settings.json, self._final)
        if self._settings.history and self._final.models:
            History(self._settings.history).add(self._final, "this run")
        self._published = publish(self._final, self._settings, os.environ, self._inputs.root)

    def _judged(self, record: RunEntry, own: Mapping[Key, tuple[budget.Budget, ...]]) -> RunEntry:
        """The record with the budgets of the whole run, and with what makes it no release: nothing was tested."""
        judged = whole_run.judge(record, self._inputs.given_budgets(), self._settings.min_pictures, own)
        if self.interrupted:
            return judged.record
        self._kept = judged.lines
        return whole_run.conclude(judged, self._outcomes.idle, self._keeps_record)

    @property
    def _keeps_record(self) -> bool:
        """Whether others will read what this run was."""
        settings = self._settings
        return bool(settings.json or settings.history or settings.openmetrics or settings.code_quality)

    @property
    def is_green(self) -> bool:
        """Whether the exit code may be 0: the verdict is passed, or no test that needs a board was asked for."""
        return not self.used or (self.record().verdict == "passed" and not self.gate_closed)

    def _compared(self, record: RunEntry) -> RunEntry:
        """The record with its comparison; under --pose-gate its verdict is also the gate's."""
        limits = self._inputs.read_gate_limits().with_general(self.gate_marks)
        baseline = self._inputs.read_baseline()
        comparison = gate.compare(
            baseline.records,
            record,
            limits,
            baseline.name,
            unclear=self._settings.gate_unclear,
            scope=self._scope(record) if baseline.is_folder else None,
        )
        record = replace(record, comparison=comparison.entry)
        if self._settings.gate and comparison.closed:
            outcomes = [(str(record.verdict), reason) for reason in record.reasons or [""]]
            outcomes += [("blocked", f"not compared with the baseline: {why}") for why in comparison.all_refusals]
            outcomes += [("failed", f"regression: {why}") for why in comparison.regressions]
            outcomes += [("failed", f"unclear: {why}") for why in comparison.unclear]
            verdict, reasons = combine_verdicts(outcomes)
            record = replace(record, verdict=verdict, reasons=tuple(reasons))
        return record

    def _scope(self, record: RunEntry) -> gate.Scope:
        """What this run was asked for, or measured without having been asked: of a folder of baselines, its part."""
        asked = {_name_of(model) for model in self._settings.models or ("",)}
        return gate.Scope(
            frozenset({*self._settings.boards, *(board.name for board in record.boards)}),
            frozenset({*asked, *(model.name for model in record.models)}),
        )

    @property
    def gate_closed(self) -> bool:
        """Whether --pose-gate forbids a release."""
        compared = self._final.comparison if self._final else None
        return self._settings.gate and (compared is None or bool(compared.closed))

    def summary_lines(self) -> list[str]:
        """For the terminal: one line per network and board, then the verdict."""
        lines = summary_lines(self.record())
        return [
            *self._kept,
            *lines,
            *([f"record: {self._settings.json}"] if self._settings.json else []),
            *self._published,
        ]


def _name_of(model: str) -> str:
    """The name that a network which a user named has in records, also where its file is not on this machine."""
    try:
        return resolve_model(model).stem
    except PoseError:
        rows = every_row()
        return Path(rows[model].file if model in rows else model).stem
