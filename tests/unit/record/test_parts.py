"""One record of many processes: however the pictures are spread, it is that of a process that measured them all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.entries.model import BudgetEntry, GoldenEntry, MemoryEntry, NetworkEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.judge.budget import Budget
from pytest_stm32pose.record.parts import (
    MeasuredNetwork,
    MeasuredPicture,
    OperatorCost,
    OwnBudget,
    RunPart,
    own_budgets,
    record_of,
)
from tests.support.records import picture_of

NETWORK = NetworkEntry(
    board="n6",
    name="stick",
    sha256="ab" * 32,
    family="heatmap",
    keypoints=13,
    input_shape=(64, 64, 3),
    macc=1000,
    weights_bytes=2000,
    activation_bytes=3000,
    network_image_bytes=4000,
    preprocessing="stretch",
    plan="small",
    golden=GoldenEntry("LiteRT", "2", "BUILTIN_REF", "live"),
)
COSTS = (OperatorCost(0, "CONV_2D", 600, 1024), OperatorCost(7, "ADD", 0, 512))


def network(*pictures: MeasuredPicture, **changes: Any) -> MeasuredNetwork:
    """Only operators that a process profiled have a cost."""
    profiled = {op for picture in pictures for op, _ in picture.ticks}
    given_: dict[str, Any] = {
        "network": NETWORK,
        "pictures": pictures,
        "operators": tuple(each for each in COSTS if each.index in profiled),
        "budgets": (),
        "own_budgets": (),
        "device_model": None,
        "memory": None,
    }
    return MeasuredNetwork(**{**given_, **changes})


def part(*networks: MeasuredNetwork, **changes: Any) -> RunPart:
    given_: dict[str, Any] = {
        "started": "2026-01-02T03:04:05+00:00",
        "commit": None,
        "boards": (),
        "networks": networks,
        "outcomes": (("passed", ""),),
        "zoo": (),
        "reruns": (),
        "notes": (),
        "ran": True,
        "skipped": (),
    }
    return RunPart(**{**given_, **changes})


def sent(found: RunPart) -> RunPart:
    """As it arrives at the process that makes the record."""
    return RunPart.from_json(json.loads(json.dumps(found.to_json())), "a part")


SCORES = st.floats(0, 1)
MATCHES = st.builds(
    lambda oks, targets: {"scores": [0.5] * len(oks), "oks": oks, "targets": targets},
    st.lists(SCORES, max_size=3),
    st.integers(0, 3),
)


@st.composite
def pictures(draw: st.DrawFn) -> list[MeasuredPicture]:
    """Of one network: with labels or not, timed or not, profiled or not."""
    found = []
    for number in range(draw(st.integers(1, 7))):
        image = {
            "id": f"p{number}",
            "oks_vs_golden": draw(SCORES),
            "oks_vs_truth": draw(st.none() | SCORES),
            "pck": draw(st.none() | SCORES),
            "matches": draw(st.none() | MATCHES),
            "input_crc32": number,
            "timing": draw(st.none() | st.builds(lambda values: {"values": values}, st.lists(st.integers(1, 99)))),
        }
        ticks = draw(st.sampled_from([(), ((0, 5), (7, 2)), ((0, 40), (7, 1))]))
        found.append(MeasuredPicture(picture_of(image), 25_000_000, ticks))
    return found


@settings(max_examples=20, deadline=None)
@given(pictures(), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_however_pictures_are_spread_the_figures_are_those_of_one_process(
    found: list[MeasuredPicture], places: list[int]
) -> None:
    alone = record_of([part(network(*found))])
    spread = [
        [picture for picture, place in zip(found, places, strict=False) if place == process] for process in range(3)
    ]
    parts = [sent(part(network(*each))) for each in spread if each]
    several = record_of([*parts, part()], [])
    assert several.models == alone.models
    assert several.models[0].to_json() == alone.models[0].to_json(), "the same keys too"
    assert (several.verdict, several.reasons) == (alone.verdict, alone.reasons)


def test_what_several_measured_counts_once_and_what_left_the_golden_stays() -> None:
    good = MeasuredPicture(picture_of({"id": "a", "oks_vs_golden": 1.0, "input_crc32": 1}), 0)
    bad = MeasuredPicture(picture_of({"id": "a", "oks_vs_golden": 0.5, "divergence": "x", "input_crc32": 1}), 0)
    for order in ([good, bad], [bad, good]):
        [model] = record_of([part(network(each)) for each in order]).models
        assert (model.accuracy.oks_vs_golden, model.accuracy.oks_vs_golden_n) == (0.5, 1)


def test_the_worst_judgement_of_a_budget_and_the_highest_marks_stay() -> None:
    judged = [BudgetEntry("tensor_lsb_max", 0, value, "LSB", value == 0) for value in (0, 9, None, 3)]
    told = [MemoryEntry(8, mark, 8, 9 - mark, 1, 1) for mark in range(4)]
    parts = [part(network(budgets=(one,), memory=two)) for one, two in zip(judged, told, strict=True)]
    [model] = record_of(list(map(sent, parts))).models
    assert [each.measured for each in model.budgets] == [None], "infinite is the worst"
    assert model.memory == MemoryEntry(8, 3, 8, 9, 1, 1)


def test_every_reason_keeps_its_own_verdict() -> None:
    """One process was blocked and failed, another was blocked: as if one process had had all three."""
    outcomes = [("blocked", "no answer"), ("failed", "3 LSB"), ("blocked", "no probe")]
    alone = record_of([part(outcomes=tuple(outcomes))])
    several = record_of([part(outcomes=tuple(outcomes[:2])), part(outcomes=tuple(outcomes[2:]))])
    assert alone.reasons == several.reasons == ("no answer", "no probe", "3 LSB")
    assert several.verdict == "blocked"


def test_a_process_without_a_check_says_nothing_of_the_verdict() -> None:
    idle = part(outcomes=(), ran=False, skipped=(("t.py::a", "needs core cortex-m7"),))
    assert record_of([idle, part()]).verdict == "passed"
    assert record_of([part(), sent(idle)]).reasons == ()
    assert record_of([idle]).reasons == ("No check ran.",)


def test_the_run_began_when_the_first_process_did() -> None:
    times = ("2026-01-02T03:04:07+00:00", "2026-01-02T03:04:06+00:00")
    assert record_of([part(started=each) for each in times]).started == times[1]


def test_the_networks_own_budgets_come_along() -> None:
    own = (OwnBudget("weights_kib_max", 5.0, "a report"),)
    parts = [sent(part(network(own_budgets=own))), part()]
    assert own_budgets(parts) == {("n6", "ab" * 32): (Budget("weights_kib_max", 5.0, "a report"),)}


def test_two_networks_of_one_name_stay_two() -> None:
    other = network(network=replace(NETWORK, sha256="cd" * 32))
    assert [model.sha256[:2] for model in record_of([part(network(), other), part(other)]).models] == ["ab", "cd"]


def test_what_is_no_part_is_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"a part is not a valid run record, `started` is missing"):
        RunPart.from_json({}, "a part")


def test_a_board_measured_at_two_clocks_has_no_latency_and_no_green_verdict() -> None:
    slow, fast = (
        MeasuredPicture(picture_of({"id": name, "timing": {"source": "dwt", "unit": "cycles", "values": [7]}}), clock)
        for name, clock in (("a", 400_000_000), ("b", 480_000_000))
    )
    record = record_of([part(network(slow)), part(network(fast))])
    assert record.models[0].latency is None
    assert record.verdict == "blocked"
    [reason] = record.reasons
    assert reason == (
        "n6, stick: its time was counted by dwt at 400 MHz and dwt at 480 MHz, which are no latency of one run. "
        "Flash one firmware, and run again."
    )
    assert record_of([part(network(slow)), part(network(slow))]).verdict == "passed"
