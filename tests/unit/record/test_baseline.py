"""Where baselines come from: file, folder, git; and one sentence for each that is none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record.baseline import read_baseline
from pytest_stm32pose.record.write import write_record
from tests.support.records import run_of
from tests.support.report_sample import record as sample


def record(started: str = "2026-01-02T03:04:05+00:00", *boards: str) -> dict[str, Any]:
    made = {**sample(2), "started": started}
    return {**made, "models": [each for each in made["models"] if not boards or each["board"] in boards]}


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, timeout=600)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A record that was committed, tagged, and changed since."""
    git(tmp_path, "init", "--initial-branch=main")
    write_record(tmp_path / "bench/n6.json", run_of(record()))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "baseline")
    git(tmp_path, "tag", "v1")
    write_record(tmp_path / "bench/n6.json", run_of(record("2026-05-05T05:05:05+00:00")))
    return tmp_path


def test_a_file(tmp_path: Path) -> None:
    write_record(tmp_path / "base.json", run_of(record()))
    found = read_baseline("base.json", tmp_path)
    assert [each.to_json() for each in found.records] == [record()]
    assert found.name == str(tmp_path / "base.json")


def test_a_folder_gives_the_latest_of_each_board_and_network(tmp_path: Path) -> None:
    write_record(tmp_path / "old.json", run_of(record("2026-01-01T00:00:00+00:00")))
    write_record(tmp_path / "n6.json", run_of(record("2026-01-03T00:00:00", "n6")))
    write_record(
        tmp_path / "m55.json", run_of(record("2026-01-02T23:00:00-03:00", "qemu-m55"))
    )  # later than n6, in UTC
    (tmp_path / "other.json").write_text('{"dependencies": {}}')
    (tmp_path / "notes.txt").write_text("stm32pose/run/1")
    (tmp_path / "folder.json").mkdir()
    found = read_baseline(".", tmp_path).records
    assert [each.started for each in found] == ["2026-01-02T23:00:00-03:00", "2026-01-03T00:00:00"]


def test_a_revision(repository: Path) -> None:
    for source in ("git:v1:bench/n6.json", "git:HEAD:bench/n6.json", "git:main:bench/n6.json"):
        assert read_baseline(source, repository).records[0].started.startswith("2026-01-02")
    assert read_baseline("bench/n6.json", repository).records[0].started.startswith("2026-05")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("git:v2:bench/n6.json", "git has no baseline git:v2:bench/n6.json"),
        ("git:v1:n6.json", "git has no baseline git:v1:n6.json"),
        ("git:v1:bench", "git has no baseline git:v1:bench"),
        ("git:v1", "is not git:REVISION:PATH"),
        ("git::n6.json", "is not git:REVISION:PATH"),
        ("git:--help:n6.json", "is not git:REVISION:PATH"),
        ("git:v1:-n6.json", "is not git:REVISION:PATH"),
        ("git:v1:\0", "git cannot be asked"),
    ],
)
def test_git_that_has_none(repository: Path, source: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_baseline(source, repository)
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigError, match="git has no baseline"):
        read_baseline("git:v1:n6.json", tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no valid JSON"),
        (json.dumps(record())[:2000], "is no valid JSON"),
        ('{"dependencies": {}}', "is not a run record"),
        ("[1, 2]", "is not a run record"),
        ('{"schema": "stm32pose/run/2"}', "this version reads 'stm32pose/run/1'"),
        ('{"schema": "stm32pose/run/1"}', "is not a valid run record, `"),
        (json.dumps(record()).replace("0.8125", "1e999"), "is too large"),
        (json.dumps(record()).replace("8123456", "9" * 30), "is too large"),
        (json.dumps(record()).replace("0.8125", "NaN"), "NaN is not JSON"),
        ("[" * 100_000, "is no valid JSON"),
    ],
    ids=["empty", "cut", "foreign", "list", "newer", "lacking", "infinite", "huge", "nan", "deep"],
)
def test_a_file_that_is_no_record(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_baseline("base.json", tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / "base.json") in str(caught.value)


def test_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not there\. Give a record"):
        read_baseline("base.json", tmp_path)


def test_a_folder_with_nothing_and_with_broken_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run record"):
        read_baseline(".", tmp_path)
    (tmp_path / "cut.json").write_text(json.dumps(record())[:3000])
    with pytest.raises(ConfigError, match=r"cut\.json is not a run record"):
        read_baseline(".", tmp_path)
    (tmp_path / "cut.json").write_text('{"schema": "stm32pose/run/7"}')
    with pytest.raises(ConfigError, match="this version reads"):
        read_baseline(".", tmp_path)
    (tmp_path / "cut.json").write_text(json.dumps(record("yesterday")))
    with pytest.raises(ConfigError, match="start 'yesterday' is no time"):
        read_baseline(".", tmp_path)
