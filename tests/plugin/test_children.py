"""Runs that begin in a process which has imported others' modules are as those that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import children

TELLS = """
import os, signal, sys
assert not {name for name in sys.modules if name.startswith(("pytest_stm32pose", "tests", "pytest_html", "xdist"))}
print(sys.argv[1:], os.getcwd(), os.environ["SAID"], sys.stdin.read())
print(sys.path[:2], signal.getsignal(signal.SIGINT) is signal.default_int_handler, __name__, file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


def plainly(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("run", [children.run, plainly])
def test_folder_environment_path_output_and_exit_code(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "tells.py").write_text(TELLS)
    environment = {**os.environ, "SAID": "ü", "PYTHONPATH": f"{tmp_path / 'more'}"}
    for code in (0, 7):
        command = [sys.executable, "-m", "tells", str(code), "two words"]
        done = run(command, cwd=tmp_path, env=environment, timeout=600)
        assert done.returncode == code, done.stderr
        assert done.stdout == f"['{code}', 'two words'] {tmp_path} ü \n"
        assert done.stderr == f"['{tmp_path}', '{tmp_path / 'more'}'] True __main__\n"


def test_what_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waits.py").write_text("import time\ntime.sleep(600)\n")
    children.run([sys.executable, "-m", "platform"], cwd=tmp_path, timeout=600)  # by now it is ready
    killed: list[int] = []
    kill = os.kill

    def remember(process: int, number: int) -> None:
        killed.append(process)
        kill(process, number)

    with monkeypatch.context() as patched:
        patched.setattr("os.kill", remember)
        with pytest.raises(subprocess.TimeoutExpired):
            children.run([sys.executable, "-m", "waits"], cwd=tmp_path, timeout=2)
    for process in killed:
        with pytest.raises(ProcessLookupError):
            kill(process, 0)
    assert len(killed) == 1


def test_a_fault_is_a_negative_exit_code(tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert children.run([sys.executable, "-m", "dies"], cwd=tmp_path, timeout=600).returncode == -9
