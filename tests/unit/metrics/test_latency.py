"""Quantiles by nearest rank, summaries, and the bootstrap interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.metrics.latency import percentile, summarise
from pytest_stm32pose.metrics.statistics import bootstrap_mean
from pytest_stm32pose.types import Timing

VALUES = st.lists(st.integers(0, 10**12), min_size=1, max_size=60)


@given(VALUES, st.integers(1, 100))
def test_percentile_is_the_smallest_value_that_covers_the_share(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    smaller = [other for other in values if other < found]
    assert all(sum(value <= other for value in values) * 100 < percent * len(values) for other in smaller)


@given(VALUES, st.sampled_from([1, 5, 50, 95, 99, 100]))
def test_percentile_equals_numpys_inverted_cdf(values: list[int], percent: int) -> None:
    assert percentile(values, percent) == np.percentile(values, percent, method="inverted_cdf")


def test_percentile_of_nothing() -> None:
    for values, percent in (([], 50), ([1], 0), ([1], 101)):
        with pytest.raises(ValueError, match="percentile"):
            percentile(values, percent)


def test_summary_over_pictures() -> None:
    timings = [
        Timing("dwt", "cycles", 800_000_000, (8_000_000, 8_000_100)),
        Timing("dwt", "cycles", 800_000_000, ()),
        Timing("dwt", "cycles", 800_000_000, (9_000_000,)),
    ]
    found = summarise(timings)
    assert found is not None
    assert (found.n, found.p50, found.p95, found.p99, found.max) == (3, 8_000_100, 9_000_000, 9_000_000, 9_000_000)
    assert found.ms_p50 == pytest.approx(10.000125)


def test_emulated_instructions_are_not_milliseconds() -> None:
    found = summarise([Timing("icount", "instructions", 25_000_000, (5,))])
    assert found is not None
    assert found.ms_p50 is None
    assert summarise([]) is None


@pytest.mark.parametrize(
    "other",
    [
        Timing("icount", "cycles", 100, (1,)),
        Timing("dwt", "cycles", 200, (1,)),
        Timing("dwt", "instructions", 100, (1,)),
    ],
)
def test_other_sources_or_clocks_do_not_add_up(other: Timing) -> None:
    with pytest.raises(ValueError, match="different sources"):
        summarise([Timing("dwt", "cycles", 100, (1,)), other])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_bootstrap_is_repeatable_and_holds_the_mean(values: list[float]) -> None:
    interval = bootstrap_mean(values, resamples=200)
    assert interval == bootstrap_mean(values, resamples=200)
    assert interval is not None
    assert min(values) - 1e-12 <= interval.low <= interval.mean <= interval.high <= max(values) + 1e-12
    assert interval.mean == pytest.approx(np.mean(values))


def test_bootstrap_agrees_with_the_normal_interval_of_a_large_sample() -> None:
    sample = np.random.default_rng(3).uniform(0, 1, 2000)
    interval = bootstrap_mean(sample.tolist())
    half = 1.96 * sample.std(ddof=1) / np.sqrt(len(sample))
    assert interval is not None
    assert interval.low == pytest.approx(sample.mean() - half, abs=0.15 * half)
    assert interval.high == pytest.approx(sample.mean() + half, abs=0.15 * half)


def test_bootstrap_covers_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(8)
    hits = 0
    for _ in range(200):
        interval = bootstrap_mean(random.uniform(0, 1, 40).tolist(), resamples=300)
        assert interval is not None
        hits += interval.low <= 0.5 <= interval.high
    assert 178 <= hits <= 199


def test_bootstrap_limits() -> None:
    assert bootstrap_mean([]) is None
    one = bootstrap_mean([0.25])
    assert one is not None
    assert (one.low, one.mean, one.high) == (0.25, 0.25, 0.25)
    for arguments in ({"confidence": 1.0}, {"resamples": 0}):
        with pytest.raises(ValueError, match="out of range"):
            bootstrap_mean([1.0], **arguments)
    with pytest.raises(ValueError, match="finite"):
        bootstrap_mean([float("nan")])
