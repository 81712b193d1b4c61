"""Pictures that are there twice: the same file, the same picture, the same photograph cut anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, U8
from phiz.cleaning.hashing import hash_distance, near_pairs
from phiz.clustering import neighbour_graph

__all__ = ["Duplicates", "find_duplicates"]


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """Pictures to be dropped for others, each named once.

    picture, other: (m,) int64, the one to drop and the one that it repeats.
    exact: (m,) bool, whether they are the same file.
    bits: (m,) int64, in how many of 256 bits their hashes differ; -1 if that was not compared.
    distance: (m,) float64, of their faces' descriptors; NaN where a face is missing.
    """

    picture: I64
    other: I64
    exact: NDArray[np.bool_]
    bits: I64
    distance: F64

    def __len__(self) -> int:
        return len(self.picture)


def _equal_files(content: list[str]) -> I64:
    """Return pairs (m, 2) of each file and the first with the same content."""
    first: dict[str, int] = {}
    pairs = [
        (first[digest], index)
        for index, digest in enumerate(content)
        if digest and first.setdefault(digest, index) != index
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def find_duplicates(
    content: list[str],
    hashes: list[U8 | None],
    vectors: F64,
    faces: I64,
    worth: F64,
    *,
    bits: int,
    near: float,
    apart: float,
) -> Duplicates:
    """Find pictures that repeat others.

    content: SHA-256 of each of n files, "" for those to leave out.  hashes: perceptual hashes, None
    for pictures of one shade.  vectors: (f, d) float64 of faces.  faces: (n,) int64, the face that
    stands for each picture, or -1.  worth: (n,) float64; of a group the picture worth most stays.
    bits: hashes that differ in at most this many are of one picture, unless their faces are
    ``apart`` or further from each other.  near: faces nearer than this are of one photograph.
    """
    # From here on pictures are numbered by worth: of equal ones the first is the one to keep.
    order = np.argsort(-worth, kind="stable")
    faces, content, hashes = faces[order], [content[i] for i in order], [hashes[i] for i in order]
    there = np.array([i for i, digest in enumerate(content) if digest], np.int64)
    hashed = np.array([i for i in there.tolist() if hashes[i] is not None], np.int64)
    alike, _ = near_pairs([code for i in hashed.tolist() if (code := hashes[i]) is not None], bits)
    alike = hashed[alike]
    alike = alike[~(_face_distances(vectors, faces, alike) >= apart)]
    seen = there[faces[there] >= 0]
    short: F32 = np.ascontiguousarray(vectors[faces[seen]], np.float32)
    graph = neighbour_graph(short, near)
    one = np.repeat(np.arange(len(seen)), np.diff(graph.starts))
    close = np.stack([seen[one], seen[graph.neighbours]], axis=1)
    edges = np.concatenate([_equal_files(content), alike, close[close[:, 0] < close[:, 1]]])
    pairs = _resolve(edges)
    differ = [
        -1 if a is None or b is None else hash_distance(a, b)
        for a, b in ((hashes[i], hashes[j]) for i, j in pairs.tolist())
    ]
    return Duplicates(
        picture=order[pairs[:, 0]],
        other=order[pairs[:, 1]],
        exact=np.array([content[i] == content[j] for i, j in pairs.tolist()], np.bool_),
        bits=np.array(differ, np.int64),
        distance=_face_distances(vectors, faces, pairs),
    )


def _face_distances(vectors: F64, faces: I64, pairs: I64) -> F64:
    found = np.full(len(pairs), np.nan)
    both = (faces[pairs] >= 0).all(axis=1)
    one, other = faces[pairs[both]].T
    found[both] = np.linalg.norm(vectors[one] - vectors[other], axis=1)
    return found


def _resolve(edges: I64) -> I64:
    """Return (m, 2) pictures to drop, each with the best one kept that it is paired with.

    edges: (e, 2) int64, the better picture first.  A picture goes only for one that stays.
    """
    kept_for: dict[int, int] = {}
    for better, worse in edges[np.lexsort((edges[:, 0], edges[:, 1]))].tolist():
        # Pairs come by the worse picture, so that whether the better one stays is known by now.
        if better not in kept_for:
            kept_for.setdefault(worse, better)
    return np.array(sorted(kept_for.items()), np.int64).reshape(-1, 2)
