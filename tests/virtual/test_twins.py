"""Twins: the unchanged hardware image on a model of its board, through the suite as users run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.boards.virtual import running
from pytest_stm32pose.cli import main
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.probes.qemu import instances
from pytest_stm32pose.protocol.client import PoseClient
from tests.support.waiting import eventually
from tests.virtual.suite_run import run_suite

pytest.importorskip("unicorn", reason="a twin's core is unicorn: pip install 'pytest-stm32pose[sim]'")
pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")

#: Every twin of the catalog, and the board whose image it runs.
TWINS = {"sim-n6": "n6", "sim-h7": "h7", "sim-h747": "h747", "sim-f405": "f405"}
#: Board, fault -> what the run says of it.
FAULTS = {
    ("sim-n6", "nor=wrong-id"): "the flash chip is not one of those known",
    ("sim-n6", "pll=never-ready"): "the core runs at 64 MHz, not at 600 MHz: a clock did not come up",
    ("sim-n6", "port=closed-after-reset"): "stays closed after the reset: the boot ROM has not opened it",
    ("sim-n6", "power=lost-at-page-2"): "its supply went away",
    ("sim-n6", "nor=sulking"): "cannot be planted: nor has no fault 'sulking'",
    ("sim-h7", "pll=never-ready"): "the core runs at 64 MHz, not at 480 MHz: a clock did not come up",
    ("sim-h747", "hse=dead"): "the core runs at 64 MHz, not at 400 MHz: a clock did not come up",
    ("sim-h7", "flash=stuck-bit"): "failed at 0x08020028",
    ("sim-h7", "flash=write-protected"): "failed at 0x08000000",
    ("sim-f405", "pll=never-ready"): "the core runs at 16 MHz, not at 168 MHz: a clock did not come up",
    ("sim-f405", "power=lost-at-write-100"): "its supply went away",
    ("sim-f405", "flash=melted"): "flash takes stuck-bit or write-protected, not 'melted'",
    ("sim-n6", "moon=full"): "This twin has no fault 'moon'",
    ("qemu-m55", "nor=silent"): "no board of this run is a twin",
}


@pytest.fixture(scope="module")
def network(fixtures_dir: Path) -> CompiledNetwork:
    return compile_model(fixtures_dir / "models" / "stick_pose_96_int8.tflite")


@pytest.mark.parametrize("name", TWINS)
def test_the_suite_passes_and_time_is_neither_measured_nor_judged(name: str, tmp_path: Path) -> None:
    """A limit that nothing keeps is told as not judged."""
    run = run_suite(tmp_path, f"--board={name}", "--pose-budget=latency_ms_p95_max=0.000001", "--pose-profile")
    assert run.exit_code == 0, run.output
    assert run.record["verdict"] == "passed"
    [model] = run.record["models"]
    assert len(model["images"]) == 8
    assert all(tensor["differing"] == 0 for image in model["images"] for tensor in image["tensors"])
    assert model["latency"] is None
    assert not model.get("operators")
    assert {image["timing"]["source"] for image in model["images"]} == {"twin"}
    assert not any(image["timing"]["values"] for image in model["images"])
    assert not any(row["name"].startswith("latency") for row in model["budgets"])
    [note] = run.record["notes"]
    assert note.startswith(f"{name} is a twin, a model of the board: its time is none.")
    assert note in run.output
    assert "latency_ms_p95_max is not judged: a twin's time is none" in run.output


def test_a_gate_between_two_twins_judges_all_but_time(tmp_path: Path) -> None:
    options = ("--board=sim-f405", "--pose-max-images=2", "-k", "test_picture")
    for folder in ("base", "again", "wrong"):
        (tmp_path / folder).mkdir()
    assert run_suite(tmp_path / "base", *options).exit_code == 0
    gate = (*options, f"--pose-baseline={tmp_path / 'base' / 'record.json'}", "--pose-gate")
    for folder, fault, verdict in (("again", (), "passed"), ("wrong", ("--pose-fault=weights-bit",), "failed")):
        run = run_suite(tmp_path / folder, *gate, *fault)
        assert run.record["comparison"]["verdict"] == verdict, run.output
        assert "both runs are of a twin, whose time is none: no latency is compared" in run.output
        [model] = run.record["comparison"]["models"]
        judged = {metric["name"]: metric["outcome"] for metric in model["metrics"]}
        assert {"tensor_differing", "oks_vs_golden", "activation_kib", "firmware_flash_kib"} <= judged.keys()
        assert not any(each.startswith("latency") for each in judged)
        assert (judged["tensor_differing"] == "same") == (verdict == "passed")


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_planted_fault_ends_in_one_sentence(name: str, fault: str, tmp_path: Path) -> None:
    run = run_suite(tmp_path, f"--board={name}", f"--pose-twin-fault={fault}", "-x")
    assert run.exit_code != 0, run.output
    assert FAULTS[name, fault] in " ".join(run.output.split()), run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize("name", TWINS)
def test_the_image_is_the_boards_own(name: str) -> None:
    """Nothing of the entry differs but what a twin is, the kernels, and the link that a run takes unless told."""
    twin, board = board_spec(name), board_spec(TWINS[name])
    assert twin.is_twin
    assert not board.is_twin
    for field in ("mcu", "core", "clock_hz", "firmware", "load", "network", "regions", "mailbox", "device_id", "baud"):
        assert getattr(twin, field) == getattr(board, field), field


@pytest.mark.parametrize("name", TWINS)
def test_the_serial_port_serves_too(name: str, network: CompiledNetwork) -> None:
    """Every byte of an upload and of an answer arrives, though the core is slower than the line."""
    board = open_board(name)
    board.open()
    try:
        board.flash_firmware(build_firmware(board.spec.firmware, board.spec.kernels))
        board.flash_network(network.image)
        board.start()
        picture = np.random.default_rng(3).integers(0, 256, network.description.input_shape, dtype=np.uint8).tobytes()
        answers = []
        for kind in ("serial", "swd"):
            transport = board.transport(kind)
            client = PoseClient(transport, request_timeout_s=20.0)
            transport.open(60.0)
            try:
                client.hello()
                client.upload(0, picture)
                answers.append(client.infer(0, zlib.crc32(picture), len(picture), outputs=True, timeout_s=120.0))
            finally:
                transport.close()
        first, second = answers
        assert first.outputs
        assert all(np.array_equal(a.data, b.data) for a, b in zip(first.outputs, second.outputs, strict=True))
    finally:
        board.close()


def test_a_bench_is_rehearsed_by_a_table_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "boards.toml").write_text('[desk]\nlike = "sim-n6"\ntags = ["ci"]\n')
    (tmp_path / "test_hello.py").write_text("def test_hello(pose_board):\n    assert pose_board.hello.board == 'n6'\n")
    run = run_suite(tmp_path, "--board=tag:ci", tests=["test_hello.py"])
    assert "1 passed" in run.output, run.output


def test_it_stays_up_and_is_stopped_by_name(capsys: pytest.CaptureFixture[str], network: CompiledNetwork) -> None:
    assert main(["boards", "start", "sim-n6", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    try:
        assert info["unique_id"] in [each["unique_id"] for each in running()]
        board = open_board("sim-n6", probe=info["unique_id"])
        board.open()
        board.flash_firmware(build_firmware(board.spec.firmware, board.spec.kernels))
        board.start()
        for kind in ("swd", "serial"):  # the serial port by way of the bridge
            transport = board.transport(kind)
            transport.open(60.0)
            assert PoseClient(transport).hello(timeout_s=20.0).board == "n6"
            transport.close()
        board.close()
        with pytest.raises(ConfigError, match="runs already: no fault can be planted"):
            open_board("sim-n6", probe=info["unique_id"], faults=("nor=silent",))
    finally:
        assert main(["boards", "stop", info["unique_id"]]) == 0
    assert info["unique_id"] not in [each["unique_id"] for each in running()]
    assert not Path(info["directory"]).exists()


def test_start_refuses_a_fault_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards", "start", "sim-n6", "--pose-twin-fault=moon"]) == 2
    assert "This twin has no fault 'moon'; it has " in capsys.readouterr().err
    assert main(["boards", "start", "qemu-m55", "--pose-twin-fault=nor=silent"]) == 2
    assert "is no twin" in capsys.readouterr().err


def test_a_twin_ends_with_the_process_that_started_it() -> None:
    program = """
        import os
        from pytest_stm32pose.boards.open import open_board
        board = open_board("sim-n6")
        board.open()
        print(board.probe_uid, board.emulator_pid(), flush=True)
        os._exit(1)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ})
    unique_id, pid = done.stdout.split()
    eventually(lambda: not instances.Process.of(int(pid)).is_alive(), f"the twin {unique_id} ({pid}) still runs")


def test_a_twin_that_is_killed_or_stopped_is_told(network: CompiledNetwork) -> None:
    board = open_board("sim-n6")
    board.open()
    try:
        os.kill(board.emulator_pid(), 19)
        eventually(lambda: "its process is stopped (SIGSTOP" in board.why_gone(), board.why_gone)
        os.kill(board.emulator_pid(), 9)
        eventually(lambda: board.why_gone() == "its process was ended by signal 9", board.why_gone)
    finally:
        board.close()


def test_without_unicorn_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    reason = board_spec("sim-n6").unavailable_reason()
    assert reason == "sim-n6 needs unicorn: pip install 'pytest-stm32pose[sim]'."
    board = open_board("sim-n6")
    with pytest.raises(ConfigError, match="needs unicorn"):
        board.open()
