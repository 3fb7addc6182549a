"""A headless Chromium driven through its debugging pipe: pages as a reader sees them, standard library only.

Protocol: chromedevtools.github.io/devtools-protocol; `--remote-debugging-pipe` reads commands on
descriptor 3 and writes answers on descriptor 4, JSON separated by NUL.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0


def chromium_path() -> str | None:
    """The browser, None when none is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One page. Use `open_browser`."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer, self._next_id, self._session = b"", 0, ""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events in between are dropped."""
        self._next_id += 1
        message: dict[str, Any] = {"id": self._next_id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._read(deadline_s)
            if answer.get("id") == self._next_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self, deadline_s: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline_s - time.monotonic()))
            assert ready, f"the browser did not answer within {TIMEOUT_S:g} s"
            chunk = os.read(self._answers, 1 << 16)
            assert chunk, "the browser ended"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def attach(self) -> None:
        """Make a page and talk to it from now on."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Performance.enable", timeDomain="threadTicks")

    def show(self, path: Path, *, width_px: int, dark: bool, height_px: int = 900) -> None:
        """Load a file in a viewport; below 600 px as a phone does (it honours the viewport element)."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=1,
            mobile=width_px < 600,
        )
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=path.as_uri())
        deadline_s = time.monotonic() + TIMEOUT_S
        # Scripts may add a query to the address (pytest-html keeps its filters there), so only its start is compared.
        loaded = f"document.readyState === 'complete' && location.href.startsWith({json.dumps(path.as_uri())})"
        while not self.run(loaded):
            assert time.monotonic() < deadline_s, f"{path} did not load"
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def busy_s(self) -> float:
        """Processor time, in s, that the page's thread has taken so far."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ThreadTime"))

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def open_browser(executable: str, profile: Path) -> Iterator[Browser]:
    """Start the browser with an empty profile; it and its children end with the block."""
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    os.set_inheritable(command_read, True)
    os.set_inheritable(answer_write, True)

    # The pipe's descriptors must be 3 and 4: a shell moves them there, since the numbers here may be taken.
    script = f'exec 8<&{command_read} 9>&{answer_write}; exec 3<&8 4>&9 8<&- 9>&-; exec "$@"'
    process = subprocess.Popen(
        [
            "/bin/bash",
            "-c",
            script,
            "bash",
            executable,
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            f"--user-data-dir={profile}",
        ],
        pass_fds=(command_read, answer_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(command_read)
    os.close(answer_write)
    try:
        browser = Browser(command_write, answer_read)
        browser.attach()
        yield browser
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(command_write)
        os.close(answer_read)
