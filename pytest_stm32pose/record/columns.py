"""Whether a JSON document surely fits its schema, all values of one place at once.

A record of thousands of pictures has millions of numbers, and each place (`models[].images[].keypoints_device`, ...)
wants the same of all its own. So types, lengths and ranges are asked of a place's values together, by functions that
run over them outside of Python. The answer is yes or "not surely"; then json_schema.py says what is wrong, and where.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from types import NoneType
from typing import Any

#: Keywords that are looked at; a schema with any other one is not surely fitted.
_KNOWN = frozenset(
    {
        *("$schema", "$defs", "title", "description", "$ref", "type", "properties", "required", "additionalProperties"),
        *("items", "minItems", "maxItems", "enum", "const", "minimum", "maximum", "pattern"),
    }
)
_TYPES: Mapping[str, frozenset[type]] = {
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "null": frozenset({NoneType}),
    "number": frozenset({int, float}),
    "integer": frozenset({int}),
}
_EVERY = frozenset[type]().union(*_TYPES.values())
_NUMBERS = _TYPES["number"]
#: Whole numbers beyond these are not surely those of a record; read.py refuses more than 20 characters.
_LARGEST, _LOWEST = 1 << 64, -(10**19)
#: Levels of what no schema describes.
_MAX_DEPTH = 32


def surely_fits(document: object, schema: Mapping[str, Any]) -> bool:
    """Whether `document` fits `schema` for certain, its numbers finite and its whole ones of 64 bits.

    Args:
        document: as json.loads gives it.
        schema: JSON Schema (draft 2020-12), of which keywords that json_schema.py does not know fit nothing.
    """
    return _fit([document], schema, schema.get("$defs", {}))


def _fit(values: Sequence[Any], schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Of all values of one place."""
    if not schema.keys() <= _KNOWN:
        return False
    if "$ref" in schema:
        aside = {key: value for key, value in schema.items() if key != "$ref"}
        named = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return _fit(values, named, definitions) and (not aside or _fit(values, aside, definitions))
    found = set(map(type, values))
    if not found <= _allowed(schema):
        return False
    if "enum" in schema or "const" in schema:
        return _are_words(values, found, schema)
    if NoneType in found:
        found.discard(NoneType)
        values = [value for value in values if value is not None]
    if not found or found == {bool}:
        return True
    if found <= _NUMBERS:
        return _are_numbers(values, found, schema)
    if found == {str}:
        return "pattern" not in schema or all(map(re.compile(schema["pattern"]).search, values))
    if found == {list}:
        return _are_arrays(values, schema, definitions)
    return found == {dict} and _are_objects(values, schema, definitions)


def _allowed(schema: Mapping[str, Any]) -> frozenset[type]:
    wanted = schema.get("type", [])
    names = [wanted] if isinstance(wanted, str) else wanted
    return frozenset[type]().union(*(_TYPES[name] for name in names)) if names else _EVERY


def _are_words(values: Sequence[Any], found: set[type], schema: Mapping[str, Any]) -> bool:
    """One of some texts, or null, each."""
    return found <= {str, NoneType} and set(values) <= set(schema.get("enum", [schema.get("const")]))


def _are_numbers(values: Sequence[Any], found: set[type], schema: Mapping[str, Any]) -> bool:
    lowest, highest = min(values), max(values)
    if not -math.inf < lowest <= highest < math.inf:
        return False
    if lowest < schema.get("minimum", lowest) or highest > schema.get("maximum", highest):
        return False
    if lowest > _LOWEST and highest < _LARGEST:
        return True
    return int not in found or all(_LOWEST < value < _LARGEST for value in values if isinstance(value, int))


def _are_arrays(values: Sequence[list[Any]], schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    lengths = set(map(len, values))
    if min(lengths) < schema.get("minItems", 0) or max(lengths) > schema.get("maxItems", math.inf):
        return False
    items = list(chain.from_iterable(values))
    return _fit(items, schema["items"], definitions) if "items" in schema else _are_free(items)


def _are_objects(values: Sequence[dict[str, Any]], schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    properties, names = schema.get("properties", {}), set[str]().union(*values)
    beside = names - properties.keys()
    if beside and (schema.get("additionalProperties") is False or not _are_free(_columns(values, beside))):
        return False
    for key in schema.get("required", ()):
        if not all(key in value for value in values):
            return False
    return all(_fit(_columns(values, {key}), properties[key], definitions) for key in names & properties.keys())


def _columns(values: Sequence[dict[str, Any]], keys: set[str]) -> list[Any]:
    return [value[key] for key in keys for value in values if key in value]


def _are_free(values: Sequence[Any]) -> bool:
    """Of what no schema describes: its numbers, and how deep it is."""
    for _ in range(_MAX_DEPTH):
        numbers = [value for value in values if type(value) in _NUMBERS]
        if numbers and not _are_numbers(numbers, set(map(type, numbers)), {}):
            return False
        inside = [value.values() if isinstance(value, dict) else value for value in values]
        values = list(chain.from_iterable(each for each in inside if not isinstance(each, str | int | float | None)))
        if not values:
            return True
    return False
