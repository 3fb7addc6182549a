"""Runs pytest on virtual boards in a process of its own, as a user does, and reads the record."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support import children

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 580
SUITE = ("--pyargs", "pytest_stm32pose.suite")


@dataclass(frozen=True)
class SuiteRun:
    """One finished run."""

    exit_code: int
    output: str
    record: dict[str, Any]


def suite_command(record: Path, *options: str, tests: Sequence[str] = SUITE) -> list[str]:
    """`pytest --pyargs pytest_stm32pose.suite OPTIONS` with a record."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    return [*command, f"--pose-json={record}", *options]


def run_suite(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None, tests: Sequence[str] = SUITE
) -> SuiteRun:
    """Runs the suite, or other tests, from a folder, with more variables in its environment."""
    record = folder / "record.json"
    done = run_in(folder, suite_command(record, *options, tests=tests), environment)
    return replace(done, record=json.loads(record.read_text())) if record.exists() else done


def run_in(folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> SuiteRun:
    """Runs any command from a folder, with more variables in its environment; whatever record it leaves is not read."""
    done = children.run(command, cwd=folder, env={**os.environ, **(environment or {})}, timeout=TIMEOUT_S)
    return SuiteRun(done.returncode, done.stdout + done.stderr, {})
