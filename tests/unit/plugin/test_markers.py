"""Markers: all that reach a test count, of each name the closest; what means nothing is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.plugin.markers import CAPABILITIES, EXAMPLES, BoardWish, check, closest, tighter, wish

mark = pytest.mark
NAN = float("nan")

#: Marker, and words of the one sentence about it.
MISTAKES: list[tuple[Any, list[str]]] = [
    (mark.pose_budget("tensor_lsb_max", 0), ["pose_budget", "'tensor_lsb_max', 0", "(tensor_lsb_max=0)"]),
    (mark.pose_budget(0, oks_vs_golden_min=1), ["pose_budget", "not 0 alone"]),
    (mark.pose_budget, ["pose_budget says nothing"]),
    (mark.pose_budget(tensor_lsb_mx=0), ["'tensor_lsb_mx'", "Did you mean tensor_lsb_max?"]),
    (mark.pose_budget(oks_vs_truth_min=60), ["oks_vs_truth_min", "OKS is at most 1"]),
    (mark.pose_budget(activation_kib_max="10"), ["activation_kib_max", "'10'", "number"]),
    (mark.pose_budget(activation_kib_max=NAN), ["activation_kib_max", "nan"]),
    (mark.pose_board("qemu-m55"), ["pose_board", "'qemu-m55'", "pose_board(core="]),
    (mark.pose_board(), ["pose_board says nothing"]),
    (mark.pose_board(capabilty="profile"), ["'capabilty'", "Did you mean capability?"]),
    (mark.pose_board(capability="profil"), ["'profil'", "Did you mean profile?"]),
    (mark.pose_board(kind="hardwear"), ["'hardwear'", "Did you mean hardware?"]),
    (mark.pose_board(core="m7"), ["'m7'", "cortex-m7"]),
    (mark.pose_board(core="cortex-m5"), ["'cortex-m5'", "Did you mean cortex-m55?"]),
    (mark.pose_board(name=7), ["pose_board", "name is 7"]),
    (mark.pose_gate("latency_p50"), ["pose_gate", "'latency_p50'", "2 %"]),
    (mark.pose_gate(latncy_p50="2 %"), ["'latncy_p50'", "Did you mean latency_p50?"]),
    (mark.pose_gate(latency_p50=-1), ["latency_p50", "-1"]),
    (mark.pose_model, ["pose_model names no network"]),
    (mark.pose_model(name="x"), ["pose_model", "name="]),
    (mark.pose_model(""), ["pose_model", "''"]),
    (mark.pose_model(3), ["pose_model", "3"]),
]


@pytest.mark.parametrize(("marker", "words"), MISTAKES, ids=[str(index) for index in range(len(MISTAKES))])
def test_a_mistake_is_one_sentence(marker: Any, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check(marker.name, marker.mark)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "marker",
    [
        mark.pose_budget(tensor_lsb_max=0, oks_vs_truth_min=0.5),
        mark.pose_board(name="qemu-*", core="cortex-m55", capability="profile", kind="virtual"),
        mark.pose_gate(latency_p50="2 %", weights_kib=16),
        mark.pose_model("movenet_192", Path("mine.tflite")),
    ],
)
def test_what_is_right_is_taken(marker: Any) -> None:
    check(marker.name, marker.mark)


def test_the_examples_are_right() -> None:
    for example in EXAMPLES.values():
        marker = eval(f"mark.{example}")
        check(marker.name, marker.mark)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(), min_size=1), max_size=5))
def test_of_each_name_the_closest_counts_and_none_is_lost(given_names: list[dict[str, int]]) -> None:
    merged = closest(mark.pose_budget(**names).mark for names in given_names)
    assert merged.keys() == {name for names in given_names for name in names}
    for name, value in merged.items():
        assert value == next(names[name] for names in given_names if name in names)


def test_a_board_that_does_not_fit_says_why() -> None:
    spec = boards()["qemu-m55"]
    for asked, word in (
        ({"name": "qemu-m7"}, "qemu-m7"),
        ({"name": "n6*"}, "n6*"),
        ({"core": "cortex-m7"}, "cortex-m7"),
        ({"kind": "hardware"}, "hardware"),
    ):
        assert word in wish(asked).misfit(spec)
    assert wish({"name": "qemu-*", "core": "cortex-m55", "kind": "virtual"}).misfit(spec) == ""
    assert BoardWish().misfit(spec) == ""


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_capability_that_is_not_there_says_so(capability: str) -> None:
    asked = wish({"capability": capability})
    assert asked.lacking("desk", int(CAPABILITIES[capability])) == ""
    assert capability in asked.lacking("desk", ~int(CAPABILITIES[capability]))


def test_of_the_gates_limits_the_tightest_counts() -> None:
    first = tighter({}, {"latency_p50": "2 %", "weights_kib": 16})
    assert tighter(first, {"latency_p50": "9 %", "weights_kib": 4}) == {"latency_p50": "2 %", "weights_kib": 4}
    assert tighter({"latency_p50": "9 %"}, {"latency_p50": "2 %"}) == {"latency_p50": "2 %"}
    with pytest.raises(ConfigError, match=r"weights_kib is 16 KiB in one test and 2 % in another"):
        tighter(first, {"weights_kib": "2 %"})
