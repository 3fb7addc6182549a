"""Switches a bench's power with the command that its boards.toml names. Never through a shell."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.errors import ConfigError, ProbeError

_SHOWN = 300


def power_cycle(spec: BoardSpec) -> bool:
    """Runs the command and waits for its end. False when the board has none.

    Raises:
        ConfigError: there is no such program.
        ProbeError: it failed (with what it said), or took longer than `power_timeout_s` and was ended.
    """
    if not spec.power_cycle:
        return False
    what = f"The power command of {spec.name} ({' '.join(spec.power_cycle)})"
    # A file and not a pipe: what the command leaves running in the background would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen(
                spec.power_cycle, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            why = error.strerror
            raise ConfigError(f"{what} cannot be run: {why}.", remedy="Correct the bench's power_cycle.") from error
        try:
            code = child.wait(spec.power_timeout_s)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise ProbeError(
                f"{what} did not end within {spec.power_timeout_s:g} s.", remedy="power_timeout_s sets how long."
            ) from None
        if code != 0:
            output.seek(0)
            output_shown = " ".join(output.read().decode(errors="replace").split())[:_SHOWN]
            raise ProbeError(f"{what} failed with exit code {code}{': ' + output_shown if output_shown else ''}.")
    return True
