"""Operators whose newest versions LiteRT's reference kernels do not know run all the same, with the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.golden.versions import REGISTERED, with_registered_versions
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

_DEEP, _WIDE = (1, 2, 2, 4), (1, 4, 4, 1)
_VALUES = np.arange(16, dtype=np.int8).reshape(_DEEP)


def _model(name: str, version: int) -> bytes:
    """One operator on 16 values of int8."""
    cases: dict[str, tuple[tuple[int, ...], dict[str, Any], tuple[int, ...]]] = {
        "DEPTH_TO_SPACE": (_WIDE, {"block_size": 2}, (0,)),
        "SQUEEZE": ((2, 2, 4), {"squeeze_dims": [0]}, (0,)),
        "TILE": ((1, 4, 2, 4), {}, (0, 2)),
    }
    out, options, inputs = cases[name]
    tensors = [
        TensorSpec("x", "int8", _DEEP, [0.5], [3]),
        TensorSpec("y", "int8", out, [0.5], [3]),
        TensorSpec("multiples", "int32", (4,), data=np.array([1, 2, 1, 1], np.int32)),
    ]
    return build_model(tensors, [OpSpec(name, inputs, (1,), options, version)], [0], [1])


@pytest.mark.parametrize("name", REGISTERED)
def test_next_version_runs_like_the_registered_one(name: str, tmp_path: Path) -> None:
    expected = _run(tmp_path, _model(name, REGISTERED[name]))
    assert _run(tmp_path, _model(name, REGISTERED[name] + 1)) == expected
    assert sorted(expected) == sorted(_VALUES.ravel().tolist() * (len(expected) // 16))


@pytest.mark.parametrize("name", REGISTERED)
def test_a_version_that_may_mean_something_else_is_left(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded by LiteRT"):
        _run(tmp_path, _model(name, 9))


def test_what_needs_no_change_is_left() -> None:
    content = _model("TILE", 1)
    assert with_registered_versions(content) == content
    assert with_registered_versions(content[:40]) == content[:40]


def _run(folder: Path, content: bytes) -> list[int]:
    file = folder / "net.tflite"
    file.write_bytes(content)
    return [int(value) for value in GoldenEngine(file).run(_VALUES).outputs[0].data.ravel()]
