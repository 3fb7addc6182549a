"""Checks a JSON document against the part of JSON Schema (draft 2020-12) that this package's schemas use.

A dependency less at run time, and one definition: tests check that it agrees with the `jsonschema` package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Keywords that are checked; those that only describe. A schema with any other keyword is refused.
_ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description"})


def first_error(document: object, schema: Mapping[str, object]) -> str | None:
    """Where and how `document` departs from `schema`, None when it does not. "at models[0].name: ..." """
    return next(_errors(document, schema, schema, ""), None)


def _errors(value: object, schema: Mapping[str, Any], root: Mapping[str, Any], place: str) -> Iterator[str]:
    for keyword, wanted in schema.items():
        if keyword in _ANNOTATIONS:
            continue
        if keyword == "$ref":
            yield from _errors(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, place)
        elif keyword == "properties":
            yield from _property_errors(value, wanted, root, place)
        elif keyword == "items":
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from _errors(item, wanted, root, f"{place}[{index}]")
        elif keyword == "additionalProperties":
            extra = [key for key in value if key not in schema["properties"]] if isinstance(value, dict) else []
            if extra and wanted is False:
                yield f"{_at(place)}unknown key {extra[0]!r}"
        else:
            problem = _CHECKS[keyword](value, wanted)
            if problem:
                yield f"{_at(place)}{problem}"


def _property_errors(value: object, wanted: Mapping[str, Any], root: Mapping[str, object], place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in wanted.keys() & value.keys():
            yield from _errors(value[key], wanted[key], root, f"{place}.{key}".lstrip("."))


def _at(place: str) -> str:
    return f"at {place}: " if place else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}


def _type(value: object, wanted: str | list[str]) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return "" if any(_TYPES[name](value) for name in names) else f"{_shown(value)} is not of type {' or '.join(names)}"


def _required(value: object, wanted: list[str]) -> str:
    missing = [key for key in wanted if key not in value] if isinstance(value, dict) else []
    return f"`{missing[0]}` is missing" if missing else ""


def _one_of(value: object, wanted: list[object]) -> str:
    return "" if value in wanted else f"{_shown(value)} is not one of {', '.join(map(str, wanted))}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_CHECKS: dict[str, Callable[[object, Any], str]] = {
    "type": _type,
    "required": _required,
    "enum": _one_of,
    "const": lambda value, wanted: _one_of(value, [wanted]),
    "minimum": lambda value, wanted: f"{value} is below {wanted}" if _is_number(value) and value < wanted else "",
    "maximum": lambda value, wanted: f"{value} is above {wanted}" if _is_number(value) and value > wanted else "",
    "minItems": lambda value, wanted: (
        f"{len(value)} items, at least {wanted} are wanted" if isinstance(value, list) and len(value) < wanted else ""
    ),
    "maxItems": lambda value, wanted: (
        f"{len(value)} items, at most {wanted} are wanted" if isinstance(value, list) and len(value) > wanted else ""
    ),
    "pattern": lambda value, wanted: (
        f"{_shown(value)} does not match {wanted}" if isinstance(value, str) and not re.search(wanted, value) else ""
    ),
}
