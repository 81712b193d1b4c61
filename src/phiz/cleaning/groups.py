"""Pictures inside an identity: which belong together, and which stands for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64
from phiz.clustering import neighbour_graph, whisper

__all__ = ["main_group", "medoid", "pair_distances"]

_COMPARED = 2000  # pictures of one identity that are all compared with each other


def pair_distances(one: F64, other: F64) -> F64:
    """Return Euclidean distances (n, m) of vectors (n, d) and (m, d)."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float64)


def _sample(count: int) -> I64:
    """Return at most ``_COMPARED`` indices, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, _COMPARED)).round().astype(np.int64))


def medoid(vectors: F64) -> int:
    """Return the index of the vector (n, d) with the smallest median distance to the others.

    Of more than 2,000 vectors the others are 2,000 of them.
    """
    chosen = _sample(len(vectors))
    return int(chosen[np.median(pair_distances(vectors[chosen], vectors[chosen]), axis=1).argmin()])


def main_group(vectors: F64, limit: float) -> NDArray[np.bool_]:
    """Say which vectors (n, d) are in the cluster that holds more than half of them.

    Clusters are Chinese whispers' on pairs closer than ``limit``.  Where none holds more than
    half, nobody can say which pictures are the wrong ones: then all are in.  Of more than 2,000
    vectors 2,000 are clustered, and the others join the cluster with the nearest mean.
    """
    count = len(vectors)
    if count < 3:
        return np.ones(count, np.bool_)
    chosen = _sample(count)
    short: F32 = np.ascontiguousarray(vectors[chosen], np.float32)
    labels = whisper(neighbour_graph(short, limit))
    if len(chosen) < count:
        means = np.stack([vectors[chosen[labels == label]].mean(0) for label in np.unique(labels)])
        every = np.empty(count, np.int64)
        for start in range(0, count, _COMPARED):
            part = slice(start, start + _COMPARED)
            every[part] = pair_distances(vectors[part], means).argmin(axis=1)
        every[chosen] = labels
        labels = every
    sizes = np.bincount(labels)
    if 2 * sizes.max() <= count:
        return np.ones(count, np.bool_)
    return np.asarray(labels == sizes.argmax(), np.bool_)
