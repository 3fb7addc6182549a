"""`stm32pose models inspect`: what becomes of pictures, in the options' words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_stm32pose.cli.main import main
from tests.firmware.input_forms import FORMS, network


def inspect(form: str, folder: Path, *options: str) -> int:
    file = folder / f"{form}.tflite"
    file.write_bytes(network(FORMS[form]))
    return main(["models", "inspect", str(file), *options])


def test_it_says_how_pictures_become_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect("channels_first_float32", tmp_path) == 0
    said = capsys.readouterr().out
    assert "input int8 24 x 32 x 3" in said
    assert "transformations: operator 0 TRANSPOSE on the host, operator 1 QUANTIZE on the host" in said
    assert "pictures: stretch, 0.003921569 * pixel + 0\n" in said
    assert (
        inspect("uint8", tmp_path, "--pose-preprocess=letterbox", "--pose-letterbox=ultralytics", "--pose-pad=9") == 0
    )
    assert "pictures: letterbox ultralytics, pad 9\n" in capsys.readouterr().out


def test_it_refuses_what_a_run_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect("grey", tmp_path, "--pose-color=bgr") == 1
    assert "refused: --pose-color=bgr makes pictures of 3 channels; grey takes 1." in capsys.readouterr().out
    with pytest.raises(SystemExit):
        inspect("grey", tmp_path, "--pose-pad=300")
    assert "'300' is not of whole numbers from 0 to 255" in capsys.readouterr().err
