"""A TOML table becomes a dataclass: every key known, of its type, none missing; errors name place, key and a remedy."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pytest_stm32pose.errors import ConfigError, did_you_mean

T = TypeVar("T")

_WORDS = {
    str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list",
    dict: "a table { key = value, ... }",
}  # fmt: skip


def make(kind: type[T], table: dict[str, object], where: str, *, given: dict[str, object] | None = None) -> T:
    """An instance of the dataclass `kind`.

    Args:
        table: keys and values as tomllib gives them.
        where: place for errors, such as "boards.toml: board desk".
        given: fields that do not come from the table.

    Raises:
        ConfigError: an unknown key, a missing one, or a value of the wrong type.
    """
    given = given or {}
    hints = get_type_hints(kind)
    known = [field for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    names = [field.name for field in known]
    if unknown := [key for key in table if key not in names]:
        raise ConfigError(
            f"{where} has unknown keys: {', '.join(unknown)}.",
            remedy=did_you_mean(unknown[0], names) + f"Known are: {', '.join(names)}.",
        )
    missing = [
        field.name
        for field in known
        if field.name not in table and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise ConfigError(f"{where} is incomplete: {', '.join(missing)} missing.")
    return kind(**given, **{key: _converted(value, hints[key], f"{where}: {key}") for key, value in table.items()})


def _converted(value: Any, hint: object, where: str) -> object:
    """`value` as `hint` wants it; what TOML has no type for (Any) is taken as it is."""
    if isinstance(hint, types.UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is tuple:
        _check(value, list, tuple, where)
        items = get_args(hint)
        kind = items[0] if items[-1] is Ellipsis else object
        return tuple(_converted(item, kind, f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(hint, type) and is_dataclass(hint):
        _check(value, dict, dict, where)
        return make(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if hint in (str, int, float, bool):
        _check(value, hint, hint, where)
    return value


def _check(value: object, wanted: type, named: type, where: str) -> None:
    if type(value) is not wanted:
        raise ConfigError(f"{where} must be {_WORDS[named]}, not {value!r}.")
