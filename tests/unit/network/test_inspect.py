"""`stm32pose models inspect`: costs with the peak operator, or every operator in the way, not only the first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.network.inspect import MAX_PROBLEMS, inspect_model
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

SHAPE = (1, 4, 4, 3)


def write(folder: Path, ops: list[OpSpec], tensors: list[TensorSpec] | None = None) -> Path:
    """A chain of operators over int8 tensors."""
    default = [TensorSpec(f"t{i}", "int8", SHAPE, [0.1], [0]) for i in range(len(ops) + 1)]
    path = folder / "chain.tflite"
    path.write_bytes(build_model(tensors or default, ops, [0], [len(ops)]))
    return path


def test_the_peak_operator_is_the_one_with_most_alive() -> None:
    report = inspect_model(default_model())
    assert report.supported
    compiled = compile_model(default_model())
    peak = max(compiled.report, key=lambda row: row.arena_bytes)
    [line] = [line for line in report.lines if line.startswith("arena peak at operator")]
    assert line.startswith(f"arena peak at operator {peak.index} {peak.name} ")
    assert f"{peak.arena_bytes / 1024:.2f} KiB alive" in line
    assert "unsupported: nothing" in line
    assert f"{len(compiled.graph.ops)} operators" in "\n".join(inspect_model(default_model(), plan="plain").lines)


def test_every_unsupported_operator_is_listed(tmp_path: Path) -> None:
    ops = [
        OpSpec("CUSTOM:Fancy", (0,), (1,)),
        OpSpec("LOGISTIC", (1,), (2,), version=99),
        OpSpec("ATAN2", (2,), (3,)),
        OpSpec("ATAN2", (3,), (4,)),
    ]
    report = inspect_model(write(tmp_path, ops))
    assert not report.supported
    text = "\n".join(report.lines)
    assert "unsupported: 4 of 4 operators" in text
    listed = [line.split() for line in report.lines if line[:4].strip().isdigit() and "operators" not in line]
    assert [(line[0], line[1]) for line in listed] == [
        ("0", "CUSTOM"),
        ("1", "LOGISTIC"),
        ("2", "ATAN2"),
        ("3", "ATAN2"),
    ]
    assert "version 99: versions up to" in text
    assert "4 operators: ATAN2 2" in text


def test_an_operator_refused_by_its_rule_says_why(tmp_path: Path) -> None:
    """A scale that LOGISTIC cannot have, behind an operator that does not exist here."""
    tensors = [TensorSpec(f"t{i}", "int8", SHAPE, [0.1], [0]) for i in range(3)]
    report = inspect_model(write(tmp_path, [OpSpec("ATAN2", (0,), (1,)), OpSpec("LOGISTIC", (1,), (2,))], tensors))
    lines = [line for line in report.lines if " LOGISTIC " in line and line[:4].strip() == "1"]
    assert len(lines) == 1
    assert "chain: operator" not in lines[0]
    assert len(lines[0].split()) > 3


def test_a_network_whose_interface_is_wrong_says_that(tmp_path: Path) -> None:
    tensors = [TensorSpec("in", "float32", SHAPE), TensorSpec("out", "float32", SHAPE)]
    path = write(tmp_path, [OpSpec("QUANTIZE", (0,), (1,))], tensors)
    report = inspect_model(path)
    assert not report.supported
    assert any(line.startswith("input float32 1 x 4 x 4 x 3") for line in report.lines)
    assert any(line.startswith("unsupported:") for line in report.lines)


def test_very_many_are_counted(tmp_path: Path) -> None:
    count = MAX_PROBLEMS + 7
    report = inspect_model(write(tmp_path, [OpSpec("ATAN2", (i,), (i + 1,)) for i in range(count)]))
    assert "     and 7 more" in report.lines


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("not a network")
    with pytest.raises(ModelError, match=r"text"):
        inspect_model(tmp_path / "text.tflite")


def test_exit_code(tmp_path: Path) -> None:
    path = write(tmp_path, [OpSpec("ATAN2", (0,), (1,))])
    command = [sys.executable, "-m", "pytest_stm32pose.cli", "models", "inspect"]
    for model, code in ((path, 1), (default_model(), 0)):
        done = subprocess.run([*command, str(model)], capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == code, done.stderr
        assert "unsupported" in done.stdout
    assert all(word in done.stdout for word in ("MACC", "arena", "weights"))
