"""Finds the operator rules: `ops/<operator>.py`, by the operator's name; there is no list to keep."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from pytest_stm32pose.network import ops
from pytest_stm32pose.network.schema import MAX_VERSIONS, OPERATORS, OPTIONS, OptionTable


@cache
def supported_operators() -> tuple[str, ...]:
    """Names of the operators that have a rule, sorted."""
    modules = {module.name.upper() for module in pkgutil.iter_modules(ops.__path__)}
    return tuple(sorted(modules.intersection(OPERATORS)))


@cache
def rule_module(name: str) -> ModuleType | None:
    """The module that holds an operator's rule (`prepare`), None when the operator is not supported."""
    if name not in supported_operators():
        return None
    return importlib.import_module(f"{ops.__name__}.{name.lower()}")


def option_table(name: str) -> OptionTable | None:
    """How to read the operator's builtin options; None when nothing is known of them."""
    if name in OPTIONS:
        return OPTIONS[name]
    module = rule_module(name)
    table = getattr(module, "OPTIONS", None)
    return table if isinstance(table, OptionTable) else None


def max_version(name: str) -> int:
    """The newest version of a supported operator that its rule was written for."""
    if name in MAX_VERSIONS:
        return MAX_VERSIONS[name]
    return int(getattr(rule_module(name), "MAX_VERSION", 1))


def makes_rows(name: str) -> bool:
    """Whether the operator's kernels can make some rows of the output alone, as in a stream (`ROWS` in its rule)."""
    return bool(getattr(rule_module(name), "ROWS", False))


def has_row_window(name: str) -> bool:
    """Of such an operator: a row needs those of a window (`ROW_WINDOW` in its rule), not the same row of its inputs."""
    return bool(getattr(rule_module(name), "ROW_WINDOW", False))


def works_in_place(name: str, *, resizes: bool = False) -> bool:
    """Whether the operator's kernels take an output 0 that starts where input 0 does (`IN_PLACE` in its rule).

    `resizes`: the output has not as many bytes as the input; `RESIZES_IN_PLACE` says that this makes no difference.
    """
    module = rule_module(name)
    return bool(getattr(module, "RESIZES_IN_PLACE" if resizes else "IN_PLACE", False))
