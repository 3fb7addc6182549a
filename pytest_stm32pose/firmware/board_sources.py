"""What the CMake files of a board's folder (firmware/boards/<family>/<board>) say of it."""

from __future__ import annotations

import re
from pathlib import Path

#: Kernel sets that every board and the host can build; the others need a core that has their instructions.
KERNEL_SETS = ("ref", "dsp")
_CORE = re.compile(r"-mcpu=cortex-m(\d+)")


def cmake_files(folder: Path) -> tuple[Path, ...]:
    """Of the board and its family, those that exist."""
    return tuple(path for path in (folder / "board.cmake", folder.parent / "family.cmake") if path.is_file())


def kernel_sets(folder: Path) -> tuple[str, ...]:
    """Kernel sets that the board's core can run; KERNEL_SETS where its files say nothing."""
    return _variable(folder, "POSE_BOARD_KERNELS") or KERNEL_SETS


def clocks(folder: Path) -> tuple[str, ...]:
    """Clocks that the board's firmware can be built for; none where there is no choice."""
    return _variable(folder, "POSE_BOARD_CLOCKS")


def core_number(folder: Path) -> str:
    """The board's Cortex-M core, as "7" or "55"; "" where its files name none."""
    named = (_CORE.search(path.read_text(encoding="utf-8")) for path in cmake_files(folder))
    return next((match[1] for match in named if match), "")


def _variable(folder: Path, name: str) -> tuple[str, ...]:
    """The words of a variable that is set once, with plain words; none where it is not."""
    pattern = re.compile(rf"^set\({name} ([^()$]+)\)", re.MULTILINE)
    found = (pattern.search(path.read_text(encoding="utf-8")) for path in cmake_files(folder))
    return next((tuple(match[1].split()) for match in found if match), ())
