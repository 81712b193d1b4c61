"""Faces of one picture are different people: who may not be put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import I64, check
from phiz.clustering.graph import NeighbourGraph
from phiz.errors import ShapeError

__all__ = ["Pictures", "keep_edges", "pictures_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Which faces share a picture.

    picture: (n,) int64 from 0, of each face.  starts: (p + 1,) int64 and faces: (n,) int32, the
    faces of each picture, in compressed rows.
    """

    picture: I64
    starts: I64
    faces: NDArray[np.int32]


def pictures_of(ids: object, count: int) -> Pictures:
    """Return who shares a picture, given a number (n,) for each face's; ShapeError if not that."""
    numbers = np.asarray(ids)
    check(numbers, (count,), name="cannot_link")
    if count and not np.issubdtype(numbers.dtype, np.integer):
        raise ShapeError(f"cannot_link: wanted integers, found {numbers.dtype}")
    picture = np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return Pictures(
        picture,
        np.concatenate([[0], np.cumsum(np.bincount(picture))]).astype(np.int64),
        np.argsort(picture, kind="stable").astype(np.int32),
    )


def keep_edges(graph: NeighbourGraph, keep: NDArray[np.bool_]) -> NeighbourGraph:
    """Return a graph of the same nodes with some of the edges; keep: one per neighbour."""
    before = np.concatenate([[0], np.cumsum(keep)])
    return NeighbourGraph(
        before[graph.starts].astype(np.int64),
        graph.neighbours[keep],
        graph.weights[keep] if graph.weights.size else graph.weights,
    )
