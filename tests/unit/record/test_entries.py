"""The run record: what is built fits its schema, what is read was checked, what is written is whole."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge.budget import BudgetResult
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.record import plain
from pytest_stm32pose.record.entries import (
    AccuracyEntry,
    BoardEntry,
    ErrorEntry,
    FirmwareEntry,
    FlashEntry,
    GoldenEntry,
    ImageEntry,
    ModelEntry,
    OperatorEntry,
    TensorEntry,
    TimingEntry,
)
from pytest_stm32pose.record.json_schema import first_error
from pytest_stm32pose.record.read import read_record, record_schema
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.record.write import build_record, write_record
from pytest_stm32pose.tell.markdown import markdown_summary
from pytest_stm32pose.types import NetworkDescription
from tests.support.records import document_of, run_of

NETWORK = NetworkDescription("stick", "ab" * 32, "heatmap", 13, (96, 96, 3), "uint8", 1000, 2048, 4096, 8192)
STARTED = "2026-01-02T03:04:05+00:00"


def full_record(**changes: Any) -> dict[str, Any]:
    """A record that uses every key."""
    firmware = FirmwareEntry("runner.elf", "cd" * 32, "0.1.0", "runtime", 1000, 2000, "dsp")
    board = BoardEntry(
        "qemu-m55", "AN547", "Cortex-M55", "virtual", "QEMU1", 25_000_000, firmware, FlashEntry(100, False, 0.5)
    )
    points = np.arange(39, dtype=np.float64).reshape(1, 13, 3)
    points[0, 0, 0] = math.nan
    keypoints = plain.persons(points)
    timing = TimingEntry("icount", "instructions", (10, 20), 0.1, 0.2)
    image = ImageEntry(
        "000139",
        "ef" * 32,
        640,
        480,
        keypoints,
        keypoints,
        None,
        0.99,
        None,
        ErrorEntry(0.5, plain.number(math.inf)),
        (TensorEntry("output 222", 10, 1, None),),
        timing,
        "First divergence: output.",
    )
    bare = ImageEntry("b", "ef" * 32, 640, 480, None, None, None, None, None, ErrorEntry(None, None), (), None)
    golden = GoldenEntry("ai-edge-litert", "2.3.0", "BUILTIN_REF", "live")
    budgets = (
        BudgetResult("oks_vs_golden_min", 0.995, 0.99, "oks", False),
        BudgetResult("tensor_lsb_max", 1, 1, "LSB", True),
    )
    model = ModelEntry(
        **plain.network_entry("qemu-m55", NETWORK, golden, "stretch", None).fields,
        images=(image, bare),
        accuracy=AccuracyEntry(0.99, 0.5, 0.75, None, (0.4, 0.6)),
        latency=plain.latency_entry(LatencySummary("icount", "instructions", 25_000_000, 2, 10, 20, 20, 20)),
        budgets=tuple(map(plain.budget_entry, budgets)),
        operators=(OperatorEntry(0, "QUANTIZE", 7, 0.5),),
    )
    arguments: dict[str, Any] = {
        "started": STARTED,
        "boards": [board],
        "models": [model],
        "verdict": "failed",
        "reasons": ["budget"],
        "commit": "0" * 40,
    }
    return document_of(build_record(**{**arguments, **changes}))


def test_a_built_record_fits_the_schema_by_both_validators() -> None:
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    noted = full_record(notes=["keypoints.json: persons without an area: 1 (first: a.png)."])
    assert noted["notes"]
    for record in (full_record(), noted, full_record(boards=[], models=[], verdict="blocked", commit=None)):
        jsonschema.validate(record, schema)
        assert first_error(record, schema) is None
        json.dumps(record, allow_nan=False)


def test_every_key_of_the_interface_is_there() -> None:
    record = full_record()
    assert list(record) == ["schema", "started", "plugin", "host", "boards", "models", "verdict", "reasons"]
    assert (record["schema"], record["started"]) == ("stm32pose/run/1", "2026-01-02T03:04:05+00:00")
    assert set(record["plugin"]) == {"version", "commit"}
    (model,) = record["models"]
    assert {
        "board",
        "name",
        "family",
        "sha256",
        "input_shape",
        "keypoints",
        "macc",
        "weights_bytes",
        "activation_bytes",
        "network_image_bytes",
        "preprocessing",
        "plan",
        "golden",
        "images",
        "accuracy",
        "latency",
        "operators",
        "budgets",
    } == set(model)
    image = model["images"][0]
    assert {
        "id",
        "sha256",
        "keypoints_device",
        "keypoints_golden",
        "keypoints_truth",
        "oks_vs_golden",
        "oks_vs_truth",
        "keypoint_error_px",
        "tensors",
        "timing",
    } <= set(image)
    assert image["keypoints_device"][0][0] == [None, 1.0, 2.0]
    assert image["keypoint_error_px"] == {"mean": 0.5, "max": None}
    assert image["timing"] == {
        "source": "icount",
        "unit": "instructions",
        "values": [10, 20],
        "upload_s": 0.1,
        "download_s": 0.2,
    }
    assert set(model["latency"]) == {"source", "unit", "clock_hz", "n", "p50", "p95", "p99", "max", "ms_p50"}
    assert {"oks_vs_golden", "oks_vs_truth", "map50_vs_truth", "pck"} <= set(model["accuracy"])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


PLACES = list(places(full_record()))
ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        2,
        1.0,
        1.5,
        -0.5,
        "",
        "x",
        "passed",
        "ab" * 32,
        [],
        [1, 2, 3],
        [[None] * 3],
        {},
        {"name": 1},
        10**40,
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), ODD, st.sampled_from(["replace", "delete", "add"]))
def test_our_validator_agrees_with_jsonschema(path: tuple[Any, ...], odd: Any, how: str) -> None:
    record: Any = {"root": copy.deepcopy(full_record())}
    *parents, last = ("root", *path)
    holder = record
    for key in parents:
        holder = holder[key]
    if how == "add" and isinstance(holder[last], dict):
        holder[last]["unheard_of"] = odd
    elif how == "delete" and path:
        del holder[last]
    else:
        holder[last] = odd
    document, schema = record["root"], record_schema()
    valid = jsonschema.Draft202012Validator(schema).is_valid(document)
    assert (first_error(document, schema) is None) == valid


def test_errors_name_the_place() -> None:
    record = full_record()
    del record["models"][0]["images"][1]["sha256"]
    assert first_error(record, record_schema()) == "at models[0].images[1]: `sha256` is missing"
    record = full_record()
    record["models"][0]["accuracy"]["pck"] = 2
    assert first_error(record, record_schema()) == "at models[0].accuracy.pck: 2 is above 1"


def test_write_and_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "record.json"
    record = full_record()
    write_record(path, run_of(record))
    assert document_of(read_record(path)) == json.loads(path.read_text()) == record
    write_record(path, run_of(full_record(reasons=["another"])))
    assert read_record(path).reasons == ("another",)
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]


def test_a_failed_write_leaves_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_record(path, run_of(full_record()))

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(ConfigError, match=r"record\.json cannot be written: No space left"):
        write_record(path, run_of(full_record(reasons=["new"])))
    assert read_record(path).reasons == ("budget",)
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path / "record.json", replace(run_of({}), host={"x": math.nan}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no valid JSON"),
        ("{", "no valid JSON"),
        ("[]", "is not a run record"),
        ('{"a": 1}', "is not a run record"),
        ('{"schema": 5}', "is not a run record"),
        ('{"schema": "other/1"}', "is not a run record"),
        ('{"schema": "stm32pose/run/2"}', "has schema 'stm32pose/run/2'; this version reads"),
        ('{"schema": "stm32pose/run/1"}', "`started` is missing"),
        ('{"schema": NaN}', "no valid JSON"),
        ("[" * 200_000, "no valid JSON"),
        ('"\\ud800"', "is not a run record"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_record(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_binary_and_big_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_record(path)
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="no valid JSON"):
        read_record(path)
    monkeypatch.setattr("pytest_stm32pose.record.read.MAX_RECORD_BYTES", 3)
    with pytest.raises(ConfigError, match="has 4 bytes"):
        read_record(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_records_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(json.dumps(full_record()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "record.json"
    path.write_bytes(content)
    try:
        assert read_record(path).schema == "stm32pose/run/1"
    except ConfigError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "reasons"),
    [
        ([], "blocked", ["No check ran."]),
        ([("passed", "")], "passed", []),
        ([("passed", ""), ("failed", "b"), ("failed", "b")], "failed", ["b"]),
        ([("failed", "model"), ("blocked", "probe"), ("passed", "")], "blocked", ["probe", "model"]),
        ([("usage", "no such board"), ("failed", "model")], "blocked", ["no such board", "model"]),
    ],
)
def test_verdicts(outcomes: list[tuple[str, str]], verdict: str, reasons: list[str]) -> None:
    assert combine_verdicts(outcomes) == (verdict, reasons)


def test_plain_values() -> None:
    found = plain.persons(np.array([[[1, np.inf, np.nan]]], np.float32).astype(np.float64))
    assert found == (((1.0, None, None),),)
    assert (plain.persons(None), plain.persons(np.zeros((0, 13, 3)))) == (None, ())
    assert [plain.number(each) for each in (None, 0.5, math.inf, -math.inf, math.nan)] == [None, 0.5, None, None, None]


def test_markdown() -> None:
    text = markdown_summary(run_of(full_record(reasons=["<b>|`x`\n# y"] + [f"reason {n}" for n in range(30)])))
    assert text.startswith("## Pose validation: failed\n\n- &lt;b&gt;\\|\\`x\\` \\# y\n")
    figures = "2 | 0.9900 (n=1) | 0.5000 (0.40-0.60) | - | 20 instructions (n=2) | 4.0 | 2.0 | 1 of 2 kept"
    assert f"| qemu-m55 | stick | {figures} |" in text
    assert "| qemu-m55 | stick | oks\\_vs\\_golden\\_min | 0.995 oks | 0.99 oks |" in text
    assert "- and 11 more" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows[:3]} == {11}
    passed = markdown_summary(run_of(full_record(models=[], verdict="passed", reasons=[])))
    assert passed == "## Pose validation: passed\n\n"
