"""Who is this? The nearest of many described faces of known people vote.

dlib's author recommends such a classifier over comparing with one average face a person.  How the
neighbours vote was chosen by measurement; the numbers are in ``docs/identification.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.calibration import Calibration, threshold_of
from phiz.checks import F64, I64, check, floats
from phiz.errors import OptionError, ShapeError, SpaceError
from phiz.matching import Index, Matches, nearest
from phiz.table import FaceTable
from phiz.values import Descriptors, html_table

__all__ = [
    "NEIGHBOURS",
    "Identifications",
    "References",
    "Strangers",
    "identify",
    "strangers",
]

NEIGHBOURS = 5
"""How many references vote."""

_CLEAR = 1 + 1e-9  # a tie stays one whatever rounding does to it
_SAMPLE = 1000  # people that stand in for strangers
_CONFIDENCE = 1.959964  # standard deviations: 95 %


@dataclass(frozen=True, eq=False)  # without slots: what the search needs is prepared once
class References:
    """Described faces of known people.

    descriptors: of m faces.  names: (m,) str, whose each is.
    """

    descriptors: Descriptors
    names: NDArray[np.str_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", np.asarray(self.names, np.str_))
        check(self.names, (len(self.descriptors),), name="names")
        if not len(self.names):
            raise ShapeError("references: wanted one face or more, found none")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def people(self) -> NDArray[np.str_]:
        """(p,) str, the names in alphabetical order."""
        return np.unique(self.names)

    @cached_property
    def person(self) -> I64:
        """(m,) int64, whose each face is, as an index of ``people``."""
        return np.searchsorted(self.people, self.names)

    @cached_property
    def index(self) -> Index:
        """The vectors, laid out for the search."""
        vectors = np.ascontiguousarray(self.descriptors.vectors)
        return Index.of(vectors, self.person, self.descriptors.metric)

    def __repr__(self) -> str:
        return f"References({len(self)} faces of {len(self.people)} people)"

    def _repr_html_(self) -> str:
        counts = np.bincount(self.person)
        rows = [[str(name), str(count)] for name, count in zip(self.people, counts, strict=True)]
        return html_table(repr(self), ["person", "faces"], rows[:10], len(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Identifications:
    """Who n faces are.

    winners: (n,) str, whom the neighbours voted for, known or not.
    known: (n,) bool, whether that may be believed: the nearest reference is closer than
        ``threshold`` and the winner has more than half of the vote.
    distances: (n,) float64, to the winner's nearest reference.
    margins: (n,) float64, the distance to the nearest other person less that to the winner;
        infinite where there is no other.
    shares: (n,) float64, the winner's part of the vote, 0 to 1; 0 if nobody was close enough.
    candidates: (n, t) str, the nearest people, the closest first.
    candidate_distances: (n, t) float64, to the nearest reference of each.
    """

    winners: NDArray[np.str_]
    known: NDArray[np.bool_]
    distances: F64
    margins: F64
    shares: F64
    candidates: NDArray[np.str_]
    candidate_distances: F64
    threshold: float

    def __len__(self) -> int:
        return len(self.winners)

    @property
    def names(self) -> list[str | None]:
        """The name of each face, or None for an unknown one."""
        pairs = zip(self.winners.tolist(), self.known.tolist(), strict=True)
        return [name if known else None for name, known in pairs]

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the answers as columns for a table's attributes; unknown names are ""."""
        return {
            "name": np.where(self.known, self.winners, ""),
            "distance": self.distances,
            "margin": self.margins,
            "share": self.shares,
            "candidates": self.candidates,
            "candidate_distances": self.candidate_distances,
        }

    def __repr__(self) -> str:
        return f"Identifications({int(self.known.sum())} of {len(self)} faces known)"

    def _repr_html_(self) -> str:
        rows = [
            [name or "unknown", f"{self.distances[i]:.3f}", f"{self.margins[i]:.3f}"]
            for i, name in enumerate(self.names[:10])
        ]
        return html_table(repr(self), ["name", "distance", "margin"], rows, len(self))


def identify(
    references: References,
    descriptors: Descriptors | FaceTable | object,
    *,
    neighbours: int = NEIGHBOURS,
    threshold: float | Calibration | None = None,
    top: int = 5,
    progress: Callable[[int], None] = lambda _done: None,
) -> Identifications:
    """Say who each face is, or that nobody known is like it.

    references: described faces of known people.
    descriptors: Descriptors, a FaceTable with descriptors, or an array (n, d) of the same model's.
    neighbours: how many of the nearest references vote.  Those closer than the threshold have a
        vote, the heavier the closer: threshold less distance.
    threshold: a face that is not closer than this to any reference is unknown; by default the
        model's own, which is for comparing two faces: see :func:`strangers`.  A Calibration's is
        smaller for many references, see :func:`phiz.calibration.threshold_of`.
    top: how many candidates to return, at most.
    progress: called with the number of faces done.

    Distances and decisions are those of float64.  Memory does not grow with n times m.

    Raises SpaceError where faces and references were described by different models, ShapeError
    and OptionError.
    """
    limit = threshold_of(threshold, references.descriptors, gallery=len(references))
    for name, value in (("neighbours", neighbours), ("top", top)):
        if value < 1:
            raise OptionError(f"{name}: wanted 1 or more, found {value}")
    if isinstance(descriptors, FaceTable):
        descriptors = descriptors.described()
    if isinstance(descriptors, Descriptors):
        if descriptors.space != references.descriptors.space:
            raise SpaceError(
                f"faces described in {descriptors.space} cannot be compared with references in "
                f"{references.descriptors.space}; describe both with one model"
            )
        descriptors = descriptors.vectors
    width = references.descriptors.vectors.shape[1]
    probes = floats(descriptors, (None, width), name="descriptors")
    people = max(min(top, len(references.people)), min(neighbours, len(references)), 2)
    found = nearest(
        references.index, probes, neighbours=min(neighbours, len(references)), people=people,
        progress=progress,
    )  # fmt: skip
    who, shares = _vote(references.person, found, limit)
    return _answers(references, found, who, shares, limit, top)


def _whose(person: I64, found: Matches) -> I64:
    """Return (n, k), whose each near reference is; -1 where there is none."""
    return np.where(found.rows >= 0, person[found.rows], -1)


def _vote(person: I64, found: Matches, threshold: float) -> tuple[I64, F64]:
    """Return the winner of each face, an index of people, and its share of the vote.

    Where nobody is close enough to vote, that is the nearest and 0.
    """
    who = _whose(person, found)
    weights = np.maximum(threshold - found.distances, 0.0)
    total = weights.sum(axis=1)
    # Of those with the same weight the one with the nearest reference wins: it comes first.
    support = np.stack(
        [
            np.where(who == who[:, [place]], weights, 0.0).sum(axis=1)
            for place in range(who.shape[1])
        ]
    )
    place, faces = support.argmax(axis=0), np.arange(len(who))
    shares = np.divide(support[place, faces], total, out=np.zeros(len(who)), where=total > 0)
    return who[faces, place], shares


def _known(found: Matches, shares: F64, threshold: float) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = (found.distances[:, 0] < threshold) & (2 * shares > _CLEAR)
    return known


def _answers(
    references: References, found: Matches, who: I64, shares: F64, threshold: float, top: int
) -> Identifications:
    people, whose = references.people, _whose(references.person, found)
    distances = np.where(whose == who[:, None], found.distances, np.inf).min(axis=1)
    others = np.where(found.people == who[:, None], np.inf, found.apart).min(axis=1)
    top = min(top, len(people))
    return Identifications(
        winners=people[who],
        known=_known(found, shares, threshold),
        distances=distances,
        margins=others - distances,
        shares=shares,
        candidates=people[found.people[:, :top]],
        candidate_distances=found.apart[:, :top],
        threshold=threshold,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """How often people who are not among the references would be called by a name.

    found: what is nearest to one face of each of s people when that person's own references are
        left out.  person: (m,) int64, whose each reference is.
    """

    found: Matches
    person: I64

    def __len__(self) -> int:
        return len(self.found.rows)

    def named(self, threshold: float) -> int:
        """Return how many of the s people would be given a name at this threshold."""
        _, shares = _vote(self.person, self.found, threshold)
        return int(_known(self.found, shares, threshold).sum())

    def rate(self, threshold: float) -> tuple[float, float, float]:
        """Return their part, 0 to 1, and its 95 % confidence interval (Wilson 1927)."""
        count, square = len(self), _CONFIDENCE**2
        part = self.named(threshold) / count
        centre = (part + square / (2 * count)) / (1 + square / count)
        spread = part * (1 - part) / count + square / (4 * count**2)
        half = _CONFIDENCE * float(np.sqrt(spread)) / (1 + square / count)
        return part, max(0.0, centre - half), min(1.0, centre + half)

    def threshold_at(self, rate: float, candidates: Sequence[float]) -> float | None:
        """Return the largest of these thresholds at which no larger part is given a name.

        None if there is none, or if there are too few people to tell: fewer than 1 / rate.
        """
        if len(self) * rate < 1:
            return None
        good = [limit for limit in candidates if self.named(limit) <= rate * len(self)]
        return max(good, default=None)


def strangers(
    references: References, *, neighbours: int = NEIGHBOURS, seed: int = 0
) -> Strangers | None:
    """Let people among the references stand in for people who are not.

    One face, drawn by ``seed``, of each of at most 1,000 people is identified among the references
    of all others.  None if there is no other person.  It supposes that strangers are as like the
    known people as these are like each other; two names of one person count as an error.
    """
    if len(references.people) < 2:
        return None
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(references))
    _, first = np.unique(references.person[shuffled], return_index=True)
    faces = shuffled[random.permutation(first)[:_SAMPLE]]
    found = nearest(
        references.index,
        references.index.vectors[faces],
        neighbours=min(neighbours, len(references)),
        people=1,
        barred=references.person[faces],
    )
    return Strangers(found, references.person)
