"""Graphs of faces: who is close to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, check, finite
from phiz.errors import OptionError, ShapeError
from phiz.values import Metric

__all__ = ["NeighbourGraph", "directed", "distances_of", "graph_of_edges", "neighbour_graph"]

_ROWS, _COLUMNS = 1024, 4096  # of a block of distances: 16 MB
_PAIRS = 1 << 16  # whose distances are taken at a time
_CLOSE = 1e-4  # distances this near the threshold are computed again in float64
_LARGEST = 2.0**60  # squares of larger numbers leave float32
_MOST_NODES = 2**31 - 1
_MOST_EDGES = 2**28


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourGraph:
    """An undirected graph in compressed rows; every edge is in both its ends' rows.

    starts: (n + 1,) int64.  neighbours: (e,) int32, ascending in each row.  weights: (e,)
    float64, or of length 0 where every edge weighs 1.
    """

    starts: I64
    neighbours: NDArray[np.int32]
    weights: F64

    def __len__(self) -> int:
        return len(self.starts) - 1


def _compress(one: I64, other: I64, weights: F64, nodes: int) -> NeighbourGraph:
    """Put edges, each given once, into the rows of both their ends (self edges into one)."""
    twice = one != other
    source = np.concatenate([one, other[twice]])
    target = np.concatenate([other, one[twice]])
    counts = np.bincount(source, minlength=nodes)
    keys = source * nodes + target
    if weights.size:
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], np.concatenate([weights, weights[twice]])[order]
    else:
        keys.sort()  # whom an edge belongs to need not be known
    return NeighbourGraph(
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        neighbours=(keys % max(nodes, 1)).astype(np.int32),
        weights=weights,
    )


def graph_of_edges(edges: object, weights: object = None) -> NeighbourGraph:
    """Make a graph of edges (m, 2), indices from 0, and their weights (m,), 1 if None.

    There are as many nodes as the largest index says; a node that no edge names has no
    neighbours.  Raises ShapeError.
    """
    pairs = np.asarray(edges)
    if pairs.size == 0:
        pairs = np.zeros((0, 2), np.int64)
    check(pairs, (None, 2), name="edges")
    if not np.issubdtype(pairs.dtype, np.integer):
        raise ShapeError(f"edges: wanted integers, found {pairs.dtype}")
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < _MOST_NODES):
        raise ShapeError("edges: wanted indices of 0 or more")
    heavy = np.zeros(0) if weights is None else np.asarray(weights, np.float64)
    if weights is not None:
        check(heavy, (len(pairs),), name="weights")
        finite(heavy, name="weights")
    ends = pairs.astype(np.int64)
    low, high = ends.min(axis=1, initial=_MOST_NODES), ends.max(axis=1, initial=-1)
    return _compress(low, high, heavy, int(high.max(initial=-1)) + 1)


def directed(vectors: F32 | F64) -> None:
    """Raise ShapeError if one of the vectors is all zeros."""
    if not vectors.any(axis=1).all():
        raise ShapeError("vectors: a vector of zeros has no direction for cosine distance")


def distances_of(vectors: F32 | F64, one: I64, other: I64, metric: Metric) -> F64:
    """Return the distance of each pair of rows, taken in float64 as dlib does."""
    found = np.empty(len(one))
    for top in range(0, len(one), _PAIRS):
        part = slice(top, top + _PAIRS)
        a, b = vectors[one[part]].astype(np.float64), vectors[other[part]].astype(np.float64)
        if metric == "cosine":
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            found[part] = 1 - (a * b).sum(axis=1) / lengths
        else:
            # One after the other, as dlib adds them: a pair at the threshold hangs on the order.
            found[part] = np.sqrt(np.add.accumulate((a - b) ** 2, axis=1)[:, -1])
    return found


def _close_pairs(
    vectors: F32 | F64, threshold: float, metric: Metric, progress: Callable[[int], None]
) -> Iterator[tuple[I64, I64]]:
    """Yield pairs (i < j) closer than the threshold, block by block.

    Squared distances come from a float32 matrix product; what is too near the threshold to be
    told by them is decided in float64.
    """
    wide = vectors.astype(np.float64)
    if metric == "cosine":
        directed(vectors)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        moved, limit = wide / lengths, float(np.sqrt(2 * max(threshold, 0.0)))
    else:
        moved, limit = wide - wide.mean(axis=0), threshold  # shorter vectors, smaller errors
    short = moved.astype(np.float32)
    twice = -2 * short  # exactly: a power of two
    squares = (moved**2).sum(axis=1).astype(np.float32)
    blur = max(2 * limit * _CLOSE, 64 * float(np.finfo(np.float32).eps * squares.max(initial=0)))
    sure, maybe = np.float32(limit**2 - blur), np.float32(limit**2 + blur)

    for top in range(0, len(short), _ROWS):
        rows = slice(top, top + _ROWS)
        for left in range(top, len(short), _COLUMNS):
            columns = slice(left, left + _COLUMNS)
            distance = twice[rows] @ short[columns].T
            distance += squares[rows, None]
            distance += squares[None, columns]
            near = np.flatnonzero(distance < maybe)  # several times faster than for two axes
            unsure = distance.ravel()[near] >= sure
            i, j = np.divmod(near, distance.shape[1])
            i, j = i + top, j + left
            above = i < j
            i, j, unsure = i[above], j[above], unsure[above]
            if unsure.any():
                asked = np.flatnonzero(unsure)
                kept = distances_of(wide, i[asked], j[asked], metric) < threshold
                keep = ~unsure
                keep[asked[kept]] = True
                i, j = i[keep], j[keep]
            yield i, j
        progress(min(top + _ROWS, len(short)))


def neighbour_graph(
    vectors: F32 | F64,
    threshold: float,
    *,
    metric: Metric = "euclidean",
    progress: Callable[[int], None] = lambda _done: None,
) -> NeighbourGraph:
    """Join every two vectors (n, d) that are closer than ``threshold``, and each to itself.

    vectors: float32 or float64, not larger than 2**60.

    Never holds more than a block of distances: 100,000 faces take seconds of matrix products and
    memory for the edges only.  progress: called with the number of rows done.

    The threshold is rounded to float32 first and compared strictly, as dlib's
    ``chinese_whispers_clustering`` does.
    """
    check(vectors, (None, None), name="vectors")
    if vectors.dtype not in (np.float32, np.float64):
        raise ShapeError(f"vectors: wanted float32 or float64, found {vectors.dtype}")
    finite(vectors, name="vectors")
    if np.abs(vectors).max(initial=0) > _LARGEST:
        raise ShapeError(f"vectors: wanted numbers of {_LARGEST} at most")
    if not threshold > 0:
        raise OptionError(f"threshold: wanted a number above 0, found {threshold}")
    limit = float(np.float32(threshold))
    nodes = np.arange(len(vectors), dtype=np.int64)
    ones, others, edges = [nodes], [nodes], 0
    if len(vectors):
        for one, other in _close_pairs(vectors, limit, metric, progress):
            edges += len(one)
            if edges > _MOST_EDGES:
                raise OptionError(
                    f"threshold {threshold} joins more than {_MOST_EDGES} pairs of "
                    f"{len(vectors)} faces: choose a smaller one"
                )
            ones.append(one)
            others.append(other)
    return _compress(np.concatenate(ones), np.concatenate(others), np.zeros(0), len(vectors))
