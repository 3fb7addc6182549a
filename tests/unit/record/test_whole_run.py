"""Budgets of a whole run: judged on the record of all pictures; what nobody judged blocks."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from pytest_stm32pose.judge.budget import Budget, BudgetResult, parse_budgets
from pytest_stm32pose.record.plain import budget_entry
from pytest_stm32pose.record.read import record_schema
from pytest_stm32pose.record.whole_run import OwnBudgets, conclude, figures, judge
from pytest_stm32pose.run.measurements import Measurements
from pytest_stm32pose.run.outcomes import EXPECTED_FAILURE, Outcomes
from tests.support import report_sample
from tests.support.records import merged, run_of


def record(**of_model: Any) -> dict[str, Any]:
    """One network, everything passed, no budget judged yet."""
    found = report_sample.record()
    model = {**found["models"][0], "budgets": [], **of_model}
    return {**found, "models": [model], "verdict": "passed", "reasons": []}


def verdict(found: dict[str, Any], *, own: OwnBudgets | None = None, **limits: float) -> dict[str, Any]:
    judged = judge(run_of(found), parse_budgets(limits), own=own)
    concluded = dict(conclude(judged, "", True).to_json())
    jsonschema.validate(concluded, record_schema())
    return concluded


def images(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    image = report_sample.record()["models"][0]["images"][0]
    return [{**image, "id": f"picture {index}", **change} for index, change in enumerate(changes)]


def tensor(differing: int, max_lsb: int | None) -> list[dict[str, Any]]:
    return [{"name": "CONV_2D 3", "elements": 100, "differing": differing, "max_lsb": max_lsb}]


def test_a_broken_budget_fails_the_run_and_a_kept_one_does_not() -> None:
    found = record(images=images({"oks_vs_golden": 1.0}, {"oks_vs_golden": 0.8}))
    kept = verdict(found, oks_vs_golden_min=0.8)
    assert (kept["verdict"], kept["models"][0]["budgets"][0]["n"]) == ("passed", 2)
    broken = verdict(found, oks_vs_golden_min=0.81)
    assert broken["verdict"] == "failed"
    board = found["models"][0]["board"]
    assert broken["reasons"] == [
        f"2 pictures on {board}: oks_vs_golden_min is broken: 0.8 oks (n=2), allowed is at least 0.81."
    ]


def test_what_a_test_has_told_is_not_told_again() -> None:
    found = record(images=images({"oks_vs_golden": 0.8}))
    said = (
        "test_budgets: 1 pictures on n6: oks_vs_golden_min is broken: 0.8 oks (n=1, of a test), allowed is at least 1."
    )
    told = verdict({**found, "verdict": "failed", "reasons": [said]}, oks_vs_golden_min=1)
    assert (told["verdict"], told["reasons"]) == ("failed", [said])


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ([tensor(0, 0), tensor(3, 2)], 2),
        ([tensor(0, 0), tensor(3, None)], float("inf")),
        ([tensor(0, 0), []], None),
        ([[], []], None),
    ],
)
def test_tensors_that_were_not_compared_are_not_equal(tensors: list[Any], expected: float | None) -> None:
    found = record(images=images(*({"tensors": each} for each in tensors)))
    assert figures(run_of(found).models[0], run_of(found).boards).tensor_lsb == expected
    limit = verdict(found, tensor_lsb_max=2)
    verdicts: dict[float | None, str] = {2: "passed", None: "blocked"}
    assert limit["verdict"] == verdicts.get(expected, "failed")
    if expected is None:
        assert "tensor_lsb_max cannot be judged: it was not measured" in limit["reasons"][0]


def test_a_devices_nonsense_keeps_no_budget() -> None:
    nonsense = {"oks_vs_golden": None, "keypoint_error_px": {"mean": None, "max": None}}
    found = record(images=images({"oks_vs_golden": 1.0}, nonsense))
    assert verdict(found, oks_vs_golden_min=0)["verdict"] == "failed"
    assert verdict(found, keypoint_error_px_max=1e9)["verdict"] == "failed"
    without = record(images=images({**nonsense, "keypoints_device": None, "keypoints_golden": None}))
    assert verdict(without, oks_vs_golden_min=0)["verdict"] == "blocked", "nothing to compare is not nonsense"


def test_another_time_source_is_refused() -> None:
    found = record()
    source = found["models"][0]["latency"]["source"]
    name = "instructions_p95_max" if source == "dwt" else "cycles_p95_max"
    limits: dict[str, Any] = {name: 1e12}
    assert verdict(found, **limits)["verdict"] == "blocked"


def test_budgets_that_nothing_judged_block() -> None:
    nothing = {**record(), "models": []}
    blocked = verdict(nothing, tensor_lsb_max=0, oks_vs_golden_min=1)
    assert blocked["verdict"] == "blocked"
    assert "2 budgets were given (tensor_lsb_max, oks_vs_golden_min) and never judged" in blocked["reasons"][0]


def test_a_record_of_nothing_is_no_release() -> None:
    nothing = judge(run_of({**record(), "models": []}), ())
    assert conclude(nothing, "", True).verdict == "blocked"
    assert conclude(nothing, "", False).verdict == "passed", "tests of the board alone, and nobody reads the record"
    idle = conclude(judge(run_of(record()), ()), "No check ran.", True)
    assert (idle.verdict, idle.reasons) == ("blocked", ("No check ran.",))


def test_the_networks_own_budgets_count_where_the_user_gave_none() -> None:
    own = [Budget("weights_kib_max", 0.0, "a report"), Budget("tensor_lsb_max", 0.0, "a report")]
    found = record(images=images({"tensors": tensor(1, 1)}))
    [model] = found["models"]
    done = verdict(found, own={(model["board"], model["sha256"]): own}, tensor_lsb_max=1)
    assert done["verdict"] == "failed"
    [why] = done["reasons"]
    assert "weights_kib_max is broken" in why and "(from a report)" in why
    other = verdict(found, own={(model["board"], "0" * 64): own}, tensor_lsb_max=1)
    assert other["verdict"] == "passed", "those of another network"


def test_few_pictures_are_said() -> None:
    done = judge(run_of(record(images=images({}))), parse_budgets({"oks_vs_golden_min": 0}), 5)
    assert done.lines[0].endswith("It rests on fewer pictures than the 5 of --pose-min-pictures.")


# --- the worst is shown ---


def rows(*measured: float) -> list[BudgetResult]:
    return [BudgetResult("tensor_lsb_max", 0, each, "LSB", each <= 0) for each in measured]


@pytest.mark.parametrize("order", [(0, 159, 91), (91, 159, 0), (159, 0, 91)])
def test_the_table_shows_the_worst_picture_not_the_last(order: tuple[float, ...]) -> None:
    one_test, several = Measurements(None), Measurements(None)  # type: ignore[arg-type]
    for index, row in enumerate(rows(*order)):
        one_test.keep("test", [], [row])
        several.keep(f"test {index}", [], [row])
    assert [each.measured for each in (*one_test.budgets, *several.budgets)] == [159, 159]
    parts = [record(budgets=[budget_entry(row).to_json()]) for row in rows(*order)]
    assert [each["measured"] for each in merged(parts)["models"][0]["budgets"]] == [159]


def test_a_run_budget_does_not_hide_a_worse_picture() -> None:
    [row] = rows(5)
    found = record(budgets=[budget_entry(row).to_json()], images=images({"tensors": tensor(1, 1)}))
    [shown] = verdict(found, tensor_lsb_max=9)["models"][0]["budgets"]
    assert (shown["measured"], shown["passed"]) == (5, False)


# --- nothing ran ---


def test_skipped_tests_are_no_tests() -> None:
    outcomes = Outcomes()
    assert not outcomes.asked
    assert outcomes.idle == "No check ran: no test that needs a board was selected."
    outcomes.skip("a", "needs core cortex-m7")
    assert outcomes.asked
    assert outcomes.idle == "No check ran: the one test that needs a board was skipped (needs core cortex-m7)."
    outcomes.skip("b", "not today")
    assert "all 2 tests that need a board were skipped (needs core cortex-m7; not today)." in outcomes.idle
    outcomes.skip("c", EXPECTED_FAILURE)
    assert "all 3 tests that need a board were skipped, or failed as expected (needs core cortex-m7; " in outcomes.idle
    assert EXPECTED_FAILURE in outcomes.idle
    worker = Outcomes()
    worker.passed = 1
    outcomes.merge(worker.export())
    assert outcomes.idle == "", "another process ran one"


def test_two_pictures_of_one_name_are_two_in_the_merged_record() -> None:
    parts = [record(images=[{**images({})[0], "input_crc32": crc32}]) for crc32 in (1, 2, 1)]
    found = merged(parts)
    jsonschema.validate(found, record_schema())
    assert [image["id"] for image in found["models"][0]["images"]] == ["picture 0", "picture 0~00000002"]
