"""What a model scored on labelled faces, as one value: numbers, curves, and the worst errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64
from phiz.evaluation.blocks import AllPairs, Hardest, all_pairs
from phiz.evaluation.curves import (
    Curve,
    Operating,
    curve_of,
    equal_error,
    fold_accuracies,
    held_out,
    operating_at,
    tar_at_far,
)
from phiz.evaluation.faces import DescribedFaces
from phiz.evaluation.intervals import (
    CurveIntervals,
    Interval,
    counts_intervals,
    counts_rates,
    curve_intervals,
    rate_interval,
)
from phiz.evaluation.listings import FacePairs
from phiz.evaluation.trials import Trials
from phiz.runtime import Runtime
from phiz.values import Metric

__all__ = [
    "FARS",
    "Folds",
    "Histogram",
    "PairScore",
    "interval_record",
    "score_folder",
    "score_pairs",
]

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
HARDEST = 20  # pairs of either kind that a report shows
_BINS = 80
_POINTS = 300  # of a curve in a report


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How many pairs of either kind lie between edges (m + 1,); genuine, impostor: (m,) int64."""

    edges: F64
    genuine: I64
    impostor: I64


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """What folds say, (f,) each.

    accuracies: at the model's threshold, or None without one.
    thresholds, held_out: chosen on the other folds, and the accuracy there; None for one fold.
    """

    accuracies: F64 | None
    thresholds: F64 | None
    held_out: F64 | None


@dataclass(frozen=True, slots=True, eq=False)
class PairScore:
    """What a model scored on pairs.

    model, metric, threshold: whose, how compared, and below which distance one person.
    people, pictures: how many were compared.
    curve: error rates at every threshold.  intervals: of the AUC and TARs.
    at: errors at the threshold, or None without one.  fmr, fnmr: with intervals where listed pairs
        can say.
    folds: of listed pairs.
    impostors, strangers: the nearest of two people and the farthest of one, as pictures.
    """

    model: str
    metric: Metric
    threshold: float | None
    people: int
    pictures: int
    curve: Curve
    intervals: CurveIntervals
    at: Operating | None
    fmr: Interval | None
    fnmr: Interval | None
    folds: Folds | None
    histogram: Histogram
    impostors: Hardest
    strangers: Hardest

    def record(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON; None is what the data cannot say."""
        equal = equal_error(self.curve)
        at = self.at
        tars = {}
        for far, interval in self.intervals.tar.items():
            found = tar_at_far(self.curve, far)
            limit = None if found is None else _number(found[1])
            tars[f"{far:g}"] = interval_record(interval) | {"threshold": limit}
        return {
            "model": self.model,
            "metric": self.metric,
            "threshold": self.threshold,
            "people": self.people,
            "pictures": self.pictures,
            "genuine_pairs": self.curve.genuine_total,
            "impostor_pairs": self.curve.impostor_total,
            "accuracy": None if at is None else at.accuracy,
            "false_match_rate": interval_record(self.fmr),
            "false_non_match_rate": interval_record(self.fnmr),
            "auc": interval_record(self.intervals.auc),
            "equal_error_rate": None if equal is None else equal[0],
            "equal_error_threshold": None if equal is None else equal[1],
            "tar_at_far": tars,
            "folds": self._folds(),
            "curve": _curve_record(self.curve),
            "histogram": {
                "edges": self.histogram.edges.tolist(),
                "genuine": self.histogram.genuine.tolist(),
                "impostor": self.histogram.impostor.tolist(),
            },
        }

    def _folds(self) -> dict[str, Any] | None:
        if self.folds is None:
            return None
        columns = {
            "accuracies": self.folds.accuracies,
            "thresholds_of_the_others": self.folds.thresholds,
            "accuracies_held_out": self.folds.held_out,
        }
        return {name: None if rows is None else rows.tolist() for name, rows in columns.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def interval_record(interval: Interval | None) -> dict[str, Any]:
    """Return a value and its interval for JSON; ``supported`` says whether there is one."""
    if interval is None:
        return {"supported": False, "value": None, "interval": None}
    return {
        "supported": True,
        "value": interval.value,
        "interval": [interval.low, interval.high],
    }


def _curve_record(curve: Curve) -> dict[str, Any]:
    """Return points of a curve, evenly spread over the logarithm of the FMR."""
    if not curve.two_sided:
        return {"threshold": [], "fmr": [], "fnmr": []}
    fmr, fnmr = curve.fmr, curve.fnmr
    spread = np.geomspace(1 / curve.impostor_total, 1, _POINTS)
    rows = np.unique(np.searchsorted(fmr, spread, side="right") - 1)
    rows = rows[np.isfinite(curve.thresholds[rows])]
    return {
        "threshold": curve.thresholds[rows].tolist(),
        "fmr": fmr[rows].tolist(),
        "fnmr": fnmr[rows].tolist(),
    }


def _folds_of(trials: Trials, threshold: float | None) -> Folds:
    accuracies = None if threshold is None else fold_accuracies(trials, threshold)
    if trials.folds is None or len(np.unique(trials.folds)) < 2:
        return Folds(accuracies, None, None)
    return Folds(accuracies, *held_out(trials))


def _worst(trials: Trials, sides: I64, *, same: bool) -> Hardest:
    rows = np.flatnonzero(trials.same == same)
    order = np.argsort(-trials.distances[rows] if same else trials.distances[rows], kind="stable")
    chosen = rows[order[:HARDEST]]
    return Hardest(sides[chosen, 0], sides[chosen, 1], trials.distances[chosen])


def score_pairs(
    pairs: FacePairs,
    faces: DescribedFaces,
    *,
    threshold: float | None = None,
    fars: Sequence[float] = FARS,
    replicates: int = 1000,
    chosen: NDArray[np.bool_] | None = None,
) -> PairScore:
    """Score listed pairs; those of which a picture has no vector are left out.

    threshold: by default the model's own.  chosen: (m,) bool, only pairs of these pictures.
    """
    limit = faces.threshold if threshold is None else threshold
    distances, rows = faces.distances(pairs.sides)
    if chosen is not None:
        kept = chosen[pairs.sides[rows]].all(axis=1)
        distances, rows = distances[kept], rows[kept]
    trials = pairs.trials(distances, rows)
    curve = curve_of(trials)
    fmr = fnmr = None
    if limit is not None:
        apart = ~trials.same
        fmr = rate_interval(trials.impostor < limit, trials.people[apart], replicates=replicates)
        fnmr = rate_interval(
            trials.genuine >= limit, trials.people[trials.same], replicates=replicates
        )
    edges = np.linspace(0, max(float(distances.max(initial=0)), 1e-9), _BINS + 1)
    genuine, impostor = (np.histogram(part, edges)[0] for part in (trials.genuine, trials.impostor))
    sides = pairs.sides[rows]
    return PairScore(
        model=faces.model,
        metric=faces.metric,
        threshold=limit,
        people=len(np.unique(trials.people)),
        pictures=len(np.unique(sides)),
        curve=curve,
        intervals=curve_intervals(trials, fars, replicates=replicates),
        at=None if limit is None else operating_at(curve, limit),
        fmr=fmr,
        fnmr=fnmr,
        folds=_folds_of(trials, limit),
        histogram=Histogram(edges, genuine.astype(np.int64), impostor.astype(np.int64)),
        impostors=_worst(trials, sides, same=False),
        strangers=_worst(trials, sides, same=True),
    )


def _coarse(found: AllPairs) -> Histogram:
    """Return the histogram of all pairs in few ranges, up to the largest distance that occurs."""
    last = int(np.flatnonzero(found.genuine + found.impostor).max(initial=0)) + 1
    step = -(-last // _BINS)
    starts = np.arange(0, last, step)
    genuine, impostor = (
        np.add.reduceat(part[:last], starts) for part in (found.genuine, found.impostor)
    )
    ends = np.minimum(np.append(starts[1:], starts[-1] + step), len(found.genuine))
    edges = np.concatenate([[found.edges[0]], found.edges[ends]])
    return Histogram(edges, genuine, impostor)


def score_folder(
    people: I64,
    faces: DescribedFaces,
    *,
    threshold: float | None = None,
    fars: Sequence[float] = FARS,
    replicates: int = 1000,
    chosen: NDArray[np.bool_] | None = None,
    progress: Callable[[int], None] = lambda _done: None,
    runtime: Runtime | None = None,
) -> PairScore:
    """Score all pairs of pictures, by blocks.

    people: (n,) int64, who each picture is of.  chosen: (n,) bool, only these pictures.
    progress: called with the number of pairs done.
    """
    limit = faces.threshold if threshold is None else threshold
    if chosen is not None:
        faces = faces.only(chosen)
    named, who = np.unique(people[faces.rows], return_inverse=True)
    found = all_pairs(
        faces.vectors,
        who.reshape(-1).astype(np.int64),
        metric=faces.metric,
        thresholds=() if limit is None else (limit,),
        hardest=HARDEST,
        progress=progress,
        runtime=runtime,
    )
    curve = found.curve()
    at = None if limit is None else operating_at(curve, limit)
    rates = (None, None) if at is None else counts_rates(found.people, at, replicates=replicates)
    return PairScore(
        model=faces.model,
        metric=faces.metric,
        threshold=limit,
        people=len(named),
        pictures=len(faces.rows),
        curve=curve,
        intervals=counts_intervals(found.people, curve, fars, replicates=replicates),
        at=at,
        fmr=rates[0],
        fnmr=rates[1],
        folds=None,
        histogram=_coarse(found),
        impostors=_faces_to_pictures(found.impostors, faces.rows),
        strangers=_faces_to_pictures(found.strangers, faces.rows),
    )


def _faces_to_pictures(hardest: Hardest, rows: I64) -> Hardest:
    return Hardest(rows[hardest.one], rows[hardest.other], hardest.distances)
