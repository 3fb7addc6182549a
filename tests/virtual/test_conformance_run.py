"""The conformance run on virtual boards: `stm32pose zoo` with workers, and the suite with `--pose-model=all`.

Without the validation data the zoo is one whose first row is the project's own network: what runs is measured, what is
missing or refused is told. With the data the real rows run on photographs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.models.zoo import default_model, rows_of, zoo
from pytest_stm32pose.record.read import read_record
from pytest_stm32pose.run.zoo import run_conformance, share_out
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.tell import conformance
from tests.support.records import document_of, run_of
from tests.support.shared_data import shared_dir
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

DATA = shared_dir()
ROOT = Path(__file__).resolve().parents[2]
RAN, REFUSED, MISSING = "st_movenet_lightning_heatmaps_192", "movenet_lightning_heatmaps_192", "movenet_thunder_256"
ROWS = tuple(f"--pose-model={name}" for name in (RAN, REFUSED, MISSING))


@pytest.fixture
def small_zoo(tmp_path: Path) -> dict[str, str]:
    """An environment in which one row's file is the small network, another's is refused, and the rest is missing."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    shutil.copy(default_model(), folder / zoo()[RAN].file)
    tensors = [
        TensorSpec("in", "uint8", (1, 4, 4, 3), [1.0], [0]),
        TensorSpec("out", "int8", (1, 4, 4, 17), [1.0], [0]),
    ]
    (folder / zoo()[REFUSED].file).write_bytes(build_model(tensors, [OpSpec("ATAN2", (0,), (1,))], [0], [1]))
    # The checkout may stand beside the real files; the package is taken from a copy of itself that does not.
    shutil.copytree(ROOT / "pytest_stm32pose", tmp_path / "code" / "pytest_stm32pose")
    for name in ("firmware", "fixtures"):
        (tmp_path / "code" / name).symlink_to(ROOT / name)
    return {
        **os.environ,
        "STM32POSE_DATA": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(tmp_path / "code"),
    }


def execute(folder: Path, environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


def check_small(record: dict[str, Any], boards: tuple[str, ...], pictures: int) -> None:
    """What ran is exact, on every board; what did not run says why."""
    found = [row for row in conformance.rows(run_of(record)) if row.name in (RAN, REFUSED, MISSING)]
    ran = [row for row in found if not row.reason]
    assert {(row.name, row.board) for row in ran} == {(RAN, board) for board in boards}
    assert all(row.differing == 0 and row.ticks for row in ran)
    refused = {row.board: row.reason for row in found if row.name == REFUSED}
    assert set(refused) == set(boards)
    assert all("ATAN2" in reason for reason in refused.values())
    [missing] = [row for row in found if row.name == MISSING]
    assert "is not on this machine" in missing.reason
    digest = hashlib.sha256(default_model().read_bytes()).hexdigest()
    assert [model["sha256"] for model in record["models"]] == [digest] * len(boards)
    assert all(len(model["images"]) == pictures for model in record["models"])
    assert record["verdict"] == "blocked"


def test_command_with_two_workers(tmp_path: Path, small_zoo: dict[str, str]) -> None:
    boards = ("qemu-m55", "qemu-m7")
    done = execute(
        tmp_path, small_zoo, "pytest_stm32pose.cli", "zoo", f"--board={','.join(boards)}", *ROWS, "--jobs=2",
        "--pose-max-images=2", "--pose-profile", "-o", "table.md", "--pose-json", "zoo.json", "--html", "zoo.html",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    record = document_of(read_record(tmp_path / "zoo.json"))
    check_small(record, boards, 2)
    assert {board["name"] for board in record["boards"]} == set(boards)
    for model in record["models"]:
        assert sum(each["p50"] for each in model["operators"]) > 0
        convolutions = [each for each in model["operators"] if each["name"] == "CONV_2D"]
        for each in convolutions:
            assert each["per_mac"] == pytest.approx(each["p50"] / each["macs"])
        assert max(each["arena_bytes"] for each in model["operators"]) <= model["activation_bytes"]
    for text in (
        done.stdout,
        (tmp_path / "table.md").read_text().replace("\\", ""),
        (tmp_path / "zoo.html").read_text(),
    ):
        assert "is not on this machine" in text
        assert "2 of 5 ran, 2 of 2 equal the reference kernels in every element" in text
    assert "Memory over operators" in (tmp_path / "zoo.html").read_text()


def test_suite_with_all_networks(tmp_path: Path, small_zoo: dict[str, str]) -> None:
    """Spread over two workers of pytest-xdist: one record, and the rows that cannot run end red with their reason."""
    done = execute(
        tmp_path, small_zoo, "pytest", "-p", "no:cacheprovider", "--pyargs", "pytest_stm32pose.suite", "-n2",
        "--board=qemu-m55", "--pose-model=all", "--pose-max-images=2", "--pose-json=zoo.json", "-k", "test_picture",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "2 passed" in done.stdout
    record = document_of(read_record(tmp_path / "zoo.json"))
    check_small(record, ("qemu-m55",), 2)
    assert [entry["name"] for entry in record["zoo"]] == list(zoo())
    assert "1 of 8 ran" in done.stdout


def test_rows_that_are_not_to_be_had_are_reasons(tmp_path: Path, small_zoo: dict[str, str]) -> None:
    """The newer set: nothing of it is here, one file is not pinned, two are ONNX."""
    done = execute(
        tmp_path, small_zoo, "pytest_stm32pose.cli", "zoo", "--board=qemu-m55", "--pose-model=st-2026", "--jobs=1",
        "--pose-max-images=1", "--pose-json", "zoo.json",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    record = document_of(read_record(tmp_path / "zoo.json"))
    assert record["verdict"] == "blocked"
    found = {row.name: row for row in conformance.rows(run_of(record))}
    assert list(found) == list(rows_of("st-2026"))
    assert "stm32pose models fetch yolo11n_pose_256_pc" in found["yolo11n_pose_256_pc"].reason
    assert "could not be read when this table was made" in found["yolo11n_pose_320_pc"].reason
    assert "is an ONNX file, which is not run. Convert it" in found["head_landmarks_192"].reason
    assert f"0 of {len(found)} ran" in done.stdout


@pytest.mark.parametrize(
    ("settings", "jobs", "message"),
    [
        (Settings(), None, "No board is named"),
        (Settings(boards=("qemu-m56",)), None, "qemu-m56"),
        (Settings(boards=("qemu-m55",), zoo=("nothing",)), None, "no model 'nothing' in the zoo"),
        (Settings(boards=("qemu-m55",)), 0, "--jobs: 0"),
    ],
)
def test_bad_requests(settings: Settings, jobs: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_conformance(settings, jobs=jobs)


def test_every_row_is_shared_out_once_and_the_costliest_first() -> None:
    specs = [board_spec("qemu-m55"), board_spec("qemu-m7")]
    shares = share_out(tuple(zoo()), specs)
    assert sorted((share.board, name) for share in shares for name in share.rows) == sorted(
        (spec.name, name) for spec in specs for name in zoo()
    )
    assert [share.cost for share in shares] == sorted((share.cost for share in shares), reverse=True)


@pytest.mark.campaign
@pytest.mark.skipif(DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder")
def test_the_whole_zoo_on_photographs(tmp_path: Path) -> None:
    """Eight rows, eight photographs."""
    assert DATA is not None
    done = execute(
        tmp_path, {**os.environ, "STM32POSE_DATA": str(DATA)}, "pytest_stm32pose.cli", "zoo", "--board=qemu-m55",
        f"--pose-images={DATA / 'data' / 'coco_val2017'}", "--pose-max-images=8", "--pose-json=zoo.json",
    )  # fmt: skip
    record = json.loads((tmp_path / "zoo.json").read_text())
    found = conformance.rows(record)
    assert [row.name for row in found] == list(zoo())
    assert [row.reason for row in found if row.reason] == []
    assert [row.differing for row in found] == [0] * 8
    assert all(row.measured is not None and row.interval for row in found)
    for row in found:
        if row.macc_published_m and row.metric == "oks":
            assert row.macc_m == pytest.approx(row.macc_published_m, abs=5e-4)
    assert done.returncode == 0, done.stdout + done.stderr
