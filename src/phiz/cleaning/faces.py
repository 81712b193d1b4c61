"""Which face of a picture is the one its folder is named after."""

from __future__ import annotations

import numpy as np

from phiz.checks import F64, I64
from phiz.cleaning.groups import pair_distances
from phiz.table import FaceTable

__all__ = ["areas", "choose_faces"]

_COMPARED = 1000  # faces of one identity that are compared with all of its faces


def areas(table: FaceTable) -> F64:
    """Return the area of each face's box, square pixels."""
    sides = (table.boxes[:, 2:] - table.boxes[:, :2]).astype(np.float64)
    return np.asarray(sides.prod(axis=1), np.float64)


def choose_faces(table: FaceTable, vectors: F64, identity: I64) -> I64:
    """Return the row of the face that stands for each picture, -1 where there is none.

    vectors: (n, d) float64 of the table's faces.  identity: (p,) int64 of its pictures, -1 for
    those in nobody's folder, which get their largest face.

    In an identity, the medoid is the face that is nearest to the other pictures, each picture being
    as far as its nearest face: the median over pictures counts.  A bystander is in few of them.
    Of each picture the face nearest to the medoid is taken.  A lone picture gives its largest face.
    """
    size = areas(table)
    chosen = np.full(len(table.pictures), -1, np.int64)
    # Later ones overwrite earlier ones: the largest face comes last.
    by_size = np.argsort(size, kind="stable")
    chosen[table.picture[by_size]] = by_size
    faces = np.bincount(table.picture, minlength=len(chosen))
    ends = np.cumsum(faces)
    order = np.argsort(identity, kind="stable")
    order = order[(identity[order] >= 0) & (faces[order] > 0)]
    breaks = np.flatnonzero(np.diff(identity[order])) + 1
    for pictures in np.split(order, breaks):
        if len(pictures) < 2 or faces[pictures].max() < 2:
            continue
        rows = np.concatenate([np.arange(ends[i] - faces[i], ends[i]) for i in pictures])
        medoid = _medoid(vectors[rows], table.picture[rows], size[rows])
        distance = np.linalg.norm(vectors[rows] - vectors[rows[medoid]], axis=1)
        nearest_last = np.argsort(-distance, kind="stable")
        chosen[table.picture[rows[nearest_last]]] = rows[nearest_last]
    return chosen


def _medoid(vectors: F64, picture: I64, size: F64) -> int:
    """Return the face (of n, sorted by picture) that is nearest to the other pictures' faces."""
    step = -(-len(vectors) // _COMPARED)
    candidates = np.arange(0, len(vectors), step)
    starts = np.flatnonzero(np.concatenate([[True], picture[1:] != picture[:-1]]))
    distance = pair_distances(vectors[candidates], vectors)
    far = np.minimum.reduceat(distance, starts, axis=1)
    own = np.searchsorted(picture[starts], picture[candidates])
    far[np.arange(len(candidates)), own] = np.nan
    cost = np.nanmedian(far, axis=1).round(9)
    return int(candidates[np.lexsort((-size[candidates], cost))[0]])
