"""The command that a missing golden names writes it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import GoldenError
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
