"""Packages and generated networks that a user has, and what becomes of every combination that fits.

`STM32POSE_VENDOR_DIRS=path:path python -m tests.firmware.vendor_packages` prints the table; test_vendor_packages.py
builds it too. Nothing is downloaded, nothing of what is found is run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.build import build_firmware, core_number
from pytest_stm32pose.firmware.generated import BACKENDS, GeneratedNetwork, networks_in, read_generated
from pytest_stm32pose.firmware.package import Api

VARIABLE = "STM32POSE_VENDOR_DIRS"
#: Boards that a network of an API is linked for.
TARGETS: dict[Api, tuple[str, ...]] = {
    "aton": ("n6",),
    "stai": ("h7", "h747", "n6", "f405"),
    "legacy": ("h7", "h747", "n6", "f405"),
}
_SKIPPED = {".git", "Debug", "Release", "ll_aton", "Projects_IAR"}
_MAX_FILES = 200_000
#: Section of an image -> region of the linker scripts.
_REGIONS = {
    ".text": "CODE",
    ".ARM.exidx": "CODE",
    ".stack": "RAM",
    ".data": "RAM",
    ".bss": "RAM",
    ".network": "NETWORK",
}


@dataclass(frozen=True)
class Row:
    """One combination. `problem` "": it links; else the reason, one sentence when it is known."""

    network: str
    tool: str
    package: str
    board: str
    problem: str
    bytes: dict[str, int]

    @property
    def compiles(self) -> bool:
        return not self.problem or "does not fit" in self.problem or "of ST's runtime library" in self.problem

    def cells(self) -> tuple[str, ...]:
        sizes = ", ".join(f"{region} {size}" for region, size in self.bytes.items())
        links = "yes" if not self.problem else self.problem.splitlines()[0]
        return (self.network, self.tool, self.package, self.board, "yes" if self.compiles else "no", links, sizes)


def folders() -> list[Path]:
    """What the variable names; [] when it is not set."""
    return [Path(each) for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]


def rows(roots: list[Path]) -> Iterator[Row]:
    """Every network with every package that has its API's headers, on each board of its API with a library."""
    packages = sorted({package for root in roots for package in _packages(root)})
    for path, api in sorted({found for root in roots for found in _networks(root)}):
        known: set[Path] = set()
        said: set[str] = set()
        for candidate in (None, *packages):
            try:
                network = read_generated(path, BACKENDS[api], candidate)
            except ConfigError as error:
                if candidate is not None and "has no " in str(error):
                    continue  # another API's package
                if candidate is None or str(error) in said:
                    continue  # none around it: one of the others
                said.add(str(error))
                yield Row(_label(path, roots), "", _label(candidate, roots), "", str(error), {})
                continue
            if network.vendor not in known:
                known.add(network.vendor)
                yield from _built(network, roots)


def _networks(root: Path) -> Iterator[tuple[Path, Api]]:
    for path in _files(root, ".c"):
        for api, _ in networks_in(path)[:1]:
            yield path.resolve(), api


def _packages(root: Path) -> Iterator[Path]:
    for path in _files(root, ".h"):
        if path.name in ("ai_platform.h", "stai.h") and path.parent.name == "Inc":
            yield path.parent.parent.resolve()


def _files(root: Path, suffix: str) -> Iterator[Path]:
    count = 0
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        count += len(files)
        if count > _MAX_FILES:
            return
        yield from (Path(folder) / name for name in sorted(files) if name.endswith(suffix))


def _built(network: GeneratedNetwork, roots: list[Path]) -> Iterator[Row]:
    for name in TARGETS[network.api]:
        spec = boards()[name]
        if core_number(spec.firmware) not in network.package.libraries:
            continue
        problem, sizes = "", {}
        try:
            sizes = region_bytes(build_firmware(spec.firmware, "dsp", network.backend, network=network))
        except ConfigError as error:
            problem = str(error)
        tool = re.sub(r"-.*", "", network.tool_version) or "?"
        package = f"{_label(network.vendor, roots)} ({network.package.runtime})"
        yield Row(_label(network.folder / f"{network.file}.c", roots), tool, package, name, problem, sizes)


def _label(path: Path, roots: list[Path]) -> str:
    for root in roots:
        if path.resolve().is_relative_to(root.resolve()):
            return str(Path(root.name) / path.resolve().relative_to(root.resolve()))
    return str(path)


def region_bytes(image: Path) -> dict[str, int]:
    """What an image takes of each region of its linker script."""
    found: dict[str, int] = {}
    with image.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            region = _REGIONS.get(section.name)
            if region and section["sh_size"]:
                found[region] = found.get(region, 0) + int(section["sh_size"])
                if section.name == ".data":  # its initial values
                    found["CODE"] = found.get("CODE", 0) + int(section["sh_size"])
    return found


def table(found: list[Row]) -> str:
    """Markdown."""
    head = ("network", "ST Edge AI Core", "package (runtime)", "board", "compiles", "links", "bytes")
    lines = [head, tuple("---" for _ in head), *(row.cells() for row in found)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(table(list(rows(folders()))))
