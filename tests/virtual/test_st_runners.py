"""ST's own Python runners that a user has, against our firmware on a virtual board. Without any it skips.

STM32POSE_ST_RUNNERS=path:path names folders that hold a package `stm_ai_runner` (of STM32Cube.AI's Python scripts, or
of a checkout of ST's model zoo services); STM32POSE_ST_PYTHON an interpreter for them (protobuf 3.20, numpy 1.26,
pyserial, tqdm).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.virtual import start_detached, stop_detached
from pytest_stm32pose.cli.boards import load_detached
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.models.zoo import default_model, default_pictures
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import input_tensor
from tests.support.shared_data import shared_dir

VARIABLE, PYTHON = "STM32POSE_ST_RUNNERS", "STM32POSE_ST_PYTHON"
BOARD = "qemu-m55"
DATA = shared_dir()
MOVENET = "st_movenet_lightning_heatmaps_192_int8_pc.tflite"
DRIVER = Path(__file__).resolve().parents[1] / "support" / "st_runner_driver.py"
KILLED = 10
SETTLE_S = 3.0
TIMEOUT_S = 900.0


def folders() -> list[Path]:
    return [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]


pytestmark = [
    pytest.mark.skipif(not folders(), reason=f"{VARIABLE}=path:path names folders of ST's Python runners"),
    pytest.mark.timeout(0),
]


@pytest.fixture(params=folders(), ids=str)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    assert (found / "stm_ai_runner" / "__init__.py").is_file(), f"{found} holds no package stm_ai_runner"
    return found


def driver(command: str, folder: Path, port: str, data: Path) -> list[str]:
    return [os.environ.get(PYTHON, sys.executable), str(DRIVER), command, str(folder), port, str(data)]


def environment() -> dict[str, str]:
    """Another interpreter's packages are not ours. It leaves a log in its folder, which is not ours either."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def ask(command: str, folder: Path, port: str, data: Path) -> dict[str, Any]:
    done = subprocess.run(
        driver(command, folder, port, data),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=environment(),
        cwd=data.parent,
    )
    assert done.returncode == 0, f"{folder}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def board(model: Path, pictures: int, file: Path) -> Iterator[str]:
    """The serial port of a board with this network; `file` gets inputs and what LiteRT makes of them."""
    if reason := board_spec(BOARD).unavailable_reason():
        pytest.skip(reason)
    description = compile_model(model).description
    inputs = [input_tensor(each, description)[0] for each in load_pictures(default_pictures(), pictures)]
    golden = [GoldenEngine(model).run(each).outputs for each in inputs]
    arrays: dict[str, Any] = {
        f"output_{i}": np.concatenate([each[i].data for each in golden]) for i in range(len(golden[0]))
    }
    np.savez(file, inputs=np.stack(inputs), **arrays)
    info = start_detached(BOARD)
    try:
        load_detached(BOARD, info["unique_id"], str(model))
        yield str(info["pty"])
    finally:
        stop_detached(info["unique_id"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("st") / "default.npz"


@pytest.fixture(scope="module")
def port(data: Path) -> Iterator[str]:
    with board(default_model(), 2, data) as found:
        yield found


def test_every_mode_of_a_runner(folder: Path, port: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = compile_model(default_model())
    found = ask("check", folder, port, data)
    with capsys.disabled():
        print(f"\n{folder}: {json.dumps(found)}")
    assert (found["name"], found["hash"]) == (network.description.name, network.description.sha256)
    assert found["nodes"] == len(network.program.ops)
    assert "fpu" in found["device"]
    assert (found["batch"]["error"], len(found["batch"]["durations"])) == (0.0, 2)
    assert found["lines"] > len(network.program.ops) / 2
    for mode in ("per_layer", "with_data"):
        assert (found[mode]["error"], found[mode]["nodes"], found[mode]["silent"]) == (0.0, found["nodes"], [])
        assert min(found[mode]["durations"]) > 0
    assert found["per_layer"]["bytes"] == 0 < found["with_data"]["bytes"]
    assert min(found["perf"]) > 0
    assert found["perf_nodes"] == found["nodes"]
    assert found["constant"] == [True]
    assert found["memory"] == [0, True, True]
    assert found["unsupported"] and found["alive"]
    assert found["reconnected"] == 3


def test_a_runner_that_is_killed(folder: Path, port: str, data: Path) -> None:
    """Ten times, anywhere in a run: the next one connects and is exact.

    The runner throws away what comes before its first word, but only until the line pauses: layers of the run that is
    still under way are then its first answer, and it says "Invalid firmware". So the run is given time to end.
    """
    for moment in range(KILLED):
        command = driver("run", folder, port, data)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(), cwd=data.parent) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "connected\n"
            try:
                child.wait(0.05 + 0.33 * moment)
            except subprocess.TimeoutExpired:
                child.kill()
        time.sleep(SETTLE_S)
        assert ask("once" if moment % 5 == 4 else "alive", folder, port, data).get("error", 0.0) == 0.0


@pytest.mark.campaign
@pytest.mark.skipif(DATA is None, reason="the validation data are not there: STM32POSE_DATA names their folder")
def test_st_movenet(folder: Path, tmp_path: Path) -> None:
    assert DATA is not None
    file = tmp_path / "movenet.npz"
    with board(DATA / "models" / MOVENET, 1, file) as port:
        assert ask("once", folder, port, file) == {"error": 0.0}


def test_the_runners_take_turns(port: str, data: Path) -> None:
    """On one port, without a reset."""
    for each in [*folders(), *reversed(folders())]:
        assert ask("alive", each, port, data)["name"] == compile_model(default_model()).description.name
