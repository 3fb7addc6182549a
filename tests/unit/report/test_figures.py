"""Numbers in the report: one look, no invented zeros, no rounding that hides a verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_stm32pose.record.accuracy import figure
from pytest_stm32pose.report import figures
from tests.support.records import model_of

NOT_NUMBERS: tuple[object, ...] = (None, math.nan, math.inf, -math.inf, "12", True, [], {}, 10**400)


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize(
    "form",
    [
        figures.count,
        figures.significant,
        figures.share,
        figures.kib,
        figures.size,
        figures.seconds,
        figures.pixels,
        figures.megahertz,
        figures.percent,
    ],
)
def test_what_is_no_number_is_a_dash(form: Any, value: Any) -> None:
    assert form(value) == figures.MISSING


@pytest.mark.parametrize(
    ("form", "value", "shown"),
    [
        (figures.count, 8_123_456, "8,123,456"),
        (figures.count, 0, "0"),
        (figures.count, 0.5, "0.5"),
        (figures.count, 1234.6, "1,235"),
        (figures.significant, 0.799996, "0.799996"),
        (figures.significant, 0.8, "0.8"),
        (figures.significant, 30e6, "30,000,000"),
        (figures.significant, 2300.69, "2,300.69"),
        (figures.significant, 1.5e-7, "1.5e-07"),
        (figures.significant, 12_345_678.25, "12,345,678.2"),
        (figures.significant, -3, "-3"),
        (figures.share, 1.0, "1.0000"),
        (figures.share, 1, "1.0000"),
        (figures.share, 0.99996, "0.99996"),
        (figures.share, 0.81234, "0.8123"),
        (figures.share, 0.00001, "1e-05"),
        (figures.share, 0.0, "0.0000"),
        (figures.kib, 98_304, "96.0 KiB"),
        (figures.size, 512, "512 B"),
        (figures.size, 3 << 20, "3.00 MiB"),
        (figures.seconds, 0.0123, "12.3 ms"),
        (figures.seconds, 1.5, "1.50 s"),
        (figures.pixels, 0.0, "0.0"),
        (figures.pixels, 0.001, "<0.05"),
        (figures.pixels, -0.001, ">-0.05"),
        (figures.pixels, 12.34, "12.3"),
        (figures.megahertz, 800_000_000, "800 MHz"),
        (figures.percent, 0.00128, "0.128 %"),
    ],
)
def test_looks(form: Any, value: Any, shown: str) -> None:
    assert form(value) == shown


def test_a_score_says_what_it_is_of() -> None:
    known = {"oks_vs_truth": 0.8, "oks_vs_truth_n": 3, "oks_vs_truth_interval": [0.75, 0.85]}
    assert scored(known) == "0.8000 (n=3, 95 %: 0.7500 to 0.8500)"
    assert scored({**known, "oks_vs_truth_interval": None}) == "0.8000 (n=3)"
    assert scored({"oks_vs_truth": 0.8}) == "0.8000"
    assert scored({**known, "oks_vs_truth": None}) == figures.MISSING


def scored(accuracy: dict[str, Any]) -> str:
    return figures.scored(figure(model_of({"accuracy": accuracy}), "oks_vs_truth"))


def test_a_measured_value_just_over_its_limit_does_not_look_like_the_limit() -> None:
    assert figures.significant(0.8) != figures.significant(0.799999)
    assert figures.share(1.0) != figures.share(1.0 - 1e-7)
