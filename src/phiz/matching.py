"""The nearest of many vectors, and of many people, exactly and by blocks.

Which vectors may be the nearest is told by float32 matrix products, with a bound on their error;
among these few, distances taken in float64 decide, as :meth:`phiz.values.Descriptors.distances`
takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phiz.checks import F32, F64, I64, check, finite
from phiz.errors import ShapeError
from phiz.values import Metric

__all__ = ["Index", "Matches", "nearest"]

_CELLS = 1 << 23  # of a block of distances: 32 MB, and as much again while it is searched
_PAIRS = 1 << 15  # compared in float64 at once
_LARGEST = 1e15  # squares of larger numbers leave float32
_LEAST = 1e-30  # added to the error bound, for numbers too small for float32's precision


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Vectors laid out for the search, each person's side by side.

    vectors: (m, d) float32, as they were given.  person: (m,) int64, 0 to p - 1, none missing.
    order: (m,) int64, rows of ``vectors`` by person.  starts: (p,) int64, where in ``order`` each
        person begins.
    moved: (m, d) float32, in that order, moved and scaled so that products of them are precise;
        unit vectors where ``metric`` is cosine.  squares: (m,) float32, of their lengths.
    centre, scale: how they were moved and scaled.
    """

    vectors: F32
    person: I64
    metric: Metric
    order: I64
    starts: I64
    moved: F32
    squares: F32
    centre: F64
    scale: float

    @classmethod
    def of(cls, vectors: F32, person: I64, metric: Metric) -> Index:
        """Lay out vectors (m, d) of these people (m,); ShapeError if one cannot be compared."""
        check(vectors, (None, None), dtype=np.float32, name="vectors")
        check(person, (len(vectors),), dtype=np.int64, name="person")
        _comparable(vectors, metric)
        order = np.argsort(person, kind="stable")
        centre = np.zeros(vectors.shape[1])
        scale = 1.0
        if metric == "euclidean":
            centre = vectors.mean(axis=0, dtype=np.float64)
            scale = float(np.abs(vectors - centre).max(initial=0)) or 1.0
        moved = np.empty_like(vectors)
        for top in range(0, len(order), _PAIRS):
            rows = order[top : top + _PAIRS]
            moved[top : top + _PAIRS] = _move(vectors[rows], metric, centre, scale)
        return cls(
            vectors, person, metric, order,
            starts=np.searchsorted(person[order], np.arange(person.max(initial=-1) + 1)),
            moved=moved,
            squares=np.einsum("ij,ij->i", moved, moved),
            centre=centre,
            scale=scale,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What is nearest to each of n probes.

    rows: (n, k) int64, the nearest vectors, the closest first; of equal ones the first given.
    distances: (n, k) float64.
    people: (n, t) int64, the nearest people.  apart: (n, t) float64, the distance to each one's
        nearest vector.

    Where there are fewer, the rest is -1, at a distance of infinity.
    """

    rows: I64
    distances: F64
    people: I64
    apart: F64


def _comparable(vectors: F32, metric: Metric) -> None:
    finite(vectors, name="vectors")
    if np.abs(vectors).max(initial=0) > _LARGEST:
        raise ShapeError(f"vectors: wanted numbers up to {_LARGEST:g}")
    if metric == "cosine" and not vectors.any(axis=1).all():
        raise ShapeError("vectors: a vector of zeros has no direction for cosine distance")


def _move(vectors: F32, metric: Metric, centre: F64, scale: float) -> F32:
    wide = vectors.astype(np.float64)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return ((wide - centre) / scale).astype(np.float32)


def nearest(
    index: Index,
    probes: F32,
    *,
    neighbours: int,
    people: int,
    barred: I64 | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Matches:
    """Find the nearest ``neighbours`` vectors and the nearest ``people`` of each probe (n, d).

    barred: (n,) int64, a person for each probe whose vectors do not count for it; -1 for nobody.
    progress: called with the number of probes done.

    Memory: three blocks of 32 MB, and what is returned.
    """
    check(probes, (None, index.vectors.shape[1]), dtype=np.float32, name="probes")
    _comparable(probes, index.metric)
    count, many = len(probes), len(index.order)
    found = Matches(
        np.full((count, neighbours), -1, np.int64), np.full((count, neighbours), np.inf),
        np.full((count, people), -1, np.int64), np.full((count, people), np.inf),
    )  # fmt: skip
    rows = max(1, _CELLS // max(many, 1))
    for top in range(0, count if many else 0, rows):
        block = slice(top, top + rows)
        _search(
            index,
            probes[block],
            None if barred is None else barred[block],
            Matches(found.rows[block], found.distances[block], found.people[block],
                    found.apart[block]),
        )  # fmt: skip
        progress(min(top + rows, count))
    return found


def _search(index: Index, probes: F32, barred: I64 | None, found: Matches) -> None:
    """Fill in what is nearest to a block of probes."""
    moved = _move(probes, index.metric, index.centre, index.scale)
    # Squared distances less the probe's own square, which is the same for all that it meets.
    keys = moved @ index.moved.T
    keys *= -2
    keys += index.squares
    if barred is not None:
        ends = np.append(index.starts[1:], len(index.order))
        for row in np.flatnonzero(barred >= 0):
            keys[row, index.starts[barred[row]] : ends[barred[row]]] = np.inf
    # A sum of d products is off by less than d + 1 roundings of the lengths' product.
    longest = float(index.squares.max())
    lengths = np.einsum("ij,ij->i", moved, moved)
    error = (probes.shape[1] + 8) * np.finfo(np.float32).eps * (lengths + longest) + _LEAST
    blur = (2 * error).astype(np.float32)[:, None]

    i, j = np.nonzero(keys <= _bound(keys, found.rows.shape[1]) + blur)
    i, j = _allowed(keys, i, j)
    apart = _exact(index, probes, i, j)
    _first(i, index.order[j], apart, found.rows, found.distances)

    least = np.minimum.reduceat(keys, index.starts, axis=1)
    i, person = np.nonzero(least <= _bound(least, found.people.shape[1]) + blur)
    i, person = _allowed(least, i, person)
    sizes = np.diff(index.starts, append=len(index.order))[person]
    pair = np.repeat(np.arange(len(i)), sizes)
    j = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    j += index.starts[person][pair]
    kept = keys[i[pair], j] <= (least + blur)[i[pair], person[pair]]
    pair, j = pair[kept], j[kept]
    apart = np.full(len(i), np.inf)
    np.minimum.at(apart, pair, _exact(index, probes, i[pair], j))
    _first(i, person, apart, found.people, found.apart)


def _bound(keys: F32, count: int) -> F32:
    """Return (n, 1), the ``count``-th smallest key of each row, or the largest if there are fewer.

    Infinities do not count.
    """
    last = min(count, keys.shape[1]) - 1
    bound: F32 = np.partition(keys, last, axis=1)[:, last : last + 1]
    bound[np.isinf(bound)] = np.finfo(np.float32).max
    return bound


def _allowed(keys: F32, i: I64, j: I64) -> tuple[I64, I64]:
    allowed = np.isfinite(keys[i, j])
    return i[allowed], j[allowed]


def _exact(index: Index, probes: F32, i: I64, j: I64) -> F64:
    """Return the distance of probe i and the j-th vector in order, for each pair, in float64."""
    apart = np.empty(len(i))
    for top in range(0, len(i), _PAIRS):
        some = slice(top, top + _PAIRS)
        a = probes[i[some]].astype(np.float64)
        b = index.vectors[index.order[j[some]]].astype(np.float64)
        if index.metric == "cosine":
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            apart[some] = 1 - (a * b).sum(axis=1) / lengths
        else:
            apart[some] = np.sqrt(((b - a) ** 2).sum(axis=1))
    return apart


def _first(i: I64, which: I64, apart: F64, names: I64, distances: F64) -> None:
    """Write the closest of each row i; of equal ones the smaller number."""
    order = np.lexsort((which, apart, i))
    i, which, apart = i[order], which[order], apart[order]
    place = np.arange(len(i)) - np.searchsorted(i, i)
    kept = place < names.shape[1]
    names[i[kept], place[kept]] = which[kept]
    distances[i[kept], place[kept]] = apart[kept]
