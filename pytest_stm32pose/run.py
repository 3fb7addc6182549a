"""One run: settings, boards, networks, goldens, pictures, what was measured, and the record of it all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose import budget, gate, merging, recording, results
from pytest_stm32pose.config import ST_BACKEND, Settings
from pytest_stm32pose.errors import PoseError, ProbeError, ProtocolError, TransportError
from pytest_stm32pose.harness import Device, measure
from pytest_stm32pose.history import History
from pytest_stm32pose.inputs import RunInputs
from pytest_stm32pose.limits import Limit
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.outcomes import Outcomes
from pytest_stm32pose.picture_result import PictureResult
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.publish import publish
from pytest_stm32pose.record import combine_verdicts, write_record
from pytest_stm32pose.recording import Measurements
from pytest_stm32pose.rig import BoardSession, cut_off_by
from pytest_stm32pose.rig_linked import LinkedSession
from pytest_stm32pose.rig_st import StSession
from pytest_stm32pose.types import Picture

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore

#: Timed inferences per picture on hardware; on virtual boards one is exact.
HARDWARE_REPEAT = 10


class PoseRun(RunInputs):
    """Everything a test session shares. Opens nothing until it is asked for."""

    def __init__(self, settings: Settings, root: Path) -> None:
        super().__init__(settings, root)
        self.outcomes = Outcomes()
        self.interrupted = False
        self.gate_marks: dict[str, Limit] = {}  #: limits that markers give
        self.say: Callable[[str], None] | None = None  #: told what a run waits for
        self._started = datetime.now(UTC)
        self._boards: dict[str, BoardSession] = {}
        self._measured: dict[tuple[str, str], Measurements] = {}
        self._merged: list[dict[str, Any]] = []
        self._not_run: dict[tuple[str, str], str] = {}
        self._overlays: dict[tuple[str, str, str], str] = {}
        self._final: dict[str, Any] | None = None
        self._published: list[str] = []

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
            if self.generated is not None:
                self._boards[name] = LinkedSession(board, firmware, self.settings, self.generated)
            else:
                session_of = StSession if self.settings.backend == ST_BACKEND else BoardSession
                self._boards[name] = session_of(board, firmware, self.settings)
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

    # --- measuring and judging ---

    def begin(self, test: str) -> None:
        """A test begins; one that failed before is not judged by what was measured then."""
        if self.outcomes.begin(test):
            for found in self._measured.values():
                found.forget(test)

    def measure(self, device: Device, golden: GoldenStore, picture: Picture) -> PictureResult:
        """One picture on one device against its golden, measured once per run."""
        found = self._measurements(device)
        if picture.id not in found.pictures:
            if self.settings.images is None:
                picture = _without_foreign_labels(picture, device.network.description.keypoints)
            repeat = self.settings.repeat or (1 if device.times_first_run else HARDWARE_REPEAT)
            result = measure(device, golden, picture, repeat=repeat, profile=self.settings.profile)
            found.pictures[picture.id] = results.told_if_stale(result, found.pictures.values())
        return found.pictures[picture.id]

    def _measurements(self, device: Device) -> Measurements:
        key = (device.board.spec.name, device.network.description.sha256)
        return self._measured.setdefault(key, Measurements(device))

    def limits(self, device: Device) -> tuple[budget.Budget, ...]:
        """The budgets of a whole run: the user's, and those that came with the network where the user gave none."""
        given = self.given_budgets()
        names = {each.name for each in given}
        return (*given, *(each for each in device.budgets if each.name not in names))

    def judge(self, device: Device, result: PictureResult, limits: Mapping[str, float]) -> str:
        """Budgets on one picture. Returns what is wrong, "" when every budget is kept."""
        judged = self._evaluate(device, [result], budget.parse_budgets(limits))
        return self._verdict_sentence(f"{result.picture_id} on {device.board.spec.name}", [result], judged)

    def judge_all(self, device: Device) -> str:
        """The run's budgets (--pose-budget) over all pictures measured. Returns what is wrong, or ""."""
        found = list(self._measurements(device).pictures.values())
        judged = self._evaluate(device, found, self.limits(device))
        return self._verdict_sentence(f"{len(found)} pictures on {device.board.spec.name}", found, judged)

    def _evaluate(
        self, device: Device, found: list[PictureResult], budgets: tuple[budget.Budget, ...]
    ) -> list[budget.BudgetResult]:
        measurements = self._measurements(device)
        if measurements.memory is None and device.capabilities & Capability.MEMORY:
            measurements.memory = device.runner.memory()
        judged = budget.evaluate(budgets, results.measured(device, found, measurements.memory))
        measurements.keep(self.outcomes.test, found, judged)
        return judged

    @staticmethod
    def _verdict_sentence(what: str, found: list[PictureResult], judged: list[budget.BudgetResult]) -> str:
        broken = [each.describe() for each in judged if not each.passed]
        if not broken:
            return ""
        first = next((r.divergence for r in found if r.divergence is not None), None)
        return f"{what}: {' '.join(broken)}" + (f" {first.describe()}" if first else "")

    # --- verdict, record, report ---

    @property
    def used(self) -> bool:
        """Whether any test asked for a board, or might have if the run had not ended early."""
        return bool(self._boards or self._merged or self.outcomes.pairs or self.interrupted)

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
        from pytest_stm32pose.record import plain
        from pytest_stm32pose.report.attach import picture_overlay

        html = picture_overlay(plain(results.image_entry(result)), picture.pixels)
        self._overlays[device.board.spec.name, device.network.description.name, picture.id] = html
        return html

    def record(self) -> dict[str, Any]:
        """The run record so far, with what pytest-xdist's workers sent; after finish() the same one again."""
        if self._final is not None:
            return self._final
        outcomes = [*self.outcomes.pairs, *(("blocked", "the run was interrupted") for _ in range(self.interrupted))]
        own = recording.assemble(
            started=self._started,
            boards=[session for session in self._boards.values() if session.flash or session.hello_or_none],
            measured=self._measured,
            golden_store="live" if self.settings.golden == "live" else str(self.settings.golden_dir),
            outcomes=outcomes,
            root=self._root,
            zoo=self.settings.zoo,
            not_run=self._not_run,
            reruns=self.outcomes.reruns,
        )
        if not self._merged:
            return own
        mine = [own] if self._boards or outcomes else []
        return merging.merge([*mine, *self._merged], self.settings.boards)

    def export(self) -> str:
        """This worker's record, for the controller."""
        return json.dumps(recording.with_profiles(self.record(), self._measured)) if self.used else ""

    def merge(self, exported: str) -> None:
        """Takes a worker's record in."""
        self._merged.append(json.loads(exported))
        self._final = None

    def finish(self) -> None:
        """Closes the record, which the summary and the report show too, and writes it when it was asked for."""
        if not self.used:
            return
        self._final = self.record()
        if self.settings.baseline:
            self._final = self._compared(self._final)
        if self.settings.json:
            write_record(self.settings.json, self._final)
        if self.settings.history:
            History(self.settings.history).add(self._final, "this run")
        self._published = publish(self._final, self.settings, os.environ, self._root)

    def _compared(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with its comparison; under --pose-gate its verdict is also the gate's."""
        limits = self.gate_limits.with_general(self.gate_marks)
        comparison = gate.compare(self.baseline.records, record, limits, self.baseline.name)
        record = {**record, "comparison": comparison.as_dict()}
        if self.settings.gate and comparison.verdict != "passed":
            outcomes = [(record["verdict"], reason) for reason in record["reasons"] or [""]]
            outcomes += [("blocked", f"not compared with the baseline: {why}") for why in comparison.all_refusals]
            outcomes += [("failed", f"regression: {why}") for why in comparison.regressions]
            record["verdict"], record["reasons"] = combine_verdicts(outcomes)
        return record

    @property
    def gate_closed(self) -> bool:
        """Whether --pose-gate forbids a release."""
        compared = (self._final or {}).get("comparison")
        return self.settings.gate and (compared is None or compared["verdict"] != "passed")

    def localise(self) -> None:
        """Names the operator that differed first where the small plan hides it: one picture again, every tensor kept.

        At the end of a run, since the board then holds another image. A board that cannot leaves the answer as it is.
        """
        if self.settings.fault:
            return  # the fault is in the image that was flashed, not in this one
        for (board, _), found in self._measured.items():
            network = found.device.network
            path = next((path for path, each in self._networks.items() if each is network), None)
            result = next((each for each in found.pictures.values() if _is_hidden(found.device, each)), None)
            if path is None or result is None or network.plan_name != "small":
                continue
            try:
                picture = next(each for each in self.pictures if each.id == result.picture_id)
                device = self._boards[board].device(compile_model(path, plan="plain"))
                divergence = device.compare_intermediates(self._goldens[path], picture).divergence
            except PoseError:
                continue
            if divergence is not None and result.divergence is not None:
                found.pictures[result.picture_id] = replace(result, divergence=divergence)
                was, now = result.divergence.describe(), divergence.describe()
                self.outcomes.reword(was, now)

    def close(self) -> None:
        """Releases every board."""
        for session in self._boards.values():
            session.close()

    def summary_lines(self) -> list[str]:
        """For the terminal: one line per network and board, then the verdict."""
        lines = recording.summary_lines(self.record())
        return [*lines, *([f"record: {self.settings.json}"] if self.settings.json else []), *self._published]

    def html_sections(self) -> list[str]:
        """For pytest-html's summary."""
        from pytest_stm32pose.report.attach import results_summary, worst_overlays

        prefix: list[str] = []
        overlays = worst_overlays(self.record(), self.pictures.pixels_of, self._overlays)
        results_summary(prefix, self.record(), overlays)
        return prefix


def _is_hidden(device: Device, result: PictureResult) -> bool:
    """An operator before the one that is known to differ may be the first."""
    divergence = result.divergence
    return divergence is not None and (divergence.stage == "output" or bool(device.hidden_before(divergence)))


def _without_foreign_labels(picture: Picture, keypoints: int) -> Picture:
    """The default pictures show figures of 13 keypoints; any network runs on them, not every one is judged by them."""
    fits = picture.truth is None or picture.truth.keypoints_px.shape[1] in (keypoints, 17)
    return picture if fits else replace(picture, truth=None)
