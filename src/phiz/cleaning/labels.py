"""Which pictures lie in the wrong person's folder: one ranked list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, check, finite
from phiz.cleaning.groups import main_group, medoid
from phiz.cleaning.spread import Spread, centred, fit_spread, row_blocks
from phiz.values import Metric

__all__ = ["LabelRanking", "rank_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelRanking:
    """What each of n pictures says of its label; see :func:`rank_labels`.

    score: (n,) float64, the higher the more surely the label is wrong; above 0 another answer is
        the likelier one.  It is ``max(other, 0) - own``, and 0 for the only picture of an identity.
    own: (n,) float64, log-likelihood ratio per axis of "this is the person of its identity" to
        "this is somebody unknown"; 0 where the identity has no other picture.
    other: (n,) float64, the same of the identity that it fits best but for its own.
    nearest: (n,) int64, that identity; -1 where there is no other.
    distance: (n,) float64, to the medoid of its identity; of two pictures, to each other.
    outside: (n,) bool, not in the cluster that holds more than half of its identity.
    medoids: (k,) int64, the picture that stands for each identity; -1 where it has none.
    spread: the model, with the sums of the identities' main clusters.
    """

    score: F64
    own: F64
    other: F64
    nearest: I64
    distance: F64
    outside: NDArray[np.bool_]
    medoids: I64
    spread: Spread

    def __len__(self) -> int:
        return len(self.score)

    @property
    def order(self) -> I64:
        """(n,) int64, pictures from the most suspicious to the least."""
        return np.argsort(-self.score, kind="stable")


def rank_labels(
    vectors: F32,
    identity: I64,
    *,
    metric: Metric = "euclidean",
    threshold: float | None = None,
    identities: int | None = None,
) -> LabelRanking:
    """Rank pictures by how surely they are not of the person whose label they have.

    vectors: (n, d) float32 descriptors, one a picture.  identity: (n,) int64, 0 to k - 1.
    metric: how descriptors are compared.  threshold: of the model, which helps where there are few
    pictures, see :func:`phiz.cleaning.spread.fit_spread`.
    identities: k, where the last ones may have no picture.

    Three things that a person would look at make one number.  How far is the picture from the
    others of its identity: as evidence, which knows how many others there are.  Is it outside of
    the identity's main cluster: then others outside do not speak for it.  And does it look like
    somebody else, or at least like nobody here.

    Raises ShapeError.  Memory is that of the vectors and a block of 64 MB; the time is that of
    comparing every picture with every identity's mean.
    """
    check(vectors, (None, None), dtype=np.float32, name="vectors")
    check(identity, (len(vectors),), dtype=np.int64, name="identity")
    finite(vectors, name="vectors")
    groups = max(int(identity.max(initial=-1)) + 1, identities or 0)
    wide = centred(vectors, metric)
    first = fit_spread(wide, identity, threshold=threshold, metric=metric)
    inside = np.ones(len(wide), np.bool_)
    medoids = np.full(groups, -1, np.int64)
    distance = np.zeros(len(wide))
    order = np.argsort(identity, kind="stable")
    sizes = np.bincount(identity, minlength=groups)
    ends = np.cumsum(sizes)
    for group, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        rows = order[start:end]
        if not len(rows):
            continue
        inside[rows] = main_group(wide[rows], first.limit)
        main = rows[inside[rows]]
        medoids[group] = main[medoid(wide[main])]
        distance[rows] = np.linalg.norm(wide[rows] - wide[medoids[group]], axis=1)
        if len(rows) == 2:
            distance[rows] = distance[rows].max()
    if metric == "cosine":
        distance = distance**2 / 2
    sums = np.zeros((groups, wide.shape[1]))
    np.add.at(sums, identity[inside], wide[inside])
    counts = np.bincount(identity[inside], minlength=groups).astype(np.int64)
    spread = Spread(first.within, first.between, sums, counts)
    own = _own(wide, identity, inside, spread)
    other, nearest = _others(wide, identity, spread)
    # A picture alone in its identity cannot be in the wrong one: two names may be one person.
    score = np.where(sizes[identity] < 2, 0.0, np.maximum(other, 0) - own)
    return LabelRanking(score, own, other, nearest, distance, ~inside, medoids, spread)


def _unknown(wide: F64, spread: Spread) -> F64:
    """Return log p of each picture if it is somebody unknown, per axis."""
    variance = spread.within + spread.between
    squares = (wide**2).mean(axis=1)
    return np.asarray(-0.5 * (np.log(variance) + squares / variance), np.float64)


def _own(wide: F64, identity: I64, inside: NDArray[np.bool_], spread: Spread) -> F64:
    """Return the evidence for each picture's own identity, the picture itself left out."""
    sums = spread.sums[identity] - wide * inside[:, None]
    counts = (spread.counts[identity] - inside).astype(np.float64)
    centre, variance = spread.centre(sums, counts)
    squares = ((wide - centre) ** 2).mean(axis=1)
    found = -0.5 * (np.log(variance) + squares / variance) - _unknown(wide, spread)
    return np.where(counts > 0, found, 0.0)


def _others(wide: F64, identity: I64, spread: Spread) -> tuple[F64, I64]:
    """Return the evidence for the best other identity, and which that is."""
    count, axes = wide.shape
    best, which = np.full(count, -np.inf), np.full(count, -1, np.int64)
    filled = np.flatnonzero(spread.counts)
    centre, variance = spread.centre(spread.sums[filled], spread.counts[filled].astype(np.float64))
    offset = np.log(variance) + (centre**2).sum(axis=1) / axes / variance
    unknown, squares = _unknown(wide, spread), (wide**2).mean(axis=1)
    place = np.full(len(spread.counts), -1, np.int64)
    place[filled] = np.arange(len(filled))
    for rows in row_blocks(count, len(filled)):
        found = wide[rows] @ (centre / variance[:, None]).T
        found *= 2 / axes
        found -= squares[rows, None] / variance
        found -= offset
        found *= 0.5
        mine = place[identity[rows]]
        found[np.flatnonzero(mine >= 0), mine[mine >= 0]] = -np.inf
        at = found.argmax(axis=1)
        best[rows] = found[np.arange(len(at)), at] - unknown[rows]
        which[rows] = np.where(np.isneginf(best[rows]), -1, filled[at])
    return best, which
