"""dlib's clustering functions.

Source: dlib ``python/src/face_recognition.cpp``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phiz.checks import F64
from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.failures import failed, runtime_errors
from phiz.compat.dlib.kinds import Float32, Int32, instance_of, kind_of
from phiz.compat.dlib.sequences import cast, cast_object
from phiz.compat.dlib.vectors import vector

__all__ = ["bottom_up_clustering", "chinese_whispers", "chinese_whispers_clustering"]

_SIZE, _REAL = kind_of("Size", {}), kind_of("float", {})
_VECTOR = instance_of(vector, "")
_FILE = "python/face_recognition.cpp"

bottom_up_clustering = Overloads(
    "bottom_up_clustering", "Labels of descriptors: clusters of those that are all close."
)
chinese_whispers = Overloads(
    "chinese_whispers", "Labels of the nodes of a graph of (i, j) or (i, j, weight)."
)
chinese_whispers_clustering = Overloads(
    "chinese_whispers_clustering", "Labels of descriptors: Chinese whispers among close ones."
)


def _rows(descriptors: list[Any]) -> F64:
    """Return descriptors as (n, d); RuntimeError for others and for vectors of several sizes."""
    values = [cast_object(each, _VECTOR)._values for each in descriptors]
    sizes = {len(each) for each in values}
    if len(sizes) > 1:
        raise RuntimeError(f"descriptors: wanted vectors of one length, found {sorted(sizes)}")
    return np.array(values, np.float64).reshape(len(values), sizes.pop() if sizes else 0)


@chinese_whispers_clustering.add
def _(descriptors: list[Any], threshold: Float32) -> list[Any]:
    from phiz.clustering.graph import NeighbourGraph, neighbour_graph
    from phiz.clustering.whispers import whisper

    if not threshold > 0:
        raise failed(
            f"{_FILE}:266",
            "pybind11::list chinese_whispers_clustering(pybind11::list, float)",
            "threshold > 0",
            "",
        )
    vectors = _rows(descriptors)
    if not vectors.size:
        return [0] * len(vectors)
    # What is not finite is near nothing, not even itself; behind the last node dlib sees none.
    known = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    nodes = int(known.max(initial=-1)) + 1
    with runtime_errors():
        graph = neighbour_graph(vectors[known], threshold)
        counts = np.zeros(nodes, np.int64)
        counts[known] = np.diff(graph.starts)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        neighbours = known[graph.neighbours].astype(np.int32)
        return whisper(NeighbourGraph(starts, neighbours, graph.weights)).tolist()


@bottom_up_clustering.add
def _(descriptors: list[Any], min_num_clusters: Int32 = 1, max_dist: float = 0.6) -> list[Any]:
    from phiz.clustering.bottom_up import bottom_up

    if min_num_clusters < 1:
        raise failed(
            f"{_FILE}:235",
            "pybind11::list bottom_up_clustering(pybind11::list, int, double)",
            "min_num_clusters > 0",
            "",
        )
    if len(descriptors) < 2:
        return [0] * len(descriptors)
    return bottom_up(_rows(descriptors), clusters=min_num_clusters, most=max_dist).tolist()


def _edge(given: Any) -> tuple[int, int, float]:
    """Read an edge as pybind11 casts it."""
    parts = given if type(given) is tuple else tuple(given)
    if len(parts) not in (2, 3):
        raise IndexError("Input must be a list of tuples with 2 or 3 elements.")
    one, other = (
        end if type(end) is int and 0 <= end < 2**63 else cast(end, _SIZE) for end in parts[:2]
    )
    return one, other, cast(parts[2], _REAL) if len(parts) == 3 else 1.0


@chinese_whispers.add
def _(edges: list[Any]) -> list[Any]:
    from phiz.clustering.whispers import chinese_whispers as whispered

    if not edges:
        return []
    ones, others, weights = zip(*map(_edge, edges), strict=True)
    if max(max(ones), max(others)) >= 2**63:
        raise MemoryError("std::bad_alloc")
    ends = np.array([ones, others], np.int64).T
    heavy = np.array(weights, np.float64)
    with runtime_errors():
        return whispered(ends, None if (heavy == 1).all() else heavy).tolist()
