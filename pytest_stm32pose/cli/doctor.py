"""What the harness needs on this machine, and what to install where it is missing."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pytest_stm32pose.boards.catalog import boards, find_user_file
from pytest_stm32pose.boards.inventory import ST_VENDOR, STLINK_PRODUCTS, AttachedProbe, Inventory
from pytest_stm32pose.errors import PoseError

TIMEOUT_S = 10.0

#: Tool, the oldest version that is known to do, and the sentence when it is missing. GCC knows the Cortex-M55 since 10.
EMULATOR = ("qemu-system-arm", (7, 2), "virtual boards need it: apt-get install qemu-system-arm")
#: Of a checkout. An installed package carries the firmware.
COMPILERS = (
    (
        "arm-none-eabi-gcc",
        (10, 0),
        "firmware builds need it: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ),
    ("cmake", (3, 20), "firmware builds need it: apt-get install cmake"),
)
PACKAGES = ("pyocd", "pyserial", "ai-edge-litert", "pytest-html")
UDEV_REMEDY = (
    'write  SUBSYSTEM=="usb", ATTR{idVendor}=="0483", MODE="0660", GROUP="plugdev", TAG+="uaccess"  into '
    "/etc/udev/rules.d/70-stlink.rules, then plug the probe in again"
)
UDEV_FOLDERS = (Path("/etc/udev/rules.d"), Path("/lib/udev/rules.d"), Path("/usr/lib/udev/rules.d"))


@dataclass(frozen=True)
class Finding:
    """One check. `detail`: a version when good, the remedy when not."""

    what: str
    good: bool
    detail: str


def _tool(name: str, oldest: tuple[int, int], remedy: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name, False, remedy)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name, False, f"{path} does not run: {error}")
    shown = done.stdout.splitlines()[0] if done.stdout else ""
    version = re.search(r"(\d+)\.(\d+)", re.sub(r"\(.*?\)", "", shown))  # in brackets: the distribution's own version
    if version is not None and (int(version[1]), int(version[2])) < oldest:
        return Finding(
            name, False, f"{shown} is older than {oldest[0]}.{oldest[1]}, the oldest known to do: upgrade it"
        )
    return Finding(name, True, shown or path)


def _firmware() -> Iterator[Finding]:
    """What firmware is made with, or where it is."""
    from pytest_stm32pose.firmware.build import in_checkout, packaged_images

    if in_checkout():
        yield from (_tool(*tool) for tool in COMPILERS)
        return
    images = packaged_images()
    detail = f"{len(images)} in the package; no compiler is needed" if images else "reinstall pytest-stm32pose"
    yield Finding("firmware images", bool(images), detail)


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, False, f"pip install {name}")


def _probe_entry_point() -> Finding:
    names = {entry.name for entry in metadata.entry_points(group="pyocd.probe")}
    good = "stm32pose_qemu" in names
    return Finding("pyOCD probe plugin", good, "registered" if good else "reinstall pytest-stm32pose")


def _boards_file() -> Finding:
    """The user's boards.toml, where there is one."""
    file = find_user_file(None, Path.cwd())
    if file is None:
        return Finding("boards.toml", True, "none; the catalog's boards only")
    try:
        return Finding("boards.toml", True, f"{file}: {len(boards(file)) - len(boards())} benches")
    except PoseError as error:
        return Finding("boards.toml", False, str(error))


def _udev_rules(folders: Iterable[Path], needed: bool) -> Finding:
    """ST-LINK probes are readable by a user only with udev rules. Not needed for virtual boards."""
    what = "udev rules for ST-LINK"
    for folder in folders:
        if any("stlink" in file.name or "st-link" in file.name for file in folder.glob("*.rules")):
            return Finding(what, True, str(folder))
    return Finding(what, not needed, f"none found; real boards need them: {UDEV_REMEDY}")


def _usb_nodes(sysfs: Path, devices: Path) -> Iterator[Path]:
    """Device nodes of the ST-LINKs on USB, also of those that nobody may open."""
    for folder in sorted(sysfs.glob("*")):
        try:
            ids = [int((folder / name).read_text(), 16) for name in ("idVendor", "idProduct")]
            number = [int((folder / name).read_text()) for name in ("busnum", "devnum")]
        except (OSError, ValueError):
            continue  # an interface, or a device that has just left
        if ids[0] == ST_VENDOR and ids[1] in STLINK_PRODUCTS:
            yield devices / f"{number[0]:03}" / f"{number[1]:03}"


def _access(path: Path, remedy: str) -> Finding:
    good = os.access(path, os.R_OK | os.W_OK)
    return Finding(f"access to {path}", good, "yes" if good else remedy)


def _group_remedy(path: Path) -> str:
    try:
        group = path.group()
    except (KeyError, OSError):
        group = "dialout"
    return f"sudo usermod -aG {group} $USER, then log in again"


def hardware_findings(
    inventory: Inventory,
    sysfs: Path = Path("/sys/bus/usb/devices"),
    devices: Path = Path("/dev/bus/usb"),
    rules: Iterable[Path] = UDEV_FOLDERS,
) -> Iterator[Finding]:
    """Rules, permissions and probes. The folders are those of Linux unless a test says otherwise."""
    nodes = list(_usb_nodes(sysfs, devices))
    access = [_access(node, UDEV_REMEDY) for node in nodes]
    yield _udev_rules(rules, needed=not all(finding.good for finding in access))
    yield from access
    for port in inventory.ports:
        if port.is_stlink:
            yield _access(Path(port.device), _group_remedy(Path(port.device)))
    for attached in inventory.all():
        yield _probe(attached)
    if not inventory.probes:
        yield Finding("debug probes", True, "none connected; virtual boards need none")


def _probe(attached: AttachedProbe) -> Finding:
    what = f"probe {attached.uid}"
    if attached.identity is None:
        return Finding(what, True, f"in use by {attached.holder}")
    if attached.identity.problem:
        return Finding(
            what, False, f"{attached.identity.problem} Unplug it and plug it in again, or upgrade its firmware."
        )
    board = attached.identity.board or attached.identity.board_id
    firmware = attached.identity.firmware
    return Finding(
        what,
        True,
        f"{attached.probe.product}, firmware {firmware or 'not told'}" + (f", board {board}" if board else ""),
    )


def findings() -> Iterator[Finding]:
    """All checks, one after the other."""
    yield _tool(*EMULATOR)
    yield from _firmware()
    for name in PACKAGES:
        yield _package(name)
    yield _probe_entry_point()
    yield _boards_file()
    yield from hardware_findings(Inventory())


def doctor(args: argparse.Namespace) -> int:
    """Checks what the harness needs on this machine; exit 1 when something is missing."""
    broken = False
    for finding in findings():
        broken = broken or not finding.good
        print(f"{'ok     ' if finding.good else 'MISSING'} {finding.what}: {finding.detail}")
    return int(broken)
