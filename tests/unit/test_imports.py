"""Imports point one way, and every heavy or impure library has its owners. Read from the sources (AST).

The layers are those of the design: pytest and command line -> run -> harness, report -> boards, golden, protocol client
-> probes, transports -> framing; whoever adds a module says here where it belongs.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pytest_stm32pose"
NAME = "pytest_stm32pose"

#: From the bottom up. A unit imports itself and units of lower layers only.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "errors",
        "types skeleton schema files config vendor limits untrusted cause build_output",
        "outcomes build metrics families preprocess annotations protocol.framing protocol.messages",
        "picture_file",
        "accuracy divergences compare budget seen comparable comparison_text progress images network models transports "
        "probes",
        "paired",
        "gate golden boards record protocol faults models.convert conformance openmetrics causes",
        "picture_result markdown code_quality",
        "baseline harness report markers whole_run rig_start",
        "rig results history",
        "merging",
        "recording rig_st rig_linked publish inputs st_record",
        "measuring",
        "run",
        "commands conformance_run workers doctor cli_models collecting",
        "cli_gate cli_init cli_vendor",
        "plugin fixtures cli suite",
    )
)
#: In the topmost layer, units know each other: pytest registers the fixtures through the plugin.
TOP = LAYERS[-1]

#: Who may import a library, at all (also inside functions).
OWNERS: dict[str, tuple[str, ...]] = {
    "pyocd": ("probes",),
    "serial": ("transports", "boards", "doctor"),
    "ai_edge_litert": ("golden.engine",),
    "tensorflow": ("models",),
    "PIL": ("picture_file", "report", "models"),
    "pytest": ("plugin", "fixtures", "suite"),
    "pytest_html": ("plugin", "report"),
}
#: Domain logic touches no device, no file, no clock, no pytest.
PURE = (
    "metrics",
    "families",
    "compare",
    "budget",
    "gate",
    "comparable",
    "paired",
    "preprocess",
    "skeleton",
    "annotations.names",
    "annotations.notes",
    "annotations.orientation",
    "annotations.placing",
    "annotations.plausible",
    "annotations.units",
    "protocol.framing",
    "protocol.messages",
    "types",
    "errors",
    "markdown",
    "conformance",
    "code_quality",
    "outcomes",
    "markers",
    "whole_run",
    "seen",
    "collecting",
    "cause",
    "causes",
    "divergences",
    "accuracy",
    "untrusted",
)
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


def layer_of(module: str) -> tuple[str, int] | None:
    """The unit a module belongs to, by its longest listed prefix, and its layer."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        unit = ".".join(parts[:length])
        for index, layer in enumerate(LAYERS):
            if unit in layer:
                return unit, index
    return None


def within(module: str, units: tuple[str, ...]) -> bool:
    return any(module == unit or module.startswith(f"{unit}.") for unit in units)


def direction_problem(module: str, other: str) -> str | None:
    """Why `module` may not import `other`, both without the package's name; None when it may."""
    if not module or not other:
        return None  # the package itself holds nothing but its version
    mine, theirs = layer_of(module), layer_of(other)
    if mine is None or theirs is None:
        return f"{module if mine is None else other} has no place in LAYERS of tests/unit/test_imports.py"
    if mine[0] == theirs[0] or theirs[1] < mine[1] or mine[0] in TOP >= {theirs[0]}:
        return None
    return f"{mine[0]} (layer {mine[1]}) must not import {theirs[0]} (layer {theirs[1]})"


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
        if library in IMPURE and within(module, PURE):
            problems.append(f"{path.relative_to(ROOT)}:{line}: {module} is pure and must not import {library}")
    assert not problems, "\n".join(problems)


def test_layers_list_what_exists_once() -> None:
    units = [unit for layer in LAYERS for unit in layer]
    assert len(units) == len(set(units))
    missing = [
        u
        for u in units
        if not (PACKAGE / u.replace(".", "/")).is_dir() and not (PACKAGE / f"{u.replace('.', '/')}.py").is_file()
    ]
    assert not missing, f"remove from LAYERS: {missing}"


@pytest.mark.parametrize(
    ("module", "other", "allowed"),
    [
        ("metrics.keypoints", "types", True),
        ("metrics.keypoints", "golden.store", False),
        ("golden.store", "golden.engine", True),
        ("transports.serial", "protocol.framing", True),
        ("transports.serial", "protocol.client", False),
        ("protocol.client", "transports.base", True),
        ("types", "metrics", False),
        ("fixtures", "plugin", True),
        ("plugin", "fixtures", True),
        ("run", "plugin", False),
        ("harness", "report.html", False),
        ("compare", "budget", False),
        ("brand_new", "types", False),
    ],
)
def test_the_rule_itself(module: str, other: str, allowed: bool) -> None:
    assert (direction_problem(module, other) is None) == allowed


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
