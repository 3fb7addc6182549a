"""Networks of other inputs through the whole suite, as users start it: ours, in ST's words, and with goldens kept."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.network.compile import compile_bytes
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import input_tensor
from pytest_stm32pose.preprocessing import Preprocessing
from pytest_stm32pose.record.read import record_schema
from tests.firmware.input_forms import FORMS, as_file, network
from tests.firmware.test_input_forms import photograph
from tests.firmware.test_runtime import reference
from tests.virtual.suite_run import SuiteRun, run_suite

SHORT = ("-k", "test_picture")
#: Words of the record, the options that ask for it.
ASKED = {
    "channels_first_float32_quantised_before": (
        "letterbox ultralytics, pillow-bicubic, bgr, (pixel - [120 110 100]) / 64",
        Preprocessing("letterbox", "ultralytics", None, "pillow-bicubic", "bgr", mean=(120, 110, 100), std=(64,)),
    ),
    "grey_int8": (
        "crop, nearest, 0.0078125 * pixel - 1",
        Preprocessing("crop", resize="nearest", scale=1 / 128, offset=-1),
    ),
}


def run(name: str, folder: Path, *options: str) -> SuiteRun:
    model, images = folder / f"{name}.tflite", folder / "images"
    model.write_bytes(network(FORMS[name]))
    images.mkdir(exist_ok=True)
    for seed in (1, 2):
        Image.fromarray(photograph(seed).pixels).save(images / f"picture_{seed}.png")
    return run_suite(folder, "--board=qemu-m55", f"--pose-model={model}", f"--pose-images={images}", *options)


@pytest.mark.parametrize("name", ASKED)
def test_the_device_gives_litert_s_tensors_of_the_asked_input(name: str, tmp_path: Path) -> None:
    words, asked = ASKED[name]
    done = run(name, tmp_path, *asked.options.split())
    assert done.exit_code == 0, done.output
    jsonschema.validate(done.record, record_schema())
    [entry] = done.record["models"]
    assert entry["preprocessing"] == words
    assert all(each["differing"] == 0 for image in entry["images"] for each in image["tensors"])
    # The keypoints are those of LiteRT's maps, brought back to the picture apart from the run.
    compiled = compile_bytes(network(FORMS[name]), name)
    for picture, image in zip(load_pictures(tmp_path / "images"), entry["images"], strict=True):
        tensor, mapping = input_tensor(picture, compiled.description, asked)
        maps = reference(network(FORMS[name]), as_file(tensor, FORMS[name]))(compiled.graph.outputs[0])[0]
        cells = [np.unravel_index(maps[:, :, k].argmax(), maps.shape[:2]) for k in range(maps.shape[2])]
        points = [
            ((x + 0.5) / maps.shape[1], (y + 0.5) / maps.shape[0], maps[y, x, k]) for k, (y, x) in enumerate(cells)
        ]
        expected = mapping.to_pixels(np.array([points]))[0]
        np.testing.assert_allclose(image["keypoints_device"][0], expected, atol=1e-3)


def test_a_float_network_asked_in_st_s_words(tmp_path: Path) -> None:
    done = run("channels_first_float32", tmp_path, "--pose-backend=st-validation", *SHORT)
    assert done.exit_code == 0, done.output
    [entry] = done.record["models"]
    assert entry["preprocessing"] == "stretch, 0.003921569 * pixel + 0"
    assert all(each["differing"] == 0 for image in entry["images"] for each in image["tensors"])


def test_goldens_are_kept_by_what_is_done_to_pictures(tmp_path: Path) -> None:
    """The same words find them, other words do not, and the command in the message makes them."""
    written = run("float32", tmp_path, "--pose-golden=update", "--pose-scale=1/64", *SHORT)
    assert written.exit_code == 0, written.output
    again = run("float32", tmp_path, "--pose-golden=check", "--pose-scale=0.015625", *SHORT)
    assert again.exit_code == 0, again.output
    assert {each["golden"]["store"] for each in again.record["models"]} != {"live"}
    other = run("float32", tmp_path, "--pose-golden=check", "--pose-scale=1/32", "--pose-resize=nearest", *SHORT)
    assert other.record["verdict"] == "blocked"
    assert "There is no stored golden" in other.output
    assert "--pose-resize=nearest --pose-scale=0.03125" in other.output
    gate = run(
        "float32", tmp_path, "--pose-scale=1/32", f"--pose-baseline={keep(again, tmp_path)}", "--pose-gate", *SHORT
    )
    assert "the preprocessing was stretch, 0.015625 * pixel + 0 and is stretch, 0.03125 * pixel + 0" in gate.output


def keep(done: SuiteRun, folder: Path) -> Path:
    path = folder / "baseline.json"
    path.write_text(json.dumps(done.record))
    return path


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("uint8", ["--pose-color=grey"], "--pose-color=grey makes pictures of 1 channels; uint8 takes 3"),
        ("uint8", ["--pose-pad=3"], "--pose-pad means nothing to --pose-preprocess=stretch"),
        ("uint8", ["--pose-scale=a"], "--pose-scale: 'a' is not a number"),
    ],
)
def test_what_cannot_be_is_refused_before_a_board_is_taken(
    name: str, options: list[str], words: str, tmp_path: Path
) -> None:
    done = run(name, tmp_path, *options, *SHORT)
    assert done.exit_code == 4
    assert words in done.output
    assert "Traceback" not in done.output
