"""The plugin beside others: pytest-xdist, pytest-rerunfailures, pytest-timeout, -x, --lf, JUnit files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_stm32pose.record.read import record_schema
from tests.support.waiting import LIMIT_S

OWN = """
import pytest


@pytest.mark.pose_budget(tensor_lsb_max=0)
def test_picture(pose_check, pose_picture):
    pose_check(pose_picture)
"""
#: Notes what is flashed; with SPOIL=n the first n answers are not what the board said.
CONFTEST = """
import os
from dataclasses import replace
from pathlib import Path

from pytest_stm32pose.boards.pyocd_board import PyOcdBoard
from pytest_stm32pose.measure.device import Device

left = [int(os.environ.get("SPOIL", "0"))]
finish = Device.finish
Device.tells_digests = False


def spoil(self):
    answer = finish(self)
    if left[0] > 0:
        left[0] -= 1
        data = answer.outputs[0].data.copy()
        data.flat[0] += 1
        answer = replace(answer, outputs=(replace(answer.outputs[0], data=data), *answer.outputs[1:]))
    return answer


def noted(method):
    def wrapper(self, *args):
        with Path("flashed.txt").open("a") as file:
            print(method.__name__, file=file)
        return method(self, *args)

    return wrapper


Device.finish = spoil
PyOcdBoard.flash_firmware = noted(PyOcdBoard.flash_firmware)
PyOcdBoard.flash_network = noted(PyOcdBoard.flash_network)
"""


COMMAND = [sys.executable, "-m", "pytest", "--board=qemu-m55", "--pose-max-images=2", "--pose-json=record.json"]


class Run:
    """One finished run in a folder of its own."""

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        (folder / "record.json").unlink(missing_ok=True)
        environ = {**os.environ, **variables}
        done = subprocess.run(
            [*COMMAND, *options], cwd=folder, env=environ, capture_output=True, text=True, timeout=600, check=False
        )
        self.exit_code, self.output = done.returncode, done.stdout + done.stderr
        self.record: dict[str, Any] = json.loads((folder / "record.json").read_text())
        jsonschema.validate(self.record, record_schema())

    @property
    def pictures(self) -> list[str]:
        return [image["id"] for model in self.record["models"] for image in model["images"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_own.py").write_text(OWN)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def flashed(folder: Path) -> list[str]:
    return (folder / "flashed.txt").read_text().split()


def untimed(model: dict[str, Any]) -> dict[str, Any]:
    """A model entry without the seconds of this computer, and the stack of whatever a worker ran before."""
    images = [
        {**image, "timing": {**image["timing"], "upload_s": 0, "download_s": 0}}
        for image in sorted(model["images"], key=lambda image: str(image["id"]))
    ]
    memory = {key: value for key, value in model["memory"].items() if key != "stack_high_water"}
    return {
        **model,
        "memory": memory,
        "images": images,
        "budgets": sorted(model["budgets"], key=lambda budget: str(budget["name"])),
    }


def properties(file: Path) -> list[dict[str, str]]:
    """Of every test case that has any."""
    cases = ElementTree.parse(file).getroot().iter("testcase")
    return [found for case in cases if (found := {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")})]


SUITE = ("--pyargs", "pytest_stm32pose.suite", "--pose-profile", "--junitxml=junit.xml")


def test_workers_make_one_record_and_one_report(tmp_path: Path) -> None:
    """What two workers measured is, to the last instruction, what one process measures without those plugins."""
    alone = Run(tmp_path, *SUITE, "-p", "no:html", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert alone.exit_code == 0, alone.output
    assert "warning" not in alone.output
    of_alone = properties(tmp_path / "junit.xml")
    several = Run(tmp_path, *SUITE, "-n2", "--dist=load", "--html=report.html", "--self-contained-html")
    assert several.exit_code == 0, several.output
    assert [untimed(model) for model in several.record["models"]] == [
        untimed(model) for model in alone.record["models"]
    ]
    assert several.record["models"][0]["operators"]
    report = (tmp_path / "report.html").read_text()
    assert "Pose validation: " in report
    assert "high-water mark" in report
    assert all(picture["id"] in report for picture in several.record["models"][0]["images"])
    assert [path.name for path in tmp_path.glob("*.html")] == ["report.html"]
    assert sum(line.startswith("qemu-m55  ") for line in several.output.splitlines()) == 1
    of_several = properties(tmp_path / "junit.xml")
    for found in (of_alone, of_several):
        assert {each["pose_board"] for each in found} == {"qemu-m55"}
        assert {each["pose_model_sha256"] for each in found} == {alone.record["models"][0]["sha256"]}
        assert all(each["pose_firmware"] and each["pose_firmware_build"] and each["pose_probe"] for each in found)
    assert len(of_several) == len(of_alone)


CRASH = """
import os
import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="only a worker may die")
def test_crash(pose_picture):
    os._exit(3)
"""


def test_a_worker_that_dies_is_missed(folder: Path) -> None:
    (folder / "test_crash.py").write_text(CRASH)
    died = Run(folder, "-n2", "--max-worker-restart=0", "--dist=loadfile")
    assert died.exit_code == 1
    assert died.record["verdict"] == "blocked"
    assert any("of pytest-xdist ended before it could say" in why for why in died.record["reasons"])
    assert died.pictures in ([], ["figure_0", "figure_1"])


def test_an_interrupted_run_of_workers_is_recorded_as_such(folder: Path) -> None:
    (folder / "test_slow.py").write_text("import time\n\ndef test_slow(pose_device):\n    time.sleep(5)\n")
    process = subprocess.Popen(
        [*COMMAND, "-n2", "-v", "test_own.py", "test_slow.py"],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell's background jobs ignore SIGINT; a test runner may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert process.stdout is not None
    passed = 0
    for line in process.stdout:
        passed += "PASSED" in line
        if passed == 2:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output = process.communicate(timeout=LIMIT_S)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    record = json.loads((folder / "record.json").read_text())
    jsonschema.validate(record, record_schema())
    assert record["reasons"] == ["the run was interrupted"]
    pictures = {image["id"] for model in record["models"] for image in model["images"]}
    assert pictures <= {"figure_0", "figure_1"}, "a worker that pytest-xdist had to kill leaves nothing"


def test_run_again_measures_again_and_flashes_nothing(folder: Path) -> None:
    flaky = Run(folder, "--reruns=1", SPOIL="1")
    assert flaky.exit_code == 0, flaky.output
    assert flaky.record["verdict"] == "passed"
    [why] = flaky.record["reruns"]
    assert why.startswith("test_own.py::test_picture[qemu-m55-default-figure_0]: ")
    assert "tensor_lsb_max is broken" in why
    assert f"passed only when run again: {why}" in flaky.output
    [model] = flaky.record["models"]
    assert all(tensor["differing"] == 0 for image in model["images"] for tensor in image["tensors"])
    assert all(budget["passed"] for budget in model["budgets"])
    assert flashed(folder) == ["flash_firmware", "flash_network"]


def test_what_fails_again_fails_once(folder: Path) -> None:
    broken = Run(folder, "--reruns=1", "--pose-fault=weights-bit")
    assert broken.exit_code == 1
    assert broken.record["verdict"] == "failed"
    assert len(broken.record["reasons"]) == 2
    assert "reruns" not in broken.record
    assert flashed(folder) == ["flash_firmware", "flash_network"]


def test_first_failure_ends_the_run_and_only_it_runs_next(folder: Path) -> None:
    stopped = Run(folder, "-x", "--pose-fault=weights-bit")
    assert stopped.exit_code == 1
    assert stopped.pictures == ["figure_0"]
    assert (stopped.record["verdict"], len(stopped.record["causes"])) == ("failed", 1)
    last_failed = Run(folder, "--lf")
    assert last_failed.exit_code == 0, last_failed.output
    assert last_failed.pictures == ["figure_0"]
    assert last_failed.record["verdict"] == "passed"


ENDLESS = """
import pytest


@pytest.mark.timeout(1.3, func_only=True)
def test_endless(pose_device, pose_images):
    while True:
        pose_device.infer(pose_images[0])
"""


def test_a_time_limit_leaves_the_board_usable(folder: Path) -> None:
    (folder / "test_endless.py").write_text(ENDLESS)
    cut = Run(folder, "test_endless.py", "test_own.py")
    assert cut.exit_code == 1
    assert "1 failed, 2 passed" in cut.output
    assert len(cut.pictures) == 2
    assert cut.record["verdict"] == "blocked"
    [reason] = cut.record["reasons"]
    assert "test_endless" in reason
    assert "Timeout" in reason
    assert reason.endswith("(in the middle of a request to the board)")
    assert flashed(folder) == ["flash_firmware", "flash_network"] * 2, "opened anew"


def test_a_board_that_hangs_is_not_waited_for_until_the_time_limit(folder: Path) -> None:
    hung = Run(folder, "--timeout=400", "--pose-fault=hang", "--pose-max-images=1")
    assert hung.exit_code == 1
    assert hung.record["verdict"] == "blocked"
    assert "Timeout" not in hung.output
    [reason] = hung.record["reasons"]
    assert "QEMU is stopped (SIGSTOP" in reason
