"""Imports point one way, go round in no circle, and heavy or impure libraries have their owners. Read from the sources.

A module's room is its folder; the rule is the table ROOMS, from the bottom up. docs/architecture.md draws it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_stm32pose

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pytest_stm32pose"
NAME = "pytest_stm32pose"

#: A room imports itself and the rooms of lower rows. Modules at the top of the package are rooms of their own.
ROOMS = (
    "errors types preprocessing",
    "entries files settings yaml_file",
    "cache metrics families transports probes",
    "pictures network twins",
    "golden boards protocol models firmware judge",
    "measure st_config",
    "record",
    "tell",
    "report bench",
    "run",
    "plugin",
    "cli suite",
)
#: Only these talk to a device.
TALKING = ("bench", "boards", "probes", "protocol", "transports")

#: Who may import a library, at all (also inside functions).
OWNERS: dict[str, tuple[str, ...]] = {
    "pyocd": ("probes",),
    "serial": ("transports", "boards", "cli.doctor"),
    "ai_edge_litert": ("golden.engine",),
    "tensorflow": ("models", "pictures.decoders"),
    "PIL": ("pictures.reading", "pictures.pillow", "report", "models"),
    "pytest": ("plugin", "suite"),
    "pytest_html": ("plugin", "report"),
    "socket": (*TALKING, "twins"),
    "usb": TALKING,
    "unicorn": ("twins",),
    "yaml": ("st_config.document", "yaml_file"),
}
#: Domain logic touches no device, no file, no clock, no pytest.
PURE = (
    "errors",
    "types",
    "entries",
    "families",
    "judge",
    "metrics",
    "tell",
    "preprocessing",
    *(f"pictures.{name}" for name in ["mapping", "preprocess", "resize", "values"]),
    *(f"pictures.annotations.{name}" for name in ["names", "notes", "orientation", "placing", "plausible", "units"]),
    *(f"plugin.{name}" for name in ["collecting", "markers"]),
    *(f"record.{name}" for name in ["accuracy", "cause", "causes", "divergences", "parts", "verdict", "whole_run"]),
    *(f"run.{name}" for name in ["outcomes", "seen"]),
    *(f"st_config.{name}" for name in ["collected", "document", "keys", "mapping", "told", "values"]),
    "protocol.messages",
    "transports.framing",
)
#: Writes the files that a run is asked for; reads the date that a record holds.
NOT_PURE = ("tell.publish", "tell.openmetrics")
IMPURE = frozenset(
    [
        "os",
        "time",
        "datetime",
        "socket",
        "subprocess",
        "threading",
        "select",
        "tempfile",
        "shutil",
        "pathlib",
        "logging",
        "random",
        "secrets",
        "urllib",
        "http",
        "serial",
        "pyocd",
        "pytest",
        "PIL",
        "ai_edge_litert",
        "tensorflow",
    ]
)

SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """`golden.store` of pytest_stm32pose/golden/store.py; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, with its line; names imported from a package count too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            source = ".".join((*package, *([node.module] if node.module else [])))
            if source.split(".")[0] == NAME:
                for alias in node.names:
                    child = source.replace(".", "/") + "/" + alias.name
                    is_module = (ROOT / f"{child}.py").is_file() or (ROOT / child / "__init__.py").is_file()
                    yield (f"{source}.{alias.name}" if is_module else source), node.lineno
            else:
                yield source, node.lineno


def room_of(module: str) -> str:
    return module.split(".")[0]


def row_of(room: str) -> int | None:
    return next((row for row, rooms in enumerate(ROOMS) if room in rooms.split()), None)


def within(module: str, units: tuple[str, ...]) -> bool:
    return any(module == unit or module.startswith(f"{unit}.") for unit in units)


def direction_problem(module: str, other: str) -> str | None:
    """Why `module` may not import `other`, both without the package's name; None when it may."""
    mine, theirs = room_of(module), room_of(other)
    if not mine or not theirs or mine == theirs:
        return None  # the package itself holds its version and, for others, names
    row, below = row_of(mine), row_of(theirs)
    if row is None or below is None:
        return f"{mine if row is None else theirs} has no place in ROOMS of tests/unit/test_imports.py"
    return None if below < row else f"{mine} (row {row}) must not import {theirs} (row {below})"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: module_of(path) or "package")
def test_imports_point_one_way(path: Path) -> None:
    problems = []
    for name, line in imported(path):
        if name.split(".")[0] == NAME:
            problem = direction_problem(module_of(path), name.removeprefix(NAME).removeprefix("."))
            if problem:
                problems.append(f"{path.relative_to(ROOT)}:{line}: {problem}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: module_of(path) or "package")
def test_libraries_have_owners_and_domain_logic_is_pure(path: Path) -> None:
    module, problems = module_of(path), []
    for name, line in imported(path):
        library = name.split(".")[0]
        if library in OWNERS and not within(module, OWNERS[library]):
            problems.append(f"{path.relative_to(ROOT)}:{line}: {library} belongs to {', '.join(OWNERS[library])}")
        if library in IMPURE and within(module, PURE) and not within(module, NOT_PURE):
            problems.append(f"{path.relative_to(ROOT)}:{line}: {module} is pure and must not import {library}")
    assert not problems, "\n".join(problems)


def test_rooms_are_the_folders() -> None:
    rooms = [room for row in ROOMS for room in row.split()]
    found = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    found |= {path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert sorted(rooms) == sorted(found)
    assert len(ROOMS) <= 12
    assert len(list(PACKAGE.glob("*.py"))) <= 12


@pytest.mark.parametrize(
    ("module", "other", "allowed"),
    [
        ("metrics.keypoints", "types", True),
        ("metrics.keypoints", "golden.store", False),
        ("golden.store", "golden.engine", True),
        ("transports.serial", "transports.framing", True),
        ("transports.serial", "protocol.client", False),
        ("protocol.client", "transports.base", True),
        ("types", "metrics", False),
        ("plugin.fixtures", "plugin.stash", True),
        ("run.session", "plugin", False),
        ("measure.picture", "report.html", False),
        ("judge.gate", "record.read", False),
        ("bench.session", "report.html", False),
        ("brand_new", "types", False),
    ],
)
def test_the_rule_itself(module: str, other: str, allowed: bool) -> None:
    assert (direction_problem(module, other) is None) == allowed


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: module_of(path) or "package")
def test_no_module_imports_itself(path: Path) -> None:
    own = [line for name, line in imported(path) if name == f"{NAME}.{module_of(path)}"]
    assert not own, f"{path.relative_to(ROOT)} imports itself in lines {own}"


def test_imports_go_round_in_no_circle() -> None:
    """Also those inside functions and for types only."""
    known = {module_of(path) for path in SOURCES}
    needs = {
        module_of(path): {
            found
            for name, _ in imported(path)
            if name.startswith(f"{NAME}.") and (found := name.removeprefix(f"{NAME}.")) in known
        }
        for path in SOURCES
        if module_of(path)
    }
    while free := [module for module, wanted in needs.items() if not wanted & needs.keys() - {module}]:
        for module in free:
            del needs[module]
    assert not needs, f"each of these needs another one of them: {sorted(needs)}"


def test_only_some_rooms_talk_to_a_device() -> None:
    from pytest_stm32pose.bench.interruption import TALKING as INTERRUPTED

    assert {*TALKING, "measure"} == INTERRUPTED, "a request may be cut off where one is made"


@pytest.mark.parametrize("name", [*pytest_stm32pose.__all__])
def test_the_public_api_is_there(name: str) -> None:
    assert getattr(pytest_stm32pose, name)


def test_importing_the_harness_and_the_plugin_loads_no_heavy_library() -> None:
    modules = [module for path in SOURCES if (module := module_of(path)) and not module.startswith(("suite", "probes"))]
    code = "\n".join(
        [
            "import sys",
            *(f"import {NAME}.{module}" for module in modules if module.split(".")[0] not in ("models", "transports")),
            "heavy = {name.split('.')[0] for name in sys.modules}",
            "print(*sorted(heavy & {'pyocd', 'tensorflow', 'ai_edge_litert', 'PIL', 'jsonschema', 'usb', 'hid'}))",
        ]
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert loaded.stdout.split() == []
