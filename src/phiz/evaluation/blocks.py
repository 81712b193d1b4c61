"""Every pair of many faces, by blocks: counted, never kept.

100,000 faces make 5,000,000,000 pairs.  Distances come from matrix products, block by block, and
are counted into histograms; only the worst errors are remembered as pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, check, finite
from phiz.errors import ShapeError
from phiz.evaluation.curves import Curve
from phiz.evaluation.person_counts import PersonCounts, bin_edges
from phiz.runtime import Runtime, default_runtime
from phiz.values import Metric

__all__ = ["AllPairs", "Hardest", "all_pairs", "pair_distances"]

_ROWS, _COLUMNS = 512, 2048  # of a block
_FINE = 16384  # ranges of the histogram of all pairs
_SAMPLE = 700  # faces whose pairs say where the edges of the histogram per person go
_CLOSE = 1e-4  # distances this near a threshold are computed again in float64


@dataclass(frozen=True, slots=True, eq=False)
class Hardest:
    """The pairs that a model gets most wrong, the worst first.

    one, other: (n,) int64, faces.  distances: (n,) float64.
    """

    one: I64
    other: I64
    distances: F64

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True, slots=True, eq=False)
class AllPairs:
    """What is known of all pairs of some faces.

    edges: (m + 1,) float64, of the histograms: equal steps from 0.
    genuine, impostor: (m,) int64, pairs in each range.
    thresholds: the ones asked for.  matches: (t, 2) int64, genuine and impostor pairs nearer than
        each of them: exact, decided in float64 where it is close.
    people: the same pairs per person, in coarser ranges.
    impostors: different people that are nearest.  strangers: pairs of one person that are farthest.
    """

    edges: F64
    genuine: I64
    impostor: I64
    thresholds: F64
    matches: I64
    people: PersonCounts
    impostors: Hardest
    strangers: Hardest

    def curve(self) -> Curve:
        """Return the curve at the histogram's edges and at the thresholds asked for.

        Distances within a range count as ties; what that may change of the area under the curve
        is half the share of pairs of both kinds in one range, see :attr:`blur`.
        """
        thresholds = np.concatenate([self.edges[:-1], [np.inf], self.thresholds])
        counts = [np.concatenate([[0], np.cumsum(part)]) for part in (self.genuine, self.impostor)]
        order = np.argsort(thresholds, kind="stable")
        genuine, impostor = (
            # An asked threshold is counted exactly, an edge to a rounding of float32: in order.
            np.maximum.accumulate(np.concatenate([part, self.matches[:, side]])[order])
            for side, part in enumerate(counts)
        )
        return Curve(thresholds[order], genuine.astype(np.int64), impostor.astype(np.int64))

    @property
    def blur(self) -> float:
        """How far the area under :meth:`curve` can be from that of the distances themselves."""
        ties = float((self.genuine * self.impostor.astype(np.float64)).sum())
        total = float(self.genuine.sum()) * float(self.impostor.sum())
        return ties / total / 2 if total else 0.0


def pair_distances(vectors: F32, one: I64, other: I64, metric: Metric = "euclidean") -> F64:
    """Return the distance of each pair of rows in float64, (n,), as dlib takes it."""
    out = np.empty(len(one))
    for start in range(0, len(one), 1 << 16):
        part = slice(start, start + (1 << 16))
        a, b = vectors[one[part]].astype(np.float64), vectors[other[part]].astype(np.float64)
        if metric == "cosine":
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            out[part] = 1 - (a * b).sum(axis=1) / lengths
        else:
            out[part] = np.sqrt(((a - b) ** 2).sum(axis=1))
    return out


def _moved(vectors: F32, metric: Metric) -> F32:
    """Return vectors whose squared distance says the distance: centred, or of length 1."""
    wide = vectors.astype(np.float64)
    if metric == "euclidean":
        return np.asarray(wide - wide.mean(axis=0) if len(wide) else wide, np.float32)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    if not lengths.all():
        raise ShapeError("vectors: a vector of zeros has no direction for cosine distance")
    return np.asarray(wide / lengths, np.float32)


@dataclass(slots=True, eq=False)
class _Worst:
    """Keeps the largest ``most`` of what it is shown."""

    most: int
    keys: F64
    pairs: I64

    @classmethod
    def empty(cls, most: int) -> _Worst:
        return cls(most, np.zeros(0), np.zeros((0, 2), np.int64))

    @property
    def bar(self) -> float:
        """What a key must be above to be kept."""
        return float(self.keys.min()) if len(self.keys) == self.most else -np.inf

    def show(self, keys: NDArray[np.floating], one: I64, other: I64) -> None:
        if not self.most or not len(keys):
            return
        all_keys = np.concatenate([self.keys, keys])
        pairs = np.concatenate([self.pairs, np.stack([one, other], axis=1)])
        if len(all_keys) > self.most:
            kept = np.argpartition(-all_keys, self.most - 1)[: self.most]
            all_keys, pairs = all_keys[kept], pairs[kept]
        self.keys, self.pairs = all_keys, pairs

    def found(self, vectors: F32, rows: I64, metric: Metric, *, far: bool) -> Hardest:
        """Return the pairs as faces, by their distances in float64."""
        ends = np.sort(rows[self.pairs], axis=1)
        distances = pair_distances(vectors, ends[:, 0], ends[:, 1], metric)
        order = np.lexsort((ends[:, 1], ends[:, 0], -distances if far else distances))
        return Hardest(ends[order, 0], ends[order, 1], distances[order])


def _sampled_edges(vectors: F32, short: F32, people: I64, metric: Metric) -> F64:
    """Return the edges of the histogram per person, from some of the pairs.

    short: what :func:`_moved` made of the vectors.  people: (n,) ascending.  Neighbours of one
    person stand for all its pairs.
    """
    random = np.random.default_rng(0)
    rows = np.arange(len(people))
    if len(rows) > _SAMPLE:
        rows = np.sort(random.choice(len(rows), _SAMPLE, replace=False))
    some = short[rows].astype(np.float64)
    lengths = (some**2).sum(axis=1)
    squares = np.maximum(lengths[:, None] + lengths - 2 * (some @ some.T), 0)
    apart = np.triu(people[rows, None] != people[rows], 1)
    far = squares[apart] / 2 if metric == "cosine" else np.sqrt(squares[apart])
    together = np.flatnonzero(people[1:] == people[:-1])
    if len(together) > _SAMPLE**2 // 2:
        together = random.choice(together, _SAMPLE**2 // 2, replace=False)
    return bin_edges(pair_distances(vectors, together, together + 1, metric), far)


class _Counter:
    """Adds blocks of pairs up.  Faces are in the order of their people."""

    def __init__(
        self, vectors: F32, people: I64, metric: Metric, thresholds: F64, hardest: int
    ) -> None:
        self.vectors, self.people, self.metric = vectors, people, metric
        self.thresholds = thresholds
        self.short = _moved(vectors, metric)
        self.lengths = np.einsum("ij,ij->i", self.short, self.short)
        self.root = metric == "euclidean"
        top = 2 * float(np.sqrt(self.lengths.max(initial=0))) if self.root else 4.0
        self.fine = np.linspace(0, max(top, 1e-6) * (1 + 1e-6), _FINE + 1)
        # Each fine range lies in one coarse one: the coarse edges move onto the nearest fine ones.
        wanted = np.concatenate([_sampled_edges(vectors, self.short, people, metric), thresholds])
        near = np.rint(wanted / self._unit / self.fine[1])
        near = np.unique(np.clip(near, 1, _FINE - 1).astype(np.int64))
        self.coarse = np.searchsorted(near, np.arange(_FINE), side="right").astype(np.int32)
        self.edges = self.fine[near] * self._unit
        count = int(people.max(initial=-1)) + 1
        self.counts = np.zeros((2, _FINE), np.int64)
        self.of_genuine = np.zeros((count, len(near) + 1), np.uint32)
        self.of_impostor = np.zeros((count, len(near) + 1), np.uint32)
        self.matches = np.zeros((len(thresholds), 2), np.int64)
        self.nearest, self.farthest = _Worst.empty(hardest), _Worst.empty(hardest)
        self._close = np.empty(_ROWS * _COLUMNS, np.int64)
        reach = [thresholds - _CLOSE, thresholds + _CLOSE]
        limits = [np.square(np.maximum(side, 0)) if self.root else 2 * side for side in reach]
        self._bounds = np.stack(limits, axis=1).astype(np.float32)
        self._ranges = np.empty(_COLUMNS, np.int32)
        self._lanes = np.empty((4, len(near) + 1), np.uint32)

    @property
    def _unit(self) -> float:
        """Distance per unit of what the fine ranges divide: roots of squares, or squares."""
        return 1.0 if self.root else 0.5

    def places(self) -> list[tuple[int, int]]:
        """Return the first row and column of each block: every pair i < j is in one."""
        count = len(self.people)
        return [
            (top, left) for top in range(0, count, _ROWS) for left in range(top, count, _COLUMNS)
        ]

    def squares(self, place: tuple[int, int]) -> F32:
        """Return squared distances of a block's rows to its columns."""
        rows, columns = slice(place[0], place[0] + _ROWS), slice(place[1], place[1] + _COLUMNS)
        out = self.short[rows] @ self.short[columns].T
        out *= -2
        out += self.lengths[rows, None]
        out += self.lengths[None, columns]
        return np.asarray(np.maximum(out, 0, out=out), np.float32)

    def add(self, place: tuple[int, int], squares: F32) -> None:
        """Count a block."""
        from phiz.kernels.pairs import count_pairs  # the compiler starts when it is needed

        top, left = place
        rows, columns = squares.shape
        row_people, column_people = (
            self.people[top : top + rows],
            self.people[left : left + columns],
        )
        bar = -self.nearest.bar if self.nearest.most else 0.0
        found = np.zeros(1, np.int64)
        count_pairs(
            squares, row_people, column_people, np.array([top, left, self.root]),
            np.array([1 / self.fine[1], bar]), self._bounds, self.coarse, self.counts,
            self.of_genuine, self.of_impostor, self.matches, self._ranges, self._lanes,
            self._close, found,
        )  # fmt: skip
        one, other = np.divmod(self._close[: found[0]], columns)
        told = squares[one, other]
        apart = row_people[one] != column_people[other]
        self._decide(told, one + top, other + left, apart)
        self.nearest.show(-told[apart], one[apart] + top, other[apart] + left)
        if self.farthest.most and row_people[-1] >= column_people[0]:
            one, other = np.nonzero(row_people[:, None] == column_people)
            after = one + top < other + left
            one, other = one[after], other[after]
            self.farthest.show(squares[one, other], one + top, other + left)

    def _decide(self, squares: F32, one: I64, other: I64, apart: NDArray[np.bool_]) -> None:
        """Decide in float64 the pairs that float32 is not sure of."""
        for number, (low, high) in enumerate(self._bounds):
            near = np.flatnonzero((squares >= low) & (squares < high))
            exact = pair_distances(self.vectors, one[near], other[near], self.metric)
            taken = apart[near[exact < self.thresholds[number]]]
            self.matches[number] += (int((~taken).sum()), int(taken.sum()))


def all_pairs(
    vectors: F32,
    people: I64,
    *,
    metric: Metric = "euclidean",
    thresholds: Sequence[float] = (),
    hardest: int = 0,
    progress: Callable[[int], None] = lambda _done: None,
    runtime: Runtime | None = None,
) -> AllPairs:
    """Count the distances of all pairs of faces.

    vectors: (n, d) float32.  people: (n,) int64, who each face is, numbered from 0.
    thresholds: count exactly what these accept.  hardest: how many of the worst pairs to keep, of
        each kind.  progress: called with the number of pairs counted.

    Holds the vectors twice more, 2 KB per person, and about 100 MB for blocks that wait.  Raises
    ShapeError.
    """
    check(vectors, (None, None), dtype=np.float32, name="vectors")
    finite(vectors, name="vectors")
    check(people, (len(vectors),), dtype=np.int64, name="people")
    if len(people) and people.min() < 0:
        raise ShapeError(f"people: wanted numbers from 0, found {people.min()}")
    rows = np.argsort(people, kind="stable")
    asked = np.array(sorted(set(thresholds)), np.float64)
    counter = _Counter(vectors[rows], people[rows], metric, asked, hardest)
    places = counter.places()
    blocks = (runtime or default_runtime()).stream(counter.squares, places)
    done = 0
    for place, squares in zip(places, blocks, strict=True):
        counter.add(place, squares)
        done += squares.size
        progress(done)
    return AllPairs(
        counter.fine * counter._unit,
        counter.counts[0],
        counter.counts[1],
        asked,
        counter.matches,
        PersonCounts(counter.edges, counter.of_genuine, counter.of_impostor),
        counter.nearest.found(vectors, rows, metric, far=False),
        counter.farthest.found(vectors, rows, metric, far=True),
    )
