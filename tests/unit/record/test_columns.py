"""What is surely a record, decided for all pictures at once: never more than the slow way says, never less of ours."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record import read
from pytest_stm32pose.record.columns import surely_fits
from pytest_stm32pose.record.json_schema import first_error
from pytest_stm32pose.record.read import check_record, record_schema
from pytest_stm32pose.record.write import write_record
from tests.support import many_pictures, report_sample
from tests.support.record_strategy import records
from tests.unit.entries.test_codec import PLACES, put_odd

ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2, 1.0, 1.5, -0.5, "", "x", "passed", "ab" * 32, [], [1, 2, 3], [[None] * 3], {}),
    *({"later": 1}, 10**40, float("inf"), [float("-inf")], {"a": [1e308, float("inf")]}),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(records())
def test_what_surely_fits_fits(document: dict[str, Any]) -> None:
    if surely_fits(document, record_schema()):
        assert first_error(document, record_schema()) is None
        json.dumps(document, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(ODD), st.sampled_from(["replace", "delete", "add"]))
def test_what_does_not_fit_is_never_sure(path: tuple[Any, ...], odd: Any, how: str) -> None:
    document: Any = copy.deepcopy(report_sample.record(pictures=2))
    assert surely_fits(document, record_schema())
    put_odd(document, path, odd, how)
    if surely_fits(document, record_schema()):
        assert first_error(document, record_schema()) is None
        check_record(json.dumps(document, allow_nan=False).encode(), "it")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 30, f"-{'9' * 21}", f"-{10**19}"])
@pytest.mark.parametrize("place", ["host", "keypoints", "score", "operator"])
def test_numbers_without_bounds_are_refused_wherever_they_are(place: str, number: str) -> None:
    document = report_sample.record(pictures=2)
    model = document["models"][0]
    if place == "host":
        document["host"] = {"deep": [{"x": "HERE"}]}
    elif place == "keypoints":
        model["images"][1]["keypoints_golden"][0][3][1] = "HERE"
    elif place == "score":
        model["images"][1]["oks_vs_golden"] = "HERE"
    else:
        model["operators"][0]["later"] = "HERE"
    content = json.dumps(document).replace('"HERE"', number).encode()
    with pytest.raises(ConfigError, match="is too large"):
        check_record(content, "it")


def test_a_record_of_ours_needs_no_second_look(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else reading it takes many times as long, and nothing else would show that."""

    def second_look(*_: object) -> str:
        raise AssertionError("the slow way was asked")

    monkeypatch.setattr(read, "first_error", second_look)
    for kind in many_pictures.KINDS:
        made = many_pictures.record(20, kind)
        write_record(tmp_path / "record.json", made)
        assert read.read_record(tmp_path / "record.json") == made
        [images] = [
            line for line in (tmp_path / "record.json").read_text().splitlines() if '"000000000007.jpg"' in line
        ]
        assert json.loads(images.rstrip(",")) == made.models[0].images[7].to_json(), "a picture is a line"
