"""The gate on an emulated board: green on the same build, red with the right reason, blocked on other pictures."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.record.read import read_record
from pytest_stm32pose.record.write import write_record
from pytest_stm32pose.run.history import History
from tests.support import children
from tests.support.records import document_of, run_of
from tests.virtual.suite_run import ROOT, SuiteRun, run_suite

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


def changed(base: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The baseline with something else in its network's entry."""
    record = document_of(read_record(base))
    change(record["models"][0])
    write_record(folder / "changed.json", run_of(record))
    return folder / "changed.json"


def latency(p50: int) -> Callable[[dict[str, Any]], None]:
    return lambda model: model["latency"].update(p50=p50)


def better_once(model: dict[str, Any]) -> None:
    """The first picture had more OKS."""
    model["images"][0]["oks_vs_golden"], model["images"][1]["oks_vs_golden"] = 1.0, 1.0
    for image in model["images"]:
        image["keypoint_error_px"] = {"mean": 0.0, "max": 0.0}
    model["images"][0]["oks_vs_truth"] = min(1.0, model["images"][0]["oks_vs_truth"] + 0.02)


def another_network(model: dict[str, Any]) -> None:
    better_once(model)
    model["sha256"] = "d" * 64


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
    p50 = document_of(read_record(base))["models"][0]["latency"]["p50"]
    slower = changed(base, tmp_path, latency(round(p50 / 1.03)))
    done = gated(tmp_path, slower)
    assert done.exit_code == 1
    assert "2 passed" in done.output
    [reason] = done.record["reasons"]
    assert "latency_p50 went from" in reason
    assert "(+3.00%); allowed is 1 % more" in reason
    told = run_suite(tmp_path, *OPTIONS, f"--pose-baseline={slower}")  # without --pose-gate it is said and no more
    assert (told.exit_code, told.record["verdict"], told.record["comparison"]["verdict"]) == (0, "passed", "failed")


def test_a_marker_wins_over_the_file(base: Path, tmp_path: Path) -> None:
    p50 = document_of(read_record(base))["models"][0]["latency"]["p50"]
    slower = changed(base, tmp_path, latency(round(p50 / 1.03)))
    own = tmp_path / "test_own.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", own.name, "--board=qemu-m55"]
    for file, marker, code in (("4 %", "2 %", 1), ("1 %", "4 %", 0)):
        own.write_text(OWN_TEST.format(limit=marker))
        (tmp_path / "gate.toml").write_text(f'[gate]\nlatency_p50 = "{file}"\n')
        gate = [f"--pose-baseline={slower}", "--pose-gate", "--pose-gate-limits=gate.toml", "--pose-max-images=2"]
        done = children.run(command + gate, cwd=tmp_path, timeout=600)
        assert done.returncode == code, done.stdout + done.stderr


def test_of_the_same_network_two_pictures_are_enough(base: Path, tmp_path: Path) -> None:
    done = gated(tmp_path, changed(base, tmp_path, better_once))
    assert (done.exit_code, done.record["verdict"]) == (1, "failed"), done.output
    [reason] = done.record["reasons"]
    assert reason.startswith("regression: stick_pose_96_int8 on qemu-m55: oks_vs_truth went from")
    assert reason.endswith("allowed is 0.005 OKS less")


def test_of_another_network_two_pictures_leave_it_unclear(base: Path, tmp_path: Path) -> None:
    other = changed(base, tmp_path, another_network)
    done = gated(tmp_path, other)
    assert (done.exit_code, done.record["verdict"]) == (1, "failed"), done.output
    [reason] = done.record["reasons"]
    assert reason.startswith("unclear: stick_pose_96_int8 on qemu-m55: oks_vs_truth went from")
    assert done.record["comparison"]["verdict"] == "unclear"
    assert done.output.count("compared with the baseline: unclear\n") == 1
    command = [sys.executable, "-m", "pytest_stm32pose.cli", "compare", str(other), str(tmp_path / "record.json")]
    assert children.run(command, cwd=tmp_path, timeout=600).returncode == 1, "the run failed"


@pytest.mark.parametrize("way", ["option", "environment"])
def test_unclear_may_pass_and_is_seen(base: Path, tmp_path: Path, way: str) -> None:
    option = ["--pose-gate-unclear=pass"] if way == "option" else []
    environment = {"STM32POSE_GATE_UNCLEAR": "pass"} if way == "environment" else {}
    other = changed(base, tmp_path, another_network)
    done = run_suite(
        tmp_path, *OPTIONS, f"--pose-baseline={other}", "--pose-gate", *option, "--html=report.html",
        environment=environment,
    )  # fmt: skip
    assert (done.exit_code, done.record["verdict"], done.record["reasons"]) == (0, "passed", []), done.output
    assert (done.record["comparison"]["verdict"], done.record["comparison"]["closed"]) == ("unclear", False)
    assert "compared with the baseline: unclear, which the gate lets pass" in done.output
    assert "? unclear: worse than allowed, not told apart from noise; the gate lets it pass" in (
        tmp_path / "report.html"
    ).read_text().replace("&quot;", '"')


def test_a_network_of_the_baseline_that_is_not_run_is_missed(base: Path, tmp_path: Path) -> None:
    record = document_of(read_record(base))
    record["models"].append({**record["models"][0], "name": "release_net"})
    (tmp_path / "folder").mkdir()
    write_record(tmp_path / "folder/two.json", run_of(record))
    done = gated(tmp_path, tmp_path / "folder/two.json")
    assert (done.exit_code, done.record["verdict"]) == (1, "blocked"), done.output
    [reason] = done.record["reasons"]
    assert reason == (
        "not compared with the baseline: release_net on qemu-m55: the baseline has it and the run has not"
    )
    done = gated(tmp_path, tmp_path / "folder")  # a folder holds what other runs measured, too
    assert done.exit_code == 0, done.output
    assert "not asked of this run: release_net on qemu-m55" in done.output


def test_a_gate_that_measured_nothing_says_so(base: Path, tmp_path: Path) -> None:
    options = ("--board=qemu-m55", f"--pose-baseline={base}", "--pose-gate", "--pose-max-images=2")
    done = run_suite(tmp_path, *options, "-k", "test_identity")
    assert done.exit_code == 1, done.output
    assert "the run measured nothing" in "\n".join(done.record["reasons"])
    (tmp_path / "test_plain.py").write_text("def test_nothing(): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_plain.py", *options]
    plain = children.run(command, cwd=tmp_path, timeout=600)
    assert plain.returncode == 1, plain.stdout
    assert "not compared with the baseline: the run measured nothing" in plain.stdout
    listed = children.run([*command, "--collect-only"], cwd=tmp_path, timeout=600)
    assert listed.returncode == 0, listed.stdout


@pytest.mark.parametrize("mutant", ["", "trembling_device"])
def test_whether_the_device_is_deterministic_is_measured(base: Path, tmp_path: Path, mutant: str) -> None:
    options = ("-p", f"tests.mutants.{mutant}") if mutant else ()
    done = run_suite(
        tmp_path, *OPTIONS, "--pose-repeat=3", f"--pose-baseline={base}", *options,
        environment={"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    [model] = done.record["models"]
    assert [image["deterministic"] for image in model["images"]] == [not mutant] * 2
    assert all(len(set(image["timing"]["values"])) == 1 for image in model["images"]), "tensors travel untimed"
    assert ("not deterministic: other answers to the same input, in 2 pictures (figure_0)" in done.output) == bool(
        mutant
    )
    notes = " ".join(done.record["comparison"]["models"][0]["notes"])
    assert ("the device of the run is not deterministic" in notes) == bool(mutant)


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
