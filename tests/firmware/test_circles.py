"""No C file of the firmware needs another that needs it, on any way round: not by calls, not by includes.

Calls are read from the object files of whole builds: which file a name comes from depends on board and kernel set.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Set
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pytest_stm32pose.firmware.build import (
    FIRMWARE_DIR,
    KERNEL_SETS,
    board_folders,
    board_kernel_sets,
    build_firmware,
    build_host_library,
)
from tests.firmware.vendor_network import APIS, generated
from tests.support.elf import symbol_table

Uses = Mapping[str, Set[str]]


def read_uses(build: Path) -> dict[str, set[str]]:
    """Source file -> the source files of the same build that define what it references."""
    defined: dict[str, str] = {}
    weak: dict[str, str] = {}
    referenced: dict[str, set[str]] = {}
    for path in sorted((build / "CMakeFiles").glob("pose_*.dir/**/*.o*")):
        source = str(path.relative_to(build / "CMakeFiles").with_suffix("")).split("/", 1)[1]
        if not (FIRMWARE_DIR / source).is_file() and not source.startswith("build_id"):
            continue  # a vendor's code, or what was generated of a network
        with path.open("rb") as file:
            symbols = [each for each in symbol_table(ELFFile(file)).iter_symbols() if each.name]
        outside = [each for each in symbols if each["st_info"]["bind"] != "STB_LOCAL"]
        referenced[source] = {each.name for each in outside if each["st_shndx"] == "SHN_UNDEF"}
        for each in outside:
            if each["st_shndx"] != "SHN_UNDEF":
                known = weak if each["st_info"]["bind"] == "STB_WEAK" else defined
                assert each.name not in known, f"{each.name} stands in {source} and {known[each.name]}"
                known[each.name] = source
    defined = weak | defined
    return {
        source: {defined[name] for name in names if name in defined} - {source} for source, names in referenced.items()
    }


def read_includes() -> dict[str, set[str]]:
    """File under firmware/ -> the files there that it includes."""
    files = {str(path.relative_to(FIRMWARE_DIR)): path for path in FIRMWARE_DIR.rglob("*.[ch]")}
    return {
        name: {
            place
            for included in re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8"))
            for place in (included, f"include/{included}")
            if place in files
        }
        for name, path in files.items()
    }


def find_circles(uses: Uses) -> list[set[str]]:
    """Groups of files that all need each other."""
    reached = {start: _reachable(uses, start) for start in uses}
    groups = {frozenset(other for other in there if start in reached[other]) for start, there in reached.items()}
    return sorted((set(group) for group in groups if group), key=sorted)


def _reachable(uses: Uses, start: str) -> set[str]:
    found: set[str] = set()
    todo = list(uses[start])
    while todo:
        if (each := todo.pop()) not in found:
            found.add(each)
            todo += uses[each]
    return found


def explain(uses: Uses, circle: set[str]) -> str:
    return "; ".join(f"{each} needs {', '.join(sorted(uses[each] & circle))}" for each in sorted(circle))


def check(build: Path) -> None:
    uses = read_uses(build)
    assert any(source.startswith("app/") for source in uses), f"no object files in {build}"
    assert not (circles := find_circles(uses)), "\n".join(explain(uses, circle) for circle in circles)


def test_circles_are_found_whatever_their_length() -> None:
    uses: Uses = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert find_circles(uses) == [{"a", "b", "c"}, {"d", "e"}]
    assert explain(uses, {"d", "e"}) == "d needs e; e needs d"


def test_no_circle_of_includes() -> None:
    uses = read_includes()
    assert "include/pose/board.h" in uses["app/state.h"]
    assert not (circles := find_circles(uses)), "\n".join(explain(uses, circle) for circle in circles)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_no_circle_on_the_host(kernels: str) -> None:
    check(build_host_library(kernels).parent)


@pytest.mark.parametrize("api", APIS)
def test_no_circle_around_a_linked_network(api: str) -> None:
    build = build_host_library("ref", backend=APIS[api], network=generated(api)).parent
    assert "backends/linked.c" in read_uses(build)
    check(build)


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("board", board_folders())
def test_no_circle_in_an_image(board: str) -> None:
    check(build_firmware(board, board_kernel_sets(board)[-1]).parent)


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize(("board", "api"), [("stm32n6/n6570_dk", "aton"), ("stm32h7/h747i_disco", "stai")])
def test_no_circle_in_an_image_with_a_linked_network(board: str, api: str) -> None:
    """Where the board itself starts what a vendor's code needs."""
    check(build_firmware(board, "dsp", APIS[api], network=generated(api)).parent)
