"""New faces join the clusters that are there; the others' labels stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phiz.checks import I64, check
from phiz.clustering.cluster import label_faces
from phiz.clustering.linking import described, link_faces
from phiz.clustering.nearest import nearest_in, prepared, radius_of
from phiz.errors import OptionError, ShapeError, SpaceError
from phiz.values import Descriptors

__all__ = ["assign"]

_VOTES = 7  # of the nearest faces; odd, so that two people rarely get the same number


def assign(
    new: object,
    vectors: object,
    labels: object,
    *,
    threshold: float | None = None,
    votes: int = _VOTES,
    progress: Callable[[int], None] = lambda _done: None,
) -> I64:
    """Give new faces the labels of known ones that they are close to.

    new, vectors: Descriptors, tables or arrays, (m, d) and (n, d).  labels: (n,) integers, of the
    known faces.  threshold: as for :func:`cluster`.  votes: how many of the nearest known faces
    closer than that vote; of people with as many votes the one with the nearest face wins.  New
    faces that are close to no known one are clustered among themselves, and get the numbers after
    the largest known label.  progress: called with the number of new faces done.

    Returns (m,) int64 labels.  Raises OptionError, ShapeError, SpaceError.
    """
    fresh, known = described(new, "new"), described(vectors)
    if fresh.space and known.space and fresh.space != known.space:
        raise SpaceError(
            f"descriptors of different spaces cannot be compared: {fresh.space} and {known.space}; "
            "describe both sides with one model"
        )
    groups = np.asarray(labels)
    check(groups, (len(known),), name="labels")
    if groups.size and not np.issubdtype(groups.dtype, np.integer):
        raise ShapeError(f"labels: wanted integers, found {groups.dtype}")
    groups = groups.astype(np.int64)
    if len(fresh) and len(known) and fresh.vectors.shape[1] != known.vectors.shape[1]:
        raise ShapeError(
            f"new: wanted vectors of {known.vectors.shape[1]} numbers, "
            f"found {fresh.vectors.shape[1]}"
        )
    metric = known.metric
    limit = known.threshold if threshold is None else threshold
    if not limit > 0:
        raise OptionError(f"threshold: wanted a number above 0, found {limit}")
    if votes < 1:
        raise OptionError(f"votes: wanted 1 or more, found {votes}")
    found = np.full(len(fresh), -1, np.int64)
    unknown = np.ones(len(fresh), np.bool_)
    if len(fresh) and len(known):
        moved, middle = prepared(known.vectors, metric)
        asking = prepared(fresh.vectors, metric, middle)[0]
        names = nearest_in(
            asking, moved, min(votes, len(known)), radius_of(limit, metric), progress=progress
        )[1]
        unknown = names[:, 0] < 0
        for row in np.flatnonzero(~unknown):
            voted = groups[names[row][names[row] >= 0]]
            people, first, count = np.unique(voted, return_index=True, return_counts=True)
            found[row] = people[np.lexsort((first, -count))[0]]
    if unknown.any():
        rest = Descriptors(fresh.vectors[unknown], fresh.space, metric, limit)
        after = max(int(groups.max(initial=-1)), -1) + 1
        found[unknown] = label_faces(link_faces(rest)) + after
    return found
