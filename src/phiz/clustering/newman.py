"""Newman's clustering: a graph is split in two, and again, while that raises its modularity.

Labels are dlib's for the same graph: the same random vectors start the same iterations.
Source: Newman 2006, "Modularity and community structure in networks"; dlib
``modularity_clustering.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, check
from phiz.clustering.graph import NeighbourGraph, graph_of_edges
from phiz.errors import ShapeError
from phiz.rng import DlibRandom

__all__ = ["modularity", "newman", "newman_cluster"]

_STILL = 1e-4  # of a component's expected size: the iteration has arrived
_ROUNDS = 2000  # of multiplying by the matrix
_SHIFTS = 50  # dlib has no such limit; a matrix of rounding errors could be shifted for ever


def _split(
    graph: NeighbourGraph, degrees: F64, diagonal: F64, total: float, random: DlibRandom
) -> tuple[F64, float]:
    """Return the side, -1 or 1, of each node, and the modularity of this split."""
    from phiz.kernels.newman import flip_signs, iterate_power  # the compiler starts when needed

    nodes = len(graph)
    parts = (graph.starts, graph.neighbours, graph.weights, degrees)
    vector = random.gaussians(nodes)
    vector *= 1 / np.sqrt(np.sum(vector**2))
    product = np.zeros(nodes)
    value = 0.0
    for _ in range(_SHIFTS):
        left = np.array([_ROUNDS])
        while left[0] > 0:
            shift, still = value, _STILL * float(np.sqrt(1 / nodes))
            iterate_power(*parts, total, shift, still, vector, product, left)
            if left[0] >= 0:
                break
            vector[:] = random.gaussians(nodes)
            left[0] = -left[0] - 1
        value = float(product @ vector)
        if value >= 0:
            break
        # The eigenvalue of most weight is negative: shifted by it, the matrix has none.
    flip_signs(*parts, diagonal, total, vector, product)
    return vector, float(product @ vector) / (2 * total)


def _inside(graph: NeighbourGraph, keep: NDArray[np.bool_]) -> NeighbourGraph:
    """Return the graph of some nodes and the edges between them, renumbered."""
    number = np.cumsum(keep) - 1
    source = np.repeat(keep, np.diff(graph.starts))
    kept = source & keep[graph.neighbours]
    before = np.concatenate([[0], np.cumsum(kept)])
    ends = before[graph.starts]
    counts = np.diff(ends)[keep]
    return NeighbourGraph(
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        neighbours=number[graph.neighbours[kept]].astype(np.int32),
        weights=graph.weights[kept],
    )


def newman(graph: NeighbourGraph, *, seed: int = 0) -> I64:
    """Cluster a graph by splitting it while that raises the modularity.

    seed: 0 is dlib's own fresh state.

    Returns (n,) int64 labels, numbered in dlib's order: one side of the first split, then the
    other.  Raises ShapeError for weights below 0.
    """
    weights = graph.weights if graph.weights.size else np.ones(len(graph.neighbours))
    if weights.size and weights.min() < 0:
        raise ShapeError(f"weights: wanted 0 or more, found {weights.min()}")
    graph = NeighbourGraph(graph.starts, graph.neighbours, weights)
    labels = np.zeros(len(graph), np.int64)
    source = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
    degrees = np.bincount(source, weights, len(graph)).astype(np.float64)
    own = source == graph.neighbours
    total = float(weights.sum())
    if total == 0:
        return labels
    diagonal = np.bincount(source[own], weights[own], len(graph)) - degrees**2 / total
    random = DlibRandom(seed)
    waiting = [(np.arange(len(graph)), graph, degrees, diagonal, 0.0)]
    found = 0
    while waiting:
        nodes, part, degrees, diagonal, least = waiting.pop()
        sides, gained = _split(part, degrees, diagonal, total, random)
        left = sides > 0
        if not (gained > least and left.any() and not left.all()):
            labels[nodes] = found
            found += 1
            continue
        for side in (~left, left):  # the last one is taken first
            inner = _inside(part, side)
            least = (inner.weights.sum() - degrees[side].sum() ** 2 / total) / (2 * total)
            waiting.append((nodes[side], inner, degrees[side], diagonal[side], least))
    return labels


def newman_cluster(edges: object, weights: object = None, *, seed: int = 0) -> I64:
    """Cluster a graph given by its edges, by modularity, as dlib's ``newman_cluster`` does.

    edges: (m, 2) integers, indices of nodes from 0.  weights: (m,), 0 or more, 1 if None.

    Returns (n,) int64 labels from 0 in dlib's order, n being one more than the largest index.
    Raises ShapeError.

    >>> newman_cluster([(0, 1), (1, 2), (0, 2), (3, 4), (2, 3)]).tolist()
    [0, 0, 0, 1, 1]
    """
    return newman(graph_of_edges(edges, weights), seed=seed)


def modularity(edges: object, labels: object, weights: object = None) -> float:
    """Return how much more weight lies inside clusters than chance would put there, up to 1.

    edges: (m, 2) integers, each edge once.  labels: (n,) integers, one per node.  weights: (m,),
    1 if None.  No edges, or weights that sum to 0, give 0.  Raises ShapeError.

    >>> modularity([(0, 1), (2, 3)], [0, 0, 1, 1])
    0.5
    """
    graph = graph_of_edges(edges, weights)
    groups = np.asarray(labels)
    check(groups, (len(graph),), name="labels")
    if groups.size and not np.issubdtype(groups.dtype, np.integer):
        raise ShapeError(f"labels: wanted integers, found {groups.dtype}")
    heavy = graph.weights if graph.weights.size else np.ones(len(graph.neighbours))
    total = float(heavy.sum())
    if total == 0:
        return 0.0
    source = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
    groups = np.unique(groups, return_inverse=True)[1].reshape(-1)
    within = float(heavy[groups[source] == groups[graph.neighbours]].sum())
    degrees = np.bincount(groups[source], heavy)
    return (within - float((degrees**2).sum()) / total) / total
