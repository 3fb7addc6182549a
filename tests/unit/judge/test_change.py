"""Changes between two runs: tests and intervals against enumeration, tables of textbooks, and what must always hold."""

from __future__ import annotations

import itertools
import math
import statistics
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.judge import change
from pytest_stm32pose.judge.change import (
    Change,
    latency_changes,
    outliers,
    paired_map50_change,
    paired_mean_change,
    rank_test,
    student_tail,
)
from pytest_stm32pose.metrics.detection import Matches, map50

FIGURES = st.floats(0, 1, allow_subnormal=False).map(lambda value: round(value, 3))
PAIRS = st.lists(st.tuples(FIGURES, FIGURES), min_size=1, max_size=40)


def latency_change(base: change.Blocks, new: change.Blocks, percent: int, allowed: float = 0) -> Change:
    """Of one percentile."""
    return latency_changes(base, new, {percent: allowed})[percent]


def sums_of_all_signs(differences: list[float]) -> list[float]:
    return [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]


# --- means ---


def test_equals_the_enumeration_of_all_signs() -> None:
    differences = [-0.03, -0.01, 0.02, -0.05, -0.02, -0.04, 0.01, -0.06, -0.01, -0.02, -0.03]
    equal = [0.0] * 5  # pictures that did not move take no part
    found = paired_mean_change([0.5] * 16, [0.5 + d for d in [*differences, *equal]])
    every, observed = sums_of_all_signs(differences), sum(differences)
    assert found.p_lower == pytest.approx(sum(s <= observed + 1e-9 for s in every) / len(every))
    assert found.p_higher == pytest.approx(sum(s >= observed - 1e-9 for s in every) / len(every))


def test_sampled_signs_agree_with_all_of_them() -> None:
    random = np.random.default_rng(3)
    differences = random.normal(-0.006, 0.01, 16).tolist()
    found = paired_mean_change([0.5] * 16, [0.5 + d for d in differences])
    every = sums_of_all_signs(differences)
    exact = sum(s <= sum(differences) + 1e-9 for s in every) / len(every)
    assert found.p_lower == pytest.approx(exact, abs=4 * math.sqrt(exact / change.RANDOMISATIONS) + 0.002)


@pytest.mark.parametrize(
    ("t", "freedom", "chance"),
    [  # percentage points of Student's t: Abramowitz and Stegun, table 26.10; Fisher and Yates, table III
        (3.078, 1, 0.10), (6.965, 2, 0.01), (2.353, 3, 0.05), (2.571, 5, 0.025), (4.785, 7, 0.001),
        (3.355, 8, 0.005), (2.718, 11, 0.01), (0.0, 4, 0.5),
    ],
)  # fmt: skip
def test_student_against_printed_tables(t: float, freedom: int, chance: float) -> None:
    assert student_tail(t, freedom) == pytest.approx(chance, rel=0.005)
    assert student_tail(-t, freedom) == pytest.approx(1 - chance, rel=0.005)


def test_few_pictures_are_judged_by_student() -> None:
    base, new = [0.9] * 8, [0.2, 0.3, 0.1, 0.25, 0.2, 0.15, 0.3, 0.2]
    found = paired_mean_change(base, new)
    differences = [b - a for a, b in zip(base, new, strict=True)]
    t = statistics.fmean(differences) / (statistics.stdev(differences) / math.sqrt(8))
    assert found.p_lower == pytest.approx(student_tail(-t, 7))
    assert found.p_lower is not None and found.p_lower < 1e-5
    assert found.effect == pytest.approx(statistics.fmean(differences) / statistics.stdev(differences))


@pytest.mark.parametrize("n", [1, 2])
def test_two_pictures_prove_nothing(n: int) -> None:
    found = paired_mean_change([0.9] * n, [0.1] * n)
    assert (found.p_lower, found.p_higher) == (1.0, 1.0)


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_what_always_holds_of_means(pairs: list[tuple[float, float]]) -> None:
    base, new = [a for a, _ in pairs], [b for _, b in pairs]
    found, mirrored = paired_mean_change(base, new), paired_mean_change(new, base)
    assert found == paired_mean_change(base, new), "the same values, the same answer"
    assert found.low - 1e-9 <= found.change <= found.high + 1e-9 or len(pairs) < 20
    assert found.change == pytest.approx(-mirrored.change, abs=1e-12)
    assert found.p_lower is not None
    assert found.p_higher is not None
    assert 0 <= min(found.p_lower, found.p_higher) <= 1
    if base == new:
        assert (found.change, found.low, found.high, found.p_lower, found.p_higher) == (0, 0, 0, 1, 1)
    moved = [b - a for a, b in pairs if a != b]
    if len(pairs) >= change.FEW and len(moved) <= change.ENUMERATED:
        assert found.p_lower == pytest.approx(mirrored.p_higher)


def test_interval_covers_as_often_as_it_says() -> None:
    """The mean change of the population lies in the 95 % interval of nineteen samples in twenty."""
    random = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        base = random.random(60)
        found = paired_mean_change(base.tolist(), (base + random.normal(0.02, 0.05, 60)).tolist())
        inside += found.low <= 0.02 <= found.high
    assert 0.90 <= inside / 200 <= 0.99


@pytest.mark.parametrize(("base", "new"), [([1.0], []), ([], []), ([math.nan], [1.0]), ([1.0], [math.inf])], ids=str)
def test_values_that_do_not_pair(base: list[float], new: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pair|finite"):
        paired_mean_change(base, new)


# --- mAP ---


def pictures(seed: int, count: int, worse: float = 1.0) -> list[Matches]:
    """One labelled person and one false find each; OKS times `worse`."""
    random = np.random.default_rng(seed)
    return [
        Matches((round(float(random.uniform(0.3, 1)), 3), 0.25), (float(random.uniform(0.4, 1)) * worse, 0.0), 1)
        for _ in range(count)
    ]


def test_map_equals_the_enumeration_of_all_exchanges() -> None:
    base = pictures(1, 20)
    new = [*pictures(1, 9, worse=0.7), *base[9:]]
    found = paired_map50_change(base, new)
    assert found is not None
    moved = [i for i in range(20) if base[i] != new[i]]
    changes = []
    for choice in itertools.product((False, True), repeat=len(moved)):
        first, second = list(base), list(new)
        for i in (i for i, swap in zip(moved, choice, strict=True) if swap):
            first[i], second[i] = second[i], first[i]
        # The order of pictures settles ties: scores of a picture are the same in both runs here.
        changes.append((map50(second) or 0.0) - (map50(first) or 0.0))
    assert found.base == pytest.approx(map50(base))
    assert found.new == pytest.approx(map50(new))
    assert found.p_lower == pytest.approx(sum(c <= found.change + 1e-9 for c in changes) / len(changes), abs=0.002)


@pytest.mark.parametrize("count", [8, 20])
def test_map_that_falls_everywhere(count: int) -> None:
    found = paired_map50_change(pictures(2, count), pictures(2, count, worse=0.2))
    assert found is not None
    assert found.p_lower is not None
    assert found.p_lower <= 1 / 5000
    assert found.new == 0


def test_map_of_the_same_is_the_same() -> None:
    found = paired_map50_change(pictures(3, 30), pictures(3, 30))
    assert found is not None
    assert (found.change, found.low, found.high, found.p_lower) == (0, 0, 0, 1)


def test_map_without_persons() -> None:
    nobody = [Matches((0.5,), (0.0,), 0)] * 3
    assert paired_map50_change(nobody, nobody) is None
    with pytest.raises(ValueError, match="pair"):
        paired_map50_change(nobody, nobody[:1])


# --- latency ---


def test_rank_test_equals_the_enumeration() -> None:
    """Small samples without ties: all ways to choose which values are new; the approximation is close."""
    base, new = [10, 14, 15, 21, 22, 30, 31], [17, 23, 24, 28, 33, 35, 40]
    values = base + new

    def u(chosen: tuple[int, ...]) -> int:
        return sum(values[i] > values[j] for i in chosen for j in range(14) if j not in chosen)

    observed = u(tuple(range(7, 14)))
    every = [u(chosen) for chosen in itertools.combinations(range(14), 7)]
    exact = sum(each >= observed for each in every) / len(every)
    lower, higher = rank_test(np.array(base), np.array(new))
    assert higher == pytest.approx(exact, rel=0.1)
    assert lower > 0.9


def test_rank_test_with_ties_and_without_spread() -> None:
    assert rank_test(np.array([5, 5, 5]), np.array([5, 5])) == (1.0, 1.0)
    lower, higher = rank_test(np.array([1, 1, 2, 2]), np.array([2, 2, 1, 1]))
    assert lower == pytest.approx(higher)


def timings(seed: int, count: int, times: float = 1.0, repeat: int = 10) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [[round(1e6 * times * (1 + 0.002 * random.standard_normal())) for _ in range(repeat)] for _ in range(count)]


def test_a_slow_down_is_found_and_sized() -> None:
    found = latency_change(timings(1, 8), timings(2, 8, 1.02), 50, allowed=10_000)
    assert found.change / found.base == pytest.approx(0.02, abs=0.002)
    assert found.low < found.change < found.high
    assert found.p_higher is not None
    assert found.p_higher < 1 / 5000
    assert found.n == 80


def test_fewer_pictures_are_exchanged_by_timing() -> None:
    found = latency_change(timings(1, 2), timings(2, 2, 1.05), 50, allowed=10_000)
    assert found.p_higher is not None
    assert found.p_higher < 1 / 5000


def test_a_slow_down_of_some_pictures_only_is_not_proved() -> None:
    """Of eight pictures five changed their mode: the median moved by more than is allowed, yet by chance."""
    base = [[1_000_000 + i] * 10 for i in range(8)]
    new = [[1_000_000 + i + (20_000 if i < 5 else 0)] * 10 for i in range(8)]
    found = latency_change(base, new, 50, allowed=10_000)
    assert found.change > 10_000
    assert found.p_higher is not None
    assert found.p_higher > 1 / 5000


def test_exchange_of_blocks_equals_the_enumeration() -> None:
    """Four and four single timings: all 70 ways, as `_beyond` samples them."""
    base, new = [10.0, 11.0, 12.0, 13.0], [12.5, 14.0, 15.0, 16.0]
    values = base + new

    def difference(chosen: tuple[int, ...]) -> float:
        inside = sorted(values[i] for i in chosen)
        outside = sorted(values[i] for i in range(8) if i not in chosen)
        return inside[1] - outside[1]

    exact = [difference(chosen) >= difference((4, 5, 6, 7)) for chosen in itertools.combinations(range(8), 4)]
    blocks = [[np.array([value]) for value in run] for run in (base, new)]
    sampled = change._beyond(blocks[0], blocks[1], 50, np.random.default_rng(1))
    assert sampled == pytest.approx(sum(exact) / 70, abs=0.01)


def test_a_latency_needs_values() -> None:
    for base, new in (([], [[1]]), ([[1]], [[]])):
        with pytest.raises(ValueError, match="needs values"):
            latency_change(base, new, 50)


def test_single_timings() -> None:
    found = latency_change([[7]], [[9]], 95, allowed=1)
    assert (found.base, found.new, found.n) == (7, 9, 1)
    assert found.p_higher is not None
    assert found.p_higher > 0.1


def test_500_pictures_and_hostile_amounts_end_in_seconds() -> None:
    begun = time.process_time()
    random = np.random.default_rng(4)
    many = random.integers(10**6, 10**6 + 10**4, 400_000).tolist()
    latency_change([many], [many], 95)
    base = random.random(500)
    paired_mean_change(base.tolist(), (base - 0.01 + random.normal(0, 0.05, 500)).tolist())
    latency_change(timings(1, 500), timings(2, 500, 1.02), 50, allowed=10_000)
    assert time.process_time() - begun < 20


def test_outliers_are_counted() -> None:
    assert outliers([100_000 + i for i in range(50)]) == 0
    assert outliers([*(100_000 + i for i in range(50)), 150_000, 200_000]) == 2
