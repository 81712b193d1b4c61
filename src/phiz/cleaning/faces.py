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


def _prominence(table: FaceTable) -> F64:
    """Return the area of each face, the less the further it is from its picture's centre.

    A face whose centre is its own side away from the picture's counts half.
    """
    area = np.maximum(areas(table), 1e-9)
    centre = (table.boxes[:, :2] + table.boxes[:, 2:]).astype(np.float64) / 2
    offset = centre - np.stack([table.width, table.height], axis=1) / 2
    return np.asarray(area / (1 + (offset**2).sum(axis=1) / area), np.float64)


def choose_faces(table: FaceTable, vectors: F64, identity: I64, limit: float) -> I64:
    """Return the row of the face that stands for each picture, -1 where there is none.

    vectors: (n, d) float64 of the table's faces.  identity: (p,) int64 of its pictures, -1 for
    those in nobody's folder.  limit: faces nearer than this are taken for one person.

    The person of a folder is in most of its pictures, and large and central in them.  So a face is
    looked for that has one nearer than ``limit`` in the median picture, and of several such faces
    the one whose likenesses are the most prominent; if there is none, the one that is nearest to
    the others.  Of each picture the face nearest to it is taken, and of a lone picture the most
    prominent one.
    """
    prominence = _prominence(table)
    chosen = np.full(len(table.pictures), -1, np.int64)
    # Later ones overwrite earlier ones: the most prominent face comes last.
    order = np.argsort(prominence, kind="stable")
    chosen[table.picture[order]] = order
    faces = np.bincount(table.picture, minlength=len(chosen))
    ends = np.cumsum(faces)
    order = np.argsort(identity, kind="stable")
    order = order[(identity[order] >= 0) & (faces[order] > 0)]
    breaks = np.flatnonzero(np.diff(identity[order])) + 1
    for pictures in np.split(order, breaks):
        if len(pictures) < 2 or faces[pictures].max() < 2:
            continue
        inside = [np.arange(ends[i] - faces[i], ends[i]) for i in pictures]
        rows = np.concatenate(inside)
        best = rows[_subject(vectors[rows], prominence[rows], faces[pictures], limit)]
        distance = np.linalg.norm(vectors[rows] - vectors[best], axis=1)
        nearest_last = np.argsort(-distance, kind="stable")
        chosen[table.picture[rows[nearest_last]]] = rows[nearest_last]
    return chosen


def _subject(vectors: F64, prominence: F64, faces: I64, limit: float) -> int:
    """Return the face of the person that pictures are of.

    vectors, prominence: of n faces, picture by picture.  faces: how many each picture has.
    """
    candidates = np.arange(0, len(vectors), -(-len(vectors) // _COMPARED))
    distance = pair_distances(vectors[candidates], vectors)
    starts = np.cumsum(faces) - faces
    own = np.repeat(np.arange(len(faces)), faces)[candidates]
    far, part = np.empty((2, len(candidates), len(faces)))
    for picture, start in enumerate(starts.tolist()):
        inside = slice(start, start + int(faces[picture]))
        at = distance[:, inside].argmin(axis=1)
        far[:, picture] = distance[:, inside].min(axis=1)
        part[:, picture] = prominence[inside][at] / prominence[inside].max()
    far[np.arange(len(candidates)), own] = np.nan
    cost = np.nanmedian(far, axis=1).round(9)
    there = cost < limit
    rank = np.where(there, -part.mean(axis=1).round(9), cost)
    return int(candidates[np.lexsort((cost, rank, ~there))[0]])
