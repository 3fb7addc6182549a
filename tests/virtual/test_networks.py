"""Networks through the whole suite on a virtual board: refused before one is taken, or run and judged; no request is
left open; a firmware that speaks no protocol is told as such."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from intelhex import IntelHex

from pytest_stm32pose.bench import start
from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.errors import TransportTimeout
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.record.read import read_record
from pytest_stm32pose.report.standalone import write_report
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings
from tests.firmware.large_input import large_network
from tests.support.guest import assemble
from tests.support.shared_data import shared_dir
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model
from tests.unit.network.test_meaning import RUN, WILD, network
from tests.virtual.suite_run import SuiteRun, run_suite

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
BOARD = "qemu-m55"
#: Far more than a loaded machine takes for what need not be waited for.
PATIENCE_S = 300.0
#: Of the wild ones that are refused as they are: those that --pose-family=none runs.
AS_TENSORS = (
    "heat_and_offsets", "regress_17x3_fixed", "simcc_rtmpose", "softmax_space_17x256", "yolo_detect_4class",
    "yolo_pose_17x2", "yolo_pose_17x3", "yolo_pose_17x3_i8out", "yolo_pose_pixels", "yolo_pose_transposed",
)  # fmt: skip


def two_outputs(*, dtype: str = "uint8") -> bytes:
    """A picture, and two outputs of no family: its bytes as rows of three, and as one row of another type."""
    shape = (1, 12, 16, 3)
    tensors = (
        TensorSpec("picture", "uint8", shape, (1 / 255,), (0,)),
        TensorSpec("signed", "int8", shape, (1 / 255,), (-128,)),
        TensorSpec("row_shape", "int32", (2,), data=np.array([1, 576], np.int32)),
        TensorSpec("rows_shape", "int32", (3,), data=np.array([1, 192, 3], np.int32)),
        TensorSpec("rows", "int8", (1, 192, 3), (1 / 255,), (-128,)),
        TensorSpec("row", "int8", (1, 576), (1 / 255,), (-128,)),
        TensorSpec("last", dtype, (1, 576), *(((1 / 255,), (0,)) if dtype == "uint8" else ((), ()))),
    )
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("RESHAPE", (1, 3), (4,)),
        OpSpec("RESHAPE", (1, 2), (5,)),
        OpSpec("QUANTIZE" if dtype == "uint8" else "DEQUANTIZE", (5,), (6,)),
    ]
    return build_model(tensors, ops, [0], [4, 6])


def run(folder: Path, model: bytes, *options: str) -> SuiteRun:
    path = folder / "net.tflite"
    path.write_bytes(model)
    return run_suite(folder, f"--board={BOARD}", f"--pose-model={path}", "--pose-max-images=2", *options)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (two_outputs(), (), ["uint8 [1, 576]", "--pose-family=none"]),
        (network((1, 17, 3)), (), ["[1, 17, 3]", "regressed keypoints", "--pose-family=none"]),
        (network(picture=("int16", (1, 64, 64, 3))), (), ["int16 [1, 64, 64, 3]", "tf.uint8"]),
        (network(picture=("uint8", (1, 3, 64, 64))), (), ["channels come first"]),
        (network(picture=("uint8", (1, 64, 64, 4))), (), ["uint8 [1, 64, 64, 4]", "RGB"]),
        (two_outputs(), ("--pose-family=none", "--pose-keypoints=3"), ["no keypoints"]),
        (two_outputs(), ("--pose-family=none", "--pose-budget=oks_vs_golden_min=1"), ["no keypoints", "oks_vs_golden"]),
        (network(), ("--pose-family=heatmap",), ["COS", "models inspect"]),
    ],
)
def test_what_is_known_from_the_file_is_a_usage_error(
    model: bytes, options: tuple[str, ...], words: list[str], tmp_path: Path
) -> None:
    done = run(tmp_path, model, *options)
    assert done.exit_code == 4, done.output
    assert not done.record
    [error] = [line for line in done.output.splitlines() if line.startswith("ERROR: ")]
    assert "Traceback" not in done.output
    for word in words:
        assert word in error


def test_a_network_that_a_marker_names_is_refused_before_a_board_is_taken(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(two_outputs())
    (tmp_path / "test_own.py").write_text(
        "import pytest\n"
        "@pytest.mark.pose_model('net.tflite')\n"
        "def test_own(pose_check, pose_images):\n"
        "    pose_check(pose_images[0])\n"
    )
    done = run_suite(tmp_path, f"--board={BOARD}", "test_own.py", "-k", "test_own")
    assert done.exit_code == 4, done.output
    assert "belong to no known pose network family" in done.output
    assert not done.record


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_any_network_is_compared_as_tensors(dtype: str, tmp_path: Path) -> None:
    done = run(tmp_path, two_outputs(dtype=dtype), "--pose-family=none", "--pose-budget=tensor_lsb_max=0")
    assert done.exit_code == 0, done.output
    assert "OKS" not in done.output
    [model] = done.record["models"]
    assert (model["family"], model["keypoints"]) == ("none", 0)
    assert model["accuracy"]["oks_vs_golden"] is None
    for image in model["images"]:
        assert [tensor["differing"] for tensor in image["tensors"]] == [0, 0]
        assert [tensor["elements"] for tensor in image["tensors"]] == [576, 576]
        assert image["keypoints_device"] is image["keypoints_golden"] is image["oks_vs_golden"] is None
    write_report(read_record(tmp_path / "record.json"), tmp_path / "report.html", None)
    assert "net" in (tmp_path / "report.html").read_text()


def test_a_network_without_a_family_fails_by_its_tensors(tmp_path: Path) -> None:
    path = default_model()
    done = run_suite(
        tmp_path, f"--board={BOARD}", f"--pose-model={path}", "--pose-family=none", "--pose-max-images=1",
        "--pose-fault=weights-bit", "-k", "test_picture", f"--html={tmp_path / 'report.html'}",
    )  # fmt: skip
    assert done.exit_code == 1, done.output
    assert done.record["verdict"] == "failed"
    assert "tensor_lsb_max is broken" in done.output
    assert "operator" in done.record["models"][0]["images"][0]["divergence"]


def test_a_keypoint_budget_of_a_test_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "def test_own(pose_check, pose_images):\n    pose_check(pose_images[0], oks_vs_golden_min=1)\n"
    )
    done = run_suite(tmp_path, f"--board={BOARD}", "--pose-family=none", "test_own.py", "-k", "test_own")
    assert done.exit_code == 1, done.output
    assert "has no keypoints (--pose-family=none), so oks_vs_golden_min cannot be judged" in done.output
    assert "Traceback" not in done.output


def test_one_missing_golden_blocks_its_picture_only(tmp_path: Path) -> None:
    goldens = tmp_path / "goldens"
    stored = (f"--board={BOARD}", "--pose-max-images=3", f"--pose-golden-dir={goldens}", "-k", "test_picture")
    assert run_suite(tmp_path, *stored, "--pose-golden=update").exit_code == 0
    files = sorted(goldens.rglob("*.npz"))
    assert len(files) == 3
    files[0].unlink()
    done = run_suite(tmp_path, *stored, "--pose-golden=check")
    assert "1 failed, 2 passed" in done.output
    assert "There is no stored golden" in done.output
    assert "under way" not in done.output


def test_what_the_firmware_says_is_what_the_catalog_says(tmp_path: Path) -> None:
    for name in (BOARD, "qemu-m7", "qemu-f405"):
        run = PoseRun(Settings(boards=(name,)), tmp_path)
        try:
            session = run.board(name)
            run.device(session, "")
            spec, told = board_spec(name), session.client.network_info()
            hello = session.hello
            block = hello.slot_count * hello.slot_bytes
            assert (block, told.arena_available) == (spec.slot_bytes, spec.arena_bytes)
            assert hello.slot_count == (1 if name == "qemu-f405" else 2)
        finally:
            run.close()


@pytest.mark.parametrize(("board", "side"), [(BOARD, 320), (BOARD, 832), ("qemu-m7", 320)])
def test_a_picture_of_any_size_that_the_board_holds_is_exact(board: str, side: int, tmp_path: Path) -> None:
    """The input slots are two, or one where two such pictures do not fit."""
    path = tmp_path / "wide.tflite"
    path.write_bytes(large_network(side))
    options = (f"--pose-model={path}", "--pose-family=none", "--pose-max-images=2")
    done = run_suite(tmp_path, f"--board={board}", *options)
    assert done.exit_code == 0, done.output
    [model] = done.record["models"]
    assert (model["input_shape"], len(model["images"])) == ([side, side, 3], 2)
    assert all(tensor["differing"] == 0 for image in model["images"] for tensor in image["tensors"])


# --- firmware that speaks no protocol ---


@pytest.mark.parametrize("code", ["spin: b spin", "idle: wfi\n b idle"], ids=["spins", "sleeps"])
def test_a_firmware_that_speaks_no_protocol_is_told_soon(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without symbols: only the core tells that it will never answer."""
    path = tmp_path / "blinky.hex"
    image = IntelHex()
    image.frombytes(assemble(code)[0], 0)
    image.tofile(str(path), "hex")
    run = PoseRun(Settings(boards=(BOARD,), firmware=path), tmp_path)
    run.inputs.preflight()
    monkeypatch.setattr(start, "START_S", PATIENCE_S)
    began = time.monotonic()
    try:
        for _ in range(2):
            with pytest.raises(TransportTimeout) as caught:
                run.board(BOARD)
            again = run.benches.explain(caught.value)
            for word in ("blinky.hex", " at pc 0x000001c", "did not answer HELLO over swd",
                         "it may be no pose runner", "--pose-backend=st-validation"):  # fmt: skip
                assert word in str(again)
            assert "not open" not in str(again)
    finally:
        run.close()
    assert time.monotonic() - began < PATIENCE_S, "it was waited for"


# --- networks that people have ---


@pytest.mark.skipif(not WILD, reason="the validation data are not there: STM32POSE_DATA names their folder")
@pytest.mark.parametrize(("names", "options"), [(sorted(RUN), ()), (AS_TENSORS, ("--pose-family=none",))])
def test_networks_that_people_have_are_exact(names: tuple[str, ...], options: tuple[str, ...], tmp_path: Path) -> None:
    shared = shared_dir()
    assert shared is not None
    models = [f"--pose-model={shared / 'data' / 'wild' / 'networks' / name}.tflite" for name in names]
    done = run_suite(tmp_path, f"--board={BOARD}", *models, *options, "--pose-max-images=1", "-k", "accuracy")
    assert done.exit_code == 0, done.output
    assert {model["name"] for model in done.record["models"]} == set(names)
    for model in done.record["models"]:
        heatmap = "heatmap_offsets" if model["name"] == "heat_and_offsets" else "heatmap"
        assert model["family"] == ("none" if options else heatmap)
        [image] = model["images"]
        assert all(tensor["differing"] == 0 for tensor in image["tensors"]), model["name"]
    assert json.dumps(done.record)


@pytest.mark.skipif(not WILD, reason="the validation data are not there: STM32POSE_DATA names their folder")
def test_what_does_not_fit_the_small_board_is_refused(tmp_path: Path) -> None:
    [large] = [path for path in WILD if path.stem == "upsample_batch_none"]
    done = run_suite(tmp_path, "--board=qemu-f405", f"--pose-model={large}")
    assert done.exit_code == 4, done.output
    assert "does not fit qemu-f405: the arena needs 87,040 bytes, its arena has 81,920" in done.output
