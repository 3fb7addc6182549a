"""The gate on an emulated board: green on the same build, red with the right reason, blocked on other pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.history import History
from pytest_stm32pose.record import read_record, write_record
from tests.virtual.suite_run import SuiteRun, run_suite

OWN_TEST = """
import pytest

@pytest.mark.pose_gate(latency_p50="{limit}")
def test_pictures(pose_check, pose_images):
    for picture in pose_images:
        pose_check(picture)
"""
OPTIONS = ("--board=qemu-m55", "--pose-max-images=2", "-k", "test_picture")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a good build, which is in a history too."""
    folder = tmp_path_factory.mktemp("base")
    done = run_suite(folder, *OPTIONS, "--pose-history=history.sqlite")
    assert done.exit_code == 0, done.output
    return folder / "record.json"


def gated(folder: Path, base: Path, *options: str) -> SuiteRun:
    return run_suite(folder, *OPTIONS, f"--pose-baseline={base}", "--pose-gate", *options)


def changed(base: Path, folder: Path, key: str, value: Any) -> Path:
    """The baseline with another latency."""
    record = read_record(base)
    record["models"][0]["latency"][key] = value
    write_record(folder / "changed.json", record)
    return folder / "changed.json"


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_same_build_is_green(base: Path, tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = gated(tmp_path, base, *workers)
    assert done.exit_code == 0, done.output
    compared = done.record["comparison"]
    assert (compared["verdict"], compared["refusals"], compared["models"][0]["refusals"]) == ("passed", [], [])
    outcomes = {metric["name"]: metric["outcome"] for metric in compared["models"][0]["metrics"]}
    assert set(outcomes.values()) == {"same"}
    assert {"oks_vs_truth", "tensor_differing", "latency_p50", "firmware_ram_kib"} <= outcomes.keys()
    assert "compared with the baseline: passed" in done.output


def test_wrong_weights_are_red(base: Path, tmp_path: Path) -> None:
    done = gated(tmp_path, base, "--pose-fault=weights-bit", f"--pose-history={base.with_name('history.sqlite')}")
    assert done.exit_code == 1
    assert done.record["verdict"] == "failed"
    reasons = [reason for reason in done.record["reasons"] if reason.startswith("regression: ")]
    assert any("tensor_differing went from 0 to" in reason for reason in reasons), done.record["reasons"]
    kept = History(base.with_name("history.sqlite")).entries()
    assert [entry.verdict for entry in kept] == ["passed", "failed"]


def test_only_the_gate_closes_when_every_test_passed(base: Path, tmp_path: Path) -> None:
    p50 = read_record(base)["models"][0]["latency"]["p50"]
    slower = changed(base, tmp_path, "p50", round(p50 / 1.03))
    done = gated(tmp_path, slower)
    assert done.exit_code == 1
    assert "2 passed" in done.output
    [reason] = done.record["reasons"]
    assert "latency_p50 went from" in reason
    assert "(+3.00%); allowed is 1 % more" in reason
    told = run_suite(tmp_path, *OPTIONS, f"--pose-baseline={slower}")  # without --pose-gate it is said and no more
    assert (told.exit_code, told.record["verdict"], told.record["comparison"]["verdict"]) == (0, "passed", "failed")


def test_a_marker_wins_over_the_file(base: Path, tmp_path: Path) -> None:
    p50 = read_record(base)["models"][0]["latency"]["p50"]
    slower = changed(base, tmp_path, "p50", round(p50 / 1.03))
    own = tmp_path / "test_own.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", own.name, "--board=qemu-m55"]
    for file, marker, code in (("4 %", "2 %", 1), ("1 %", "4 %", 0)):
        own.write_text(OWN_TEST.format(limit=marker))
        (tmp_path / "gate.toml").write_text(f'[gate]\nlatency_p50 = "{file}"\n')
        gate = [f"--pose-baseline={slower}", "--pose-gate", "--pose-gate-limits=gate.toml", "--pose-max-images=2"]
        done = subprocess.run(command + gate, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr


def test_other_pictures_are_blocked(base: Path, tmp_path: Path) -> None:
    done = run_suite(
        tmp_path, "--board=qemu-m55", "--pose-max-images=1", "-k", "test_picture", f"--pose-baseline={base}",
        "--pose-gate",
    )  # fmt: skip
    assert done.exit_code == 1
    assert done.record["verdict"] == "blocked"
    [reason] = done.record["reasons"]
    assert reason.endswith("the pictures of the run differ: 1 missing (figure_1)")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pose-gate"], "--pose-gate needs a baseline"),
        (["--pose-baseline=newer.json"], "this version reads 'stm32pose/run/1'"),
        (["--pose-history=newer.json"], "is not a database"),
    ],
)
def test_what_cannot_be_is_told_before_a_board_is_taken(tmp_path: Path, options: list[str], words: str) -> None:
    (tmp_path / "newer.json").write_text(json.dumps({"schema": "stm32pose/run/9"}))
    done = run_suite(tmp_path, "--board=qemu-m55", *options)
    assert done.exit_code == 4, done.output
    assert words in done.output
    assert "Traceback" not in done.output
    assert not done.record
