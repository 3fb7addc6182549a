"""Never green when it must be red: what judges nothing, or loses a limit, on an emulated board."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_stm32pose.record.read import record_schema
from tests.support import children
from tests.virtual.suite_run import ROOT, run_suite

COMMAND = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--board=qemu-m55", "--pose-max-images=2"]


class Run:
    """pytest with tests of one's own, in their folder; the outcome of each test by its name."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [*COMMAND, "--pose-json=record.json", "-rA", *options]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        done = children.run(command, cwd=folder, env=environ, timeout=600)
        self.exit_code, self.output = done.returncode, done.stdout + done.stderr
        self.record: dict[str, Any] = json.loads((folder / "record.json").read_text())
        jsonschema.validate(self.record, record_schema())
        (folder / "record.json").unlink()

    @property
    def verdict(self) -> tuple[int, str]:
        return self.exit_code, str(self.record["verdict"])

    @property
    def reasons(self) -> str:
        return "\n".join(self.record["reasons"])

    def outcome(self, test: str) -> str:
        [line] = [line for line in self.output.splitlines() if f"::{test}[" in line and line.split()[0].isupper()]
        return line.split()[0]


MARKED = """
from dataclasses import replace

import pytest

pytestmark = pytest.mark.pose_board(kind="virtual")


def test_bare(pose_check, pose_images):
    pose_check(pose_images[0])


def test_another_picture_of_the_same_name(pose_check, pose_images):
    first = pose_images[0]
    mirrored = pose_check(replace(first, pixels=first.pixels[:, ::-1].copy(), truth=None))
    assert mirrored.picture_id.startswith("figure_0~")
    assert pose_check(first).picture_id == "figure_0"
    assert (pose_check(first).device_px != mirrored.device_px).any()


@pytest.mark.pose_budget(activation_kib_max=10)
class TestStacked:
    @pytest.mark.pose_budget(tensor_lsb_max=0)
    def test_class_budget_is_not_lost(self, pose_check, pose_images):
        pose_check(pose_images[0])

    @pytest.mark.pose_budget(activation_kib_max=512)
    @pytest.mark.pose_budget(tensor_lsb_max=0)
    def test_the_closest_wins(self, pose_check, pose_images):
        pose_check(pose_images[0])

    def test_gives_no_picture(self, pose_check, pose_images):
        for picture in pose_images[:0]:
            pose_check(picture)


def test_gives_no_picture_either(pose_check):
    pass


def test_positional(pose_check, pose_images):
    pose_check(pose_images[0], 0)


@pytest.mark.pose_board(core="cortex-m7")
def test_other_core(pose_board):
    pass


@pytest.mark.pose_board(name="qemu-m7*")
def test_other_name(pose_board):
    pass


@pytest.mark.pose_board(kind="hardware")
class TestHardware:
    @pytest.mark.pose_board(core="cortex-m55")
    def test_other_kind(self, pose_board):
        pass


@pytest.mark.pose_board(name="qemu-*", core="cortex-m55")
@pytest.mark.pose_board(capability="self_test")
def test_this_board(pose_board):
    pass
"""


def test_markers_of_every_place_count(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(MARKED)
    done = Run(tmp_path)
    assert done.verdict == (1, "blocked"), done.output
    wanted = {
        "test_bare": "PASSED",
        "test_another_picture_of_the_same_name": "PASSED",
        "test_class_budget_is_not_lost": "FAILED",
        "test_the_closest_wins": "PASSED",
        "test_gives_no_picture": "FAILED",
        "test_gives_no_picture_either": "FAILED",
        "test_positional": "FAILED",
        "test_this_board": "PASSED",
    }
    assert {test: done.outcome(test) for test in wanted} == wanted
    assert "4 passed, 3 skipped" in done.output
    for why in ("needs core cortex-m7", "is for boards named qemu-m7*", "needs hardware boards"):
        assert f": {why}" in done.output, done.output
    assert "activation_kib_max is broken: 78.1562 KiB, allowed is at most 10." in done.reasons
    assert "The budgets of this test (activation_kib_max) applied to nothing" in done.reasons
    assert "asked for pose_check and gave it no picture" in done.reasons
    assert "pose_check takes one picture, and budgets by name, not 0." in done.reasons
    [model] = done.record["models"]
    ids = [image["id"] for image in model["images"]]
    assert ids[0] == "figure_0" and len(ids) == 2
    assert len({image["sha256"] for image in model["images"]}) == 2
    budgets = {each["name"]: each for each in model["budgets"]}
    assert budgets["activation_kib_max"]["limit"] == 10, "the broken one"
    assert budgets["tensor_lsb_max"]["passed"], "of the bare check, by default"


OWN = """
def test_picture(pose_check, pose_picture):
    pose_check(pose_picture)
"""
#: The answers of the device are not what the board said.
SPOILT = """
from dataclasses import replace
from pytest_stm32pose.measure.device import Device

finish = Device.finish
Device.tells_digests = False

def spoil(self):
    answer = finish(self)
    data = answer.outputs[0].data.copy()
    data.flat[:268] += 1
    return replace(answer, outputs=(replace(answer.outputs[0], data=data), *answer.outputs[1:]))

Device.finish = spoil
"""


def test_a_bare_check_is_not_green_when_elements_differ(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN)
    (tmp_path / "conftest.py").write_text(SPOILT)
    done = Run(tmp_path)
    assert done.verdict == (1, "failed"), done.output
    assert "tensor_lsb_max is broken" in done.reasons


IMPOSSIBLE = "--pose-budget=oks_vs_truth_min=1,firmware_flash_kib_max=1"


@pytest.mark.parametrize("workers", [(), ("-n2", "--dist=load")], ids=["alone", "xdist"])
def test_budgets_of_a_run_are_judged_whatever_tests_measured(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "test_own.py").write_text(OWN)
    done = Run(tmp_path, IMPOSSIBLE, "--pose-min-pictures=3", *workers)
    assert "2 passed" in done.output
    assert done.verdict == (1, "failed"), done.output
    truth, size = done.record["reasons"]
    assert truth.startswith("2 pictures on qemu-m55: oks_vs_truth_min is broken: 0.9")
    assert "(n=2, " in truth and truth.endswith("It rests on fewer pictures than the 3 of --pose-min-pictures.")
    assert "firmware_flash_kib_max is broken" in size
    kept = Run(tmp_path, "--pose-budget=oks_vs_truth_min=0.9", *workers)
    assert kept.verdict == (0, "passed"), kept.output
    assert "qemu-m55  stick_pose_96_int8: oks_vs_truth_min is kept: 0.9" in kept.output


def test_the_suites_selection_does_not_lose_budgets(tmp_path: Path) -> None:
    done = run_suite(tmp_path, "--board=qemu-m55", "--pose-max-images=1", "-k", "test_picture", IMPOSSIBLE)
    assert (done.exit_code, done.record["verdict"]) == (1, "failed")


NOTHING = """
import pytest

@pytest.mark.skip(reason="not today")
def test_picture(pose_check, pose_picture):
    pose_check(pose_picture)

def test_board(pose_board):
    pass

def test_host():
    pass
"""


def test_what_judged_nothing_is_blocked(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(NOTHING)
    skipped = Run(tmp_path, "-k", "picture", "--pose-budget=tensor_lsb_max=0")
    assert skipped.verdict == (1, "blocked"), skipped.output
    assert "all 2 tests that need a board were skipped (not today)" in skipped.reasons
    assert "1 budget was given (tensor_lsb_max) and never judged" in skipped.reasons
    board = Run(tmp_path, "-k", "test_board")
    assert board.verdict == (1, "blocked") and "No picture was measured" in board.reasons
    nothing = Run(tmp_path, "-k", "no_such_test")
    assert nothing.verdict == (5, "blocked") and "no test that needs a board was selected" in nothing.reasons
    host = Run(tmp_path, "-k", "test_host", "--pose-budget=tensor_lsb_max=0")
    assert host.verdict == (1, "blocked") and "never judged" in host.reasons
    command = [*COMMAND, "-k", "test_host", "-q"]
    plain = children.run(command, cwd=tmp_path, timeout=600)
    assert plain.returncode == 0 and "verdict" not in plain.stdout, "no test that needs a board was asked for"


DIES = """
import os
from pathlib import Path

def test_picture(pose_check, pose_picture):
    pose_check(pose_picture)

def test_dies_once(pose_device):
    if "PYTEST_XDIST_WORKER" in os.environ and not Path("died").exists():
        Path("died").touch()
        os._exit(3)
"""


def test_a_killed_worker_whose_tests_run_again_is_missed(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    pytest.importorskip("pytest_rerunfailures")
    (tmp_path / "test_own.py").write_text(DIES)
    done = Run(tmp_path, "-n2", "--reruns=2")
    assert "3 passed" in done.output and "failed" not in done.output.splitlines()[-1]
    assert done.verdict == (1, "blocked"), done.output
    assert "of pytest-xdist ended before it could say what it measured" in done.reasons


LEAVES = """
import pytest

def test_picture(pose_check, pose_picture):
    pose_check(pose_picture)
    pytest.exit("enough", returncode=0)
"""


def test_a_run_that_ends_itself_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(LEAVES)
    done = Run(tmp_path)
    assert done.verdict == (1, "blocked") and done.reasons == "the run was interrupted"


# --- stored goldens ---


@pytest.fixture(scope="module")
def goldens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the goldens of two pictures."""
    folder = tmp_path_factory.mktemp("goldens")
    (folder / "test_own.py").write_text(OWN)
    assert Run(folder, "--pose-golden=update").verdict == (0, "passed")
    return folder / "goldens"


def changed(goldens: Path, folder: Path, **fields: object) -> Path:
    """Copies of the goldens with other fields in their provenance, and no arrays of outputs they do not name."""
    for path in goldens.rglob("*.npz"):
        target = folder / path.relative_to(goldens)
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "provenance.json":
                    content = json.dumps({**json.loads(content), **fields}).encode()
                new.writestr(name, content)
    return folder


def test_a_missing_golden_does_not_block_the_next_picture(goldens: Path, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN)
    own = changed(goldens, tmp_path / "goldens")
    first = sorted(own.rglob("*.npz"))[0]
    first.unlink()
    done = Run(tmp_path, "--pose-golden=check", f"--pose-golden-dir={own}")
    assert "1 failed, 1 passed" in done.output, done.output
    [why] = done.record["reasons"]
    assert why.startswith("There is no stored golden") and done.verdict == (1, "blocked")


def test_a_golden_without_tensors_compares_none_and_says_so(goldens: Path, tmp_path: Path) -> None:
    own = changed(goldens, tmp_path / "goldens", outputs=[])
    relaxed = OWN.replace("(pose_picture)\n", "(pose_picture, oks_vs_golden_min=1)\n")
    assert relaxed != OWN
    (tmp_path / "test_own.py").write_text(relaxed)
    options = ("--pose-golden=check", f"--pose-golden-dir={own}")
    by_keypoints = Run(tmp_path, *options)
    assert by_keypoints.verdict == (0, "passed"), by_keypoints.output
    assert "no output tensor was compared" in by_keypoints.output and "elements differ" not in by_keypoints.output
    of_run = Run(tmp_path, *options, "--pose-budget=tensor_lsb_max=0")
    assert of_run.verdict == (1, "blocked")
    assert "tensor_lsb_max cannot be judged: it was not measured" in of_run.reasons
    (tmp_path / "test_own.py").write_text(OWN)
    bare = Run(tmp_path, *options)
    assert bare.verdict == (1, "blocked") and "tensor_lsb_max cannot be judged" in bare.reasons


def test_a_golden_without_digests_does_not_pass_as_every_tensor(goldens: Path, tmp_path: Path) -> None:
    own = changed(goldens, tmp_path / "goldens", intermediates=[])
    done = run_suite(
        tmp_path, "--board=qemu-m55", "--pose-max-images=1", "-k", "test_every_intermediate_tensor",
        "--pose-golden=check", f"--pose-golden-dir={own}",
    )  # fmt: skip
    assert (done.exit_code, done.record["verdict"]) == (1, "blocked"), done.output
    assert "The golden of figure_0 lacks " in done.record["reasons"][0]
