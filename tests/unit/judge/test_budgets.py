"""Budgets: every name, both sides of each limit, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge.budget import (
    BUDGET_NAMES,
    EXACT,
    Budget,
    Measured,
    evaluate,
    for_a_picture,
    named_limits,
    parse_budgets,
    severity,
    unit_of,
)
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.record.plain import budget_entry

CYCLES = LatencySummary("dwt", "cycles", 800_000_000, 10, 7_000_000, 8_000_000, 9_000_000, 9_500_000)
INSTRUCTIONS = LatencySummary("icount", "instructions", 25_000_000, 10, 70, 80, 90, 95)
MEASURED = Measured(0.95, 0.6, 0.5, 2.5, 1, CYCLES, 100 * 1024, 2048 * 1024, 64 * 1024, 32 * 1024)

#: name, measured value in the budget's unit, measured
CASES: list[tuple[str, float, Measured]] = [
    ("oks_vs_golden_min", 0.95, MEASURED),
    ("oks_vs_truth_min", 0.6, MEASURED),
    ("map50_vs_truth_min", 0.5, MEASURED),
    ("keypoint_error_px_max", 2.5, MEASURED),
    ("tensor_lsb_max", 1, MEASURED),
    ("latency_ms_p95_max", 10.0, MEASURED),
    ("cycles_p95_max", 8_000_000, MEASURED),
    ("instructions_p95_max", 80, Measured(latency=INSTRUCTIONS)),
    ("activation_kib_max", 100, MEASURED),
    ("weights_kib_max", 2048, MEASURED),
    ("firmware_flash_kib_max", 64, MEASURED),
    ("firmware_ram_kib_max", 32, MEASURED),
]


def test_every_budget_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(BUDGET_NAMES)


@pytest.mark.parametrize(("name", "value", "measured"), CASES)
def test_both_sides_of_the_limit(name: str, value: float, measured: Measured) -> None:
    better, worse = (0.99, 1.01) if name.endswith("_min") else (1.01, 0.99)
    for limit, passed in ((value, True), (value * better, True), (value * worse, False)):
        (result,) = evaluate(parse_budgets({name: limit}), measured)
        assert (result.passed, result.measured, result.limit) == (passed, value, limit)
        assert budget_entry(result).to_json() == {
            "name": name,
            "limit": limit,
            "measured": value,
            "unit": unit_of(name),
            "passed": passed,
            "origin": "",
        }, "what is not known is left out"
        assert ("kept" if passed else "broken") in result.describe()


@pytest.mark.parametrize("name", BUDGET_NAMES)
def test_what_was_not_measured_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"Budget {name} cannot be judged: it was not measured"):
        evaluate([Budget(name, 0.5)], Measured())


@pytest.mark.parametrize(
    ("name", "latency", "instead"),
    [
        ("cycles_p95_max", INSTRUCTIONS, "instructions_p95_max"),
        ("latency_ms_p95_max", INSTRUCTIONS, "instructions_p95_max"),
        ("instructions_p95_max", CYCLES, "latency_ms_p95_max or cycles_p95_max"),
        ("cycles_p95_max", LatencySummary("host", "ns", 0, 1, 1, 1, 1, 1), "No budget"),
    ],
)
def test_other_time_sources_are_refused(name: str, latency: LatencySummary, instead: str) -> None:
    with pytest.raises(ConfigError) as caught:
        evaluate([Budget(name, 1e12)], Measured(latency=latency))
    assert f"Budget {name} judges" in str(caught.value)
    assert instead in str(caught.value)


def test_unknown_names_list_the_known() -> None:
    for name in ("oks_min", "map50_min", "latency"):
        with pytest.raises(ConfigError) as caught:
            parse_budgets({name: 1})
        assert all(known in str(caught.value) for known in BUDGET_NAMES)
    with pytest.raises(ConfigError, match=r"'tensor_lsb_mx'. Did you mean tensor_lsb_max\?"):
        parse_budgets({"tensor_lsb_mx": 1})


@pytest.mark.parametrize("limit", [True, "1", None, math.nan, math.inf, -1, [1], 10**400])
def test_limits_are_numbers(limit: Any) -> None:
    with pytest.raises(ConfigError, match="Budget weights_kib_max has the limit"):
        parse_budgets({"weights_kib_max": limit})


def test_oks_is_at_most_one() -> None:
    with pytest.raises(ConfigError, match="OKS is at most 1"):
        parse_budgets({"oks_vs_truth_min": 60})


@given(st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_devices_nonsense_never_passes(value: float) -> None:
    results = evaluate(
        parse_budgets({"keypoint_error_px_max": 1e9, "oks_vs_golden_min": 0}),
        Measured(oks_vs_golden=value, keypoint_error_px=value),
    )
    assert [result.passed for result in results] == [False, False]


def test_the_names_of_the_guide_are_these() -> None:
    """Names in the user's guide and names in the code do not drift apart."""
    guide = (Path(__file__).parents[3] / "docs" / "budgets.md").read_text()
    assert [name for name in BUDGET_NAMES if f"`{name}`" not in guide] == []


def test_a_figure_of_several_says_of_how_many_and_how_sure() -> None:
    measured = Measured(oks_vs_truth=0.64, counts={"oks_vs_truth": 2}, intervals={"oks_vs_truth": (0.32, 0.96)})
    [kept] = evaluate(parse_budgets({"oks_vs_truth_min": 0.5}), measured, min_pictures=2)
    assert kept.describe() == "oks_vs_truth_min is kept: 0.64 oks (n=2, 0.32-0.96), allowed is at least 0.5."
    [few] = evaluate(parse_budgets({"oks_vs_truth_min": 0.5}), measured, min_pictures=5)
    assert few.describe() == f"{kept.describe()} It rests on fewer pictures than the 5 of --pose-min-pictures."
    assert (few.few, few.n) == (5, 2)
    lsb = Measured(tensor_lsb=0, counts={"tensor_lsb": 1})
    [exact] = evaluate(parse_budgets({"tensor_lsb_max": 0}), lsb, min_pictures=5)
    assert exact.few is None, "one picture is enough for a fact"


FIGURES = Measured(oks_vs_golden=1.0, keypoint_error_px=0.0, tensor_lsb=0.0)


@pytest.mark.parametrize(
    ("given_limits", "expected"),
    [
        ({}, EXACT),
        ({"activation_kib_max": 10}, {**EXACT, "activation_kib_max": 10}),
        ({"oks_vs_truth_min": 0.5}, {**EXACT, "oks_vs_truth_min": 0.5}),
        ({"oks_vs_golden_min": 0.9}, {"oks_vs_golden_min": 0.9}),
        ({"tensor_lsb_max": 3}, {"tensor_lsb_max": 3}),
    ],
)
def test_our_own_kernels_must_be_exact_unless_the_user_says_how_far_off(
    given_limits: dict[str, float], expected: dict[str, float]
) -> None:
    assert for_a_picture(given_limits, FIGURES, True) == expected
    if given_limits:
        assert for_a_picture(given_limits, FIGURES, False) == given_limits


def test_other_kernels_are_not_judged_by_nothing() -> None:
    with pytest.raises(ConfigError, match="pose_check has no budget to judge by"):
        for_a_picture({}, FIGURES, False)


def test_of_what_a_network_has_no_figure_only_tensors_are_asked_for() -> None:
    assert for_a_picture({}, Measured(tensor_lsb=0), True) == {"tensor_lsb_max": 0}
    assert for_a_picture({}, Measured(oks_vs_golden=1.0), True) == {"tensor_lsb_max": 0, "oks_vs_golden_min": 1}


@pytest.mark.parametrize(
    ("name", "from_best_to_worst"),
    [
        ("tensor_lsb_max", [(3, 0, True), (0, 0, True), (3, 1, True), (3, 9, False), (0, 91, False), (3, 159, False)]),
        ("oks_vs_golden_min", [(0.5, 1, True), (0.5, 0.6, True), (0.9, 0.7, False), (0.9, 0.1, False)]),
        ("keypoint_error_px_max", [(1, 0.5, True), (1, 2, False), (1, None, False)]),
    ],
)
def test_the_worst_judgement_is_the_one_that_is_shown(
    name: str, from_best_to_worst: list[tuple[float, float | None, bool]]
) -> None:
    order = [severity(name, limit, measured, passed) for limit, measured, passed in from_best_to_worst]
    assert order == sorted(order) and len(set(order)) == len(order)
    assert severity(name, 1, math.nan, False) == severity(name, 1, None, False)


def test_one_name_has_one_limit() -> None:
    assert named_limits(["tensor_lsb_max=0", "oks_vs_golden_min=1", "tensor_lsb_max=0.0"]) == {
        "tensor_lsb_max": 0,
        "oks_vs_golden_min": 1,
    }
    with pytest.raises(ConfigError, match="tensor_lsb_max is given as 0 and as 5"):
        named_limits(["tensor_lsb_max=0", "tensor_lsb_max=5"])
