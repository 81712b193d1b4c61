"""Which faces are close to each other: the graph that clusters are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phiz.calibration import Calibration, threshold_of
from phiz.checks import F32, floats
from phiz.clustering.graph import NeighbourGraph, directed, distances_of, neighbour_graph
from phiz.clustering.nearest import EXACT, Nearest, nearest_neighbours
from phiz.clustering.pictures import Pictures, pictures_of
from phiz.errors import OptionError
from phiz.table import FaceTable
from phiz.values import Descriptors, Metric

__all__ = ["LinkedFaces", "described", "graph_of_nearest", "link_faces"]

_THRESHOLD = 0.6  # of bare vectors: dlib's
_NEIGHBOURS = 16  # of each face, where not all that are close are kept
_MOST_NEIGHBOURS = 256
_STRANGERS = 200_000  # pairs by which strangers are judged
_CLOSER = 0.925  # tenfold faces have a stranger so much closer; see docs/clustering.md


@dataclass(frozen=True, slots=True, eq=False)
class LinkedFaces:
    """Faces, and which of them are joined for being close.

    vectors: (n, d) float32, compared by ``metric``.  threshold: faces closer than this are joined.
    neighbours: how many of its close faces each was joined to, or None for all of them.  recall:
    the share of the true nearest that were found, on a sample; 1 where every two were compared.
    pictures: which faces share a picture and are never put together, or None.
    """

    vectors: F32
    metric: Metric
    threshold: float
    graph: NeighbourGraph
    neighbours: int | None = None
    recall: float = 1.0
    pictures: Pictures | None = None

    def __len__(self) -> int:
        return len(self.vectors)


def described(vectors_or_table: object, name: str = "vectors") -> Descriptors:
    """Return descriptors, those of a table, or an array as if dlib's model had made it."""
    if isinstance(vectors_or_table, FaceTable):
        return vectors_or_table.described()
    if isinstance(vectors_or_table, Descriptors):
        return vectors_or_table
    return Descriptors(floats(vectors_or_table, (None, None), name=name), "", threshold=_THRESHOLD)


def graph_of_nearest(nearest: Nearest) -> NeighbourGraph:
    """Join each face to those in its list.

    An edge weighs 1 and the number of faces that are in both ends' lists: two faces of one person
    have the same neighbours, strangers that look alike have their own.  Source: Jarvis and Patrick
    1973, "Clustering using a similarity measure based on shared near neighbors".
    """
    from phiz.kernels.nearest import share_neighbours  # the compiler starts when it is needed

    nodes = len(nearest.names)
    lists = np.sort(nearest.names, axis=1)  # those that are missing, -1, first
    found = nearest.names >= 0
    source = np.repeat(np.arange(nodes, dtype=np.int64), found.sum(axis=1))
    target = nearest.names[found].astype(np.int64)
    keys = np.concatenate([source * nodes + target, target * nodes + source])
    del source, target, found
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    starts = np.searchsorted(keys, np.arange(nodes + 1, dtype=np.int64) * nodes)
    keys %= max(nodes, 1)
    neighbours = keys.astype(np.int32)
    del keys
    weights = np.zeros(len(neighbours))
    share_neighbours(lists, starts.astype(np.int64), neighbours, weights)
    weights += 1
    return NeighbourGraph(starts.astype(np.int64), neighbours, weights)


def _adapted(vectors: F32, threshold: float, metric: Metric) -> float:
    """Return the threshold at which a face has about one stranger among so many.

    How many are closer than the model's own threshold is measured on random pairs, nearly all of
    which are strangers; from there each tenfold of faces brings one that is 7.5 % closer.
    """
    random = np.random.default_rng(0)
    one, other = random.integers(0, len(vectors), (2, _STRANGERS))
    two = one != other
    found = distances_of(vectors, one[two], other[two], metric)
    expected = len(vectors) * float((found < threshold).mean())
    closer = _CLOSER**2 if metric == "cosine" else _CLOSER  # a squared Euclidean distance
    return float(threshold * closer ** np.log10(max(expected, 1.0)))


def link_faces(
    vectors_or_table: object,
    *,
    threshold: float | Calibration | None = None,
    neighbours: int | None = None,
    cannot_link: object = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> LinkedFaces:
    """Join faces that are close.

    vectors_or_table, threshold, neighbours, cannot_link, progress: as for :func:`cluster`.
    """
    faces = described(vectors_or_table)
    vectors, count = np.ascontiguousarray(faces.vectors), len(faces)
    if cannot_link is True and not isinstance(vectors_or_table, FaceTable):
        raise OptionError("cannot_link: True wants a table; for bare vectors give each's picture")
    pictures = None
    if cannot_link is not False and cannot_link is not None:
        ids = vectors_or_table.picture if isinstance(vectors_or_table, FaceTable) else cannot_link
        pictures = pictures_of(ids if cannot_link is True else cannot_link, count)
    if faces.metric == "cosine":
        directed(vectors)
    limit = threshold_of(threshold, faces)
    if neighbours is None and count <= EXACT:
        graph = neighbour_graph(vectors, limit, metric=faces.metric, progress=progress)
        return LinkedFaces(vectors, faces.metric, limit, graph, pictures=pictures)
    if neighbours is not None and not 1 <= neighbours <= _MOST_NEIGHBOURS:
        raise OptionError(f"neighbours: wanted 1 to {_MOST_NEIGHBOURS}, found {neighbours}")
    many = neighbours or _NEIGHBOURS
    if threshold is None and count > EXACT:
        limit = _adapted(vectors, limit, faces.metric)
    nearest = nearest_neighbours(vectors, many, limit, metric=faces.metric, progress=progress)
    graph = graph_of_nearest(nearest)
    return LinkedFaces(vectors, faces.metric, limit, graph, many, nearest.recall, pictures)
