"""From labelled pairs to a :class:`phiz.calibration.Calibration`."""

from __future__ import annotations

import math

import numpy as np

from phiz.calibration import Calibration
from phiz.checks import F32, F64, I64, check
from phiz.errors import OptionError
from phiz.evaluation.blocks import pair_distances
from phiz.evaluation.likelihood import RatioFit, fit_ratio
from phiz.evaluation.targets import Impostors, target_threshold
from phiz.evaluation.trials import Trials
from phiz.values import Metric

__all__ = ["MOST_PAIRS", "calibrate", "trials_of"]

MOST_PAIRS = 5_000_000
"""Of more faces than make so many pairs, people are drawn at random: about 500 MB are used."""

_TAIL = 128  # points of the curve of impostors
_LEAST = 10  # impostor pairs at the first of them


def trials_of(
    vectors: F32,
    people: I64,
    *,
    metric: Metric = "euclidean",
    most: int = MOST_PAIRS,
    seed: int = 0,
) -> Trials:
    """Return all pairs of labelled faces, or of people drawn at random where they are too many.

    vectors: (n, d) float32.  people: (n,) int64, who each face is.
    """
    check(people, (len(vectors),), dtype=np.int64, name="people")
    named, numbers = np.unique(people, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(named))
    faces = np.cumsum(np.bincount(numbers, minlength=len(named))[order])
    drawn = order[faces * (faces - 1) // 2 <= most]
    rows = np.flatnonzero(np.isin(numbers, drawn))
    one, other = np.triu_indices(len(rows), 1)
    distances = pair_distances(vectors[rows], one, other, metric)
    sides = np.stack([numbers[rows[one]], numbers[rows[other]]], axis=1).astype(np.int64)
    return Trials(distances, sides[:, 0] == sides[:, 1], sides)


def calibrate(
    trials: Trials,
    fmr: float,
    *,
    space: str,
    metric: Metric = "euclidean",
    seed: int = 0,
) -> Calibration:
    """Choose a threshold and fit what distances mean.

    fmr: the false match rate wanted of the threshold.  space, metric: of the descriptors.

    Raises OptionError where the pairs cannot show such a rate, or where one kind is missing.
    """
    if not trials.same.any():
        raise OptionError("calibration: wanted pairs of one person, found none")
    impostors = Impostors(trials.impostor, trials.people[~trials.same])
    target = target_threshold(impostors, fmr, seed=seed)
    fit: RatioFit = fit_ratio(trials, seed=seed)
    distances, rates = _tail(impostors.distances)
    return Calibration(
        space=space,
        metric=metric,
        threshold=target.threshold,
        fmr=fmr,
        measured=target.measured,
        low=target.low,
        high=target.high,
        genuine=int(trials.same.sum()),
        impostors=len(impostors),
        people=len(np.unique(trials.people)),
        llr_distances=tuple(fit.distances.tolist()),
        llr=tuple(fit.values.tolist()),
        llr_method=fit.method,
        tail_distances=tuple(distances.tolist()),
        tail_rates=tuple(rates.tolist()),
    )


def _tail(distances: F64) -> tuple[F64, F64]:
    """Return distances, ascending, and how many impostor pairs are at most so near.

    distances: (n,) float64 of impostor pairs, ascending.
    """
    total = len(distances)
    first = min(_LEAST, max(total // 2, 1))
    ranks = np.unique(np.geomspace(first, total, _TAIL).round().astype(np.int64))
    found, at = np.unique(distances[ranks - 1], return_index=True)
    if len(found) < 2:
        raise OptionError(f"calibration: all {total} impostor pairs have one distance: {found[0]}")
    return np.maximum(found, math.ulp(0.0)), ranks[at] / total
