"""One run: settings, boards, networks, goldens, pictures, what was measured, and the record of it all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose import budget, faults, gate, recording, results
from pytest_stm32pose.baseline import Baseline, read_baseline
from pytest_stm32pose.boards.catalog import BoardSpec, board_spec, find_user_file
from pytest_stm32pose.config import LINKED_BACKENDS, ST_BACKEND, Settings
from pytest_stm32pose.errors import ConfigError, ModelError, PoseError, ProbeError, ProtocolError, TransportError
from pytest_stm32pose.harness import Device, PictureResult, measure
from pytest_stm32pose.images import PictureSequence, load_pictures
from pytest_stm32pose.limits import Limit, Limits, read_limits
from pytest_stm32pose.models.zoo import default_pictures, resolve_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model, describe_model
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.publish import publish
from pytest_stm32pose.record import combine_verdicts, write_record
from pytest_stm32pose.recording import Measurements
from pytest_stm32pose.rig import BoardSession
from pytest_stm32pose.rig_linked import LinkedSession
from pytest_stm32pose.rig_st import StSession
from pytest_stm32pose.types import Picture
from pytest_stm32pose.vendor.generated import GeneratedNetwork, read_generated

if TYPE_CHECKING:
    from pytest_stm32pose.golden.base import Engine
    from pytest_stm32pose.golden.store import GoldenStore

#: Timed inferences per picture on hardware; on virtual boards one is exact.
HARDWARE_REPEAT = 10


class PoseRun:
    """Everything a test session shares. Opens nothing until it is asked for."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings = settings
        self.tests_passed = 0
        self.interrupted = False
        self.gate_marks: dict[str, Limit] = {}  #: limits that markers give
        self.say: Callable[[str], None] | None = None  #: told what a run waits for
        self._root = root
        self._boards_file = find_user_file(settings.boards_file, root)
        self._started = datetime.now(UTC)
        self._boards: dict[str, BoardSession] = {}
        self._networks: dict[Path, CompiledNetwork] = {}
        self._goldens: dict[Path, GoldenStore] = {}
        self._measured: dict[tuple[str, str], Measurements] = {}
        self._outcomes: list[tuple[str, str]] = []
        self._merged: list[dict[str, Any]] = []
        self._not_run: dict[tuple[str, str], str] = {}
        self._overlays: dict[tuple[str, str, str], str] = {}
        self._final: dict[str, Any] | None = None
        self._published: list[str] = []

    # --- what the options name ---

    def preflight(self, *, build: bool = True) -> None:
        """Checks the request without touching a board.

        Args:
            build: also builds the firmware, where this is a checkout.

        Raises:
            ConfigError: unknown board, missing tool, broken model, pictures or budget.
        """
        for name in self.settings.boards:
            reason = self.spec(name).unavailable_reason()
            if reason:
                raise ConfigError(f"{name} cannot be used here: {reason}")
        if self.settings.firmware and not self.settings.firmware.is_file():
            raise ConfigError(f"--pose-firmware: there is no file {self.settings.firmware}.")
        if self.settings.backend == ST_BACKEND and self.settings.transport == "swd":
            raise ConfigError("ST's validation protocol runs over the serial port, not over --pose-transport=swd.")
        if self.settings.fault:
            faults.parse(self.settings.fault)
        self._check_linked()
        self._limits()
        if self.settings.gate and not self.settings.baseline:
            raise ConfigError("--pose-gate needs a baseline to compare with.", remedy="Name one with --pose-baseline.")
        if self.settings.baseline:
            _ = self._baseline, self._gate_limits
        for model in self.settings.models or ("",):
            if model not in self.settings.zoo:  # a row of the zoo that cannot run is an entry of the record
                self.network(model)
        self.pictures.verify()
        if build:
            for name in self.settings.boards:
                self._firmware(self.spec(name))

    def _check_linked(self) -> None:
        """The options of a network that is linked in come together. Raises ConfigError."""
        linked = self.settings.backend in LINKED_BACKENDS
        if linked and self.settings.network_dir is None:
            raise ConfigError(
                f"--pose-backend={self.settings.backend} runs a network that ST's generator wrote.",
                remedy="Name its folder with --pose-network-dir.",
            )
        if not linked and (self.settings.network_dir or self.settings.vendor_dir):
            raise ConfigError(
                f"--pose-network-dir and --pose-vendor-dir mean nothing to backend {self.settings.backend}.",
                remedy="Add --pose-backend=stedgeai or aton.",
            )
        if linked:
            _ = self.generated

    @cached_property
    def generated(self) -> GeneratedNetwork | None:
        """The network of --pose-network-dir; None where the backend takes images. Raises ConfigError."""
        settings = self.settings
        if settings.backend not in LINKED_BACKENDS or settings.network_dir is None:
            return None
        network = read_generated(settings.network_dir, settings.backend, settings.vendor_dir)
        _ = network.c_info  # a report that cannot be read is told before a board is taken
        return network

    @cached_property
    def pictures(self) -> PictureSequence:
        """The test pictures; the default ones are those of the default network."""
        return load_pictures(self.settings.images or default_pictures(), self.settings.max_images)

    def network(self, model: str) -> CompiledNetwork:
        """A network by zoo name or path ("" the default one), compiled once per run."""
        path = resolve_model(model)
        if path not in self._networks:
            self._networks[path] = self._compile(path)
        return self._networks[path]

    def _compile(self, path: Path) -> CompiledNetwork:
        """An image for our runtime; what only ST's runs on the boards of this run need not fit ours."""
        if self.generated:
            return describe_model(path)
        try:
            return compile_model(path, plan=self.settings.plan)
        except ModelError:
            foreign = self.settings.backend == ST_BACKEND
            if not foreign or any(self.spec(name).kind == "virtual" for name in self.settings.boards):
                raise
            return describe_model(path)

    def golden(self, model: str) -> GoldenStore:
        """The goldens of a network, by --pose-golden."""
        from pytest_stm32pose.golden.store import GoldenStore

        path = resolve_model(model)
        if path not in self._goldens:
            self._goldens[path] = GoldenStore(
                self.settings.golden,
                self.settings.golden_dir,
                self.network(model).description,
                lambda: _engine(path),
                command=f"stm32pose golden update --pose-model={path}{self._preprocess_option()}",
                preprocessing=self.settings.preprocess,
            )
        return self._goldens[path]

    def _preprocess_option(self) -> str:
        chosen = self.settings.preprocess
        return "" if chosen == "stretch" else f" --pose-preprocess={chosen}"

    @cached_property
    def _baseline(self) -> Baseline:
        assert self.settings.baseline is not None
        return read_baseline(self.settings.baseline, self._root)

    @cached_property
    def _gate_limits(self) -> Limits:
        return read_limits(self.settings.gate_limits) if self.settings.gate_limits else Limits()

    def _limits(self) -> tuple[budget.Budget, ...]:
        return budget.parse_budgets(results.parse_limits(self.settings.budgets))

    def limits(self, device: Device) -> tuple[budget.Budget, ...]:
        """The budgets of a whole run: the user's, and those that came with the network where the user gave none."""
        given = self._limits()
        names = {each.name for each in given}
        return (*given, *(each for each in device.budgets if each.name not in names))

    # --- boards ---

    def spec(self, name: str) -> BoardSpec:
        """A board of the catalog or of the user's boards.toml. Raises ConfigError, listing those there are."""
        return board_spec(name, self._boards_file)

    def board(self, name: str) -> BoardSession:
        """A board, open, with its firmware running. Raises PoseError, the same one again for every later test."""
        if name not in self._boards:
            from pytest_stm32pose.boards.open import open_board

            firmware = self._firmware(self.spec(name))
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

    def _firmware(self, spec: BoardSpec) -> Path | None:
        """The file to flash: the user's, the checkout's (built when its sources changed), the wheel's; or None."""
        if self.settings.backend == ST_BACKEND and spec.kind != "virtual":
            return self.settings.firmware  # the user's build, which may be on the board already
        from pytest_stm32pose.build import firmware_for

        backend = self.settings.backend if self.generated else "runtime"
        return self.settings.firmware or firmware_for(
            spec.name, spec.firmware, spec.kernels, backend, network=self.generated
        )

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

    def measure(self, device: Device, golden: GoldenStore, picture: Picture) -> PictureResult:
        """One picture on one device against its golden, measured once per run."""
        found = self._measurements(device)
        if picture.id not in found.pictures:
            if self.settings.images is None:
                picture = _without_foreign_labels(picture, device.network.description.keypoints)
            repeat = self.settings.repeat or (1 if device.times_first_run else HARDWARE_REPEAT)
            found.pictures[picture.id] = measure(device, golden, picture, repeat=repeat, profile=self.settings.profile)
        return found.pictures[picture.id]

    def _measurements(self, device: Device) -> Measurements:
        key = (device.board.spec.name, device.network.description.sha256)
        return self._measured.setdefault(key, Measurements(device))

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
        for each in judged:
            _keep_worst(measurements.budgets, each)
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
        """Whether any test asked for a board."""
        return bool(self._boards or self._merged or self._outcomes)

    def explain(self, error: PoseError) -> PoseError:
        """What is behind an unanswered request, asked of every open board; they are restarted before the next test."""
        for session in self._boards.values():
            if isinstance(error, (TransportError, ProtocolError, ProbeError)) and not session.suspect:
                session.suspect = True
                error = session.explain(error)
        return error

    def add_failure(self, node: str, error: BaseException | None) -> None:
        """A test on a board failed, or could not run."""
        text = (str(error).splitlines() or ["failed"])[0] if error is not None else "failed"
        if isinstance(error, PoseError):
            self._outcomes.append((error.verdict, text))
        else:
            self._outcomes.append(("failed", f"{node}: {text}"))

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
        outcomes = [*self._outcomes, *(("blocked", "the run was interrupted") for _ in range(self.interrupted))]
        if self.tests_passed and not outcomes:
            outcomes.append(("passed", ""))
        own = recording.assemble(
            started=self._started,
            boards=[session for session in self._boards.values() if session.flash or session.hello_or_none],
            measured=self._measured,
            golden_store="live" if self.settings.golden == "live" else str(self.settings.golden_dir),
            outcomes=outcomes,
            root=self._root,
            zoo=self.settings.zoo,
            not_run=self._not_run,
        )
        if not self._merged:
            return own
        mine = [own] if self._boards or outcomes else []
        return recording.merge([*mine, *self._merged])

    def export(self) -> str:
        """This worker's record, for the controller."""
        return json.dumps(self.record()) if self.used else ""

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
        self._published = publish(self._final, self.settings, os.environ)

    def _compared(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with its comparison; under --pose-gate its verdict is also the gate's."""
        limits = self._gate_limits.with_general(self.gate_marks)
        comparison = gate.compare(self._baseline.records, record, limits, self._baseline.name)
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
            result = next((each for each in found.pictures.values() if _is_hidden(each)), None)
            if path is None or result is None or network.plan_name != "small":
                continue
            try:
                picture = next(each for each in self.pictures if each.id == result.picture_id)
                device = self._boards[board].device(compile_model(path, plan="plain"))
                divergence = device.compare_intermediates(self._goldens[path], picture).divergence
            except PoseError:
                continue
            if divergence is not None:
                found.pictures[result.picture_id] = replace(result, divergence=divergence)

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
        from pytest_stm32pose.report.attach import results_summary

        prefix: list[str] = []
        results_summary(prefix, self.record(), self._overlays)
        return prefix


def _is_hidden(result: PictureResult) -> bool:
    """An operator before the one that is known to differ may be the first."""
    return result.divergence is not None and result.divergence.stage in ("operator", "output")


def _keep_worst(kept: dict[str, budget.BudgetResult], new: budget.BudgetResult) -> None:
    """The record has one line per budget: a broken one before a kept one, else the last."""
    old = kept.get(new.name)
    if old is None or old.passed or not new.passed:
        kept[new.name] = new


def _without_foreign_labels(picture: Picture, keypoints: int) -> Picture:
    """The default pictures show figures of 13 keypoints; any network runs on them, not every one is judged by them."""
    fits = picture.truth is None or picture.truth.keypoints_px.shape[1] in (keypoints, 17)
    return picture if fits else replace(picture, truth=None)


def _engine(path: Path) -> Engine:
    from pytest_stm32pose.golden.engine import GoldenEngine

    return GoldenEngine(path)
