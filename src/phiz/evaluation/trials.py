"""Trials: pairs of faces whose truth is known, and how far apart a model puts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, check, finite
from phiz.errors import ShapeError
from phiz.values import Rows

__all__ = ["Trials"]


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Pairs of faces with their distances.

    distances: (n,) float64, smaller is more alike; any model's, in its own unit.
    same: (n,) bool, whether a pair shows one person: a genuine pair, else an impostor pair.
    people: (n, 2) int64, who is on either side, numbered from 0; equal where ``same`` is True.
        Pairs that share a person are not independent: intervals need to know.
    folds: (n,) int64, the fold of each pair, or None.

    Raises ShapeError for arrays that do not fit each other.
    """

    distances: F64
    same: NDArray[np.bool_]
    people: I64
    folds: I64 | None = None

    def __post_init__(self) -> None:
        check(self.distances, (None,), dtype=np.float64, name="distances")
        finite(self.distances, name="distances")
        count = len(self.distances)
        check(self.same, (count,), dtype=np.bool_, name="same")
        check(self.people, (count, 2), dtype=np.int64, name="people")
        if count and self.people.min() < 0:
            raise ShapeError(f"people: wanted numbers from 0, found {self.people.min()}")
        wrong = np.flatnonzero((self.people[:, 0] == self.people[:, 1]) != self.same)
        if len(wrong):
            at = int(wrong[0])
            said = "one person" if self.same[at] else "two people"
            raise ShapeError(f"pair {at}: said to be {said}, but people {self.people[at].tolist()}")
        if self.folds is not None:
            check(self.folds, (count,), dtype=np.int64, name="folds")

    def __len__(self) -> int:
        return len(self.distances)

    def __getitem__(self, rows: Rows) -> Trials:
        folds = None if self.folds is None else self.folds[rows]
        return Trials(self.distances[rows], self.same[rows], self.people[rows], folds)

    @property
    def genuine(self) -> F64:
        """Distances of pairs of one person."""
        return self.distances[self.same]

    @property
    def impostor(self) -> F64:
        """Distances of pairs of different people."""
        return self.distances[~self.same]

    def __repr__(self) -> str:
        genuine = int(self.same.sum())
        return f"Trials({genuine} genuine and {len(self) - genuine} impostor pairs)"
