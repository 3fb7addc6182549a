"""Whether a figure changed between two runs: per picture where pictures pair, by quantiles where they do not.

Paired differences carry far less noise than the figures themselves: most of the spread of OKS is between pictures, and
it cancels. Tests are randomisation tests (Fisher 1935; Edgington and Onghena 2007, ch. 5): under "nothing changed"
either run could have given either value of a pair, so they are exchanged at random. No normal distribution is assumed,
and the same values give the same answer: seeds are fixed. Intervals are percentile bootstraps over pictures.

With fewer than FEW pictures no exchange is rare enough to prove anything; Student's t test stands in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics.detection import Counts, Map50, Matches
from pytest_stm32pose.metrics.latency import percentile

#: Draws of a randomisation test; after FIRST of them it ends when both tails hold more than CLEAR of them.
RANDOMISATIONS, FIRST, CLEAR = 59999, 999, 0.03
#: Of statistics that take long: a mean average precision, timings by the thousand.
DEAR_RANDOMISATIONS, DEAR_WIDTH = 11999, 2000
RESAMPLES = 2000
#: Of a mean average precision, which is dear.
MAP_RESAMPLES = 500
CONFIDENCE = 0.95
#: 2^-13 is about one in eight thousand: with so few pictures that differ, every exchange is tried.
FEW = ENUMERATED = 13
#: With fewer halves of pictures, timings are exchanged one by one: each is taken for independent of the one before.
FEWEST_BLOCKS = 16
#: More timings than these are thinned to evenly spaced quantiles of each picture.
MAX_TIMINGS = 20_000
_SEED = 20261
_CELLS = 1 << 21  #: of one matrix at a time

Floats = NDArray[np.float64]
Blocks = Sequence[Sequence[int]]


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
    n, difference = len(before), after - before
    if not np.isfinite(difference).all():
        raise ValueError("values that are not finite have no mean")
    moved = difference[difference != 0]
    if not len(moved):
        return Change(float(before.mean()), float(before.mean()), 0.0, 0.0, 1.0, 1.0, None, n)
    random = _generator()
    if n < FEW:
        p_lower, p_higher = _student(difference)
    else:
        # A rounding error must not turn "the same" into "lower".
        slack = 1e-12 * max(1.0, float(np.abs(moved).max()))
        total = float(moved.sum())
        p_lower, p_higher = _sum_tails(moved, total, slack, random)
    kind = np.uint16 if n <= 1 << 16 else np.int64
    drawn = [difference[random.integers(0, n, (size, n), kind)].mean(axis=1) for size in _batches(RESAMPLES, n)]
    low, high = _bounds(np.concatenate(drawn))
    spread = float(difference.std(ddof=1)) if n > 1 else 0.0
    effect = float(difference.mean()) / spread if spread > 0 else None
    return Change(float(before.mean()), float(after.mean()), low, high, p_lower, p_higher, effect, n)


def paired_sum_change(base: Sequence[float], new: Sequence[float]) -> Change:
    """Of a sum over pictures, as `paired_mean_change`."""
    mean = paired_mean_change(base, new)
    base_sum, new_sum, low, high = (value * mean.n for value in (mean.base, mean.new, mean.low, mean.high))
    return replace(mean, base=base_sum, new=new_sum, low=low, high=high)


def paired_max_change(base: Sequence[float], new: Sequence[float]) -> Change:
    """Of the largest value of all pictures; the chances are those of the mean, which are the same values'."""
    mean = paired_mean_change(base, new)
    before, after = np.asarray(base, np.float64), np.asarray(new, np.float64)
    if not (before != after).any():
        return replace(mean, base=float(before.max()), new=float(before.max()))
    random = _generator()
    drawn = []
    for size in _batches(RESAMPLES, mean.n):
        chosen = random.integers(0, mean.n, (size, mean.n))
        drawn.append(after[chosen].max(axis=1) - before[chosen].max(axis=1))
    low, high = _bounds(np.concatenate(drawn))
    return replace(mean, base=float(before.max()), new=float(after.max()), low=low, high=high)


def paired_map50_change(base: Sequence[Matches], new: Sequence[Matches]) -> Change | None:
    """Of mAP@0.5 over pictures; `base[i]` and `new[i]` are of the same picture. None without labelled persons.

    With few pictures, whose mAP moves in large steps, Student's t is of the OKS of the persons that were found.

    Raises:
        ValueError: not the same number of pictures, or none.
    """
    n = len(base)
    if n != len(new) or not n:
        raise ValueError(f"{len(base)} and {len(new)} pictures do not pair")
    counted = Map50([*base, *new])

    def change(weights_base: Counts, weights_new: Counts) -> float:
        """Of mAP; with the baseline's and the run's pictures counted so often, and the other way round."""
        forth = counted.figure(np.concatenate([weights_base, weights_new]))
        return counted.figure(np.concatenate([weights_new, weights_base])) - forth

    ones, none = np.ones(n, np.int32), np.zeros(n, np.int32)
    before, after = (counted.figure(np.concatenate(weights)) for weights in ((ones, none), (none, ones)))
    if math.isnan(before) or math.isnan(after):
        return None
    moved = np.flatnonzero([a != b for a, b in zip(base, new, strict=True)])
    if not len(moved):
        return Change(before, before, 0.0, 0.0, 1.0, 1.0, None, n)

    def exchanged(kept: Floats) -> Floats:
        weights = np.ones((len(kept), n), np.int32)
        weights[:, moved] = kept
        return np.array([np.subtract(*counted.of_both(np.concatenate([1 - row, row]))) for row in weights])

    random = _generator()
    if n < FEW:
        shares = [np.array([sum(each.oks) / max(1, each.targets) for each in run]) for run in (base, new)]
        p_lower, p_higher = _student(shares[1] - shares[0])
    else:
        p_lower, p_higher = _tails(len(moved), exchanged, after - before, 1e-12, random, DEAR_RANDOMISATIONS)
    drawn = (random.multinomial(n, np.full(n, 1 / n)).astype(np.int32) for _ in range(MAP_RESAMPLES))
    resampled = np.array([change(weights, none) for weights in drawn])
    low, high = _bounds(resampled[~np.isnan(resampled)])
    return Change(before, after, low, high, p_lower, p_higher, None, n)


def latency_changes(base: Blocks, new: Blocks, allowed: Mapping[int, float]) -> dict[int, Change]:
    """Of nearest-rank percentiles of all timed inferences. One sequence of ticks per picture and run.

    Inferences of one picture follow one another and drift together: the interval resamples pictures. Did a percentile
    grow by more than `allowed` ticks, `p_higher` is of an exchange of half pictures between the runs, with half of
    `allowed` added to the baseline: runs that drift apart by less are not a change, whatever their tails do. All other
    `p_*` are those of Mann and Whitney's rank test over all values.

    Args:
        allowed: by percentile, 1..100.

    Raises:
        ValueError: a run without values, or a picture without any.
    """
    if not base or not new or not all(base) or not all(new):
        raise ValueError("a latency needs values of every picture")
    every = [sorted(value for each in run for value in each) for run in (base, new)]
    figures = {percent: [percentile(values, percent) for values in every] for percent in allowed}
    was, now = _thinned(base), _thinned(new)
    random = _generator()
    drawn_now = _resampled(random, now, list(allowed))
    drawn_was = _resampled(random, was, list(allowed))
    p_lower, p_higher = rank_test(np.concatenate(was), np.concatenate(now))
    after_draws = random.bit_generator.state
    changes = {}
    for number, (percent, most) in enumerate(allowed.items()):
        low, high = _bounds(drawn_now[number] - drawn_was[number])
        (before, after), p = figures[percent], p_higher
        if after - before > most:
            random.bit_generator.state = after_draws  # each has the chance that it has alone
            p = _beyond([each + most / 2 for each in was], now, percent, random)
        changes[percent] = Change(before, after, low, high, p_lower, p, None, len(every[1]))
    return changes


def rank_test(base: NDArray[np.generic], new: NDArray[np.generic]) -> tuple[float, float]:
    """One-sided p-values (new lower, new higher) of Mann and Whitney's U test (1947), normal approximation, ties."""
    values = np.concatenate([base, new]).astype(np.float64)
    n, m, total = len(base), len(new), len(values)
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(ties)
    ranks = (ends - (ties - 1) / 2)[place]
    u = float(ranks[n:].sum()) - m * (m + 1) / 2
    tied = ties.astype(np.float64)
    tie_term = float((tied**3 - tied).sum()) / (total * (total - 1)) if total > 1 else 0.0
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


def student_tail(t: float, freedom: int) -> float:
    """Chance that Student's t of `freedom` degrees is at least `t` (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine * cosine * (k - 1) / k
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, max(0.0, (1 - inside) / 2))


# --- parts ---


def _student(values: Floats) -> tuple[float, float]:
    """One-sided p-values of a mean below and above zero; 1 for fewer than three values."""
    if len(values) < 3:
        return 1.0, 1.0
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    t = float(values.mean()) / error if error > 0 else math.copysign(math.inf, float(values.mean()))
    return student_tail(-t, len(values) - 1), student_tail(t, len(values) - 1)


def _tails(
    pairs: int,
    statistic: Callable[[Floats], Floats],
    observed: float,
    slack: float,
    random: np.random.Generator,
    draws: int = RANDOMISATIONS,
) -> tuple[float, float]:
    """How often exchanging pairs at random gives `observed` or less, and that or more.

    Args:
        statistic: of rows [*, pairs] that are 1 where a pair stays as it is and 0 where it is exchanged.
    """
    if pairs <= ENUMERATED:
        values = statistic(_every(pairs))
        return float((values <= observed + slack).mean()), float((values >= observed - slack).mean())

    def draw(size: int) -> Floats:
        packed = random.integers(0, 256, (size, -(-pairs // 8)), np.uint8)
        return statistic(np.unpackbits(packed, axis=1, count=pairs).astype(np.float64))

    return _sampled(draw, draws, pairs, observed, slack)


def _every(pairs: int) -> Floats:
    """All rows of so many zeros and ones, [2 ** pairs, pairs]."""
    found: Floats = ((np.arange(1 << pairs)[:, np.newaxis] >> np.arange(pairs)) & 1).astype(np.float64)
    return found


def _sum_tails(moved: Floats, observed: float, slack: float, random: np.random.Generator) -> tuple[float, float]:
    """As `_tails`, of the sum of all pairs' differences, whose sign an exchange turns.

    A byte of random bits exchanges eight pairs, and what they come to is looked up: an eighth of the work.
    """
    if len(moved) <= ENUMERATED:
        return _tails(len(moved), lambda signs: 2.0 * (signs @ moved) - observed, observed, slack, random)
    eights = np.zeros((-(-len(moved) // 8), 8))
    eights.flat[: len(moved)] = moved
    sums = (2.0 * _every(8) - 1.0) @ eights.T

    def draw(size: int) -> Floats:
        packed = random.integers(0, 256, (len(eights), size), np.uint8)
        total = np.zeros(size)
        for number, exchanged in enumerate(packed):
            total += sums[:, number][exchanged]
        return total

    return _sampled(draw, RANDOMISATIONS, len(eights), observed, slack)


def _sampled(
    draw: Callable[[int], Floats], draws: int, width: int, observed: float, slack: float
) -> tuple[float, float]:
    """Shares of draws at or below, and at or above, the observed one counted in (Davison and Hinkley 1997, 4.2)."""
    drawn = lower = higher = 0
    for stage in (FIRST, draws - FIRST):
        for size in _batches(stage, width):
            values = draw(size)
            lower += int((values <= observed + slack).sum())
            higher += int((values >= observed - slack).sum())
        drawn += stage
        if min(lower, higher) > CLEAR * drawn:
            break
    return (1 + lower) / (1 + drawn), (1 + higher) / (1 + drawn)


def _beyond(base: Sequence[Floats], new: Sequence[Floats], percent: int, random: np.random.Generator) -> float:
    """Chance of a percentile this much higher, were each block of timings as likely in either run."""
    base, new = ([half for each in run for half in np.array_split(each, 2) if len(half)] for run in (base, new))
    if min(len(base), len(new)) < FEWEST_BLOCKS:
        base, new = (list(np.concatenate(run)[:, np.newaxis]) for run in (base, new))
    values, block = _sorted([*base, *new])
    ranks = np.arange(1, len(values) + 1)
    group = np.repeat([False, True], [len(base), len(new)])

    def difference(is_new: NDArray[np.bool_]) -> Floats:
        """Of the percentiles of the blocks in and out of a group, [*, blocks]."""
        upto = np.cumsum(is_new[:, block], axis=1, dtype=np.int32)
        return _at_rank(values, upto, percent) - _at_rank(values, ranks - upto, percent)

    observed = float(difference(group[np.newaxis])[0])

    def draw(size: int) -> Floats:
        return difference(random.permuted(np.broadcast_to(group, (size, len(group))), axis=1))

    def draw_of_many(size: int) -> Floats:
        """As `draw`, where that takes long."""
        found = np.empty(size)
        for number in range(size):
            is_new = np.zeros(len(group), np.bool_)
            is_new[random.choice(len(group), len(new), replace=False, shuffle=False)] = True
            of_new = is_new[block]
            places = np.flatnonzero(of_new), np.flatnonzero(~of_new)
            first, other = (values[place[-(-percent * len(place) // 100) - 1]] for place in places)
            found[number] = first - other
        return found

    draws, drawn = (RANDOMISATIONS, draw) if len(values) <= DEAR_WIDTH else (DEAR_RANDOMISATIONS, draw_of_many)
    return _sampled(drawn, draws, len(values), observed, 1e-9 * max(1.0, abs(observed)))[1]


def _resampled(random: np.random.Generator, run: Sequence[Floats], percents: Sequence[int]) -> Floats:
    """Percentiles of RESAMPLES draws of as many pictures, [percentiles, draws]; pictures count by their values."""
    values, picture = _sorted(run)
    found = []
    for size in _batches(RESAMPLES, len(values)):
        drawn = random.integers(0, len(run), (size, len(run)))
        cells = (drawn + np.arange(size)[:, np.newaxis] * len(run)).ravel()
        counts = np.bincount(cells, minlength=size * len(run)).reshape(size, -1).astype(np.int32)
        upto = np.cumsum(counts[:, picture], axis=1, dtype=np.int32)
        found.append([_at_rank(values, upto, percent) for percent in percents])
    return np.concatenate(found, axis=1)


def _at_rank(values: Floats, upto: NDArray[np.integer], percent: int) -> Floats:
    """Nearest-rank percentile of ascending values of which the first i + 1 count upto[:, i] times."""
    rank = -(-percent * upto[:, -1:].astype(np.int64) // 100)
    return np.asarray(values[(upto < rank).sum(axis=1)])


def _sorted(run: Sequence[Floats]) -> tuple[Floats, NDArray[np.intp]]:
    """All values in ascending order, and the block that each belongs to."""
    values, block = np.concatenate(run), np.repeat(np.arange(len(run)), [len(each) for each in run])
    order = np.argsort(values, kind="stable")
    return values[order], block[order]


def _thinned(run: Blocks) -> list[Floats]:
    """Each picture's values; so few that the tests end in seconds, however many a record holds."""
    kept = max(1, MAX_TIMINGS // len(run))
    arrays = [np.asarray(each, np.float64) for each in run]
    if sum(map(len, arrays)) <= MAX_TIMINGS:
        return arrays
    return [
        each if len(each) <= kept else np.sort(each)[((np.arange(kept) + 0.5) * len(each) / kept).astype(np.intp)]
        for each in arrays
    ]


def _batches(count: int, width: int) -> list[int]:
    """`count` rows of `width` cells in parts that fit into memory."""
    size = max(1, _CELLS // max(1, width))
    return [min(size, count - start) for start in range(0, count, size)]


def _bounds(samples: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(samples, (tail, 1 - tail), method="closest_observation")
    return float(low), float(high)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(_SEED))
