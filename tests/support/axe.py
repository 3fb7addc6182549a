"""axe-core, the accessibility checker, in a page that a browser shows.

It comes from npm's registry by npm itself, once per machine, into the user's cache; STM32POSE_AXE names a file instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.chromium import Browser

VERSION = "4.14.1"
_INSTALL_S = 60.0


def axe_script() -> tuple[str, str]:
    """The checker's source, or "" and the reason why there is none."""
    named = os.environ.get("STM32POSE_AXE")
    if named:
        return Path(named).read_text(encoding="utf-8"), ""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stm32pose-tests"
    script = cache / f"axe-{VERSION}.min.js"
    if script.is_file():
        return script.read_text(encoding="utf-8"), ""
    npm = shutil.which("npm")
    if npm is None:
        return "", "npm is missing: apt-get install npm"
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(
                [*command, f"axe-core@{VERSION}"], check=True, capture_output=True, text=True, timeout=_INSTALL_S
            )
        except (subprocess.SubprocessError, OSError) as error:
            return "", f"npm cannot get axe-core {VERSION}: {getattr(error, 'stderr', None) or error}"
        source = (Path(folder) / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    cache.mkdir(parents=True, exist_ok=True)
    partial = script.with_suffix(f".{os.getpid()}")
    partial.write_text(source, encoding="utf-8")
    partial.replace(script)
    return source, ""


def violations(browser: Browser, script: str) -> list[dict[str, Any]]:
    """What the checker finds on the page that is shown: impact, rule, and the first elements."""
    browser.run(f"{script}; 0")
    found: list[dict[str, Any]] = browser.run(
        """axe.run(document, {resultTypes: ['violations']}).then(result => result.violations.map(each => ({
            impact: each.impact, rule: each.id, nodes: each.nodes.slice(0, 3).map(node => node.html) })))"""
    )
    return found
