"""A family of the user's own through whole runs: the documented example, several persons, mistakes, workers."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.settings import FAMILIES
from tests.firmware.tiny_yolo import tiny_yolo
from tests.virtual.suite_run import ROOT, SuiteRun, run_in, run_suite

EXAMPLE = re.search(r"```python\n(# conftest\.py\n.*?)```", (ROOT / "docs" / "families.md").read_text(), re.DOTALL)
#: Two of the pictures are enough, and what is asked of one; timing and memory have no keypoints.
SHORT = ("--board=qemu-m55", "--pose-max-images=2", "-k", "identity or accuracy or budgets")
#: The rows of the best anchor, of a network that no built-in family takes without being named.
PERSONS = """
import numpy as np
import pytest
from pytest_stm32pose import PoseFamily

LEAST = 0.5

def decode(outputs):
    table = outputs[0].real[0]
    best = np.argsort(-table[4], kind="stable")[:2]
    return table[5:, best].T.reshape(len(best), 4, 3), table[4, best]

@pytest.fixture(scope="session")
def pose_family():
    return PoseFamily("boxes", keypoints=4, decode=decode)
"""


def example() -> str:
    assert EXAMPLE, "docs/families.md has no example"
    return EXAMPLE[1]


def run(folder: Path, conftest: str, *options: str) -> SuiteRun:
    (folder / "conftest.py").write_text(conftest)
    return run_suite(folder, *SHORT, *options)


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SuiteRun]:
    """The example of the documents, its goldens written."""
    folder = tmp_path_factory.mktemp("own")
    return folder, run(folder, example(), "--pose-golden=update", "--html=report.html")


def test_the_documented_example_is_judged_and_recorded(documented: tuple[Path, SuiteRun]) -> None:
    folder, done = documented
    assert done.exit_code == 0, done.output
    [model] = done.record["models"]
    assert (model["family"], model["keypoints"]) == ("centres", 13)
    assert re.fullmatch(r"centres [0-9a-f]{12}", model["decoder"])
    assert model["accuracy"]["oks_vs_golden"] == 1.0
    # The example is the built-in family's definition: the same figure against the same labels.
    assert model["accuracy"]["oks_vs_truth"] > 0.5
    built_in = run_suite(folder, *SHORT, "--pose-family=heatmap").record["models"][0]
    assert "decoder" not in built_in
    assert built_in["accuracy"]["oks_vs_truth"] == pytest.approx(model["accuracy"]["oks_vs_truth"], abs=1e-6)
    assert model["keypoint_set"]["name"] == built_in["keypoint_set"]["name"] == "ST 13"
    report = (folder / "report.html").read_text()
    assert "left shoulder" in report and "centres " in report


def test_a_changed_decoder_is_not_judged_by_its_old_goldens(documented: tuple[Path, SuiteRun]) -> None:
    folder, _ = documented
    same = run(folder, example(), "--pose-golden=check", "--pose-family=centres")
    assert same.exit_code == 0, same.output
    changed = run(folder, example().replace("+ 0.5", "+ 0.4"), "--pose-golden=check")
    assert changed.record["verdict"] == "blocked"
    assert "it was made from another decoder (centres " in changed.output


def test_two_workers_have_the_same_record(documented: tuple[Path, SuiteRun]) -> None:
    folder, alone = documented
    both = run(folder, example(), "-n", "2")
    assert both.exit_code == 0, both.output
    [one], [two] = alone.record["models"], both.record["models"]
    assert (one["decoder"], one["accuracy"]) == (two["decoder"], two["accuracy"])


def test_several_persons_of_a_network_that_nothing_recognises(tmp_path: Path) -> None:
    model = tmp_path / "boxes.tflite"
    model.write_bytes(tiny_yolo(4, 300))
    refused = run_suite(tmp_path, *SHORT, f"--pose-model={model}")
    assert refused.exit_code == 4, refused.output
    done = run(tmp_path, PERSONS, f"--pose-model={model}")
    assert done.exit_code == 0, done.output
    [measured] = done.record["models"]
    assert (measured["family"], measured["keypoints"]) == ("boxes", 4)
    assert all(len(image["keypoints_device"]) == 2 for image in measured["images"])
    assert (measured["keypoint_set"]["sigmas_from"], measured["keypoint_set"]["sigmas"]) == ("1/K", [0.25] * 4)
    assert "they are not compared" in done.output  # the default pictures' labels have other keypoints


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("outputs[0].real", "outputs[3].real", 1, ["raised IndexError", "conftest.py line 9", "float32 [1, 17, 300]"]),
        ("len(best), 4, 3)", "4, len(best), 3)", 1, ["returned keypoints [4, 2, 3]", "[persons, 4, 3]"]),
        ("table[5:, best]", "200 * table[5:, best]", 1, ["returned coordinates up to", "divided by outputs.width"]),
        ("keypoints=4", "keypoints='four'", 4, ["'four' is no number of keypoints", "conftest.py"]),
        ("decode=decode", "decode=None", 4, ["has no function `decode`", "docs/families.md"]),
        ('"boxes"', '"yolo"', 4, ["yolo is the name of a built-in family"]),
        ("def pose_family():", "def pose_family(tmp_path_factory):", 4, ["asks for other fixtures"]),
        ('(scope="session")', '', 4, ['scope="session"']),
        ("    return PoseFamily", "    return undefined", 4, ["raised NameError", "conftest.py line"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(tmp_path: Path, old: str, new: str, code: int, said: list[str]) -> None:
    model = tmp_path / "boxes.tflite"
    model.write_bytes(tiny_yolo(4, 300))
    assert old in PERSONS
    done = run(tmp_path, PERSONS.replace(old, new), f"--pose-model={model}", "--pose-max-images=1")
    assert done.exit_code == code, done.output
    assert all(words in done.output for words in said), done.output
    assert "Traceback" not in done.output


def test_a_family_that_nobody_gives_is_a_usage_error(tmp_path: Path) -> None:
    done = run(tmp_path, "", "--pose-family=heatmaps")
    assert (done.exit_code, done.record) == (4, {}), done.output
    assert f"'heatmaps' is not one of {', '.join(FAMILIES)}. Did you mean heatmap?" in done.output


def test_an_entry_point_serves_pytest_and_the_command_line(tmp_path: Path) -> None:
    """As an installed package has it: a module and its metadata on the path."""
    (tmp_path / "my_decoders.py").write_text(example().replace('@pytest.fixture(scope="session")', ""))
    info = tmp_path / "my_decoders-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-decoders\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stm32pose.families]\ncentres = my_decoders:pose_family\nbad = none:such\n")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", str(ROOT))])}
    stm32pose = [sys.executable, "-m", "pytest_stm32pose.cli"]
    shown = run_in(
        tmp_path, [*stm32pose, "models", "inspect", str(default_model()), "--pose-family=centres"], environment
    )
    assert shown.exit_code == 0, shown.output
    assert "centres, 13 keypoints, decoded on the host" in shown.output
    for action in ("update", "check"):
        command = [*stm32pose, "golden", action, "--pose-family=centres", "--pose-max-images=1"]
        written = run_in(tmp_path, command, environment)
        assert written.exit_code == 0, written.output
    broken = run_in(tmp_path, [*stm32pose, "models", "inspect", str(default_model()), "--pose-family=bad"], environment)
    assert broken.exit_code == 2
    assert "The family bad (none:such) cannot be imported: ModuleNotFoundError" in broken.output
    done = run_suite(tmp_path, *SHORT, "--pose-family=centres", "--pose-golden=check", "--pose-max-images=1",
                     environment=environment)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.record["models"][0]["family"] == "centres"
