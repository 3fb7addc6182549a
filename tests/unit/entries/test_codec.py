"""Typed entries: what the schema accepts is read and written as it was; what it refuses is refused with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.entries.codec import Entry
from pytest_stm32pose.entries.model import BudgetEntry, OperatorEntry
from pytest_stm32pose.entries.picture import ImageEntry, LabelsEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record.json_schema import first_error
from pytest_stm32pose.record.read import record_schema
from tests.support import report_sample
from tests.support.record_strategy import records

PROPERTY = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def entry(document: object) -> RunEntry:
    return RunEntry.from_json(document, "it")


@PROPERTY
@given(records())
def test_whatever_the_schema_accepts_is_written_as_it_was(document: dict[str, Any]) -> None:
    jsonschema.validate(document, record_schema())
    found = entry(document)
    assert found.to_json() == document
    assert entry(found.to_json()) == found
    assert entry(json.loads(json.dumps(found.to_json()))).to_json() == document, "what is written is JSON"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


PLACES = [path for path in places(report_sample.record(pictures=2)) if path and path[0] != "host"]
#: Of every JSON type; ranges and patterns are the schema's business.
ODD: tuple[Any, ...] = (None, True, 1.5, "x", [], [1], {}, {"later": 1})


def put_odd(document: Any, path: tuple[Any, ...], odd: Any, how: str) -> None:
    """Makes one place of a document what it should not be: `how` is "replace", "delete" or "add" (a key)."""
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if how == "add" and isinstance(holder[path[-1]], dict):
        holder[path[-1]]["later"] = odd
    elif how == "delete" and isinstance(holder, dict):
        del holder[path[-1]]
    else:
        holder[path[-1]] = odd


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(ODD), st.sampled_from(["replace", "delete", "add"]))
def test_what_is_of_another_type_is_refused_where_the_schema_refuses_it(
    path: tuple[Any, ...], odd: Any, how: str
) -> None:
    document: Any = copy.deepcopy(report_sample.record(pictures=2))
    put_odd(document, path, odd, how)
    kinds = {"type", "required", "additionalProperties", "enum", "const", "minItems", "maxItems"}
    errors = jsonschema.Draft202012Validator(record_schema()).iter_errors(document)
    if any(error.validator in kinds for error in errors):
        with pytest.raises(ConfigError, match=r"^it is not a valid run record, (at \S+: )?.+ Give a file"):
            entry(document)
    else:
        assert entry(document).to_json() == document


@pytest.mark.parametrize(
    ("path", "odd", "said"),
    [
        (
            ("models", 0, "images", 1, "tensors", 0, "elements"),
            "3",
            "at models[0].images[1].tensors[0].elements: '3' is",
        ),
        (("models", 0, "input_shape"), [1, 2], "at models[0].input_shape: 2 items, 3 are wanted"),
        (("boards", 0, "kind"), "both", "at boards[0].kind: 'both' is not one of virtual, hardware"),
        (("plugin",), {"version": "1"}, "at plugin: `commit` is missing"),
        (("models", 1, "colour"), "red", "at models[1]: unknown key 'colour'"),
        (("verdict",), None, "at verdict: None is not one of passed, failed, blocked"),
        (("reasons",), "none", "at reasons: 'none' is not of type array"),
        (("host",), [], "at host: [] is not of type object"),
        (("models", 0, "budgets", 0, "passed"), 1, "at models[0].budgets[0].passed: 1 is not of type boolean"),
        (
            ("models", 0, "accuracy", "pck"),
            "x" * 100,
            f"at models[0].accuracy.pck: '{'x' * 56}... is not of type number",
        ),
    ],
)
def test_a_refusal_names_the_place_and_stays_short(path: tuple[Any, ...], odd: object, said: str) -> None:
    document: Any = report_sample.record()
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = odd
    with pytest.raises(ConfigError) as caught:
        entry(document)
    assert said in str(caught.value)


def test_null_is_refused_where_the_schema_refuses_it() -> None:
    """Every key of a record in turn, also those that older records lack."""
    schema, text = record_schema(), json.dumps(report_sample.record(pictures=2))
    keys = {tuple("*" if isinstance(key, int) else key for key in path): path for path in PLACES}
    refused = 0
    for path in keys.values():
        document: Any = json.loads(text)
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = None
        if first_error(document, schema) is None:
            assert entry(document).to_json() == document, path
        else:
            refused += 1
            with pytest.raises(ConfigError):
                entry(document)
    assert 100 < refused < len(keys) - 20


@pytest.mark.parametrize("document", [None, 3, "text", [], True])
def test_what_is_no_object_is_no_record(document: object) -> None:
    with pytest.raises(ConfigError, match=r"it is not a valid run record, .* is not of type object"):
        entry(document)


def test_absent_and_null_are_one_to_code_and_two_in_the_file() -> None:
    with_null = LabelsEntry.from_json({"found": "single", "boxes_px": None}, "it")
    without = LabelsEntry.from_json({"found": "single"}, "it")
    assert with_null == without
    assert (with_null.boxes_px, with_null.counted) == (None, ())
    assert with_null.to_json() == {"found": "single", "boxes_px": None}
    assert without.to_json() == {"found": "single"}


def test_what_was_not_read_leaves_out_what_it_does_not_have() -> None:
    assert BudgetEntry("tensor_lsb_max", 0, 1, "LSB", False).to_json() == {
        "name": "tensor_lsb_max",
        "limit": 0,
        "measured": 1,
        "unit": "LSB",
        "passed": False,
        "origin": "",
    }
    assert BudgetEntry("tensor_lsb_max", 0, 1, "LSB", False, n=3).to_json()["n"] == 3


def test_keys_of_later_versions_stay_where_the_schema_allows_them() -> None:
    document = {"index": 3, "name": "CONV_2D", "stalls": [1, 2]}
    found = OperatorEntry.from_json(document, "it")
    assert (found.index, found.p50) == (3, None)
    assert found.to_json() == document


def test_whole_numbers_may_have_a_point() -> None:
    found = OperatorEntry.from_json({"index": 3.0, "name": "x", "p50": 7.0}, "it")
    assert (repr(found.index), repr(found.p50)) == ("3", "7")


@pytest.mark.parametrize("value", [1e300, -1e300, 1 << 64, 18446744073709551616.0])
def test_whole_numbers_are_no_larger_than_counters(value: float) -> None:
    """Two of 1e308 have a sum that no float holds."""
    with pytest.raises(ConfigError, match=r"at p50: .* is too large"):
        OperatorEntry.from_json({"index": 3, "name": "x", "p50": value}, "it")
    assert OperatorEntry.from_json({"index": 3, "name": "x", "p50": (1 << 64) - 1}, "it").p50 == (1 << 64) - 1


@pytest.mark.parametrize("deep", [{"a": {}}, [[]]])
def test_what_is_kept_as_it_is_cannot_be_so_deep_that_writing_it_fails(deep: Any) -> None:
    shallow: Any = deep
    for _ in range(20):
        shallow = {"a": shallow, "b": [1]}
    document: Any = {**report_sample.record(), "host": {"x": shallow}}
    assert entry(document).to_json()["host"] == {"x": shallow}
    for _ in range(800):
        deep = [deep]
    with pytest.raises(ConfigError, match="at host: more than 32 values lie within one another"):
        entry({**document, "host": {"x": deep}})
    with pytest.raises(ConfigError, match="at later: more than 32 values"):
        OperatorEntry.from_json({"index": 3, "name": "x", "later": deep}, "it")


def every_class(base: type[Entry]) -> Iterator[type[Entry]]:
    for each in base.__subclasses__():
        yield each
        yield from every_class(each)


def test_an_entry_holds_values_of_json_only() -> None:
    image = ImageEntry.from_json(report_sample.record()["models"][0]["images"][0], "it")
    assert hash(image) == hash(ImageEntry.from_json(image.to_json(), "it")), "tuples all the way down"
    assert len(set(every_class(Entry))) > 20
