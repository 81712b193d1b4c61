"""Pairs counted per person and distance: what intervals need to know of any number of pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, check
from phiz.evaluation.curves import Curve
from phiz.evaluation.trials import Trials

__all__ = ["PersonCounts", "bin_edges", "person_counts"]

_GENUINE, _IMPOSTOR, _TAIL = 64, 64, 128  # edges that follow each distribution, and its tail
_RAREST = 2e-5  # FMR down to which edges follow the tail


@dataclass(frozen=True, slots=True, eq=False)
class PersonCounts:
    """How many pairs of each person fall into each range of distances.

    edges: (k - 1,) float64, ascending, between the k ranges; a range holds its lower edge.
    genuine: (p, k), pairs of the person with itself.
    impostor: (p, k), pairs of the person with others; so every pair counts at both its people.
    """

    edges: F64
    genuine: NDArray[np.uint32]
    impostor: NDArray[np.uint32]

    def __post_init__(self) -> None:
        shape = (None, len(self.edges) + 1)
        check(self.edges, (None,), dtype=np.float64, name="edges")
        check(self.genuine, shape, dtype=np.uint32, name="genuine")
        check(self.impostor, (len(self.genuine), shape[1]), dtype=np.uint32, name="impostor")

    def totals(self) -> tuple[I64, I64]:
        """Return pairs in each range, (k,) each: genuine, and impostor, each pair once."""
        genuine = self.genuine.sum(axis=0, dtype=np.int64)
        return genuine, self.impostor.sum(axis=0, dtype=np.int64) // 2

    def curve(self) -> Curve:
        """Return the curve at the edges."""
        thresholds = np.concatenate([[-np.inf], self.edges, [np.inf]])
        genuine, impostor = (np.cumsum([0, *part]) for part in self.totals())
        return Curve(thresholds, genuine.astype(np.int64), impostor.astype(np.int64))


def bin_edges(genuine: F64, impostor: F64) -> F64:
    """Choose edges where the distances are, and finely where the smallest of impostors are.

    genuine, impostor: distances, or samples of them.  Returns at most 256 edges, ascending.
    """
    parts = [np.zeros(0)]
    for distances, shares in (
        (genuine, [np.linspace(0, 1, _GENUINE)]),
        (impostor, [np.linspace(0, 1, _IMPOSTOR), np.geomspace(_RAREST, 0.5, _TAIL)]),
    ):
        if len(distances):
            ordered = np.sort(distances)
            parts += [ordered[(each * (len(ordered) - 1)).astype(np.int64)] for each in shares]
    return np.unique(np.concatenate(parts))


def person_counts(trials: Trials) -> PersonCounts:
    """Count the pairs of each person that trials name; people without pairs are left out."""
    edges = bin_edges(trials.genuine, trials.impostor)
    ranges = np.searchsorted(edges, trials.distances, side="right")
    named, numbers = np.unique(trials.people, return_inverse=True)
    sides = numbers.reshape(trials.people.shape)
    people, width = len(named), len(edges) + 1

    def count(chosen: NDArray[np.bool_], side: int) -> NDArray[np.uint32]:
        keys = sides[chosen, side] * width + ranges[chosen]
        return np.bincount(keys, minlength=people * width).reshape(people, width).astype(np.uint32)

    other = ~trials.same
    return PersonCounts(edges, count(trials.same, 0), count(other, 0) + count(other, 1))
