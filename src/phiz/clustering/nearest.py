"""The nearest neighbours of every face: of all when they are few, else by lists.

Lists are those of k-means.  Each vector is compared with those of the few lists whose centres are
nearest to it; the vectors that ask the same list are multiplied with it in one product, and whoever
is found by another is told.  How many true neighbours that finds is measured on a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, I64
from phiz.clustering import lists
from phiz.clustering.graph import directed
from phiz.runtime import Runtime, default_runtime
from phiz.values import Metric

__all__ = ["EXACT", "Nearest", "nearest_in", "nearest_neighbours", "prepared", "radius_of"]

EXACT = 50_000  # faces up to which each is compared with each
_BLOCK = 1 << 16  # vectors that are prepared at a time
_ROWS, _COLUMNS = 1024, 4096  # of a block of products: 16 MB
_PROBES = 32  # lists that each vector is compared with
_STRIPE = 1 << 15  # vectors that a thread compares at a time
_SAMPLE = 500  # vectors whose true neighbours are looked up


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The neighbours of each face, nearest first.

    names: (n, k) int32, -1 where there are fewer.  distances: (n, k) float32, infinity likewise.
    recall: the share of the true ones that were found, on a sample; 1 where all were compared.
    """

    names: NDArray[np.int32]
    distances: F32
    recall: float = 1.0


def prepared(vectors: F32, metric: Metric, middle: F32 | None = None) -> tuple[F32, F32]:
    """Return vectors whose Euclidean distances order pairs as the metric does, and the middle.

    Less their middle they are shorter, and distances of float32 products more exact.
    """
    if middle is None:
        step = max(len(vectors) // _BLOCK, 1)
        sample = np.asarray(vectors[::step], np.float32)
        middle = sample.mean(axis=0) if len(sample) else np.zeros(vectors.shape[1], np.float32)
        if metric == "cosine":
            middle = np.zeros_like(middle)
    moved = np.empty(vectors.shape, np.float32)
    for top in range(0, len(vectors), _BLOCK):
        block = vectors[top : top + _BLOCK]
        if metric == "cosine":
            directed(block)
            block = block / np.linalg.norm(block, axis=1, keepdims=True)
        np.subtract(block, middle, out=moved[top : top + _BLOCK])
    return moved, middle


def _lists_for(count: int) -> int:
    """Return how many lists so many vectors go into: both dealing and comparing stay cheap."""
    return int(4 * np.sqrt(count))


def _squares(vectors: F32) -> F32:
    return np.asarray(np.einsum("ij,ij->i", vectors, vectors), np.float32)


def radius_of(limit: float, metric: Metric) -> float:
    """Return the squared Euclidean distance, of prepared vectors, that a threshold stands for."""
    return max(2 * limit, 0.0) if metric == "cosine" else limit**2


def _room(rows: int, count: int) -> tuple[F32, NDArray[np.int32]]:
    return np.full((rows, count), np.inf, np.float32), np.full((rows, count), -1, np.int32)


def nearest_in(
    asking: F32,
    vectors: F32,
    count: int,
    radius: float,
    *,
    names: I64 | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> tuple[F32, NDArray[np.int32]]:
    """Return the squared distances and the names of the nearest vectors, all being compared.

    asking: (m, d) and vectors: (n, d), both prepared.  count: how many to keep of each.  radius:
    squared, only nearer ones are kept.  names: (m,), which of ``vectors`` each one is itself, or
    None where it is none of them.  progress: called with the number of rows done.

    Returns (m, count) float32 and int32, ascending, infinity and -1 where there are fewer.
    """
    from phiz.kernels.nearest import keep_nearest  # the compiler starts when it is needed

    squares, own = _squares(vectors), _squares(asking)
    selves = np.full(len(asking), -1, np.int64) if names is None else names
    distances, nearest = _room(len(asking), count)
    everyone = np.arange(len(asking), dtype=np.int64)
    for top in range(0, len(asking), _ROWS):
        rows = slice(top, top + _ROWS)
        for left in range(0, len(vectors), _COLUMNS):
            columns = slice(left, left + _COLUMNS)
            keep_nearest(
                asking[rows] @ vectors[columns].T, own[rows], squares[columns], everyone[rows],
                selves[rows], left, radius, distances, nearest,
            )  # fmt: skip
        progress(min(top + _ROWS, len(asking)))
    return distances, nearest


def _deal(moved: F32, probes: int, runtime: Runtime) -> NDArray[np.int32]:
    """Return the lists (n, probes) nearest to each vector, the nearest first."""
    middles = lists.centres(moved, _lists_for(len(moved)), threads=runtime.threads)
    asked = np.empty((len(moved), probes), np.int32)

    def choose(top: int) -> None:
        part = moved[top : top + _STRIPE]
        asked[top : top + len(part)] = nearest_in(part, middles, probes, float("inf"))[1]

    with lists.with_blas_threads(1):  # the runtime's threads multiply side by side
        runtime.map(choose, range(0, len(moved), _STRIPE))
    return asked


def _by_lists(
    moved: F32,
    count: int,
    radius: float,
    asked: NDArray[np.int32],
    runtime: Runtime,
    progress: Callable[[int], None],
) -> tuple[F32, NDArray[np.int32]]:
    """Return what :func:`nearest_in` does for all vectors, each compared with a few lists.

    moved: (n, d), in the order of the lists; changed by nobody.  asked: (n, p), the lists each
    vector asks, its own first.
    """
    from phiz.kernels.nearest import answer_back, keep_nearest

    squares = _squares(moved)
    sizes = np.bincount(asked[:, 0], minlength=int(asked.max(initial=0)) + 1)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    distances, nearest = _room(len(moved), count)
    probes = asked.shape[1]

    def compare(top: int) -> int:
        """Compare some vectors, whose lists no other thread writes, with the lists they ask."""
        part = asked[top : top + _STRIPE]
        order = np.argsort(part, axis=None, kind="stable")
        bounds = np.searchsorted(part.ravel()[order], np.arange(len(sizes) + 1))
        for each in np.flatnonzero(np.diff(bounds)):
            asking = top + order[bounds[each] : bounds[each + 1]] // probes
            for first in range(0, len(asking), _ROWS):
                rows = asking[first : first + _ROWS]
                mine, own = moved[rows], squares[rows]
                for left in range(starts[each], starts[each + 1], _COLUMNS):
                    columns = slice(left, min(left + _COLUMNS, int(starts[each + 1])))
                    keep_nearest(
                        mine @ moved[columns].T, own, squares[columns], rows, rows, left, radius,
                        distances, nearest,
                    )  # fmt: skip
        return len(part)

    done = 0
    with lists.with_blas_threads(1):
        for size in runtime.stream(compare, range(0, len(moved), _STRIPE)):
            done += size
            progress(done)
    found, names = distances.copy(), nearest.copy()
    answer_back(found, names, distances, nearest)
    return distances, nearest


def _recall(
    moved: F32, found: NDArray[np.int32], count: int, radius: float, runtime: Runtime
) -> float:
    """Return the share of the true neighbours of a sample that were found."""
    random = np.random.default_rng(0)
    rows = np.sort(random.choice(len(moved), min(_SAMPLE, len(moved)), replace=False))
    with lists.with_blas_threads(runtime.threads):
        true = nearest_in(moved[rows], moved, count, radius, names=rows)[1]
    hits = sum(np.isin(a[a >= 0], b).sum() for a, b in zip(true, found[rows], strict=True))
    return float(hits / max(int((true >= 0).sum()), 1))


def nearest_neighbours(
    vectors: F32,
    count: int,
    threshold: float,
    *,
    metric: Metric = "euclidean",
    runtime: Runtime | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Nearest:
    """Find the nearest vectors of each, at most ``count``, closer than ``threshold``.

    vectors: (n, d) float32.  Up to 50,000 all are compared; beyond, by lists, which needs the extra
    ``phiz[scale]``.  Distances are float32.  progress: called with the number of faces done.

    Raises MissingExtra.
    """
    runtime = runtime or default_runtime()
    moved = prepared(vectors, metric)[0]
    radius = radius_of(threshold, metric)
    if len(moved) <= EXACT:
        everyone = np.arange(len(moved), dtype=np.int64)
        found = nearest_in(moved, moved, count, radius, names=everyone, progress=progress)
        return Nearest(found[1], np.sqrt(found[0]))
    asked = _deal(moved, _PROBES, runtime)
    order = np.argsort(asked[:, 0], kind="stable")
    moved, asked = moved[order], asked[order]
    far, near = _by_lists(moved, count, radius, asked, runtime, progress)
    recall = _recall(moved, near, count, radius, runtime)
    back = np.append(order, -1).astype(np.int32)  # the last: of the name -1
    names, distances = np.empty_like(near), np.empty_like(far)
    names[order] = back[near]
    distances[order] = np.sqrt(far)
    return Nearest(names, distances, recall)
