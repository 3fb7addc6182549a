"""A lab's boards.toml as its users meet it: benches, tags, a board in use, a board that is not there."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from tests.support import children

BOARDS = """
[desk]
like = "qemu-m55"
tags = ["lab"]

[shelf]
like = "qemu-m7"
tags = ["lab"]

[attic]
like = "f405"
probe = "0039003A3438510734313939"

[deaf]
like = "qemu-m55"
serial = "/dev/ttyNOWHERE@115200"
transport = "serial"

[wrong]
like = "qemu-m55"
core = "cortex-m7"
"""
OWN_TEST = """
import pytest

def test_core(pose_board):
    print("core", pose_board.core_part)

def test_again(pose_board):
    assert pose_board.hello.cpuid

def test_pictures(pose_device, pose_check, pose_images):
    pose_check(pose_images[0])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "boards.toml").write_text(BOARDS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # the rootdir is here
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    return tmp_path


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A runtime folder short enough for sockets, and locks of this test alone."""
    with tempfile.TemporaryDirectory(prefix="pose-", dir="/tmp") as runtime:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "STM32POSE_BOARD"))}
        own = {"XDG_RUNTIME_DIR": runtime, "XDG_CONFIG_HOME": runtime, "STM32POSE_LOCK_DIR": f"{runtime}/locks"}
        yield {**clean, **own}


def run(folder: Path, variables: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return children.run(command, cwd=folder, env=variables, timeout=600)


def stm32pose(folder: Path, variables: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_stm32pose.cli", *args]
    return children.run(command, cwd=folder, env=variables, timeout=600)


@pytest.fixture
def running(folder: Path, variables: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A virtual board that stays up, which one process at a time may use."""
    if reason := board_spec("qemu-m55").unavailable_reason():
        pytest.skip(reason)
    started = stm32pose(folder, variables, "boards", "start", "desk", "--json")
    assert started.returncode == 0, started.stderr
    info = json.loads(started.stdout)
    try:
        yield info
    finally:
        stm32pose(folder, variables, "boards", "stop", info["unique_id"])


def firmware_in(folder: Path) -> Path:
    """What attic could start: stack, reset vector, and a branch to itself."""
    image = folder / "any.bin"
    image.write_bytes(struct.pack("<IIHH", 0x20000400, 0x08000009, 0xE7FE, 0xE7FE))
    return image


def test_an_absent_board_is_an_error_that_says_what_was_looked_for(folder: Path, variables: dict[str, str]) -> None:
    image = firmware_in(folder)
    done = run(folder, variables, "--board=attic", f"--pose-firmware={image}", "--pose-json=record.json", "-rsE")
    assert done.returncode == 1, done.stdout
    assert "3 errors" in done.stdout and "skipped" not in done.stdout and "Traceback" not in done.stdout
    errors = [line for line in done.stdout.splitlines() if line.startswith("blocked:")]
    assert len(errors) == 3
    for line in errors:
        assert "attic is not connected: looked for the debug probe 0039003A3438510734313939, found " in line
        assert "cable" in line
    assert json.loads((folder / "record.json").read_text())["verdict"] == "blocked"


def test_collecting_touches_no_usb(folder: Path, variables: dict[str, str]) -> None:
    firmware_in(folder)
    code = """
import sys, pytest
assert pytest.main(["--collect-only", "-q", "--board=attic", "--pose-firmware=any.bin"]) == 0
print("USB", [name for name in ("pyocd", "serial", "usb") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "USB []" in done.stdout, done.stdout + done.stderr
    assert "test_core[attic]" in done.stdout


def test_benches_run_by_tag_under_their_names(folder: Path, variables: dict[str, str]) -> None:
    if reason := board_spec("qemu-m55").unavailable_reason():
        pytest.skip(reason)
    done = run(folder, variables, "--board=tag:lab", "--pose-json=record.json", "-v", "-s")
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout and "core cortex-m55" in done.stdout and "core cortex-m7" in done.stdout
    record = json.loads((folder / "record.json").read_text())
    assert [board["name"] for board in record["boards"]] == ["desk", "shelf"]


def test_a_board_with_another_core_is_refused_before_anything_is_written(
    folder: Path, variables: dict[str, str]
) -> None:
    if reason := board_spec("qemu-m55").unavailable_reason():
        pytest.skip(reason)
    done = run(folder, variables, "--board=wrong", "test_own.py::test_core")
    assert done.returncode == 1
    assert "is not wrong: it has a cortex-m55, wrong has a cortex-m7; nothing was written" in done.stdout


def test_a_serial_port_that_is_not_there_is_one_sentence(folder: Path, variables: dict[str, str]) -> None:
    if reason := board_spec("qemu-m55").unavailable_reason():
        pytest.skip(reason)
    done = run(folder, variables, "--board=deaf", "test_own.py::test_core")
    errors = [line for line in done.stdout.splitlines() if line.startswith("blocked:")]
    assert done.returncode == 1 and len(errors) == 1, done.stdout
    assert "/dev/ttyNOWHERE" in errors[0] and "Check the cable" in errors[0] and "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--board=dsek"], ["dsek", "Did you mean desk"]),
        (["--board=tag:nothing"], ["nothing", "lab"]),
        (["--board=desk", "--pose-boards-file=missing.toml"], ["missing.toml"]),
        (["--board=desk", "--pose-boards-file=bad.toml"], ["bad.toml", "board desk", "prob", "Did you mean probe"]),
        (["--board=desk", "--pose-lock-wait=soon"], ["--pose-lock-wait", "soon"]),
    ],
)
def test_a_wrong_request_is_one_sentence(
    folder: Path, variables: dict[str, str], args: list[str], words: list[str]
) -> None:
    (folder / "bad.toml").write_text('[desk]\nlike = "qemu-m55"\nprob = "1"\n')
    done = run(folder, variables, *args)
    errors = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
    assert done.returncode == 4 and len(errors) == 1, done.stdout + done.stderr
    assert all(word in errors[0] for word in words), errors


def test_a_board_in_use_is_waited_for_and_then_named(
    folder: Path, variables: dict[str, str], running: dict[str, Any]
) -> None:
    uid = running["unique_id"]
    hold = (
        "from pytest_stm32pose.boards.open import open_board; import sys\n"
        f"board = open_board('qemu-m55', probe={uid!r}); board.open(); print('held', flush=True)\n"
        "sys.stdin.readline(); board.close()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        shown = stm32pose(folder, variables, "boards")
        assert f"probe {uid}" in shown.stdout and f"process {holder.pid}" in shown.stdout
        listed = json.loads(stm32pose(folder, variables, "boards", "--json").stdout)
        assert [(info["unique_id"], info["holder"]["pid"]) for info in listed["running"]] == [(uid, holder.pid)]
        assert uid not in [probe["uid"] for probe in listed["probes"]]
        done = run(folder, variables, "--board=desk", f"--pose-probe={uid}", "--pose-lock-wait=1", "-k", "core")
        assert done.returncode == 1
        assert f"desk: waiting up to 1 s for {variables.get('USER', '')}" in done.stdout
        assert f"blocked: Board desk (probe {uid}) is in use by" in done.stdout
        assert f"process {holder.pid}" in done.stdout
        holder.kill()  # a crash frees the board
        holder.wait()
        assert run(folder, variables, "--board=desk", f"--pose-probe={uid}", "-k", "core").returncode == 0
    finally:
        holder.kill()
        holder.communicate()


def test_workers_share_a_board_that_exists_once(
    folder: Path, variables: dict[str, str], running: dict[str, Any]
) -> None:
    """With -n alone its tests stay on one worker; where the user wants otherwise, the others say why they cannot."""
    pytest.importorskip("xdist")
    board = ["--board=desk", f"--pose-probe={running['unique_id']}", "-k", "core or again", "-n", "2"]
    together = run(folder, variables, *board)
    assert together.returncode == 0 and "2 passed" in together.stdout, together.stdout
    apart = run(folder, variables, *board, "--dist=each")
    assert apart.returncode == 1, apart.stdout
    assert "2 passed, 2 errors" in apart.stdout and "of this run. One board serves one worker" in apart.stdout


def test_the_boards_of_the_file_are_listed(folder: Path, variables: dict[str, str]) -> None:
    shown = stm32pose(folder, variables, "boards")
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[0]: line for line in shown.stdout.splitlines()}
    assert "ready" in rows["desk"] or "not found" in rows["desk"]
    assert "0039003A3438510734313939" in rows["attic"] and "not connected" in rows["attic"]
    assert "looked for the debug probe 0039003A3438510734313939" in shown.stdout
    listed = json.loads(stm32pose(folder, variables, "boards", "--json").stdout)
    assert listed["boards_file"] == str(folder / "boards.toml")
    attic = next(board for board in listed["boards"] if board["name"] == "attic")
    assert not attic["connected"] and "not connected" in attic["missing"] and "cable" in attic["remedy"]
    (folder / "boards.toml").write_text('[desk]\nlike = "qemu-m5"\n')
    wrong = stm32pose(folder, variables, "boards")
    assert wrong.returncode == 2 and "Did you mean qemu-m55" in wrong.stderr and "Traceback" not in wrong.stderr
    doctor = stm32pose(folder, variables, "doctor")
    assert doctor.returncode == 1 and "MISSING boards.toml" in doctor.stdout
