"""Error rates of a model at every threshold, and the numbers that are read off them.

Two faces are taken for one person where ``distance < threshold``, as dlib decides.  The false match
rate (FMR, or FAR) is the share of impostor pairs that are; the false non-match rate (FNMR) is the
share of genuine pairs that are not; TAR is 1 - FNMR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, check
from phiz.errors import ShapeError
from phiz.evaluation.trials import Trials

__all__ = [
    "Curve",
    "Operating",
    "accuracy",
    "auc",
    "best_threshold",
    "curve_of",
    "det_points",
    "equal_error",
    "fold_accuracies",
    "held_out",
    "operating_at",
    "roc_points",
    "supports",
    "tar_at_far",
]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How many pairs each threshold accepts.

    thresholds: (m,) float64, ascending; at the first no pair is accepted, at the last all are.
    genuine, impostor: (m,) int64, pairs nearer than each threshold.
    """

    thresholds: F64
    genuine: I64
    impostor: I64

    def __post_init__(self) -> None:
        check(self.thresholds, (None,), dtype=np.float64, name="thresholds")
        for name in ("genuine", "impostor"):
            check(getattr(self, name), (len(self.thresholds),), dtype=np.int64, name=name)
        if not len(self.thresholds) or self.genuine[0] or self.impostor[0]:
            raise ShapeError("a curve begins with a threshold that accepts no pair")

    @property
    def genuine_total(self) -> int:
        """Pairs of one person."""
        return int(self.genuine[-1])

    @property
    def impostor_total(self) -> int:
        """Pairs of different people."""
        return int(self.impostor[-1])

    @property
    def two_sided(self) -> bool:
        """Whether there are pairs of both kinds."""
        return self.genuine_total > 0 and self.impostor_total > 0

    @property
    def fmr(self) -> F64:
        """False match rate at each threshold, (m,); NaN without impostor pairs."""
        return _share(self.impostor, self.impostor_total)

    @property
    def fnmr(self) -> F64:
        """False non-match rate at each threshold, (m,); NaN without genuine pairs."""
        return _share(self.genuine_total - self.genuine, self.genuine_total)


def _share(counts: I64, total: int) -> F64:
    return counts / total if total else np.full(len(counts), np.nan)


def curve_of(trials: Trials) -> Curve:
    """Count what each threshold accepts: one threshold per distance that occurs, and infinity."""
    distances, place = np.unique(trials.distances, return_inverse=True)
    place = place.reshape(-1)

    def accepted(chosen: NDArray[np.bool_]) -> I64:
        counts = np.bincount(place[chosen], minlength=len(distances))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    thresholds = np.concatenate([distances, [np.inf]])
    return Curve(thresholds, accepted(trials.same), accepted(~trials.same))


def roc_points(curve: Curve) -> tuple[F64, F64]:
    """Return FMR and TAR at each threshold, (m,) each, ascending."""
    return curve.fmr, 1 - curve.fnmr


def det_points(curve: Curve) -> tuple[F64, F64]:
    """Return FMR and FNMR at each threshold that makes errors of both kinds."""
    fmr, fnmr = curve.fmr, curve.fnmr
    shown = (fmr > 0) & (fnmr > 0)
    return fmr[shown], fnmr[shown]


def auc(curve: Curve) -> float | None:
    """Return the area under the ROC curve, or None where one kind of pair is missing.

    It is the chance that a genuine pair is nearer than an impostor pair, ties counted half.
    """
    if not curve.two_sided:
        return None
    heights = (curve.genuine[1:] + curve.genuine[:-1]) / 2
    area = float((np.diff(curve.impostor) * heights).sum())
    return area / curve.genuine_total / curve.impostor_total


@dataclass(frozen=True, slots=True)
class Operating:
    """What one threshold does.

    A rate is None where there is no pair it could be counted on.
    """

    threshold: float
    genuine: int
    impostor: int
    false_matches: int
    false_non_matches: int

    @property
    def fmr(self) -> float | None:
        """Share of impostor pairs that are accepted."""
        return self.false_matches / self.impostor if self.impostor else None

    @property
    def fnmr(self) -> float | None:
        """Share of genuine pairs that are refused."""
        return self.false_non_matches / self.genuine if self.genuine else None

    @property
    def accuracy(self) -> float | None:
        """Share of all pairs that are decided rightly."""
        total = self.genuine + self.impostor
        return 1 - (self.false_matches + self.false_non_matches) / total if total else None


def operating_at(curve: Curve, threshold: float) -> Operating:
    """Count errors at a threshold.

    Exact for a curve of trials.  A curve of a histogram knows its own thresholds only: there it
    is the next of them above.
    """
    at = int(np.searchsorted(curve.thresholds, threshold, side="left"))
    at = min(at, len(curve.thresholds) - 1)
    return Operating(
        float(threshold),
        curve.genuine_total,
        curve.impostor_total,
        int(curve.impostor[at]),
        curve.genuine_total - int(curve.genuine[at]),
    )


def accuracy(trials: Trials, threshold: float) -> float:
    """Return the share of pairs that ``distance < threshold`` decides rightly."""
    return float(((trials.distances < threshold) == trials.same).mean())


def _between(curve: Curve, at: int) -> float:
    """Return a threshold that accepts what number ``at`` does, amid the gap between distances."""
    upper = float(curve.thresholds[at])
    if at == 0:
        return upper
    lower = float(curve.thresholds[at - 1])
    if math.isinf(upper):
        return float(np.nextafter(lower, np.inf))
    middle = (lower + upper) / 2
    return middle if lower < middle else upper


def best_threshold(curve: Curve) -> float:
    """Return the threshold that decides most pairs rightly, the smallest of several.

    Of the thresholds that decide alike, it is in the middle.
    """
    right = curve.genuine + (curve.impostor_total - curve.impostor)
    return _between(curve, int(right.argmax()))


def equal_error(curve: Curve) -> tuple[float, float] | None:
    """Return the equal-error rate and its threshold, or None where one kind of pair is missing.

    The rate is the larger of FMR and FNMR where they differ least; of several such thresholds the
    largest counts.  Source: dlib ``statistics/lda.h``, equal_error_rate, which calls it ERR.
    """
    if not curve.two_sided:
        return None
    finite = np.isfinite(curve.thresholds)
    fmr, fnmr = curve.fmr[finite], curve.fnmr[finite]
    gap = np.abs(fmr - fnmr)
    at = int(len(gap) - 1 - gap[::-1].argmin())
    return float(max(fmr[at], fnmr[at])), float(curve.thresholds[at])


def _allowed(impostors: int, far: float) -> int:
    """Return how many false matches a FAR allows; 0.01 of 300 is 3 although 0.01 is not exact."""
    return math.floor(impostors * far + 1e-9)


def supports(impostors: int, far: float) -> bool:
    """Say whether so many impostor pairs can show a FAR: where it allows one false match or more.

    With fewer pairs every threshold that keeps the FAR makes no error at all on them, and a FAR a
    thousand times smaller would have the same answer.  One false match is the least; how little
    that is, the interval says.
    """
    return _allowed(impostors, far) >= 1


def tar_at_far(curve: Curve, far: float) -> tuple[float, float] | None:
    """Return the TAR where the FAR is at most ``far``, and its threshold, or None: unsupported.

    It is the largest threshold that accepts no more than ``far`` of the impostor pairs.  None
    without genuine pairs, or with fewer than 1 / far impostor pairs, see :func:`supports`.
    """
    if not 0 < far < 1:
        raise ShapeError(f"FAR: wanted a number between 0 and 1, found {far}")
    if not curve.genuine_total or not supports(curve.impostor_total, far):
        return None
    most = _allowed(curve.impostor_total, far)
    at = int(np.searchsorted(curve.impostor, most, side="right")) - 1
    return float(curve.genuine[at]) / curve.genuine_total, float(curve.thresholds[at])


def fold_accuracies(trials: Trials, threshold: float) -> F64:
    """Return the accuracy of each fold, in the order of their numbers; of all pairs without."""
    if trials.folds is None:
        return np.array([accuracy(trials, threshold)])
    right = (trials.distances < threshold) == trials.same
    return np.array([right[trials.folds == fold].mean() for fold in np.unique(trials.folds)])


def held_out(trials: Trials) -> tuple[F64, F64]:
    """Choose each fold's threshold on the other folds; returns thresholds and accuracies (f,).

    Raises ShapeError without at least two folds.
    """
    numbers = [] if trials.folds is None else np.unique(trials.folds).tolist()
    if len(numbers) < 2:
        raise ShapeError(f"wanted two folds or more, found {len(numbers)}")
    chosen, found = [], []
    for fold in numbers:
        inside = trials.folds == fold
        chosen.append(best_threshold(curve_of(trials[~inside])))
        found.append(accuracy(trials[inside], chosen[-1]))
    return np.array(chosen), np.array(found)
