"""The command that a missing golden names writes it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError, GoldenError
from pytest_stm32pose.preprocessing import Preprocessing
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.settings import Settings
from tests.support.data_sets import coco, picture


@pytest.mark.parametrize("folder", ["goldens", "other goldens"])
def test_the_command_of_a_missing_golden_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        picture(tmp_path / "my photographs" / name)
    settings = Settings(
        images=coco(tmp_path / "labels.json", "a.png", "b.png"),
        images_root=tmp_path / "my photographs",
        category="person",
        skeleton="coco17",
        max_images=1,
        family="none",
        preprocess=Preprocessing("letterbox"),
        golden="check",
        golden_dir=Path(folder),
    )
    inputs = RunInputs(settings, tmp_path)
    [shown] = inputs.pictures
    store = inputs.golden("")
    with pytest.raises(GoldenError) as caught:
        store.require(shown)
    command = re.search("`stm32pose (.+)`", str(caught.value))
    assert command is not None
    assert main(shlex.split(command[1])) == 0
    store.require(shown)


@pytest.mark.parametrize(
    ("boards", "fault", "sentence"),
    [
        ("sim-f405", "nor=silent", "--pose-twin-fault, board sim-f405: This twin has no fault 'nor'; it has "),
        (
            "sim-f405",
            "pll=quiet",
            "--pose-twin-fault, board sim-f405: The twin's fault 'pll=quiet' cannot be planted: ",
        ),
        ("qemu-m55,sim-f405", "pll", "--pose-twin-fault, board sim-f405: "),
        ("qemu-m55", "pll=never-ready", "--pose-twin-fault=pll=never-ready: no board of this run is a twin."),
    ],
)
def test_a_twins_fault_that_there_is_not_is_told_before_anything_starts(
    tmp_path: Path, boards: str, fault: str, sentence: str
) -> None:
    settings = Settings(boards=tuple(boards.split(",")), twin_faults=(fault,))
    with pytest.raises(ConfigError) as caught:
        RunInputs(settings, tmp_path).preflight(build=False, networks=False)
    assert caught.value.message.startswith(sentence)


def test_a_planted_fault_is_noted(tmp_path: Path) -> None:
    """A record of a model with a fault must not pass for one of a sound board."""
    inputs = RunInputs(Settings(boards=("sim-f405",), twin_faults=("pll=never-ready",)), tmp_path)
    inputs.preflight(build=False, networks=False)
    assert inputs.notes()[-1] == "planted in sim-f405's model: pll=never-ready."
