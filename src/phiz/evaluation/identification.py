"""Open-set identification: who of a gallery is this, if anyone?

A probe of somebody in the gallery is mated, the others are non-mated.  A search returns the people
of the gallery by distance, each as near as their nearest face, and keeps those below a threshold.

- FPIR: share of non-mated searches that return anybody.
- FNIR: share of mated searches that do not return the right person first and below the threshold.
  (With more than one candidate shown, NIST asks for the right one among them.)
- DIR: 1 - FNIR, the detection and identification rate.
- Rank-n: share of mated searches with the right person among the n nearest, whatever the distance.

Source: Grother, Ngan and Hanaoka, NISTIR 8271, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, check
from phiz.errors import ShapeError
from phiz.evaluation.blocks import pair_distances
from phiz.evaluation.curves import Curve, supports
from phiz.values import Metric

__all__ = ["Searches", "fnir_at_fpir", "hits_at", "identify_probes", "rank_rate", "search_curve"]

_BLOCK = 1 << 22  # distances in memory


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """What a gallery answered to each of n probes.

    people: (n,) int64, who the probe is of.  mated: (n,) bool, whether the gallery has them.
    nearest: (n,) int64, the gallery face that is nearest.  distances: (n,) float64, how near.
    right: (n,) bool, whether that is a face of the probe's person.
    own: (n,) float64, how near the person's own nearest face is; infinite for the non-mated.
    ranks: (n,) int64, how many people are nearer than the right one, 0 for the best; -1 for the
        non-mated.  Of people equally near the right one comes last.
    """

    people: I64
    mated: NDArray[np.bool_]
    nearest: I64
    distances: F64
    right: NDArray[np.bool_]
    own: F64
    ranks: I64


def identify_probes(
    gallery: F32,
    gallery_people: I64,
    probes: F32,
    probe_people: I64,
    *,
    metric: Metric = "euclidean",
    progress: Callable[[int], None] = lambda _done: None,
) -> Searches:
    """Search for every probe (n, d) float32 among the faces of a gallery (m, d) float32.

    gallery_people, probe_people: (m,), (n,) int64, one numbering for both.
    progress: called with the number of probes done.

    Exhaustive, by blocks: 4 million distances are in memory at once.  Raises ShapeError for an
    empty gallery.
    """
    check(gallery, (None, None), dtype=np.float32, name="gallery")
    check(probes, (None, gallery.shape[1]), dtype=np.float32, name="probes")
    check(gallery_people, (len(gallery),), dtype=np.int64, name="gallery people")
    check(probe_people, (len(probes),), dtype=np.int64, name="probe people")
    if not len(gallery):
        raise ShapeError("a gallery wants at least one face")
    order = np.argsort(gallery_people, kind="stable")
    known, starts = np.unique(gallery_people[order], return_index=True)
    place = np.searchsorted(known, probe_people)
    mated = known[np.minimum(place, len(known) - 1)] == probe_people
    count = len(probes)
    nearest, ranks = np.zeros(count, np.int64), np.full(count, -1)
    distances, own = np.full(count, np.inf), np.full(count, np.inf)
    step = max(1, _BLOCK // len(gallery))
    sorted_gallery = gallery[order].astype(np.float64)
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        block = _distances(probes[rows].astype(np.float64), sorted_gallery, metric)
        best = np.minimum.reduceat(block, starts, axis=1)  # (rows, people)
        nearest[rows] = order[block.argmin(axis=1)]
        distances[rows] = best.min(axis=1)
        with_mate = np.flatnonzero(mated[rows])
        mine = best[with_mate, place[rows[with_mate]]]
        own[rows[with_mate]] = mine
        ranks[rows[with_mate]] = (best[with_mate] <= mine[:, None]).sum(axis=1) - 1
        progress(int(rows[-1]) + 1)
    # The product's rounding must not decide at a threshold.
    distances = _to_nearest(probes, gallery, nearest, metric)
    right = mated & (ranks == 0)
    own = np.where(right, distances, own)
    return Searches(probe_people, mated, nearest, distances, right, own, ranks)


def _to_nearest(probes: F32, gallery: F32, nearest: I64, metric: Metric) -> F64:
    """Return the distance of each probe to its gallery face, in float64."""
    both = np.concatenate([probes, gallery])
    return pair_distances(both, np.arange(len(probes)), nearest + len(probes), metric)


def _distances(one: F64, other: F64, metric: Metric) -> F64:
    if metric == "cosine":
        lengths = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
        return np.asarray(1 - one @ other.T / lengths, np.float64)
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * (one @ other.T)
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float64)


def fnir_at_fpir(searches: Searches, fpir: float) -> tuple[float, float] | None:
    """Return the FNIR where the FPIR is at most ``fpir``, and its threshold.

    None without mated probes, or with fewer than 1 / fpir non-mated ones.
    """
    if not 0 < fpir < 1:
        raise ShapeError(f"FPIR: wanted a number between 0 and 1, found {fpir}")
    others = np.sort(searches.distances[~searches.mated])
    if not searches.mated.any() or not supports(len(others), fpir):
        return None
    threshold = float(np.append(others, np.inf)[int(len(others) * fpir + 1e-9)])
    return float(1 - hits_at(searches, threshold).mean()), threshold


def hits_at(searches: Searches, threshold: float) -> NDArray[np.bool_]:
    """Return which of the mated probes (m,) find their person first and below a threshold."""
    return np.asarray((searches.right & (searches.distances < threshold))[searches.mated])


def rank_rate(searches: Searches, rank: int) -> float | None:
    """Return the share of mated probes with the right person among the ``rank`` nearest."""
    if rank < 1:
        raise ShapeError(f"rank: wanted 1 or more, found {rank}")
    mated = searches.ranks[searches.mated]
    return float((mated < rank).mean()) if len(mated) else None


def search_curve(searches: Searches) -> Curve:
    """Return FPIR (as ``impostor``) and 1 - FNIR (as ``genuine``) at every threshold.

    A mated probe whose person is not first is never found: it counts at infinity.
    """
    mated = np.where(searches.right, searches.distances, np.inf)[searches.mated]
    others = np.sort(searches.distances[~searches.mated])
    thresholds = np.unique(np.concatenate([searches.distances, [np.inf]]))
    genuine = np.searchsorted(np.sort(mated), thresholds, side="left")
    impostor = np.searchsorted(others, thresholds, side="left")
    genuine[-1], impostor[-1] = len(mated), len(others)
    return Curve(thresholds, genuine.astype(np.int64), impostor.astype(np.int64))
