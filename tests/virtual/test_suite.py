"""The suite on every virtual board with the default network: green, recorded, repeatable; and red when it must be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_stm32pose.bench.faults import FAULTS
from pytest_stm32pose.record.read import record_schema
from tests.support.waiting import LIMIT_S
from tests.virtual.suite_run import SuiteRun, run_suite, suite_command

BOARDS = ("qemu-m55", "qemu-m55-ref", "qemu-m55-mve", "qemu-m7", "qemu-m7-ref")

#: Fault -> verdict, and words that must stand in the reasons.
RED = {
    "weights-bit": ("failed", "First divergence: operator"),
    "network-bit": ("failed", "a checksum does not match"),
    "input-channels": ("failed", "First divergence: preprocessing"),
    "die": ("blocked", "signal 9"),
    "hang": ("blocked", "QEMU is stopped (SIGSTOP"),
}


@pytest.fixture(scope="module", params=BOARDS)
def green(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SuiteRun:
    folder = tmp_path_factory.mktemp(request.param)
    options = ["--pose-profile", "--html=report.html", "--self-contained-html"]
    done = run_suite(folder, f"--board={request.param}", *options)
    assert (folder / "report.html").exists()
    return done


def only_model(run: SuiteRun) -> dict[str, Any]:
    [model] = run.record["models"]
    return dict(model)


def test_green(green: SuiteRun) -> None:
    assert green.exit_code == 0, green.output
    assert green.record["verdict"] == "passed"


def test_record_matches_its_schema(green: SuiteRun) -> None:
    jsonschema.validate(green.record, record_schema())


def test_record_holds_the_run(green: SuiteRun) -> None:
    model = only_model(green)
    [board] = green.record["boards"]
    assert board["flash"]["bytes_written"] > 0
    assert board["firmware"]["flash_bytes"] > 0
    assert len(model["images"]) == 8
    assert model["accuracy"]["oks_vs_golden"] == 1.0
    assert model["accuracy"]["oks_vs_truth"] >= 0.8
    assert model["latency"]["unit"] == "instructions"
    assert all(tensor["differing"] == 0 for image in model["images"] for tensor in image["tensors"])
    assert len(model["operators"]) == 49  # the three paddings are folded
    profiled = sum(operator["p50"] for operator in model["operators"])
    assert profiled == pytest.approx(model["latency"]["p50"], rel=0.01)


def test_instructions_are_identical_in_two_fresh_runs(tmp_path: Path) -> None:
    runs = [run_suite(tmp_path, "--board=qemu-m55", "-k", "test_picture") for _ in range(2)]
    first, second = ([image["timing"]["values"] for image in only_model(run)["images"]] for run in runs)
    assert first == second


def test_serial_gives_the_same_bits_and_counts(tmp_path: Path) -> None:
    options = ["--board=qemu-m55", "--pose-max-images=1", "-k", "test_picture"]
    swd = only_model(run_suite(tmp_path, *options))
    serial = run_suite(tmp_path, *options, "--pose-transport=serial")
    assert serial.exit_code == 0, serial.output
    for key in ("keypoints_device", "tensors"):
        assert only_model(serial)["images"][0][key] == swd["images"][0][key]
    assert only_model(serial)["images"][0]["timing"]["values"] == swd["images"][0]["timing"]["values"]


def test_every_fault_is_covered() -> None:
    assert RED.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", RED)
def test_faults_make_it_red_for_the_right_reason(fault: str, tmp_path: Path) -> None:
    verdict, words = RED[fault]
    done = run_suite(tmp_path, "--board=qemu-m55", f"--pose-fault={fault}", "--pose-max-images=2")
    assert done.exit_code == 1, done.output
    assert done.record["verdict"] == verdict
    assert words in " ".join(done.record["reasons"]), done.record["reasons"]
    if verdict == "blocked":  # whatever was under way when the emulator stopped or died
        assert all(words in reason for reason in done.record["reasons"]), done.record["reasons"]


def test_budgets_are_kept_and_broken(tmp_path: Path) -> None:
    kept = [
        "--pose-budget=oks_vs_truth_min=0.8",
        "--pose-budget=tensor_lsb_max=0",
        "--pose-budget=activation_kib_max=512",
    ]
    options = ["--board=qemu-m55", "--pose-max-images=2", "-k", "test_budgets"]
    done = run_suite(tmp_path, *options, *kept)
    assert done.exit_code == 0, done.output
    assert {budget["name"] for budget in only_model(done)["budgets"] if budget["passed"]} == {
        "oks_vs_truth_min",
        "tensor_lsb_max",
        "activation_kib_max",
    }
    broken = run_suite(tmp_path, *options, "--pose-budget=instructions_p95_max=1000")
    assert broken.exit_code == 1
    assert broken.record["verdict"] == "failed"
    assert "instructions_p95_max" in broken.output


def test_time_of_silicon_is_refused_on_an_emulator(tmp_path: Path) -> None:
    options = ["--board=qemu-m55", "--pose-max-images=1", "-k", "test_budgets", "--pose-budget=latency_ms_p95_max=5"]
    done = run_suite(tmp_path, *options)
    assert done.exit_code == 1
    assert "instructions_p95_max" in done.output


def test_stored_goldens(tmp_path: Path) -> None:
    options = ["--board=qemu-m55", "--pose-max-images=2", "-k", "accuracy", "--pose-golden-dir=gold"]
    missing = run_suite(tmp_path, *options, "--pose-golden=check")
    assert missing.record["verdict"] == "blocked"
    assert "stm32pose golden update" in missing.output
    assert run_suite(tmp_path, *options, "--pose-golden=update").exit_code == 0
    checked = run_suite(tmp_path, *options, "--pose-golden=check")
    assert checked.exit_code == 0, checked.output
    assert only_model(checked)["golden"]["store"].endswith("gold")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_recorded_as_such(ending: signal.Signals, tmp_path: Path) -> None:
    """Stopped in the middle of its pictures: record written and marked, emulator gone."""
    # Sockets need a short path.
    runtime = Path(tempfile.mkdtemp(prefix="pose-", dir="/tmp"))
    process = subprocess.Popen(
        suite_command(tmp_path / "record.json", "--board=qemu-m55", "-v", "--pose-repeat=50"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        # A shell's background jobs ignore SIGINT; a test runner may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "test_picture" in line and "PASSED" in line:
            break
    process.send_signal(ending)
    output = process.communicate(timeout=LIMIT_S)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "verdict: blocked" in output
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["reasons"] == ["the run was interrupted"]
    assert [path.name for path in runtime.iterdir()] == [f"stm32pose-{os.getuid()}"]
    assert not list(runtime.rglob("board.json"))
    shutil.rmtree(runtime)


def test_several_boards_over_workers(tmp_path: Path) -> None:
    done = run_suite(tmp_path, "--board=qemu-m55,qemu-m7", "-n2", "--pose-max-images=2")
    assert done.exit_code == 0, done.output
    assert {model["board"] for model in done.record["models"]} == {"qemu-m55", "qemu-m7"}
    assert all(len(model["images"]) == 2 for model in done.record["models"])
    jsonschema.validate(done.record, record_schema())
