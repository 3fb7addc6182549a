"""What the options of a run ask for, as far as it is known without opening pictures or networks: boards, budgets, gate.

All of it is looked at when tests are collected: what takes time to import is imported by what needs it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec, find_user_file
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge import budget
from pytest_stm32pose.judge.gate_limits import Limits
from pytest_stm32pose.models.zoo import resolve_model
from pytest_stm32pose.settings import LINKED_BACKENDS, ST_BACKEND, Settings

if TYPE_CHECKING:
    from pytest_stm32pose.firmware.generated import GeneratedNetwork
    from pytest_stm32pose.record.baseline import Baseline

#: Of a .tflite, and where it stands.
_MARK, _MARK_PLACE = b"TFL3", slice(4, 8)


class RunRequest:
    """Each thing is read once, when it is first asked for."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings = settings
        self.root = root
        self.boards_file = find_user_file(settings.boards_file, root)
        self._generated: GeneratedNetwork | None = None
        self._baseline: Baseline | None = None
        self._gate_limits: Limits | None = None

    def check(self) -> None:
        """Whatever can be known from options, catalog and small files.

        Raises:
            ConfigError: unknown board, missing tool, option that means nothing, budget, baseline or history.
        """
        for name in self.settings.boards:
            reason = self.spec(name).unavailable_reason()
            if reason:
                raise ConfigError(f"{name} cannot be used here: {reason}")
        if self.settings.firmware:
            from pytest_stm32pose.boards.image_check import check_firmware

            for name in self.settings.boards:
                check_firmware(self.settings.firmware, self.spec(name))
        if self.settings.backend == ST_BACKEND and self.settings.transport == "swd":
            raise ConfigError("ST's validation protocol runs over the serial port, not over --pose-transport=swd.")
        if self.settings.fault:
            from pytest_stm32pose.bench import faults

            faults.parse(self.settings.fault)
        self.check_twin_faults()
        self._check_linked()
        self.given_budgets()
        self._check_gate()
        if self.settings.history and self.settings.history.exists():
            from pytest_stm32pose.run.history import History

            History(self.settings.history).entries(limit=0)

    def check_names(self) -> None:
        """The networks of --pose-model are there, and are .tflite files by their mark. Raises PoseError."""
        for model in self.settings.models or ("",):
            if model not in self.settings.zoo:
                self.check_name(model)

    def check_name(self, model: str) -> None:
        """One network. What is in its file is looked at before a board is taken (RunInputs.check_networks)."""
        path = resolve_model(model)
        begin = b""
        with contextlib.suppress(OSError), path.open("rb") as file:
            begin = file.read(_MARK_PLACE.stop)
        if begin[_MARK_PLACE] != _MARK:
            from pytest_stm32pose.network.reader import read_model

            read_model(path)  # which says what it is instead

    def twin_faults(self, name: str) -> tuple[str, ...]:
        """What is to be planted in the model of a board of this run. Raises ConfigError: none of them is a twin."""
        given = self.settings.twin_faults
        if given and not any(self.spec(each).is_twin for each in self.settings.boards):
            raise ConfigError(
                f"--pose-twin-fault={given[0]}: no board of this run is a twin.",
                remedy="Leave it out, or run on a twin ('stm32pose boards' lists them: sim-...).",
            )
        return given if self.spec(name).is_twin else ()

    def check_twin_faults(self) -> None:
        """Raises ConfigError: a twin of this run does not have what --pose-twin-fault names, or no board is one."""
        if not self.settings.twin_faults:
            return
        from pytest_stm32pose.twins import planting

        for name in self.settings.boards:
            given = self.twin_faults(name)
            try:
                if given:
                    planting.check(self.spec(name).machine, given)
            except ValueError as error:
                raise ConfigError(f"--pose-twin-fault, board {name}: {error}") from error

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
        if self.settings.weights and self.settings.backend != Settings.backend:
            raise ConfigError(
                f"--pose-weights={self.settings.weights} means nothing to backend {self.settings.backend}, whose "
                "weights are where ST's generator put them.",
                remedy="Leave it out.",
            )
        if linked:
            self.read_generated()

    def _check_gate(self) -> None:
        """Raises ConfigError: a gate without a baseline, or one of its files cannot be read."""
        if self.settings.gate and not self.settings.baseline:
            raise ConfigError("--pose-gate needs a baseline to compare with.", remedy="Name one with --pose-baseline.")
        if self.settings.baseline:
            self.read_baseline()
            self.read_gate_limits()

    def read_generated(self) -> GeneratedNetwork | None:
        """The network of --pose-network-dir; None where the backend takes images. Raises ConfigError."""
        settings = self.settings
        if settings.backend not in LINKED_BACKENDS or settings.network_dir is None:
            return None
        if self._generated is None:
            from pytest_stm32pose.firmware.generated import read_generated

            self._generated = read_generated(settings.network_dir, settings.backend, settings.vendor_dir)
        return self._generated

    def read_baseline(self) -> Baseline:
        """What --pose-baseline names. Raises ConfigError."""
        assert self.settings.baseline is not None
        if self._baseline is None:
            from pytest_stm32pose.record.baseline import read_baseline

            self._baseline = read_baseline(self.settings.baseline, self.root)
        return self._baseline

    def read_gate_limits(self) -> Limits:
        """Those of --pose-gate-limits, else the built-in ones. Raises ConfigError."""
        if self._gate_limits is None:
            from pytest_stm32pose.record.limits_file import read_limits

            self._gate_limits = read_limits(self.settings.gate_limits) if self.settings.gate_limits else Limits()
        return self._gate_limits

    def given_budgets(self) -> tuple[budget.Budget, ...]:
        return budget.parse_budgets(budget.named_limits(self.settings.budgets))

    def spec(self, name: str) -> BoardSpec:
        """A board of the catalog or of the user's boards.toml. Raises ConfigError, listing those there are."""
        return board_spec(name, self.boards_file)
