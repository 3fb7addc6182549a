"""Confidence intervals by bootstrap: percentile intervals (Efron and Tibshirani, 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
_SEED = 20260
_BATCH = 64


@dataclass(frozen=True)
class Interval:
    """A mean with its interval. Without spread or with one value, low = mean = high."""

    mean: float
    low: float
    high: float
    n: int


def bootstrap_mean(values: Sequence[float], confidence: float = 0.95, resamples: int = RESAMPLES) -> Interval | None:
    """Percentile interval of the mean; None without values. The same values in the same order give the same interval.

    Raises:
        ValueError: `confidence` not between 0 and 1, `resamples` below 1, or a value that is not finite.
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence} or resamples {resamples} out of range")
    if not values:
        return None
    sample = np.asarray(values, dtype=np.float64)
    if not np.isfinite(sample).all():
        raise ValueError("the mean of values that are not finite has no interval")
    random = np.random.Generator(np.random.PCG64(_SEED))
    means = np.empty(resamples)
    # In batches: 2000 resamples of thousands of values need not be in memory at once.
    for start in range(0, resamples, _BATCH):
        count = min(_BATCH, resamples - start)
        means[start : start + count] = sample[random.integers(0, len(sample), (count, len(sample)))].mean(axis=1)
    tail = (1 - confidence) / 2
    mean = float(sample.mean())
    low, high = (float(bound) for bound in np.quantile(means, (tail, 1 - tail), method="closest_observation"))
    return Interval(mean, min(low, mean), max(high, mean), len(sample))


def resampled_interval(
    value: float,
    n: int,
    figure: Callable[[NDArray[np.int32]], float],
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Percentile interval of a figure that is no mean. The same figure gives the same interval.

    Args:
        value: the figure over all n samples.
        figure: how often each sample counts, int32 [n], to the figure; NaN when a resample has none.
    Returns:
        None when no resample has a figure.

    Raises:
        ValueError: `confidence` not between 0 and 1, or `n` or `resamples` below 1.
    """
    if not 0 < confidence < 1 or n < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence}, n {n} or resamples {resamples} out of range")
    random = np.random.Generator(np.random.PCG64(_SEED))
    drawn = (np.bincount(random.integers(0, n, n), minlength=n).astype(np.int32) for _ in range(resamples))
    figures = np.array([figure(weights) for weights in drawn])
    figures = figures[~np.isnan(figures)]
    if not len(figures):
        return None
    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in np.quantile(figures, (tail, 1 - tail), method="closest_observation"))
    return Interval(value, min(low, value), max(high, value), n)
