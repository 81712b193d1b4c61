"""The threshold for a requested false match rate, and the rate it will have on other people.

The threshold is read off impostor pairs.  What it does on other people differs, because people are
few even where pairs are many: 300 people make 45,000 pairs of people, but one of them who looks
like many moves hundreds of pairs.  So the interval is of prediction: where the rate lies on as many
other people, with the spread of both, those that the threshold was chosen on and those it meets.

Where the interval would reach further than three times the requested rate, a smaller threshold is
taken, until it does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phiz.checks import F64, I64
from phiz.errors import OptionError
from phiz.evaluation.curves import supports
from phiz.evaluation.intervals import REPLICATES, person_weights, spread_factor
from phiz.evaluation.trials import Trials

__all__ = ["Impostors", "Target", "target_threshold"]

_REACH = 3.0  # times the requested rate that the interval may reach
_STEP = 0.85  # of the false matches that are allowed, from one try to the next
_SPREAD = 1.8  # of the interval, over the bootstrap's: see benchmarks/calibration.py
_EDGE = 0.025


@dataclass(frozen=True, slots=True)
class Target:
    """A threshold, and the false match rate it was chosen for.

    requested: the rate asked for.  measured: the share of the impostor pairs that are nearer.
    low, high: 95 % interval of the rate on as many other people.
    impostors, people: pairs, and people in them, that it was measured on.
    """

    requested: float
    threshold: float
    measured: float
    low: float
    high: float
    impostors: int
    people: int


class Impostors:
    """Impostor pairs, prepared to count what thresholds do for their people.

    distances: (n,) float64.  people: (n, 2) int64.
    """

    def __init__(self, distances: F64, people: I64) -> None:
        order = np.argsort(distances, kind="stable")
        self.distances = distances[order]
        named, numbers = np.unique(people, return_inverse=True)
        sides = numbers.reshape(people.shape).astype(np.int64)[order]
        self.people = len(named)
        self._sides = sides
        self._totals = np.bincount(sides.reshape(-1), minlength=self.people).astype(np.float64)
        low, high = sides.min(axis=1), sides.max(axis=1)
        self._couples = low * self.people + high
        self._known, self._couple_sizes = np.unique(self._couples, return_counts=True)

    def __len__(self) -> int:
        return len(self.distances)

    def interval(self, nearest: int, *, seed: int = 0) -> tuple[float, float]:
        """Return the prediction interval of the rate that accepts the ``nearest`` pairs."""
        total = len(self)
        if nearest == 0:
            # None of so many people who meet each other in pairs: see intervals.interval_of.
            return 0.0, 1 - _EDGE ** (1 / max(len(self._known), 1))
        value = nearest / total
        mine = np.bincount(self._sides[:nearest].reshape(-1), minlength=self.people)
        weights = person_weights(self.people, REPLICATES, seed)
        drawn = (weights @ mine.astype(np.float64) - nearest) / (weights @ self._totals - total)
        influences = (mine - value * self._totals) / total
        factor = spread_factor(drawn, influences, self._shared(nearest, value))
        reach = _SPREAD * factor
        logs = np.log(np.maximum(drawn, value / total))
        above = reach * float(np.quantile(logs, 1 - _EDGE) - np.median(logs))
        # Downwards on the scale of square roots: few matches here may well be none there, and less
        # than one of so many pairs is none.
        roots = np.sqrt(np.maximum(drawn, 0))
        below = reach * float(np.median(roots) - np.quantile(roots, _EDGE))
        low = max(math.sqrt(value) - below, 0.0) ** 2
        return low if low * total >= 1 else 0.0, min(value * math.exp(above), 1.0)

    def _shared(self, nearest: int, value: float) -> float:
        """Return the variance of the rate that is due to pairs of people, not to people."""
        hit, counts = np.unique(self._couples[:nearest], return_counts=True)
        sizes = self._couple_sizes[np.searchsorted(self._known, hit)]
        sums = (counts**2).sum() - 2 * value * (counts * sizes).sum()
        every = float((self._couple_sizes.astype(np.float64) ** 2).sum())
        return float(sums + value**2 * every) / len(self) ** 2


def target_threshold(trials: Trials | Impostors, fmr: float, *, seed: int = 0) -> Target:
    """Choose the threshold for a false match rate.

    Returns the largest threshold that no more than ``fmr`` of the impostor pairs are nearer than,
    and whose interval ends at three times that at most.  Raises OptionError where the pairs cannot
    show such a rate: fewer than 1 / fmr.
    """
    if not 0 < fmr < 1:
        raise OptionError(f"false match rate: wanted a number between 0 and 1, found {fmr:g}")
    pairs = trials
    if isinstance(pairs, Trials):
        pairs = Impostors(pairs.impostor, pairs.people[~pairs.same])
    total = len(pairs)
    if not supports(total, fmr):
        least = f"an FMR of {1 / total:.1e} or more" if total else "no FMR"
        raise OptionError(
            f"false match rate {fmr:g}: your data supports {least}: "
            f"{total} impostor pairs of {pairs.people} people"
        )
    nearest = math.floor(total * fmr + 1e-9)
    while True:
        threshold, nearest = _cut(pairs.distances, nearest)
        low, high = pairs.interval(nearest, seed=seed)
        if high <= _REACH * fmr or nearest == 0:
            break
        nearest = math.floor(nearest * _STEP)
    return Target(fmr, threshold, nearest / total, low, high, total, pairs.people)


def _cut(distances: F64, nearest: int) -> tuple[float, int]:
    """Return a threshold that accepts at most the ``nearest`` pairs, and how many it accepts.

    It lies amid the gap after them: a pair is accepted where ``distance < threshold``.
    """
    if nearest >= len(distances):
        return float(np.nextafter(distances[-1], np.inf)), len(distances)
    following = float(distances[nearest])
    accepted = int(np.searchsorted(distances, following, side="left"))
    if accepted == 0:
        return following, 0
    middle = (float(distances[accepted - 1]) + following) / 2
    return (middle if middle > distances[accepted - 1] else following), accepted
