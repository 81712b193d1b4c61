"""Chinese whispers: nodes take the label that most of their neighbours have, again and again.

Labels are dlib's for the same graph: the same random nodes are visited in the same order.
Source: Biemann 2006; dlib ``chinese_whispers.h``.
"""

from __future__ import annotations

import numpy as np

from phiz.checks import I64
from phiz.clustering.graph import NeighbourGraph, graph_of_edges
from phiz.clustering.pictures import Pictures
from phiz.errors import OptionError
from phiz.rng import DlibRandom

__all__ = ["by_appearance", "chinese_whispers", "whisper"]

_DRAWS = 1 << 18  # random numbers at a time


def by_appearance(labels: I64) -> I64:
    """Number labels 0, 1, 2 ... in the order in which they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def whisper(
    graph: NeighbourGraph,
    *,
    iterations: int = 100,
    seed: int = 0,
    pictures: Pictures | None = None,
) -> I64:
    """Cluster a graph.

    iterations: each node is visited this often, on average.  seed: 0 is dlib's own fresh state.
    pictures: faces of one picture never get one label, whatever their neighbours have.

    Returns (n,) int64 labels, numbered by first appearance.
    """
    from phiz.kernels.whispers import spread_labels  # the compiler starts when it is needed

    if iterations < 0:
        raise OptionError(f"iterations: wanted 0 or more, found {iterations}")
    nodes = len(graph)
    labels, stale = np.arange(nodes, dtype=np.int64), np.ones(nodes, np.uint8)
    left, around = np.array([nodes], np.int64), np.zeros(nodes, np.int64)
    sums, visited = np.zeros(nodes), np.zeros(nodes, np.int64)
    none, nobody = np.zeros(0, np.int64), np.zeros(0, np.int32)
    groups, starts, members, barred = none, none, nobody, none
    if pictures is not None:
        groups, starts, members = pictures.picture, pictures.starts, pictures.faces
        barred = np.zeros(nodes, np.int64)
    random = DlibRandom(seed)
    total = nodes * iterations
    for done in range(0, total, _DRAWS):
        if not left[0]:
            break  # no visit would change a label
        draws = random.wide(min(_DRAWS, total - done))
        spread_labels(
            draws, done + 1, graph.starts, graph.neighbours, graph.weights, groups, starts, members,
            labels, stale, left, sums, visited, around, barred,
        )  # fmt: skip
    return by_appearance(labels)


def chinese_whispers(
    edges: object, weights: object = None, *, iterations: int = 100, seed: int = 0
) -> I64:
    """Cluster a graph given by its edges.

    edges: (m, 2) integers, indices of nodes from 0.  weights: (m,), 1 if None.

    Returns (n,) int64 labels, n being one more than the largest index.  Raises ShapeError.

    >>> chinese_whispers([(0, 1), (1, 2), (3, 4)]).tolist()
    [0, 0, 0, 1, 1]
    """
    return whisper(graph_of_edges(edges, weights), iterations=iterations, seed=seed)
