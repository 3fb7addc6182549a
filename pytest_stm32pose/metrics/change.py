"""Whether a figure changed between two runs: per picture where pictures pair, by quantiles where they do not.

Paired differences carry far less noise than the figures themselves: most of the spread of OKS is between pictures, and
it cancels. Tests are randomisation tests (Fisher 1935; Edgington and Onghena 2007, ch. 5): under "nothing changed"
either run could have given either value of a pair, so they are exchanged at random. No normal distribution is assumed,
and the same values give the same answer: seeds are fixed. Intervals are percentile bootstraps over pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics.detection import Matches, map50_weighted
from pytest_stm32pose.metrics.latency import percentile

RANDOMISATIONS = 9999
#: mAP is dear to compute; a p-value as small as 1/2000 is told apart.
MAP_RANDOMISATIONS = 1999
RESAMPLES = 2000
CONFIDENCE = 0.95
_SEED = 20261
_BATCH = 512

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """From a baseline to a run.

    Attributes:
        base, new: the figure in both.
        low, high: 95 % interval of new - base.
        p_lower, p_higher: chance of a change this low (high) or more, were there none. None where nothing is random.
        effect: Cohen's d of paired differences, mean over standard deviation; None without spread or for no mean.
        n: pictures, or timed inferences.
    """

    base: float
    new: float
    low: float
    high: float
    p_lower: float | None
    p_higher: float | None
    effect: float | None
    n: int

    @property
    def change(self) -> float:
        return self.new - self.base


def exact_change(base: float, new: float, n: int = 1) -> Change:
    """Of figures without noise: sizes, counts, instructions of an emulator."""
    return Change(base, new, new - base, new - base, None, None, None, n)


def paired_mean_change(base: Sequence[float], new: Sequence[float]) -> Change:
    """Of a mean over pictures; `base[i]` and `new[i]` are of the same picture.

    Raises:
        ValueError: not the same number of pictures, none, or values that are not finite.
    """
    before, after = np.asarray(base, np.float64), np.asarray(new, np.float64)
    if before.shape != after.shape or before.ndim != 1 or not len(before):
        raise ValueError(f"{len(base)} and {len(new)} values do not pair")
    difference = after - before
    if not np.isfinite(difference).all():
        raise ValueError("values that are not finite have no mean")
    random = _generator()
    flipped = _sign_flips(random, difference, RANDOMISATIONS)
    # A rounding error must not turn "the same" into "lower".
    slack = 1e-12 * max(1.0, float(np.abs(difference).max()))
    p_lower = (1 + int((flipped <= difference.sum() + slack).sum())) / (1 + RANDOMISATIONS)
    p_higher = (1 + int((flipped >= difference.sum() - slack).sum())) / (1 + RANDOMISATIONS)
    counts = random.multinomial(len(difference), np.full(len(difference), 1 / len(difference)), RESAMPLES)
    low, high = _bounds(counts @ difference / len(difference))
    spread = float(difference.std(ddof=1)) if len(difference) > 1 else 0.0
    effect = float(difference.mean()) / spread if spread > 0 else None
    return Change(float(before.mean()), float(after.mean()), low, high, p_lower, p_higher, effect, len(difference))


def paired_map50_change(base: Sequence[Matches], new: Sequence[Matches]) -> Change | None:
    """Of mAP@0.5 over pictures; `base[i]` and `new[i]` are of the same picture. None without labelled persons.

    Raises:
        ValueError: not the same number of pictures, or none.
    """
    n = len(base)
    if n != len(new) or not n:
        raise ValueError(f"{len(base)} and {len(new)} pictures do not pair")
    figure = map50_weighted([*base, *new])

    def of(weights_base: Floats, weights_new: Floats) -> float:
        return figure(np.concatenate([weights_base, weights_new]))

    ones, none = np.ones(n), np.zeros(n)
    before, after = of(ones, none), of(none, ones)
    if math.isnan(before) or math.isnan(after):
        return None
    random = _generator()
    swapped = np.empty(MAP_RANDOMISATIONS)
    for i in range(MAP_RANDOMISATIONS):
        from_new = random.integers(0, 2, n).astype(np.float64)
        swapped[i] = of(1 - from_new, from_new) - of(from_new, 1 - from_new)
    resampled = []
    for _ in range(RESAMPLES // 4):
        weights = np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)
        resampled.append(of(none, weights) - of(weights, none))
    low, high = _bounds(np.array([each for each in resampled if not math.isnan(each)]))
    change = after - before
    p_lower = (1 + int((swapped <= change + 1e-12).sum())) / (1 + MAP_RANDOMISATIONS)
    p_higher = (1 + int((swapped >= change - 1e-12).sum())) / (1 + MAP_RANDOMISATIONS)
    return Change(before, after, low, high, p_lower, p_higher, None, n)


def latency_change(base: Sequence[Sequence[int]], new: Sequence[Sequence[int]], percent: int) -> Change:
    """Of a nearest-rank percentile of all timed inferences. One sequence of ticks per picture and run.

    The interval resamples pictures, not single values: inferences of one picture follow one another and drift
    together. `p_*` are those of Mann and Whitney's rank test over all values (1947, normal approximation with ties).

    Raises:
        ValueError: a run without values, or a picture without any.
    """
    if not base or not new or not all(base) or not all(new):
        raise ValueError("a latency needs values of every picture")
    random = _generator()
    before, after = (percentile([value for each in run for value in each], percent) for run in (base, new))
    differences = _resampled_percentile(random, new, percent) - _resampled_percentile(random, base, percent)
    low, high = _bounds(differences)
    p_lower, p_higher = rank_test(*(np.concatenate([np.asarray(each) for each in run]) for run in (base, new)))
    return Change(before, after, low, high, p_lower, p_higher, None, sum(map(len, new)))


def rank_test(base: NDArray[np.generic], new: NDArray[np.generic]) -> tuple[float, float]:
    """One-sided p-values (new lower, new higher) of the Mann-Whitney U test."""
    values = np.concatenate([base, new]).astype(np.float64)
    n, m, total = len(base), len(new), len(values)
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(ties)
    ranks = (ends - (ties - 1) / 2)[place]
    u = float(ranks[n:].sum()) - m * (m + 1) / 2
    tie_term = float((ties**3 - ties).sum()) / (total * (total - 1)) if total > 1 else 0.0
    deviation = math.sqrt(max(n * m / 12 * (total + 1 - tie_term), 0.0))
    if deviation == 0:
        return 1.0, 1.0
    centred = u - n * m / 2
    return _normal((centred + 0.5) / deviation), _normal((-centred + 0.5) / deviation)


def outliers(values: Sequence[int]) -> int:
    """How many lie more than five scaled median absolute deviations above the median (Leys 2013); they are kept."""
    sample = np.asarray(values, np.float64)
    middle = float(np.median(sample))
    deviation = 1.4826 * float(np.median(np.abs(sample - middle)))
    return int((sample > middle + 5 * max(deviation, 0.001 * middle)).sum())


def _resampled_percentile(random: np.random.Generator, run: Sequence[Sequence[int]], percent: int) -> Floats:
    """The percentile of RESAMPLES draws of as many pictures; pictures count by their values."""
    values = np.concatenate([np.asarray(each, np.float64) for each in run])
    picture = np.repeat(np.arange(len(run)), [len(each) for each in run])
    order = np.argsort(values, kind="stable")
    values, picture = values[order], picture[order]
    counts = random.multinomial(len(run), np.full(len(run), 1 / len(run)), RESAMPLES)
    found = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, _BATCH):
        upto = np.cumsum(counts[start : start + _BATCH][:, picture], axis=1)
        rank = -(-percent * upto[:, -1:] // 100)
        found[start : start + _BATCH] = values[(upto < rank).sum(axis=1)]
    return found


def _sign_flips(random: np.random.Generator, difference: Floats, count: int) -> Floats:
    """Sums of the differences with random signs."""
    sums = np.empty(count)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        signs = random.integers(0, 2, (size, len(difference)), dtype=np.int8).astype(np.float64)
        sums[start : start + size] = 2.0 * (signs @ difference) - difference.sum()
    return sums


def _bounds(samples: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(samples, (tail, 1 - tail), method="closest_observation")
    return float(low), float(high)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(_SEED))
