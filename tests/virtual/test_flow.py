"""Around a picture: nothing runs, travels or is judged twice, and what travels meanwhile changes no count."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.models.zoo import default_pictures
from pytest_stm32pose.protocol.messages import Status
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings
from tests.support.requests_made import noting, requests_made
from tests.virtual.suite_run import SUITE, SuiteRun, run_suite

#: The suite's other inferences: one more of a picture, one with a profile, one with every tensor.
OTHERS = 3
PICTURES = 8


def suite(folder: Path, *options: str) -> SuiteRun:
    """The suite, with what it asks for noted."""
    environment, noted = noting(folder)
    return run_suite(folder, "--board=qemu-m55", *options, environment=environment, tests=(*noted, *SUITE))


# --- counts of a run in which the next picture travels ---


class Flooded:
    """Uploads to the slot that does not run, one after the other, until the device has stopped running."""

    def __init__(self, device: Device, running: int, data: bytes) -> None:
        self._device, self._running, self._data = device, running, data
        self.uploads = 0  #: that ended while it still ran

    def __call__(self) -> None:
        while True:
            self._device.client.upload(1 - self._running, self._data)
            try:  # the slot that runs refuses it
                self._device.client.upload(self._running, b"")
            except DeviceError as error:
                assert error.status == Status.BUSY
                self.uploads += 1
            else:
                return


@pytest.mark.parametrize(("board", "transport"), [("qemu-m55", "swd"), ("qemu-m7", "swd"), ("qemu-m7", "serial")])
def test_counts_are_the_same_with_an_upload_in_the_middle(board: str, transport: str) -> None:
    run = PoseRun(Settings(transport=transport, max_images=2), Path.cwd())
    try:
        device = run.device(run.board(board), "")
        tensor, other = (device.input_tensor(picture)[0] for picture in run.pictures)
        quiet = device.again(tensor, profile=True)
        running = device.slots.holding(quiet.input_crc32 or 0, tensor.nbytes)
        assert running is not None
        meanwhile = Flooded(device, running, other.tobytes())
        disturbed, _, _ = device.run(tensor, meanwhile, profile=True)
        # The emulated UART takes a byte at a time, and none during an operator: what was sent arrives behind the run.
        assert meanwhile.uploads >= 1 or transport == "serial", "nothing travelled during the run"
        assert (disturbed.ticks, disturbed.op_ticks) == (quiet.ticks, quiet.op_ticks)
        assert np.array_equal(disturbed.outputs[0].data, quiet.outputs[0].data)
    finally:
        run.close()


def test_a_run_with_and_without_overlap_has_the_same_record(tmp_path: Path) -> None:
    """The same values, answers and verdict, and uploads where they should be."""
    records = {}
    for overlap in ("auto", "off"):
        done = suite(tmp_path, "-k", "test_picture", f"--pose-overlap={overlap}", "--pose-profile")
        assert done.exit_code == 0, done.output
        [model] = done.record["models"]
        for image in model["images"]:
            image["timing"] = image["timing"]["values"]
        records[overlap] = (model["images"], model["operators"], model["latency"])
        made = requests_made(tmp_path)
        expected = (1, PICTURES - 1) if overlap == "auto" else (PICTURES, 0)
        assert (made["UPLOAD"], made["UPLOAD-WHILE-RUNNING"]) == expected
        assert made["INFER"] == PICTURES
    assert records["auto"] == records["off"]


def test_only_what_will_be_measured_travels_ahead(tmp_path: Path) -> None:
    """Not the picture of a test that is deselected, nor one that somebody has measured already."""
    selected = suite(tmp_path, "-k", "test_picture and (figure_1 or figure_4) or test_budgets", "--pose-max-images=5",
                     "--pose-budget=tensor_lsb_max=0")  # fmt: skip
    assert selected.exit_code == 0, selected.output
    made = requests_made(tmp_path)
    assert made == {"INFER": 5, "UPLOAD": 2, "UPLOAD-WHILE-RUNNING": 3}, "figure_4 behind 1; 2 and 3 behind 0"


def test_what_is_wrong_with_the_next_picture_is_told_in_its_own_test(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    files = sorted(default_pictures().glob("figure_*.png"))[:3]
    for file in files:
        shutil.copy(file, pictures)
    torn = pictures / files[1].name
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])  # its header can be read
    done = suite(tmp_path, "-k", "test_picture", f"--pose-images={pictures}")
    assert (done.exit_code, done.record["verdict"]) == (1, "blocked"), done.output
    assert [image["id"] for image in done.record["models"][0]["images"]] == [files[0].stem, files[2].stem]
    [reason] = done.record["reasons"]
    assert files[1].stem in reason
    assert requests_made(tmp_path)["INFER"] == 2


# --- how often the device runs ---


def test_eight_pictures_take_eleven_inferences_and_eight_uploads(tmp_path: Path) -> None:
    done = suite(tmp_path, "--pose-budget=tensor_lsb_max=0")
    assert done.exit_code == 0, done.output
    made = requests_made(tmp_path)
    assert made["INFER"] == PICTURES + OTHERS
    assert made["UPLOAD"] + made["UPLOAD-WHILE-RUNNING"] == PICTURES


@pytest.mark.parametrize(
    ("test", "passed", "inferences"),
    [
        ("test_stack_has_room", 1, 1),
        ("test_stack_has_room or test_self_test or test_arena", 3, 1),  # the self-test clears the arena's mark
        ("test_repeatable", 1, 3),
        ("test_operators_add_up", 1, 1),
        ("test_every_intermediate_tensor", 1, 1),
        ("test_as_accurate_as_the_golden", 1, PICTURES),
    ],
)
def test_alone_a_test_runs_what_it_needs(tmp_path: Path, test: str, passed: int, inferences: int) -> None:
    """The tests pass; the verdict is another thing, where a record was asked for and no picture measured."""
    done = suite(tmp_path, "-k", test)
    assert f"{passed} passed" in done.output, done.output
    assert requests_made(tmp_path)["INFER"] == inferences


# --- workers ---


def cases(file: Path, name: str) -> list[tuple[str, str]]:
    """Outcome and message of the test cases of a name in a JUnit file."""
    found = []
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        if case.attrib["name"].startswith(name):
            child = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
            found.append(
                ("passed", "") if child is None else (child.tag, child.attrib["message"].removeprefix("Failed: "))
            )
    return found


def test_what_failed_in_the_end_runs_alone_next_and_measures_for_itself(tmp_path: Path) -> None:
    """--lf deselects the tests that measure: in the second run nobody else does."""
    options = ["-n2", f"--rootdir={tmp_path}", "-p", "cacheprovider", "--pose-max-images=2"]
    broken = suite(tmp_path, *options, "--pose-budget=oks_vs_truth_min=0.999")
    assert broken.exit_code == 1 and "1 failed" in broken.output, broken.output
    requests_made(tmp_path)
    again = suite(tmp_path, *options, "--lf", "--pose-budget=oks_vs_truth_min=0.5")
    assert again.exit_code == 0 and "1 passed" in again.output, again.output
    assert len(again.record["models"][0]["images"]) == requests_made(tmp_path)["INFER"] == 2


@pytest.mark.parametrize("limit", [0.5, 0.99], ids=["kept", "broken"])
def test_workers_measure_no_picture_twice_and_say_what_one_process_says(tmp_path: Path, limit: float) -> None:
    told = []
    for workers in ((), ("-n2", "--dist=load")):
        budget = f"--pose-budget=oks_vs_truth_min={limit}"
        done = suite(tmp_path, budget, "--junitxml=junit.xml", "--html=report.html", "--self-contained-html", *workers)
        made = requests_made(tmp_path)
        assert made["INFER"] == PICTURES + OTHERS
        assert made["UPLOAD"] + made["UPLOAD-WHILE-RUNNING"] <= PICTURES + (OTHERS if workers else 0)
        judged = [cases(tmp_path / "junit.xml", name) for name in ("test_budgets", "test_as_accurate")]
        assert all(len(found) == 1 for found in judged), "told once"
        report = (tmp_path / "report.html").read_text()
        [model] = done.record["models"]
        told.append((done.exit_code, done.record["verdict"], done.record["reasons"], judged, model["budgets"],
                     model["accuracy"], "is broken" in report, "FAILED" in done.output))  # fmt: skip
    assert told[0] == told[1]
    assert told[0][:2] == ((0, "passed") if limit == 0.5 else (1, "failed"))
    assert [found[0][0] for found in told[0][3]] == ["passed" if limit == 0.5 else "failure", "passed"]
