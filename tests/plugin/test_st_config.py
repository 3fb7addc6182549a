"""`--pose-st-config` and `stm32pose init --from` as a user has them: a run on a virtual board, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.models.zoo import default_model, default_pictures
from tests.support import children
from tests.support.st_configs import NEW, OLD, has, write

SUITE = ("--pyargs", "pytest_stm32pose.suite", "--board=qemu-m55", "--pose-max-images=1", "-k", "test_picture")


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, as a user starts it."""
    return children.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args], cwd=folder, timeout=600)


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """A folder as the services' working folder is: a network, pictures, the configuration."""
    shutil.copy(default_model(), tmp_path / "net.tflite")
    (tmp_path / "pictures").symlink_to(default_pictures())
    write(tmp_path, NEW)
    return tmp_path


def test_a_run_by_the_configuration(services: Path) -> None:
    done = run(services, *SUITE, "--pose-st-config=user_config.yaml", "--pose-json=record.json")
    assert done.returncode == 0, done.stdout
    record = json.loads((services / "record.json").read_text())
    [model] = record["models"]
    assert (model["name"], model["family"], model["keypoints"]) == ("net", "heatmap", 13)
    assert model["images"][0]["oks_vs_truth"] is not None, "the pictures' labels were found"
    if has("pose_resize"):
        assert "nearest" in model["preprocessing"]
        assert "127.5" not in model["preprocessing"], "ST undoes the rescaling of an integer input"
    said = [line.removeprefix("stm32pose: ") for line in done.stdout.splitlines() if line.startswith("stm32pose: ")]
    assert f"from {services / 'user_config.yaml'}, behind command line, environment and ini file:" in said
    assert f"  --pose-images={services / 'pictures'}  (dataset.test_path: pictures, in {services})" in said
    [board] = [line for line in said if "benchmarking.board" in line]
    assert board.endswith(
        "evaluation.target, benchmarking.board: boards are named with --board ('stm32pose boards' lists them)"
    )


def test_the_ini_file_names_it_and_the_command_line_wins(services: Path) -> None:
    (services / "pytest.ini").write_text("[pytest]\npose_st_config = user_config.yaml\n")
    done = run(services, *SUITE, "--pose-keypoints=17")
    assert done.returncode == 4
    assert "17" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NEW.replace("keypoints", "keypoint"), "line 13: dataset has no key 'keypoint'. Did you mean keypoints?"),
        (
            NEW.replace("fit", "crop"),
            "line 20: preprocessing.resizing.aspect_ratio is 'crop', which ST's own evaluation",
        ),
        (NEW.replace("{model}", "https://example.org/a.tflite"), "nothing is downloaded unasked"),
        (NEW.replace("{model}", "net.onnx"), "line 5: model.model_path is 'net.onnx', an ONNX file"),
        ("a: [\n", "is not YAML"),
        ("{{}}", "names no network"),
    ],
)
def test_what_cannot_be_is_one_sentence(text: str, message: str, services: Path) -> None:
    write(services, text)
    done = run(services, *SUITE, "--pose-st-config=user_config.yaml")
    assert done.returncode == 4
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_project_from_a_configuration(
    services: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network lies in the project, the pictures elsewhere; what init wrote runs."""
    monkeypatch.chdir(services)
    project = services / "project"
    project.mkdir()
    shutil.move(services / "net.tflite", project / "net.tflite")
    write(services, NEW, model="project/net.tflite")
    assert main(["init", "project", "--ci=github", "--from", "user_config.yaml"]) == 0
    said = capsys.readouterr().out
    assert "  operation_mode: pytest says what is run" in said
    ini = (project / "pytest.ini").read_text()
    assert "\npose_require_board = true\n" in ini
    assert "\npose_model = net.tflite\n" in ini
    assert f"\npose_images = {services / 'pictures'}\n" in ini
    assert "\npose_keypoints = 13\n" in ini
    if has("pose_score"):
        assert "\npose_score = 0.002\n" in ini
    done = run(project, "test_pose.py", "--board=lab", "--pose-max-images=1", "--pose-json=record.json")
    assert done.returncode == 0, done.stdout
    [model] = json.loads((project / "record.json").read_text())["models"]
    assert model["name"] == "net"


def test_a_projects_own_configuration_is_told_what_to_hold(
    services: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(services)
    (services / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    assert main(["init", "--from", "user_config.yaml"]) == 0
    said = capsys.readouterr().out
    assert not (services / "pytest.ini").exists()
    assert '\npose_model = "net.tflite"\n' in said
    assert '\npose_keypoints = "13"\n' in said
    (services / "pyproject.toml").unlink()
    (services / "pytest.ini").write_text("[pytest]\n")
    (services / "13").touch()  # the number of keypoints is no path
    assert main(["init", "--from", "user_config.yaml"]) == 0
    said = capsys.readouterr().out
    assert (services / "pytest.ini").read_text() == "[pytest]\n"
    assert "\npose_model = net.tflite\n" in said
    assert "\npose_keypoints = 13\n" in said


def test_init_takes_network_and_pictures_whatever_the_file_says(
    services: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(services)
    write(services, OLD, model="https://example.org/a.tflite", images="nowhere")
    assert main(["init", "p", "--from=user_config.yaml"]) == 2
    assert "nothing is downloaded unasked" in capsys.readouterr().err
    assert not (services / "p").exists(), "nothing is written by half"
    network = "st_movenet_lightning_heatmaps_192"
    assert main(["init", "p", "--from=user_config.yaml", f"--pose-model={network}", "--pose-images=pictures"]) == 0
    ini = (services / "p" / "pytest.ini").read_text()
    assert f"\npose_model = {network}\npose_images = {services / 'pictures'}\n" in ini
    assert "pose_preprocess = letterbox" in ini


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--pose-model=x"], "--pose-model goes with --from. Name ST's user_config.yaml"),
        (["--from=nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["--from=user_config.yaml", "--pose-model=a,b"], "'a,b' cannot stand in pytest.ini"),
    ],
)
def test_init_refuses_in_one_sentence(
    args: list[str], message: str, services: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(services)
    (services / "a,b").mkdir()
    assert main(["init", "p", *args]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not (services / "p").exists()
