"""The plugin as a user's pytest sees it, without a board: skips, errors in one sentence, cost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import children

OWN_TEST = """
import pytest

@pytest.mark.pose_budget(oks_vs_golden_min=0.99)
def test_pictures(pose_check, pose_images):
    for picture in pose_images:
        pose_check(picture)
"""


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, as a user starts it."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return children.run(command, cwd=folder, timeout=600)


def test_no_board_skips_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    done = run(tmp_path, "-rs", "--strict-markers")
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "--board=qemu-m55" in done.stdout


def test_suite_without_board_skips(tmp_path: Path) -> None:
    done = run(tmp_path, "--pyargs", "pytest_stm32pose.suite")
    assert done.returncode == 0, done.stdout
    assert "skipped" in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--board=n7"], ["n7", "qemu-m55"]),
        (["--board=qemu-m55", "--pose-model=missing.tflite"], ["missing.tflite"]),
        (["--board=qemu-m55", "--pose-model=truncated.tflite"], ["truncated.tflite"]),
        (["--board=qemu-m55", "--pose-model=text.tflite"], ["text.tflite"]),
        (["--board=qemu-m55", "--pose-images=nowhere"], ["nowhere"]),
        (["--board=qemu-m55", "--pose-images=pictures"], ["text.jpg"]),
        (["--board=qemu-m55", "--pose-images=no_keypoints.json"], ["no_keypoints.json"]),
        (["--board=qemu-m55", "--pose-max-images=0"], ["--pose-max-images"]),
        (["--board=qemu-m55", "--pose-fault=nonsense"], ["--pose-fault", "weights-bit"]),
        (["--board=qemu-m55", "--pose-budget=oks=1"], ["oks"]),
        (["--board=qemu-m55", "--pose-firmware=missing.elf"], ["missing.elf"]),
        (["--board=qemu-m55", "--pose-golden=maybe"], ["maybe", "check"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_bad_requests_are_one_sentence(tmp_path: Path, fixtures_dir: Path, args: list[str], words: list[str]) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    model = next((fixtures_dir / "models").glob("*.tflite")).read_bytes()
    (tmp_path / "truncated.tflite").write_bytes(model[: len(model) // 2])
    (tmp_path / "text.tflite").write_text("not a model")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "text.jpg").write_text("not a picture")
    picture = next((fixtures_dir / "images").glob("*.png"))
    (tmp_path / picture.name).write_bytes(picture.read_bytes())
    labels = {
        "images": [{"id": 1, "file_name": picture.name, "width": 1, "height": 1}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "no_keypoints.json").write_text(json.dumps(labels))
    done = run(tmp_path, *args)
    output = done.stdout + done.stderr
    assert done.returncode == 4, output
    assert "Traceback" not in output
    errors = [line for line in output.splitlines() if "ERROR" in line]
    assert len(errors) == 1, output
    for word in words:
        assert word in errors[0]


def test_missing_qemu_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(tmp_path, "--board=qemu-m55")
    assert done.returncode == 4, done.stdout
    assert "apt-get install qemu-system-arm" in done.stdout + done.stderr


def test_missing_compiler_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    qemu = shutil.which("qemu-system-arm")
    assert qemu
    (tmp_path / "qemu-system-arm").symlink_to(qemu)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(tmp_path, "--board=qemu-m55")
    output = done.stdout + done.stderr
    assert done.returncode == 4, output
    assert "apt-get install" in output
    assert "Traceback" not in output


def test_options_are_documented(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert "pose networks on STM32 boards" in done.stdout
    assert "STM32POSE_BOARD" in done.stdout
    assert "@pytest.mark.pose_budget" in run(tmp_path, "--markers").stdout


def test_collecting_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    heavy = ("numpy", "pyocd", "tensorflow", "ai_edge_litert", "PIL", "serial")
    code = f"""
import sys, pytest
pytest.main(["--collect-only", "-q"])
print("HEAVY", [name for name in {heavy} if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)
    assert "HEAVY []" in done.stdout


#: Counts calls and returns of functions, of Python and of C, while pytest collects: work, whatever else the host does.
COUNT = """
import sys, pytest
count = 0
def event(*_):
    global count
    count += 1
sys.setprofile(event)
pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
sys.setprofile(None)
print("EVENTS", count)
"""
#: About a twentieth of what pytest itself takes to collect one test, and some 20 ms of an idle processor.
COLLECTING_EVENTS_MAX = 200_000


def test_collecting_costs_little(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_nothing():\n    pass\n")

    def events(*arguments: str) -> int:
        command = [sys.executable, "-c", COUNT, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)
        return int(done.stdout.rpartition("EVENTS ")[2])

    events()  # compiles what is not compiled yet
    with_plugin, without = events(), events("-p", "no:stm32pose")
    assert 0 < with_plugin - without <= COLLECTING_EVENTS_MAX
