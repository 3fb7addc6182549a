"""`stm32pose st report`: ST's own reports as a record that gate, history and report take."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.validate_io import read_validate_io
from pytest_stm32pose.firmware.validate_report import read_validate_report
from pytest_stm32pose.record.read import read_record
from tests.firmware.vendor_network import FOLDER

#: After the shape of the tool's own text, versions 1.0 to 4.0.
REPORT = """ST Edge AI Core v3.0.0-20426 123672867
Created date          : 2026-01-17 10:29:05

 Exec/report summary (validate)
 ---------------------------------------------------------------------
 model file         :   C:\\models\\pose_192.tflite
 type               :   tflite
 target/series      :   stm32h7
 model_name         :   pose_192
 model_hash         :   0x37bdfffe44b593a214c1f69c58a0424a
 ---------------------------------------------------------------------
 input 1/1          :   'input', uint8(1x192x160x3), 92160 Bytes, activations
 output 1/1         :   'output', int8(1x48x40x13), 24960 Bytes, activations
 macc               :   45,418,195
 weights (ro)       :   845,552 B (825.73 KiB) (1 segment) / +164(+0.0%) vs float model
 activations (rw)   :   419,268 B (409.44 KiB) (1 segment) *
 ---------------------------------------------------------------------
Running the ST.AI c-model (AI RUNNER)...(name=network, mode=TARGET)
  n_nodes             :   13
  runtime lib         :   v11.0.0
  device.desc         :   stm32 family - 0x450 - STM32H743/53/50xx and STM32H753xx @480/240MHz

 ST.AI Profiling results v2.0 - "network"
  nb sample(s)   :   3
  duration       :   69.380 ms by sample (69.213/69.661/0.113)
  macc           :   45418195

 Evaluation report (summary)
 Output       acc    rmse          mae           l2r           mean        std        nse        cos        tensor
 X-cross #1   n.a.   0.500000000   0.250000000   0.000000192   -0.000000   0.000001   0.999000   1.000000   'heatmaps', 3 x int8(1x48x40x13), m_id=[18]
"""  # noqa: E501
H7_MHZ = 480


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "network_validate_report.txt"
    path.write_text(REPORT)
    return path


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    """Three samples: equal, one element off by one, one by 3 and another by 1."""
    reference = np.zeros((3, 48, 40, 13), np.int8)
    got = reference.reshape(3, 48, 40, 13).copy()
    got[1, 0, 0, 0] = 1
    got[2, 5, 5, 5], got[2, 6, 6, 6] = -3, 1
    path = tmp_path / "network_val_io.npz"
    inputs = np.arange(3 * 12, dtype=np.uint8).reshape(3, 12)
    np.savez(path, m_inputs_1=inputs, m_outputs_1=reference, c_outputs_1=got)
    return path


def record_of(tmp_path: Path, *arguments: str | Path) -> dict[str, Any]:
    output = tmp_path / "record.json"
    assert main(["st", "report", *map(str, arguments), "-o", str(output)]) == 0
    return dict(read_record(output).to_json())


def test_the_report_of_the_code_generation_alone_is_enough(tmp_path: Path) -> None:
    record = record_of(tmp_path, FOLDER / "aton3" / "network" / "network_c_info.json", "--board", "n6")
    (board,), (model,) = record["boards"], record["models"]
    assert (board["name"], board["mcu"], board["clock_hz"]) == ("n6", "stm32n657x0", 600_000_000)
    assert (model["name"], model["weights_bytes"], model["activation_bytes"]) == ("standin", 256, 14400 + 1872)
    assert model["latency"] is None
    assert model["device_model"]["tool_version"] == "3.0.0-20426 123672867"
    assert record["verdict"] == "passed"


def test_a_validation_adds_time_and_the_outputs_of_each_sample(tmp_path: Path, report: Path, arrays: Path) -> None:
    record = record_of(tmp_path, arrays, report)
    (board,), (model,) = record["boards"], record["models"]
    assert (board["name"], board["clock_hz"]) == ("stm32h7", H7_MHZ * 1_000_000)
    assert (model["name"], model["input_shape"], model["macc"]) == ("pose_192", [192, 160, 3], 45418195)
    assert (model["weights_bytes"], model["activation_bytes"]) == (845552, 419268)
    latency = model["latency"]
    assert (latency["source"], latency["p50"], latency["max"]) == ("dwt", 69_380 * H7_MHZ, 69_661 * H7_MHZ)
    assert latency["ms_p50"] == pytest.approx(69.38)
    tensors = [
        (each["name"], each["elements"], each["differing"], each["max_lsb"])
        for image in model["images"]
        for each in image["tensors"]
    ]
    elements = 48 * 40 * 13
    assert tensors == [("heatmaps", elements, 0, 0), ("heatmaps", elements, 1, 1), ("heatmaps", elements, 2, 3)]
    assert len({image["sha256"] for image in model["images"]}) == 3
    assert "heatmaps: rmse 0.5" in model["device_model"]["limits"]


def test_gate_history_and_report_take_it(
    tmp_path: Path, report: Path, arrays: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_of(tmp_path, report, arrays)
    before = (tmp_path / "record.json").rename(tmp_path / "before.json")
    report.write_text(REPORT.replace("419,268", "519,268"))
    record_of(tmp_path, report, arrays)
    after = tmp_path / "record.json"
    assert main(["compare", str(before), str(before)]) == 0
    assert main(["compare", str(before), str(after)]) == 1
    assert "activation_kib" in capsys.readouterr().out
    history = tmp_path / "history.sqlite"
    assert main(["history", "add", str(before), str(after), "--pose-history", str(history)]) == 0
    assert main(["report", str(after), "-o", str(tmp_path / "report.html")]) == 0
    assert "pose_192" in (tmp_path / "report.html").read_text()


def test_time_of_a_computer_is_no_time_of_a_board(tmp_path: Path, report: Path) -> None:
    report.write_text(REPORT.replace("mode=TARGET", "mode=HOST"))
    assert record_of(tmp_path, report)["models"][0]["latency"] is None


def test_without_a_clock_time_is_microseconds(tmp_path: Path, report: Path) -> None:
    report.write_text(REPORT.replace("@480/240MHz", ""))
    latency = record_of(tmp_path, report)["models"][0]["latency"]
    assert (latency["source"], latency["unit"], latency["p50"], latency["ms_p50"]) == ("st-report", "us", 69380, None)


def test_what_a_short_report_does_not_say_is_unknown(report: Path) -> None:
    report.write_text("ST Edge AI Core v4.0.0-20500\n duration : n.a.\n weights : many\n")
    found = read_validate_report(report)
    assert found.tool_version == "4.0.0-20500"
    assert (found.duration, found.weights_bytes, found.clock_hz, found.on_target, found.outputs) == (None,) * 4 + ((),)


def zipped(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"no zip"), "is no .npz of arrays"),
        (lambda path: zipped(path, "c_outputs_1.npy", b"\x93NUMPY"), "is no .npz of arrays"),
        (lambda path: np.savez(path, other=np.zeros(3)), "has no c_outputs_1 and m_outputs_1"),
        (lambda path: np.savez(path, c_outputs_1=np.zeros((1, 2))), "c_outputs_1 but no m_outputs_1"),
        (
            lambda path: np.savez(path, c_outputs_1=np.zeros((1, 2)), m_outputs_1=np.zeros((1, 3))),
            r"output 1 is \[1, 2\], its reference \[1, 3\]",
        ),
        (
            lambda path: np.savez(path, c_outputs_1=np.array(["a"]), m_outputs_1=np.array(["a"])),
            "not 10000 samples or fewer",
        ),
        (
            lambda path: np.savez(path, c_outputs_1=np.array([None]), m_outputs_1=np.array([None])),
            "is no .npz of arrays",
        ),
        (
            lambda path: np.savez(path, c_outputs_1=np.zeros((2, 0)), m_outputs_1=np.zeros((2, 0))),
            "not 10000 samples or fewer",
        ),
        (
            lambda path: np.savez(
                path,
                **{f"{who}_outputs_{count}": np.zeros((count, 4)) for who in "mc" for count in (1, 2)},  # type: ignore[arg-type]
            ),
            "has outputs of 1 and 2 samples",
        ),
    ],
    ids=["zip", "array", "names", "reference", "size", "text", "objects", "empty", "counts"],
)  # fmt: skip
def test_arrays_that_cannot_be_are_one_sentence(write: Any, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "network_val_io.npz"
    write(path)
    with pytest.raises(ConfigError, match=sentence):
        read_validate_io(path)


def test_a_broken_compressed_array_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "network_val_io.npz"
    np.savez_compressed(path, c_outputs_1=np.zeros((1, 4000)), m_outputs_1=np.zeros((1, 4000)))
    content = bytearray(path.read_bytes())
    start = content.index(b"c_outputs_1.npy") + len("c_outputs_1.npy")
    content[start + 30 : start + 50] = b"\xff" * 20
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"is no \.npz of arrays"):
        read_validate_io(path)


def test_inputs_that_do_not_count_samples_tell_none_apart(tmp_path: Path) -> None:
    path = tmp_path / "network_val_io.npz"
    outputs = np.arange(6, dtype=np.int8).reshape(3, 2)
    np.savez(path, m_inputs_1=np.int8(4), c_inputs_1=np.zeros((1, 2)), c_outputs_1=outputs, m_outputs_1=outputs)
    read = read_validate_io(path)
    assert read.samples == 3
    assert read.inputs == {}


@pytest.mark.parametrize("filler", ["\n", " ", "model_name ", "@ ", "9,", "duration : ", "a: "])
def test_a_report_of_any_text_is_read_in_little_time(filler: str, tmp_path: Path) -> None:
    path = tmp_path / "network_validate_report.txt"
    path.write_text("model_name : pose\nmacc : " + filler * ((1 << 20) // len(filler)) + ":\n")
    started = time.process_time()
    assert read_validate_report(path).model_name == "pose"
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["arrays"], "Arrays alone do not say whose they are"),
        (["report", "report"], "are of one kind"),
        (["picture.png"], "is none of ST's files"),
        (["missing.txt"], "cannot be read"),
        (["text"], "is no report of ST's validation"),
        (["report", "other"], "are of two networks: their signatures are"),
    ],
)
def test_files_that_do_not_fit_are_one_sentence(
    names: list[str], sentence: str, tmp_path: Path, report: Path, arrays: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, other = tmp_path / "notes.txt", tmp_path / "other_c_info.json"
    text.write_text("notes: none\n")
    document = json.loads((FOLDER / "aton3" / "network" / "network_c_info.json").read_text())
    other.write_text(json.dumps(document))
    known = {"report": report, "arrays": arrays, "text": text, "other": other}
    paths = [str(known.get(name, tmp_path / name)) for name in names]
    assert main(["st", "report", *paths, "-o", str(tmp_path / "r.json")]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
