"""No kernel leaves its buffers or does what C leaves undefined, whatever check() let through."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.build import CHECKOUT_DIR, KERNEL_SETS, build_host_library, sanitizer_environment
from tests.firmware.operator_cases import CASES

EXAMPLES = 60
TIMEOUT_S = 300


@cache
def sanitized_library(kernels: str) -> Path:
    return build_host_library(kernels, sanitize=True)


class Sanitized:
    """A process in which one kernel set runs under the sanitizers. What they find ends it, and the next campaign
    starts another."""

    def __init__(self, kernels: str, folder: Path) -> None:
        self._kernels = kernels
        self._process: subprocess.Popen[str] | None = None
        self._stderr = folder / f"{kernels}.txt"

    def run(self, *arguments: str) -> str:
        """The answer to one campaign, "" when it ended the process."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        patience = threading.Timer(TIMEOUT_S, process.kill)
        patience.start()
        process.stdin.write(" ".join(arguments) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        patience.cancel()
        if not answer:
            self.close()
        return answer

    def report(self) -> str:
        """What stands on standard error, of all processes."""
        return self._stderr.read_text()

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        try:
            environment = sanitizer_environment()
        except ConfigError as error:
            pytest.skip(str(error))
        command = [sys.executable, "-m", "tests.firmware.sanitized_kernels", str(sanitized_library(self._kernels))]
        with self._stderr.open("a") as stderr:
            self._process = subprocess.Popen(
                command, cwd=CHECKOUT_DIR, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            )  # fmt: skip
        return self._process


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sanitized]]:
    folder = tmp_path_factory.mktemp("sanitizers")
    processes = {kernels: Sanitized(kernels, folder) for kernels in KERNEL_SETS}
    yield processes
    for each in processes.values():
        each.close()


def test_one_byte_too_many_is_found(sanitized: dict[str, Sanitized]) -> None:
    host = sanitized["ref"]
    assert host.run("LOGISTIC", "1", "short-output") == ""
    assert "heap-buffer-overflow" in host.report()
    assert "valid" in host.run("LOGISTIC", "1"), "another process has not started"


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("operator", CASES)
def test_sanitizers_find_nothing(operator: str, kernels: str, sanitized: dict[str, Sanitized]) -> None:
    answer = sanitized[kernels].run(operator, str(EXAMPLES))
    assert answer, sanitized[kernels].report()[-6000:]
    counts = [int(n) for n in re.findall(r"(\d+) (?:valid|damaged)", answer)]
    assert len(counts) == 3
    assert counts[0] >= EXAMPLES // 2 and counts[1] > 0, answer
