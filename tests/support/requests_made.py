"""A plugin that notes in `requests.txt` what a run, its workers too, asked of devices, a line for each request.

INFER; UPLOAD, once for each input; UPLOAD-WHILE-RUNNING, where an inference of the same process was under way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

PLUGIN = """
from pathlib import Path

from pytest_stm32pose.protocol.client import PoseClient

FILE = Path(__file__).with_name("requests.txt")
ask, upload = PoseClient._ask_infer, PoseClient.upload


def note(text):
    with FILE.open("a") as file:
        print(text, file=file)


def noted_ask(self, run):
    note("INFER")
    return ask(self, run)


def noted_upload(self, *args):
    note("UPLOAD" if self._run is None else "UPLOAD-WHILE-RUNNING")
    return upload(self, *args)


PoseClient._ask_infer, PoseClient.upload = noted_ask, noted_upload
"""


def noting(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Environment and options with which a run of pytest notes its requests in a folder."""
    (folder / "noted_requests.py").write_text(PLUGIN)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    return {"PYTHONPATH": path}, ["-p", "noted_requests"]


def run_noted(folder: Path, *options: str) -> Counter[str]:
    """The suite in a process of its own, which must pass. Returns what it asked for."""
    environment, noted = noting(folder)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *noted, "--pyargs", "pytest_stm32pose.suite"]
    done = subprocess.run(
        [*command, *options], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return requests_made(folder)


def requests_made(folder: Path) -> Counter[str]:
    """What was noted since the last call."""
    file = folder / "requests.txt"
    found = Counter(file.read_text().split()) if file.exists() else Counter[str]()
    file.unlink(missing_ok=True)
    return found
