"""How much more probable a distance is between pictures of one person than of two.

Two fits are tried: logistic regression on the distance, and an isotonic one, which only knows that
a larger distance speaks less for the same person.  The one that does better on people it was not
fitted to is taken.  Both are fitted as if pairs of both kinds were equally frequent; what is
fitted is then the likelihood ratio, to which anybody may add a prior.

Neither says more than the pairs can: with 500 genuine pairs no distance is called more than 500
times rarer among them than among the others.

Sources: Brümmer and du Preez 2006, "Application-independent evaluation of speaker detection" (Cllr,
pool adjacent violators); Vergeer et al. 2016, on the limits that data set to likelihood ratios;
Guo et al. 2017, "On calibration of modern neural networks" (expected calibration error).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64
from phiz.errors import OptionError
from phiz.evaluation.trials import Trials

__all__ = ["RatioFit", "calibration_error", "fit_ratio", "log_ratio_cost"]

Method = Literal["isotonic", "logistic"]

_BINS = 2048  # of distances, that fits are made of
_KNOTS = 64  # points that are kept of a fit
_FOLDS = 5  # groups of people
_ERROR_BINS = 15  # of probabilities, as is usual
_ROUNDS = 100
_FEWEST = 2  # pairs of either kind


@dataclass(frozen=True, slots=True, eq=False)
class RatioFit:
    """The log-likelihood ratio at some distances.

    distances: (k,) float64, ascending.  values: (k,) float64, natural logarithms, never rising;
    between the distances on a straight line, outside constant.
    cost: Cllr on people that the fit did not know, in bits: 0 is perfect, 1 says nothing; NaN
        where people are too few to try.
    """

    method: Method
    distances: F64
    values: F64
    cost: float = math.nan

    def __call__(self, distances: F64) -> F64:
        """Return the log-likelihood ratio at any distances."""
        return np.asarray(np.interp(distances, self.distances, self.values), np.float64)


def fit_ratio(trials: Trials, method: Method | None = None, *, seed: int = 0) -> RatioFit:
    """Fit log-likelihood ratios to labelled pairs.

    method: by default the one that costs less on people it was not fitted to.
    seed: decides which people are tried together.

    Raises OptionError with fewer than two pairs of either kind.
    """
    genuine, impostor = trials.genuine, trials.impostor
    if min(len(genuine), len(impostor)) < _FEWEST:
        raise OptionError(
            f"calibration: wanted at least {_FEWEST} pairs of one person and of two, found "
            f"{len(genuine)} and {len(impostor)}"
        )
    methods: list[Method] = ["logistic", "isotonic"] if method is None else [method]
    costs = {name: _held_out_cost(trials, name, seed) for name in methods}
    best = min(methods, key=lambda name: (costs[name], methods.index(name)))
    fit = _fit(genuine, impostor, best)
    return RatioFit(best, fit.distances, fit.values, costs[best])


def log_ratio_cost(genuine: F64, impostor: F64) -> float:
    """Return Cllr of the log-likelihood ratios of both kinds of pairs, in bits."""
    missed, wrong = np.logaddexp(0, -genuine).mean(), np.logaddexp(0, impostor).mean()
    return float((missed + wrong) / (2 * math.log(2)))


def calibration_error(ratios: F64, same: NDArray[np.bool_], prior: float) -> float:
    """Return the expected calibration error of log-likelihood ratios at a prior.

    ratios: (n,) float64.  same: (n,) bool.  Pairs of one person are weighted to be ``prior`` of
    all.  In 15 equal bins of the probability: the mean distance between what was said and what was
    so, weighted by the pairs in each.
    """
    said = 1 / (1 + np.exp(-np.clip(ratios + math.log(prior / (1 - prior)), -700, 700)))
    weights = np.where(same, prior / max(same.sum(), 1), (1 - prior) / max((~same).sum(), 1))
    bins = np.minimum((said * _ERROR_BINS).astype(np.int64), _ERROR_BINS - 1)
    gap = np.bincount(bins, weights * (said - same), minlength=_ERROR_BINS)
    return float(np.abs(gap).sum() / weights.sum())


def _held_out_cost(trials: Trials, method: Method, seed: int) -> float:
    """Return Cllr on pairs within groups of people, of fits to the pairs within the rest."""
    count = int(trials.people.max(initial=-1)) + 1
    groups = np.random.default_rng(seed).permutation(count) % _FOLDS
    sides = groups[trials.people]
    genuine: list[F64] = []
    impostor: list[F64] = []
    for group in range(_FOLDS):
        inside, outside = (sides == group).all(axis=1), (sides != group).all(axis=1)
        known, tried = trials[outside], trials[inside]
        if min(len(known.genuine), len(known.impostor)) < _FEWEST:
            return math.nan
        fit = _fit(known.genuine, known.impostor, method)
        genuine.append(fit(tried.genuine))
        impostor.append(fit(tried.impostor))
    if not sum(map(len, genuine)) or not sum(map(len, impostor)):
        return math.nan
    return log_ratio_cost(np.concatenate(genuine), np.concatenate(impostor))


def _fit(genuine: F64, impostor: F64, method: Method) -> RatioFit:
    run = _isotonic if method == "isotonic" else _logistic
    distances, values = run(_binned(genuine, impostor))
    low, high = -math.log(len(genuine) + 1), math.log(len(impostor) + 1)
    values = np.minimum.accumulate(np.clip(values, low, high))
    kept = _thinned(len(distances))
    return RatioFit(method, distances[kept], values[kept])


@dataclass(frozen=True, slots=True, eq=False)
class _Binned:
    """Pairs by distance: ranges with a mean distance and the pairs of either kind in them."""

    distances: F64
    genuine: F64
    impostor: F64


def _binned(genuine: F64, impostor: F64) -> _Binned:
    """Count pairs in ranges that are fine where either kind is."""
    marks = [np.quantile(kind, np.linspace(0, 1, _BINS // 2)) for kind in (genuine, impostor)]
    inner = np.unique(np.concatenate(marks))[1:-1]
    width = len(inner) + 1
    places = [np.searchsorted(inner, kind, side="right") for kind in (genuine, impostor)]
    counts = [np.bincount(place, minlength=width) for place in places]
    sums = np.bincount(places[0], genuine, width) + np.bincount(places[1], impostor, width)
    held = counts[0] + counts[1] > 0
    parts = [count[held].astype(np.float64) for count in counts]
    return _Binned(sums[held] / (parts[0] + parts[1]), parts[0], parts[1])


def _thinned(count: int) -> I64:
    """Return at most as many places as are kept, evenly spread, with both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, _KNOTS)).round().astype(np.int64))


def _logistic(pairs: _Binned) -> tuple[F64, F64]:
    """Fit a straight line to the log-likelihood ratio by Newton's method."""
    distances = pairs.distances
    middle, scale = float(distances.mean()), float(distances.std()) or 1.0
    inputs = np.stack([np.ones(len(distances)), (distances - middle) / scale], axis=1)
    one, other = (kind / kind.sum() / 2 for kind in (pairs.genuine, pairs.impostor))
    # Kinds that a line parts wholly have no best line: a little weight decay gives one.
    decay = np.array([0.0, 0.5 / (pairs.genuine.sum() + pairs.impostor.sum())])
    line = np.zeros(2)
    for _ in range(_ROUNDS):
        said = 1 / (1 + np.exp(-np.clip(inputs @ line, -500, 500)))
        slope = inputs.T @ ((one + other) * said - one) + decay * line
        weights = (one + other) * said * (1 - said)
        bend = (inputs * weights[:, None]).T @ inputs + np.diag(decay + 1e-12)
        step = np.linalg.solve(bend, slope)
        step *= min(1.0, 5 / max(float(np.abs(step).max()), 1e-12))
        line -= step
        if np.abs(step).max() < 1e-9:
            break
    ends = np.linspace(distances[0], max(distances[-1], distances[0] + 1e-9), _KNOTS)
    return ends, line[0] + line[1] * (ends - middle) / scale


def _isotonic(pairs: _Binned) -> tuple[F64, F64]:
    """Fit the log-likelihood ratio that never rises with the distance: pool adjacent violators."""
    shares = [kind / kind.sum() for kind in (pairs.genuine, pairs.impostor)]
    many = pairs.genuine + pairs.impostor
    blocks: list[list[float]] = []  # share of genuine, share of impostor, distances, pairs
    for block in zip(*shares, pairs.distances * many, many, strict=True):
        blocks.append([float(part) for part in block])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] < blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    table = np.array(blocks)
    with np.errstate(divide="ignore"):
        values = np.log(table[:, 0]) - np.log(table[:, 1])
    distances = table[:, 2] / table[:, 3]
    if len(distances) == 1:
        distances, values = np.array([distances[0], distances[0] + 1e-9]), np.repeat(values, 2)
    return distances, np.nan_to_num(values, posinf=1e3, neginf=-1e3)
