"""ST's package: its folder with `Inc`, `Lib` and `Npu`, the CMSIS headers beside it, the library of a core.

CubeMX puts it into a project as Middlewares/ST/AI with one library for the project's core; ST Edge AI Core has a folder
of libraries per core; ST's own demos have other names. A package is told by the headers that an API needs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pytest_stm32pose.errors import ConfigError

Api = Literal["stai", "legacy", "aton"]
WHAT: dict[Api, str] = {"stai": "the stai API", "legacy": "the legacy API", "aton": "the Neural-ART NPU"}
#: The tool (ST Edge AI Core) that has a version of the NPU's runtime.
NPU_TOOLS: dict[tuple[int, ...], str] = {
    (1, 1, 0, 31): "2.1",
    (1, 1, 1, 14): "2.2",
    (1, 1, 3, 8): "3.0",
    (1, 1, 3, 262): "4.0.0",
    (1, 1, 3, 275): "4.0.1",
}
#: Headers of the package that each API needs.
_NEEDS: dict[Api, tuple[str, ...]] = {
    "stai": ("Inc/stai.h", "Inc/stai_events.h"),
    "legacy": ("Inc/ai_platform.h", "Inc/ai_platform_interface.h"),
    "aton": ("Npu/ll_aton/ll_aton_runtime.h",),
}
#: Where a tree may have the package.
_PLACES = (
    "",
    "Middlewares/ST/AI",
    "Middlewares/AI_Runtime",
    "Middlewares/stedgeai-lib",
    "Middlewares/ST/STM32_AI_Runtime",
    "Middlewares/ST/STM32_AI_Library",
    "Lib/AI_Runtime",
)
#: Where a tree may have ST's drivers, and in those the headers that the NPU's runtime takes.
_DRIVER_PLACES = ("Drivers", "STM32Cube_FW_N6/Drivers")
_HEADERS = ("CMSIS/Include", "CMSIS/Core/Include", "CMSIS/Device/ST/STM32N6xx/Include")
#: How far above the named folder the tree around it may start.
_ANCESTORS = 4
_LIBRARY = re.compile(r"(?:lib)?NetworkRuntime(\d+)_CM(\d+)_GCC\.a")
_VERSION_PART = re.compile(r"#define\s+LL_ATON_VERSION_(MAJOR|MINOR|MICRO|DEV)\s+\((\d+)\)")


@dataclass(frozen=True)
class Package:
    """ST's package.

    Attributes:
        folder: the one with Inc, Lib and Npu.
        includes: folders of CMSIS headers of the tree around it.
    """

    folder: Path
    includes: tuple[Path, ...]

    @cached_property
    def libraries(self) -> dict[str, Path]:
        """The runtime library for GCC of every core ("7", "55"), of several the newest. Position-independent ones are
        for other uses.
        """
        found: dict[str, tuple[bool, int, Path]] = {}
        for path in sorted(self.folder.glob("Lib/**/*.a")):
            match = _LIBRARY.fullmatch(path.name)
            if match is None:
                continue
            by_core = path.parent.name in (f"ARMCortexM{match[2]}", "Lib")  # others are of one series
            rank = (by_core, int(match[1]), path)
            if match[2] not in found or rank[:2] > found[match[2]][:2]:
                found[match[2]] = rank
        return {core: rank[2] for core, rank in found.items()}

    @property
    def runtime(self) -> str:
        """Version of the runtime library, as "10.1.0"; "" when there is none."""
        versions = {_LIBRARY.fullmatch(path.name)[1] for path in self.libraries.values()}  # type: ignore[index]
        newest = max(versions, key=int, default="")
        return f"{newest[:-2]}.{newest[-2]}.{newest[-1]}" if len(newest) > 2 else newest

    @cached_property
    def npu_version(self) -> tuple[int, ...]:
        """Version of the NPU's runtime, as (1, 1, 3, 8); () when it does not say."""
        path = self.folder / "Npu/ll_aton/ll_aton_version.h"
        try:
            parts = dict(_VERSION_PART.findall(path.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            return ()
        return tuple(int(parts[key]) for key in ("MAJOR", "MINOR", "MICRO", "DEV") if key in parts)


def find_package(folder: Path, api: Api, vendor: Path | None) -> Package:
    """The package that has the headers an API needs.

    Args:
        folder: of the generated network; without `vendor`, it and the folders around it are searched.
        vendor: what the user names: the package, or a tree that has it.

    Raises:
        ConfigError: there is none.
    """
    core = os.environ.get("STEDGEAI_CORE_DIR")
    around = [folder, *list(folder.resolve().parents)[:_ANCESTORS]]
    roots = [vendor] if vendor else [*around, *([Path(core)] if core else [])]
    for root in roots:
        for place in _PLACES:
            if all((root / place / header).is_file() for header in _NEEDS[api]):
                package = (root / place).resolve()
                return Package(package, _includes(package))
    missing = " and ".join(_NEEDS[api])
    where = f"{vendor} has no {missing}" if vendor else f"ST's package for {folder} was not found"
    raise ConfigError(
        f"{where}, which a network for {WHAT[api]} needs.",
        remedy=f"Name the folder Middlewares/ST/AI of ST Edge AI Core (it has {missing}) with --vendor.",
    )


def _includes(package: Path) -> tuple[Path, ...]:
    """CMSIS of the tree that the package is part of."""
    for root in (package, *list(package.parents)[:_ANCESTORS]):
        for drivers in _DRIVER_PLACES:
            found = tuple(root / drivers / place for place in _HEADERS if (root / drivers / place).is_dir())
            if found:
                return found
    return ()
