"""Damaged network images on the runtime under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.firmware.build import KERNEL_SETS, build_host_library, sanitizer_environment

ROOT = Path(__file__).resolve().parents[2]


def fuzz(kernels: str, what: str) -> subprocess.CompletedProcess[str]:
    library = build_host_library(kernels, sanitize=True)
    command = [sys.executable, "-m", "tests.firmware.runtime_fuzz", str(library), what]
    return subprocess.run(
        command, env=sanitizer_environment(), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("network", ["fields", "streams", "wide"])
@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_every_field_replaced(kernels: str, network: str) -> None:
    """No damaged image makes the runtime or a kernel leave its buffers: it is refused, or it runs."""
    done = fuzz(kernels, network)
    assert done.returncode == 0, done.stderr[-4000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    for status in ("-4", "-7", "-8", "-9", "-10", "-11"):
        assert counts[f"open {status}"] > 0
    assert counts["open -9"] > 5000
    assert counts["run 0"] == counts["open 0"] > 1000
    assert {key for key in counts if key.startswith("run")} == {"run 0"}


def test_the_sanitizer_would_tell() -> None:
    done = fuzz("ref", "overrun")
    assert done.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in done.stderr
    assert "pose_crc32" in done.stderr
