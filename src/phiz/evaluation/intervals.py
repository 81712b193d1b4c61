"""How sure a number is: 95 % intervals by a bootstrap over people.

Pairs that share a person are not independent, so people are drawn again, not pairs.  Each
replicate gives person i a weight w_i of mean 1 (the Bayesian bootstrap: exponential weights, made
to sum to the number of people).  A genuine pair of i weighs w_i.  An impostor pair of i and j
weighs w_i + w_j - 1, which is w_i * w_j without its last term, (w_i - 1)(w_j - 1): so a replicate
is a product of weights with histograms per person, whatever the number of pairs.

Two corrections, each a factor of the spread, bring the coverage to 95 % (benchmarks/intervals.py):

- What is neither i's nor j's but only theirs together is counted twice by these weights (thrice by
  w_i * w_j).  Where people share few pairs, as in lists like LFW's, that is most of the spread.
  Known from sums over pairs of people, it is counted once.
- Few people may make most of the spread, which then is a guess from few: the quantiles are those of
  Student's t, the degrees of freedom as the influence of each person has them.

The ends are quantiles of the replicates for what is read off a curve, and standard deviations for
shares of pairs; both on the logit scale, where rates near 0 and 1 have no edge to run into.

Sources: Rubin 1981, "The Bayesian bootstrap"; Owen 2007, "The pigeonhole bootstrap"; Aronow, Samii
and Assenova 2015, "Cluster-robust variance estimation for dyadic data"; Satterthwaite 1946.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, check
from phiz.evaluation.curves import Curve, Operating, auc, curve_of, tar_at_far
from phiz.evaluation.person_counts import PersonCounts, person_counts
from phiz.evaluation.trials import Trials

__all__ = [
    "REPLICATES",
    "CurveIntervals",
    "Interval",
    "counts_intervals",
    "counts_rates",
    "curve_intervals",
    "person_weights",
    "rate_interval",
    "spread_factor",
]

REPLICATES = 1000
_EDGE = 0.025  # left out at either end
_NORMAL = 1.959964  # the normal distribution's quantile there
_FARTHEST = 50.0  # on the logit scale; farther is 0 or 1
_AT_ONCE = 250  # rows of weighted histograms in memory
_FEWEST = 4.0  # degrees of freedom, at least

Statistic = Callable[[F64, F64], F64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CurveIntervals:
    """The area under the ROC curve, and the TAR at each FAR asked for.

    None: the data cannot say, see :func:`phiz.evaluation.curves.supports`.
    """

    auc: Interval | None
    tar: dict[float, Interval | None]


def person_weights(people: int, replicates: int = REPLICATES, seed: int = 0) -> F64:
    """Return weights (replicates, people), each row of mean 1."""
    weights = np.random.default_rng(seed).standard_exponential((replicates, people))
    return np.asarray(weights / weights.mean(axis=1, keepdims=True), np.float64)


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _logit(rate: F64 | float) -> F64:
    inside = np.clip(rate, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(inside / (1 - inside)), np.float64)


def _without_exception(value: float, units: int) -> Interval:
    """Return the interval of a rate of 0 or 1, of which replicates say nothing.

    Its end is the rate at which so many units (people, or pairs of people) without an exception are
    still seen in one case of forty.
    """
    reach = 1 - _EDGE ** (1 / max(units, 1))
    return Interval(value, max(value - reach, 0.0), min(value + reach, 1.0))


def _by_quantiles(value: float, replicates: F64, factor: float, units: int) -> Interval:
    """Return an interval whose ends are quantiles of the replicates, as far from their median."""
    if value <= 0 or value >= 1 or not np.ptp(replicates):
        return _without_exception(value, units)
    middle, moved = float(_logit(value)), _logit(replicates)
    low, high = factor * (np.quantile(moved, [_EDGE, 1 - _EDGE]) - np.median(moved))
    return Interval(value, _expit(middle + float(low)), _expit(middle + float(high)))


def _by_deviation(value: float, replicates: F64, factor: float, units: int) -> Interval:
    """Return an interval whose ends are standard deviations of the replicates away.

    For shares of few pairs, of which a replicate may be below 0.
    """
    deviation = factor * float(replicates.std())
    if value <= 0 or value >= 1 or not deviation:
        return _without_exception(value, units)
    middle, reach = float(_logit(value)), _NORMAL * deviation / (value * (1 - value))
    reach = min(reach, _FARTHEST)
    return Interval(value, _expit(middle - reach), _expit(middle + reach))


def _students(influences: F64) -> float:
    """Return how much wider Student's t is than the normal distribution.

    influences: (p,), what each person adds to a number.  The degrees of freedom are Satterthwaite's
    for the sum of their squares; the quantile is the expansion of Abramowitz and Stegun, 26.7.5.
    """
    squares = (influences - influences.mean()) ** 2
    if not squares.any():
        return 1.0
    uneven = float((squares**2).sum() / squares.sum() ** 2) - 1 / len(squares)
    freedom = max(_FEWEST, 2 / max(uneven, 1e-9))
    z = _NORMAL
    more = (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return 1 + more / z


def spread_factor(replicates: F64, influences: F64, twice: float) -> float:
    """Return the factor of the replicates' spread.

    twice: the variance that the weights count twice.  All of it at most: then half is right.
    """
    variance = float(replicates.var())
    once = max(0.5, 1 - twice / variance) if variance else 1.0
    return math.sqrt(once) * _students(influences)


def _area(genuine: F64, impostor: F64) -> F64:
    """Return the area under the ROC curve of cumulated counts (b, k + 1)."""
    heights = genuine[:, 1:] + genuine[:, :-1]
    total = 2 * genuine[:, -1] * impostor[:, -1]
    area = (np.diff(impostor, axis=1) * heights).sum(axis=1)
    # The weights of a handful of pairs may sum to nothing: such a replicate knows nothing.
    shares = np.divide(area, total, out=np.full(len(area), 0.5), where=total > 0)
    return np.asarray(shares, np.float64)


def _tar(far: float) -> Statistic:
    """Return the function that reads the TAR at a FAR off cumulated counts (b, k + 1)."""

    def read(genuine: F64, impostor: F64) -> F64:
        rows, wanted = np.arange(len(impostor)), far * impostor[:, -1]
        at = np.clip((impostor <= wanted[:, None]).sum(axis=1), 1, impostor.shape[1] - 1)
        below, above = impostor[rows, at - 1], impostor[rows, at]
        part = np.divide(
            wanted - below, above - below, out=np.zeros(len(rows)), where=above > below
        )
        low, high = genuine[rows, at - 1], genuine[rows, at]
        return np.asarray((low + part * (high - low)) / genuine[:, -1], np.float64)

    return read


def _cumulated(counts: NDArray[Any]) -> F64:
    """Return counts (b, k) as counts below each edge (b, k + 1), which never fall."""
    below = np.zeros((len(counts), counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=below[:, 1:])
    return np.asarray(np.maximum.accumulate(below, axis=1), np.float64)


def _replicated(
    counts: PersonCounts, statistics: Sequence[Statistic], replicates: int, seed: int
) -> list[F64]:
    """Return each statistic's replicates, (b,)."""
    random = np.random.default_rng(seed)
    genuine, impostor = counts.genuine.astype(np.float32), counts.impostor.astype(np.float32)
    once = counts.totals()[1]
    found: list[list[F64]] = [[] for _ in statistics]
    for start in range(0, replicates, _AT_ONCE):
        shape = (min(_AT_ONCE, replicates - start), len(genuine))
        weights = random.standard_exponential(shape, dtype=np.float32)
        weights /= weights.mean(axis=1, keepdims=True)
        sums = _cumulated(weights @ genuine), _cumulated(weights @ impostor - once)
        for statistic, values in zip(statistics, found, strict=True):
            values.append(statistic(*sums))
    return [np.concatenate(values) for values in found]


def _without_each(counts: PersonCounts, statistics: Sequence[Statistic]) -> list[F64]:
    """Return each statistic without each person and all its pairs, (p,)."""
    genuine, impostor = counts.totals()
    found: list[list[F64]] = [[] for _ in statistics]
    for start in range(0, len(counts.genuine), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        sums = (
            _cumulated(genuine - counts.genuine[part].astype(np.float64)),
            _cumulated(impostor - counts.impostor[part].astype(np.float64)),
        )
        with np.errstate(invalid="ignore"):  # the only person with genuine pairs
            for statistic, values in zip(statistics, found, strict=True):
                values.append(statistic(*sums))
    return [np.nan_to_num(np.concatenate(values)) for values in found]


def _shared_variance(people: I64, values: F64) -> float:
    """Return the variance of a sum over pairs that is due to pairs of people, not to people.

    people: (n, 2) of each pair.  values: (n,), what each adds, of mean 0.
    """
    return float((np.bincount(_pairs_of_people(people), values) ** 2).sum())


def _pairs_of_people(people: I64) -> I64:
    """Number the pairs of people (n, 2), whichever side each is on; (n,)."""
    low, high = people.min(axis=1, initial=2**62), people.max(axis=1, initial=-1)
    _, which = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_inverse=True)
    return np.asarray(which.reshape(-1), np.int64)


def _counted_twice(trials: Trials, curve: Curve, far: float | None) -> float:
    """Return what the weights count twice of the variance of the AUC (None) or the TAR at a FAR.

    The value of an impostor pair is its influence: on the AUC the share of genuine pairs that are
    nearer; on the TAR its being accepted or not, times the slope of the ROC curve there.
    """
    impostor, people = trials.impostor, trials.people[~trials.same]
    below = curve.genuine / curve.genuine_total
    if far is None:
        at = np.searchsorted(curve.thresholds, impostor)
        nearer = (below[at] + below[at + 1]) / 2
        values = nearer - nearer.mean()
    else:
        total = curve.impostor_total
        reach = max(far / 2, 2 / total)
        low, high = max(far - reach, 0.0), min(far + reach, 1.0)
        tar = np.interp([low, high], curve.impostor / total, below)
        found = tar_at_far(curve, far)
        assert found is not None
        values = ((impostor < found[1]) - far) * float(tar[1] - tar[0]) / (high - low)
    return _shared_variance(people, values) / curve.impostor_total**2


def _intervals(
    counts: PersonCounts,
    curve: Curve,
    fars: Sequence[float],
    twice: Callable[[float | None], float],
    replicates: int,
    seed: int,
) -> CurveIntervals:
    area = auc(curve)
    if area is None:
        return CurveIntervals(None, dict.fromkeys(fars))
    found = {far: tar_at_far(curve, far) for far in fars}
    supported = [far for far, value in found.items() if value is not None]
    statistics = [_area, *(_tar(far) for far in supported)]
    drawn = _replicated(counts, statistics, replicates, seed)
    without = _without_each(counts, statistics)
    people = int((counts.genuine.sum(axis=1) > 0).sum())

    def interval(value: float, place: int, far: float | None) -> Interval:
        factor = spread_factor(drawn[place], without[place], twice(far))
        return _by_quantiles(value, drawn[place], factor, people)

    tar: dict[float, Interval | None] = dict.fromkeys(fars)
    for place, far in enumerate(supported, start=1):
        value = found[far]
        assert value is not None
        tar[far] = interval(value[0], place, far)
    return CurveIntervals(interval(area, 0, None), tar)


def curve_intervals(
    trials: Trials, fars: Sequence[float] = (), *, replicates: int = REPLICATES, seed: int = 0
) -> CurveIntervals:
    """Return the 95 % intervals of the AUC and of the TAR at each FAR, of listed pairs."""
    curve = curve_of(trials)

    def twice(far: float | None) -> float:
        return _counted_twice(trials, curve, far)

    return _intervals(person_counts(trials), curve, fars, twice, replicates, seed)


def counts_intervals(
    counts: PersonCounts,
    curve: Curve,
    fars: Sequence[float] = (),
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> CurveIntervals:
    """Return the same of all pairs of some faces, from their counts per person.

    Every two people share pairs, so that what they have together is little of the spread, and is
    left as the weights count it.
    """
    return _intervals(counts, curve, fars, lambda _far: 0.0, replicates, seed)


def rate_interval(
    hits: NDArray[np.bool_], people: I64, *, replicates: int = REPLICATES, seed: int = 0
) -> Interval | None:
    """Return the interval of the share of pairs that are hits, or None without pairs.

    hits: (n,) bool, such as ``distance < threshold`` of impostor pairs, which gives the FMR.
    people: (n, 2) int64, who is on either side.
    """
    check(hits, (None,), dtype=np.bool_, name="hits")
    check(people, (len(hits), 2), dtype=np.int64, name="people")
    if not len(hits):
        return None
    named, numbers = np.unique(people, return_inverse=True)
    sides = numbers.reshape(people.shape)
    two = sides[:, 0] != sides[:, 1]

    def per_person(chosen: NDArray[np.bool_]) -> F64:
        """Count pairs at their people: those of two at both."""
        both = [sides[chosen, 0], sides[chosen & two, 1]]
        return np.bincount(np.concatenate(both), minlength=len(named)).astype(np.float64)

    mine, every = per_person(hits), per_person(np.ones(len(hits), np.bool_))
    value = float(hits.mean())
    twice = _shared_variance(people[two], (hits[two] - value) / len(hits))
    units = int(_pairs_of_people(sides).max()) + 1
    again = int((hits & two).sum()), int(two.sum())
    return _rate(mine, every, again, value, twice, units, replicates, seed)


def _rate(
    mine: F64,
    every: F64,
    again: tuple[int, int],
    value: float,
    twice: float,
    units: int,
    replicates: int,
    seed: int,
) -> Interval:
    """Return the interval of a rate from its hits and pairs per person, (p,) each.

    again: hits and pairs of two people, which are in these sums twice.
    """
    weights = person_weights(len(mine), replicates, seed)
    drawn = (weights @ mine - again[0]) / (weights @ every - again[1])
    influences = (mine - value * every) / (every.sum() - again[1])
    factor = spread_factor(drawn, influences, twice)
    return _by_deviation(value, drawn, factor, units)


def counts_rates(
    counts: PersonCounts, at: Operating, *, replicates: int = REPLICATES, seed: int = 0
) -> tuple[Interval | None, Interval | None]:
    """Return FMR and FNMR at a threshold with their intervals, of all pairs of some faces.

    at: the errors there, exact.  The spread is that at the edge of ``counts`` next to it.
    """
    place = int(np.abs(counts.edges - at.threshold).argmin()) + 1 if len(counts.edges) else 0
    people = len(counts.genuine)
    found: list[Interval | None] = []
    for table, below, value in ((counts.impostor, True, at.fmr), (counts.genuine, False, at.fnmr)):
        if value is None:
            found.append(None)
            continue
        part = table[:, :place] if below else table[:, place:]
        mine, every = part.sum(axis=1, dtype=np.float64), table.sum(axis=1, dtype=np.float64)
        halves = (int(mine.sum()) // 2, int(every.sum()) // 2) if below else (0, 0)
        units = people * (people - 1) // 2 if below else int((every > 0).sum())
        found.append(_rate(mine, every, halves, value, 0.0, units, replicates, seed))
    return found[0], found[1]
