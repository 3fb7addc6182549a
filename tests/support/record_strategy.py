"""Random run records: whatever the record's JSON schema accepts, for property tests."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from pytest_stm32pose.record.read import record_schema

#: Texts that mean something to code that reads a record, and some that mean nothing.
TEXTS = (
    *(
        "",
        "a",
        "b",
        "n6",
        "qemu-m55",
        "stick",
        "icount",
        "dwt",
        "instructions",
        "cycles",
        "operator",
        "output",
        "decode",
    ),
    *(
        "tensor_lsb_max",
        "oks_vs_golden_min",
        "none",
        "single",
        "2026-01-02T03:04:05+00:00",
        "regression: worse",
        "\u2028",
    ),
    "t.py::test_x: a on n6: tensor_lsb_max is broken: 5 LSB, allowed is at most 0.",
    "First divergence: output tensor 7, 2 of 9 elements differ.",
)
Schema = Mapping[str, Any]


@functools.cache
def records() -> st.SearchStrategy[dict[str, Any]]:
    """Records with every optional key there or not."""
    schema = record_schema()
    return _of(schema, schema["$defs"])


def _of(schema: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return st.deferred(lambda: _of(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    return st.one_of([_kind(kind, schema, definitions) for kind in kinds])


def _kind(kind: str, schema: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind == "object":
        return _object(schema, definitions)
    if kind == "array":
        most = min(schema.get("maxItems", 3), 3 if schema.get("minItems", 0) < 4 else 4)
        return st.lists(_of(schema["items"], definitions), min_size=schema.get("minItems", 0), max_size=most)
    if kind == "integer":
        return st.integers(-3 if low is None else low, 2**40) | st.just(float(low or 0))
    if kind == "number":
        numbers = st.floats(low, high, allow_nan=False, allow_infinity=False, width=32)
        return numbers | st.integers(-5 if low is None else low, 9 if high is None else high)
    if kind == "string":
        return st.sampled_from(["0" * 64, "ab" * 32]) if "pattern" in schema else st.sampled_from(TEXTS)
    return {"boolean": st.booleans(), "null": st.none()}[kind]


def _object(schema: Schema, definitions: Schema) -> st.SearchStrategy[dict[str, Any]]:
    keys: Mapping[str, Schema] = schema.get("properties", {})
    required = {key: _of(keys[key], definitions) for key in schema.get("required", ())}
    others = {key: _of(each, definitions) for key, each in keys.items() if key not in required}
    known = st.fixed_dictionaries(required, optional=others)
    if schema.get("additionalProperties") is False:
        return known
    more = st.dictionaries(
        st.sampled_from(["later", "x"]), st.none() | st.integers() | st.sampled_from(TEXTS), max_size=1
    )
    return st.tuples(known, more).map(lambda pair: {**pair[0], **pair[1]})
