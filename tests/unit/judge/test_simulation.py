"""The gate's promises in a simulation: a look at them here, all of them with `make campaign` (docs/baselines.md)."""

from __future__ import annotations

import numpy as np
import pytest

from tests import simulation
from tests.simulation import COUNTS, LATENCIES, MANY, PICTURES, Row, accuracy_rows, latency_rows, same_network_rows


@pytest.mark.parametrize("what", LATENCIES)
def test_latency(what: str) -> None:
    rows = list(latency_rows(what, identical=20, planted=5))
    assert all(row.kept for row in rows), rows


@pytest.mark.parametrize("pictures", COUNTS)
def test_every_loss_of_the_same_network_is_found_with_any_number_of_pictures(pictures: int) -> None:
    same, worse = same_network_rows(pictures, identical=20, planted=50)
    assert same.kept, same
    assert worse.kept, worse
    assert (worse.found, worse.runs, worse.unclear) == (50, 50, 0)


def test_a_gate_that_takes_facts_for_samples_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_stm32pose.judge.paired.why_no_fact", lambda before, after: "another network")
    _, worse = same_network_rows(PICTURES, identical=1, planted=10)
    assert not worse.kept
    assert worse.unclear


@pytest.mark.parametrize("pictures", [PICTURES, MANY])
def test_accuracy(pictures: int) -> None:
    rows = list(accuracy_rows(pictures, identical=30, planted=10))
    assert all(row.kept for row in rows), rows


def test_a_gate_that_believes_every_change_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_stm32pose.judge.gate.ALPHA", 1.0)
    assert not next(iter(latency_rows("drift, heavy tail", identical=100, planted=0))).kept


def test_a_gate_that_believes_no_change_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_stm32pose.judge.gate.ALPHA", 0.0)
    assert not list(latency_rows("drift", identical=1, planted=5))[1].kept


def test_noise_is_as_described() -> None:
    random = np.random.default_rng(0)
    two = np.array([simulation.two_modes(random) for _ in range(200)])
    assert np.mean(two == 0.015) == pytest.approx(0.3, abs=0.01)
    tails = np.array([simulation.tail(random) for _ in range(200)])
    assert np.mean(tails > 0) == pytest.approx(0.05, abs=0.005)
    assert tails[tails > 0].min() >= 0.02
    oks = simulation.figures(random, 20_000)
    assert np.mean(simulation.moved(random, oks, 0.01) - oks) == pytest.approx(-0.01, abs=0.001)
    assert np.mean(simulation.moved(random, oks) == oks) == pytest.approx(0.7 * 0.99, abs=0.01)


@pytest.mark.campaign
@pytest.mark.parametrize("what", LATENCIES)
def test_latency_campaign(what: str) -> None:
    rows = list(latency_rows(what, identical=1000, planted=200))
    assert all(row.kept for row in rows), rows


@pytest.mark.campaign
@pytest.mark.parametrize("pictures", COUNTS)
def test_same_network_campaign(pictures: int) -> None:
    rows = list(same_network_rows(pictures, identical=1000, planted=200))
    assert all(row.kept for row in rows), rows


@pytest.mark.campaign
@pytest.mark.parametrize("pictures", [PICTURES, MANY])
def test_accuracy_campaign(pictures: int) -> None:
    rows = list(accuracy_rows(pictures, identical=1000, planted=200))
    assert all(row.kept for row in rows), rows


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (Row("", "", 1000, 1, None), True),
        (Row("", "", 1000, 2, None), False),
        (Row("", "2 % slower", 100, 99, 0.99), True),
        (Row("", "2 % slower", 100, 98, 0.99), False),
        (Row("", "2 % slower", 100, 99, 0.99, unclear=1), True),
        (Row("", "", 100, 0, None, unclear=1, is_fact=True), False),
        (Row("", "just above a limit", 100, 100, 1.0, is_fact=True), True),
        (Row("", "just above a limit", 100, 99, 1.0, is_fact=True), False),
    ],
)
def test_promises(row: Row, kept: bool) -> None:
    assert row.kept == kept
