"""`stm32pose init`: what it writes runs as it is, and nothing of the user's is overwritten."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_stm32pose.boards.catalog import boards, parse_catalog
from pytest_stm32pose.cli.init import BASELINE_COMMAND, CI, FILES
from pytest_stm32pose.cli.main import main
from pytest_stm32pose.judge.gate_limits import METRICS
from pytest_stm32pose.record.limits_file import read_limits

ROOT = Path(__file__).resolve().parents[2]
FIRST_COMMANDS = ["python3 -m venv .venv", ".venv/bin/python -m pip install pytest-stm32pose"]


def github(text: str) -> list[str]:
    [job] = yaml.safe_load(text)["jobs"].values()
    assert job["runs-on"] == ["self-hosted", "pose-lab"]
    upload = next(step for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert upload["if"] == "always()"
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab(text: str) -> list[str]:
    job = yaml.safe_load(text)["pose"]
    assert job["artifacts"]["when"] == "always"
    named = [*job["artifacts"]["reports"].values()]
    assert all(f"={file}" in job["script"][-1] for file in named), "reports that no command writes"
    return [str(command) for command in job["script"]]


def jenkins(text: str) -> list[str]:
    """The steps `sh`. Groovy's line continuation is the shell's, too."""
    assert text.count("{") == text.count("}")
    found = re.findall(r"\bsh '''(.*?)'''|\bsh '([^'\n]*)'", text, re.DOTALL)
    return [(long or short).replace("\\\n", " ").strip() for long, short in found]


READERS: dict[str, Callable[[str], list[str]]] = {"github": github, "gitlab": gitlab, "jenkins": jenkins}


def shell(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of a template as a runner gives it to its shell; two pictures are enough."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "STM32POSE_MAX_IMAGES": "2"}
    environ = {key: value for key, value in environ.items() if not key.startswith("GITHUB_")} | variables
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with every workflow and its baseline; this environment stands for the one that is installed."""
    folder = tmp_path_factory.mktemp("project")
    for name in CI:
        assert main(["init", str(folder), f"--ci={name}"]) == 0
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent, target_is_directory=True)
    made = shell(folder, BASELINE_COMMAND)
    assert made.returncode == 0, made.stdout
    assert "3 passed" in made.stdout
    return folder


def test_every_workflow_is_read_here() -> None:
    assert READERS.keys() == CI.keys()


@pytest.mark.parametrize("name", CI)
def test_the_workflow_runs_green(name: str, project: Path) -> None:
    *first, command = READERS[name]((project / CI[name][0]).read_text())
    assert first == FIRST_COMMANDS
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"] == shlex.split(first[-1])[-1]
    done = shell(project, command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    results = project / "pose-results"
    record = json.loads((results / "record.json").read_text())
    assert record["verdict"] == "passed"
    assert record["comparison"]["verdict"] == "passed"
    assert [board["name"] for board in record["boards"]] == ["lab"]
    assert ElementTree.parse(results / "junit.xml").find(".//property[@name='pose_model_sha256']") is not None
    assert [*text_string_to_metric_families((results / "metrics.txt").read_text())]
    assert "</html>" in (results / "report.html").read_text()
    if name == "gitlab":
        assert json.loads((results / "code-quality.json").read_text()) == []


def test_the_workflow_can_fail(project: Path) -> None:
    """A weight on the board that is not the network's: the budgets of the test and the gate say so."""
    command = github((project / CI["github"][0]).read_text())[-1]
    summary = project / "summary.md"
    github_variables = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(project), "GITHUB_STEP_SUMMARY": str(summary)}
    done = shell(project, command, STM32POSE_FAULT="weights-bit", **github_variables)
    assert done.returncode == 1
    assert summary.read_text().startswith("## Pose validation: failed\n")
    assert "regression" in summary.read_text()
    assert "::error file=test_pose.py,title=Pose validation failed::" in done.stdout
    reasons = json.loads((project / "pose-results" / "record.json").read_text())["reasons"]
    assert any(reason.startswith("regression: ") for reason in reasons), reasons
    assert any("tensor_lsb_max is broken" in reason for reason in reasons), reasons


def test_without_a_baseline_the_gate_stays_closed(project: Path, tmp_path: Path) -> None:
    main(["init", str(tmp_path), "--ci=gitlab"])
    (tmp_path / ".venv").symlink_to(project / ".venv", target_is_directory=True)
    done = shell(tmp_path, gitlab((tmp_path / ".gitlab-ci.yml").read_text())[-1])
    assert done.returncode == 4
    assert "baseline.json" in done.stderr + done.stdout


@pytest.mark.parametrize("board", boards())
def test_every_board_of_the_catalog(board: str, tmp_path: Path) -> None:
    assert main(["init", str(tmp_path), f"--board={board}"]) == 0
    base = (ROOT / "pytest_stm32pose" / "boards" / "catalog.toml").read_text()
    text = (tmp_path / "boards.toml").read_text()
    bench = parse_catalog(text, "boards.toml", base=base)["lab"]
    assert (bench.mcu, bench.tags) == (boards()[board].mcu, ("lab",))
    uncommented = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    if bench.kind == "hardware":  # what the comments suggest is understood
        assert parse_catalog(uncommented, "boards.toml", base=base)["lab"].power_cycle[0] == "uhubctl"


def test_the_limits_are_read(project: Path) -> None:
    limits = read_limits(project / "pose.toml")
    assert limits.general.keys() <= {metric.name for metric in METRICS}
    assert limits.of("lab", "any", "latency_p95").text == "5 %"


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "boards.toml").write_text("mine")
    (tmp_path / "pose.toml").symlink_to(tmp_path / "elsewhere")
    assert main(["init", str(tmp_path), "--ci=github"]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "boards.toml").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    assert f"exists {tmp_path / 'boards.toml'}: left as it is" in said
    assert f"wrote  {tmp_path / '.github/workflows/pose.yml'}" in said
    assert main(["init", str(tmp_path), "--ci=github"]) == 0
    assert "wrote" not in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, ".github"}


def test_a_run_without_a_board_is_an_error(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    done = shell(tmp_path, f"{sys.executable} -m pytest test_pose.py")
    assert done.returncode == 4
    assert "2 tests need a board and none is named" in done.stderr


@pytest.mark.parametrize(
    ("name", "text"), [("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-q'\n"), ("tox.ini", "[pytest]\n")]
)
def test_a_projects_own_configuration_stays_in_force(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert main(["init", str(tmp_path)]) == 0
    assert not (tmp_path / "pytest.ini").exists()
    assert f'exists {tmp_path / name}: add pose_require_board = "true" to it' in capsys.readouterr().out


def test_what_cannot_be_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path), "--board=qemu-m56"]) == 2
    assert "Did you mean qemu-m55" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        assert main(["init", str(tmp_path / place)]) == 2
        assert "Traceback" not in (said := capsys.readouterr().err)
        assert str(tmp_path / "file") in said
