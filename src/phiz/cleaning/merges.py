"""Which identities are probably the same person under two names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phiz.checks import F64, I64
from phiz.cleaning.groups import pair_distances
from phiz.cleaning.spread import Spread, row_blocks
from phiz.values import Metric

__all__ = ["MergeRanking", "rank_merges"]

_COHORT = 20  # the identities most like one, that say how much likeness means for it
_COMPARED = 1000  # pictures of an identity whose distances are taken for the two means


@dataclass(frozen=True, slots=True, eq=False)
class MergeRanking:
    """Pairs of identities, the likeliest to be one person first.

    pairs: (m, 2) int64, identities, the one with more pictures second.
    score: (m,) float64; see :func:`rank_merges`.
    evidence: (m,) float64, log-likelihood ratio per axis of one person to two.
    mean, nearest: (m,) float64, mean and least distance between pictures of the two.
    """

    pairs: I64
    score: F64
    evidence: F64
    mean: F64
    nearest: F64

    def __len__(self) -> int:
        return len(self.score)


def _evidence(spread: Spread, identities: I64, rows: slice) -> F64:
    """Return the evidence (r, k) for each of some identities to be each of all."""
    counts = spread.counts[identities].astype(np.float64)
    ratio = spread.between / spread.within
    sums = spread.sums[identities] / np.sqrt(spread.within * spread.sums.shape[1])
    lengths = (sums**2).sum(axis=1)
    alone = np.log1p(counts * ratio) - ratio * lengths / (1 + counts * ratio)
    both = 1 + (counts[rows, None] + counts) * ratio
    found = 2 * sums[rows] @ sums.T
    found += lengths[rows, None]
    found += lengths
    found *= ratio / both
    found -= np.log(both)
    found += alone[rows, None]
    found += alone
    found *= 0.5
    found[np.arange(len(found)), np.arange(len(counts))[rows]] = -np.inf
    return np.asarray(found, np.float64)


def _blocks(spread: Spread, identities: I64) -> Iterator[tuple[slice, F64]]:
    for rows in row_blocks(len(identities), 3 * len(identities)):
        yield rows, _evidence(spread, identities, rows)


def _cohorts(spread: Spread, identities: I64, size: int) -> tuple[F64, F64]:
    """Return the sum of the ``size + 1`` best answers of each identity, and the least of them."""
    total, least = np.zeros(len(identities)), np.zeros(len(identities))
    for rows, found in _blocks(spread, identities):
        best = -np.partition(-found, size, axis=1)[:, : size + 1]
        total[rows], least[rows] = best.sum(axis=1), best.min(axis=1)
    return total, least


def _crowd(found: F64, total: F64, least: F64, size: int) -> F64:
    """Return the mean of the best answers without that of the partner, 0 if it is below that."""
    mean = (total - np.maximum(found, least)) / max(size, 1)
    return np.asarray(np.maximum(mean, 0), np.float64)


def rank_merges(
    vectors: F64,
    identity: I64,
    spread: Spread,
    *,
    most: int = 1000,
    metric: Metric = "euclidean",
) -> MergeRanking:
    """Rank pairs of identities by how surely they are one person.

    vectors: (n, d) float64, as :func:`phiz.cleaning.spread.centred` gives them.
    identity: (n,) int64.  spread: the model, from :func:`phiz.cleaning.labels.rank_labels`.
    most: how many pairs to return.  metric: of the distances that are returned.

    The evidence counts how many pictures stand behind each mean.  People of some groups look more
    alike to a model than others do, so that evidence alone would fill the head of the list with
    strangers of one group: from it the mean evidence for the 20 identities most like each of the
    two is taken away, half for each, where that is above 0.  A pair stands out when it is nearer
    than its neighbours are.
    Source of this step: adaptive score normalisation, Matejka et al. 2017.
    """
    identities = np.flatnonzero(spread.counts)
    count = len(identities)
    best = np.zeros((0, 4))
    if count >= 2:
        size = min(_COHORT, count - 2)
        total, least = _cohorts(spread, identities, size)
        for rows, found in _blocks(spread, identities):
            score = found
            if size:
                left = _crowd(found, total[rows, None], least[rows, None], size)
                score = found - 0.5 * (left + _crowd(found, total, least, size))
            one = np.arange(count)[rows, None]
            one, other = np.nonzero((one < np.arange(count)) & np.isfinite(score))
            values = score[one, other]
            if len(values) > most:
                kept = np.argpartition(-values, most - 1)[:most]
                one, other, values = one[kept], other[kept], values[kept]
            fresh = np.stack([values, found[one, other], one + rows.start, other], axis=1)
            best = np.concatenate([best, fresh])
            best = best[np.lexsort((best[:, 3], best[:, 2], -best[:, 0]))[:most]]
    pairs = identities[best[:, 2:].astype(np.int64)].reshape(-1, 2)
    swap = spread.counts[pairs[:, 0]] > spread.counts[pairs[:, 1]]
    pairs[swap] = pairs[swap][:, ::-1]
    mean, nearest = _distances(vectors, identity, pairs, metric)
    return MergeRanking(pairs, best[:, 0], best[:, 1], mean, nearest)


def _distances(vectors: F64, identity: I64, pairs: I64, metric: Metric) -> tuple[F64, F64]:
    """Return mean and least distance between the pictures of each pair of identities."""
    order = np.argsort(identity, kind="stable")
    ends = np.cumsum(np.bincount(identity, minlength=int(pairs.max(initial=0)) + 1))
    starts = np.concatenate([[0], ends[:-1]])

    def pictures(group: int) -> F64:
        rows = order[starts[group] : ends[group]]
        step = -(-len(rows) // _COMPARED)
        return vectors[rows[::step]]

    mean, nearest = np.zeros(len(pairs)), np.zeros(len(pairs))
    for row, (one, other) in enumerate(pairs.tolist()):
        found = pair_distances(pictures(one), pictures(other))
        if metric == "cosine":
            found = found**2 / 2
        mean[row], nearest[row] = found.mean(), found.min()
    return mean, nearest
