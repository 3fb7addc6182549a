"""Runs pytest on virtual boards in a process of its own, as a user does, and reads the record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 580


@dataclass(frozen=True)
class SuiteRun:
    """One finished run."""

    exit_code: int
    output: str
    record: dict[str, Any]


def suite_command(record: Path, *options: str) -> list[str]:
    """`pytest --pyargs pytest_stm32pose.suite OPTIONS` with a record."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "pytest_stm32pose.suite"]
    return [*command, f"--pose-json={record}", *options]


def run_suite(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> SuiteRun:
    """Runs the suite from a folder, with more variables in its environment."""
    record = folder / "record.json"
    done = subprocess.run(
        suite_command(record, *options),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    found = json.loads(record.read_text()) if record.exists() else {}
    return SuiteRun(done.returncode, done.stdout + done.stderr, found)
