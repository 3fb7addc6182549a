"""`--collect-only` with a board: which tests there are, without compiling, and right when something has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.models.zoo import default_model, default_pictures

TESTS = """
def test_picture(pose_check, pose_picture):
    pose_check(pose_picture)
"""
#: What listing has no use for, once a listing is remembered; what it never has any use for.
HEAVY = ("numpy", "PIL", "pyocd", "serial", "tensorflow", "ai_edge_litert")
NEVER = (*HEAVY[2:], "pytest_stm32pose.golden.engine")
#: Collects, then says what was imported and how many calls and returns there were (work, whatever else the host does).
COLLECT = f"""
import sys, pytest
count = 0
def event(*_):
    global count
    count += 1
sys.setprofile(event)
code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
sys.setprofile(None)
print("EVENTS", count, "HEAVY", *[name for name in {HEAVY + NEVER} if name in sys.modules])
sys.exit(code)
"""
#: Of naming a board, over the same tests without one: 212,000 when this was written, 2 million with a compilation.
BOARD_EVENTS_MAX = 400_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tests, and pictures with labels beside them."""
    (tmp_path / "test_own.py").write_text(TESTS)
    shutil.copytree(default_pictures(), tmp_path / "pictures")
    return tmp_path


def collect(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, whose cache is in the folder."""
    environment = {**os.environ, "STM32POSE_CACHE": str(folder / "cache")}
    command = [sys.executable, "-c", COLLECT, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def told(done: subprocess.CompletedProcess[str]) -> tuple[int, set[str]]:
    """Events, and what was imported of HEAVY and NEVER."""
    words = done.stdout.rpartition("EVENTS ")[2].split()
    return int(words[0]), set(words[2:])


def listed(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.partition("[")[2].rstrip("]") for line in done.stdout.splitlines() if "::test_picture[" in line]


def test_listing_costs_little_and_compiles_nothing(folder: Path) -> None:
    arguments = ("--board=qemu-m55", "--pose-images=pictures")
    first, again, without = collect(folder, *arguments), collect(folder, *arguments), collect(folder)
    assert (first.returncode, again.returncode) == (0, 0), first.stdout + again.stdout
    assert listed(first) == listed(again)
    assert len(listed(again)) > 1
    assert not told(first)[1] & set(NEVER)
    assert not told(again)[1]
    assert not (folder / "cache" / "networks").exists()
    assert told(again)[0] - told(without)[0] <= BOARD_EVENTS_MAX


def test_a_change_of_the_pictures_is_seen(folder: Path) -> None:
    arguments = ("--board=qemu-m55", "--pose-images=pictures")
    before = listed(collect(folder, *arguments))
    assert listed(collect(folder, *arguments, "--pose-max-images=1")) == before[:1]
    labels = next((folder / "pictures").glob("*.json"))
    text = labels.read_text()
    name = next(path.name for path in sorted((folder / "pictures").iterdir()) if path.stem in before[0])
    (folder / "pictures" / name).rename(folder / "pictures" / f"renamed-{name}")
    labels.write_text(text.replace(name, f"renamed-{name}"))
    after = listed(collect(folder, *arguments))
    assert sorted(each.replace("renamed-", "") for each in after) == sorted(before)
    assert after != before
    (folder / "pictures" / f"renamed-{name}").unlink()
    gone = collect(folder, *arguments)
    assert gone.returncode == 4
    assert f"renamed-{name}" in gone.stderr
    assert "Traceback" not in gone.stdout + gone.stderr


def test_a_new_picture_of_a_folder_without_labels_is_seen(folder: Path) -> None:
    for labels in (folder / "pictures").glob("*.json"):
        labels.unlink()
    arguments = ("--board=qemu-m55", "--pose-images=pictures", "--pose-family=none")
    before = listed(collect(folder, *arguments))
    picture = next(path for path in sorted((folder / "pictures").iterdir()) if path.suffix in (".png", ".jpg"))
    shutil.copy(picture, picture.with_name(f"zz-new{picture.suffix}"))
    assert len(listed(collect(folder, *arguments))) == len(before) + 1


@pytest.mark.parametrize("content", [b'{"ids": "ab", "files": []}', b"[" * 100_000])
def test_a_listing_that_is_none_is_read_anew(folder: Path, content: bytes) -> None:
    from pytest_stm32pose.cache import Store

    arguments = ("--board=qemu-m55", "--pose-images=pictures")
    before = listed(collect(folder, *arguments))
    [path] = (folder / "cache" / "listings").glob("*.kept")
    Store(path.parent).put(path.stem, content)
    assert listed(collect(folder, *arguments)) == before


@pytest.mark.parametrize(
    ("what", "by"), [("missing.tflite", "option"), ("text.tflite", "option"), ("text.tflite", "marker")]
)
def test_a_network_that_is_not_there_has_no_tests(folder: Path, what: str, by: str) -> None:
    (folder / "text.tflite").write_text("no network")
    if by == "marker":
        (folder / "test_own.py").write_text(f"import pytest\npytestmark = pytest.mark.pose_model({what!r})\n{TESTS}")
    done = collect(folder, "--board=qemu-m55", *([f"--pose-model={what}"] if by == "option" else []))
    assert done.returncode == 4, done.stdout + done.stderr
    assert what in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_damaged_network_is_listed_and_refused_before_a_board_is_taken(folder: Path) -> None:
    content = default_model().read_bytes()
    (folder / "damaged.tflite").write_bytes(content[: len(content) // 2])
    arguments = ("--board=qemu-m55", "--pose-images=pictures", "--pose-model=damaged.tflite")
    assert collect(folder, *arguments).returncode == 0
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 4, done.stdout
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
