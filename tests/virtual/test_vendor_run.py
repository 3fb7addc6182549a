"""The suite on an emulated board whose firmware has a generated network linked in: ST's runtimes by stand-ins."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import pytest

from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.record.read import record_schema
from tests.firmware.vendor_network import APIS, FOLDER, NPU, vendor_model
from tests.virtual.suite_run import SuiteRun, run_suite


def run(api: str, folder: Path, *options: str, model: Path | None = None, board: str = "qemu-m55") -> SuiteRun:
    if model is None:
        model = folder / "standin.tflite"
        model.write_bytes(vendor_model())
    place = FOLDER / api
    return run_suite(
        folder,
        f"--board={board}",
        f"--pose-model={model}",
        f"--pose-backend={APIS[api]}",
        f"--pose-network-dir={place / 'network'}",
        f"--pose-vendor-dir={place}",
        "--pose-max-images=2",
        "--pose-profile",
        *options,
    )


@pytest.mark.parametrize(
    ("api", "board"),
    [
        ("stai", "qemu-m55"),
        ("aton", "qemu-m55"),
        ("aton3", "qemu-m55"),
        ("aton4", "qemu-m55"),
        ("legacy", "qemu-f405"),
        ("stai", "qemu-f405"),
    ],
)
def test_a_linked_network_runs_the_suite(api: str, board: str, tmp_path: Path) -> None:
    """qemu-f405 has the least RAM: the arena gives some of it to the firmware's data."""
    done = run(api, tmp_path, board=board)
    assert done.exit_code == 0, done.output
    jsonschema.validate(done.record, record_schema())
    (entry,), (model,) = done.record["boards"], done.record["models"]
    assert entry["firmware"]["backend"] == APIS[api]
    assert [each["max_lsb"] for image in model["images"] for each in image["tensors"]] == [0, 0]
    names = [each["name"] for each in model["operators"]]
    expected = ["epoch 1 (npu)", "epoch 2 (npu and cpu)", "epoch 5 (cpu)"]
    assert names == {
        "stai": ["node 1", "node 3", "node 4", "node 5"],
        "legacy": [f"node {n}" for n in range(1, 5)],
    }.get(api, expected)
    assert all(each["p50"] > 0 for each in model["operators"])
    assert model["weights_bytes"] == 256
    budgets = {each["name"]: each for each in model["budgets"]}
    classic = {"activation_kib_max", "firmware_flash_kib_max"}  # what the NPU's report does not know, and null is no 0
    assert budgets.keys() == {"weights_kib_max"} | (set() if api in NPU else classic)
    assert all(each["passed"] and each["origin"].startswith("network_c_info.json") for each in budgets.values())


def test_a_network_of_floats_that_the_generator_gave_an_input_of_bytes(tmp_path: Path) -> None:
    """As with ST's --input-data-type uint8: the device gets the bytes that its first QUANTIZE would make."""
    model = tmp_path / "floats.tflite"
    model.write_bytes(vendor_model(floats=True))
    done = run("stai", tmp_path, "-k", "test_picture", model=model)
    assert done.exit_code == 0, done.output
    [entry] = done.record["models"]
    assert entry["preprocessing"].startswith("stretch, 0.003921569 * pixel")
    assert [each["max_lsb"] for image in entry["images"] for each in image["tensors"]] == [0, 0]


def test_another_golden_and_a_broken_budget_are_told(tmp_path: Path) -> None:
    """The user's budget stands before the report's, and the device's figures are judged."""
    broken = run("stai", tmp_path, "--pose-budget=weights_kib_max=0.1", "-k", "test_budgets")
    assert broken.exit_code == 1
    assert "weights_kib_max is broken: 0.25 KiB, allowed is at most 0.1." in broken.output
    other = run("stai", tmp_path, "-k", "test_picture", model=default_model())
    assert other.exit_code != 0
    assert "takes uint8 [1, 48, 48, 3], the .tflite takes uint8 [1, 96, 96, 3]" in other.output


def test_thresholds_reach_a_linked_network(tmp_path: Path) -> None:
    done = run("stai", tmp_path, "--pose-score=0.5", "--pose-max-persons=7", "-k", "test_picture or test_network")
    assert done.exit_code == 0, done.output
    assert [model["decoding"] for model in done.record["models"]] == ["score=0.5 max_persons=7"]


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_a_fault_that_has_no_image_to_change_is_refused(tmp_path: Path) -> None:
    done = run("stai", tmp_path, "--pose-fault=weights-bit", "-k", "test_picture")
    assert "--pose-fault=weights-bit changes a network image; backend stedgeai has none." in done.output
