"""No kernel leaves its buffers or does what C leaves undefined, whatever check() let through."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.build import CHECKOUT_DIR, KERNEL_SETS, build_host_library, sanitizer_environment
from tests.firmware.operator_cases import CASES

EXAMPLES = 60


@cache
def sanitized_library(kernels: str) -> Path:
    return build_host_library(kernels, sanitize=True)


def run_campaign(kernels: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        environment = sanitizer_environment()
    except ConfigError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "tests.firmware.sanitized_kernels", str(sanitized_library(kernels)), *arguments]
    return subprocess.run(command, cwd=CHECKOUT_DIR, env=environment, capture_output=True, text=True, timeout=300)


def test_one_byte_too_many_is_found() -> None:
    done = run_campaign("ref", "LOGISTIC", "1", "short-output")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("operator", CASES)
def test_sanitizers_find_nothing(operator: str, kernels: str) -> None:
    done = run_campaign(kernels, operator, str(EXAMPLES))
    assert done.returncode == 0, done.stderr[-6000:]
    counts = [int(n) for n in re.findall(r"(\d+) (?:valid|damaged)", done.stdout)]
    assert len(counts) == 3
    assert counts[0] >= EXAMPLES // 2 and counts[1] > 0, done.stdout
