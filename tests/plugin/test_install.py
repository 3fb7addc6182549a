"""From nothing: the wheel in a fresh environment outside the checkout, and `make demo` in a fresh clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="the Arm compiler is missing: make setup"),
]


def execute(command: list[str], folder: Path, **variables: str) -> str:
    """Runs a command as a user would, without this environment's variables; returns what it printed.

    What is installed is not compiled, of which nothing here depends and which takes longer than all else.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("STM32POSE", "VIRTUAL_ENV", "PYTEST", "PYTHONPATH", "PYTHONPYCACHE"))
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PIP_NO_COMPILE": "0", **variables},  # pip reads the value of a switch as that of --compile
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commit under test, cloned; nothing that git ignores is in it, and no validation data lie beside it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    execute(["git", "clone", "--quiet", str(ROOT), str(folder)], folder.parent)
    return folder


def test_wheel_runs_the_suite_outside_the_checkout(clone: Path, tmp_path: Path) -> None:
    execute([sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(clone)], tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    execute([sys.executable, "-m", "venv", "--without-pip", "env"], tmp_path)
    python = str(tmp_path / "env" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check"]
    execute([*pip, "install", str(wheel)], tmp_path)
    suite = ["-m", "pytest", "--pyargs", "pytest_stm32pose.suite", "-p", "no:cacheprovider", "--pose-json=record.json"]
    # Compilers are out of reach: the firmware must be the wheel's.
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "cmake").exists()]
    tools = tmp_path / "tools"
    tools.mkdir()
    qemu = shutil.which("qemu-system-arm")
    assert qemu, "qemu-system-arm is missing"
    (tools / "qemu-system-arm").symlink_to(qemu)
    path = os.pathsep.join([str(tools), *folders])
    output = execute([python, *suite, "--board=qemu-m55,qemu-m7-ref"], tmp_path, PATH=path)
    assert "verdict: passed" in output
    record = json.loads((tmp_path / "record.json").read_text())
    assert [board["name"] for board in record["boards"]] == ["qemu-m55", "qemu-m7-ref"]
    for board in record["boards"]:
        assert "site-packages" in board["firmware"]["path"]
    execute([str(tmp_path / "env" / "bin" / "stm32pose"), "init", "project", "--ci=github"], tmp_path)
    assert "--board=lab" in (tmp_path / "project" / ".github" / "workflows" / "pose.yml").read_text()


def test_make_demo_in_a_fresh_clone(clone: Path) -> None:
    output = execute(["make", "demo", f"PYTHON={sys.executable}"], clone)
    assert "verdict: passed" in output
    record = json.loads((clone / "record.json").read_text())
    assert record["models"][0]["name"] == "stick_pose_96_int8"
    report = (clone / "report.html").read_text()
    assert "Pose validation" in report
    assert report.count("<svg") >= 8
