"""The command `stm32pose` as a whole: what any of its commands may print."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.cli.main import main
from tests.support import report_sample


@pytest.mark.parametrize(
    ("name", "encoding", "shown"),
    [
        ("caf\udce9", "utf-8", r"caf\udce9"),  # of a file whose name is no UTF-8
        ("caf\u00e9", "ascii", r"caf\xe9"),
        ("caf\u00e9", "utf-8", "caf\u00e9"),
    ],
)
def test_names_that_the_terminal_cannot_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, encoding: str, shown: str
) -> None:
    document = report_sample.record(pictures=1)
    document["models"][0]["name"] = document["models"][1]["name"] = name
    path = tmp_path / "record.json"
    path.write_text(json.dumps(document))
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding, write_through=True))
    assert main(["compare", str(path), str(path)]) == 1  # the sample's run failed
    assert shown in printed.getvalue().decode(encoding)
