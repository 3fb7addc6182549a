"""What the harness needs on this machine, and what to install where it is missing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

TIMEOUT_S = 10.0

#: Tool, and the sentence when it is missing.
TOOLS = (
    ("qemu-system-arm", "virtual boards need it: apt-get install qemu-system-arm"),
    ("arm-none-eabi-gcc", "firmware builds need it: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    ("cmake", "firmware builds need it: apt-get install cmake"),
)
PACKAGES = ("pyocd", "pyserial", "ai-edge-litert", "pytest-html")
UDEV_FOLDERS = (Path("/etc/udev/rules.d"), Path("/lib/udev/rules.d"), Path("/usr/lib/udev/rules.d"))


@dataclass(frozen=True)
class Finding:
    """One check. `detail`: a version when good, the remedy when not."""

    what: str
    good: bool
    detail: str


def _tool(name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name, False, remedy)
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name, False, f"{path} does not run: {error}")
    return Finding(name, True, shown.stdout.splitlines()[0] if shown.stdout else path)


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, False, f"pip install {name}")


def _probe_entry_point() -> Finding:
    names = {entry.name for entry in metadata.entry_points(group="pyocd.probe")}
    good = "stm32pose_qemu" in names
    return Finding("pyOCD probe plugin", good, "registered" if good else "reinstall pytest-stm32pose")


def _udev_rules() -> Finding:
    """ST-LINK probes are readable by a user only with udev rules. Not needed for virtual boards."""
    for folder in UDEV_FOLDERS:
        if any("stlink" in file.name or "st-link" in file.name for file in folder.glob("*.rules")):
            return Finding("udev rules for ST-LINK", True, str(folder))
    return Finding("udev rules for ST-LINK", True, "none found; real boards need them (see pyOCD's udev/README.md)")


def findings() -> Iterator[Finding]:
    """All checks, one after the other."""
    for name, remedy in TOOLS:
        yield _tool(name, remedy)
    for name in PACKAGES:
        yield _package(name)
    yield _probe_entry_point()
    yield _udev_rules()
