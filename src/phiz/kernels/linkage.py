"""Merging the closest clusters again and again, as dlib does it, ties and all.

The distance of two clusters is the largest between their members.  Which of equally close pairs
comes first is decided by the heap they wait in, so that is C++'s here too.
Source: dlib ``clustering/bottom_up_cluster.h``; libstdc++ ``bits/stl_heap.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64
from phiz.kernels._jit import helper, kernel

__all__ = ["link", "pair_distances"]

I32 = NDArray[np.int32]


@helper()
def _rise(near: F64, one: I32, other: I32, hole: int, value: float, a: int, b: int) -> None:
    """Put a pair into a hole of the heap, and up while its parent is farther."""
    parent = (hole - 1) // 2
    while hole > 0 and near[parent] > value:
        near[hole], one[hole], other[hole] = near[parent], one[parent], other[parent]
        hole = parent
        parent = (hole - 1) // 2
    near[hole], one[hole], other[hole] = value, a, b


@helper()
def _sink(near: F64, one: I32, other: I32, size: int) -> None:
    """Take the first of ``size`` pairs out of the heap; the last one finds a new place."""
    left = size - 1
    value, a, b = near[left], one[left], other[left]
    hole = child = 0
    while child < (left - 1) // 2:
        child = 2 * (child + 1)
        if near[child] > near[child - 1]:
            child -= 1
        near[hole], one[hole], other[hole] = near[child], one[child], other[child]
        hole = child
    if left % 2 == 0 and left > 0 and child == (left - 2) // 2:
        child = 2 * child + 1
        near[hole], one[hole], other[hole] = near[child], one[child], other[child]
        hole = child
    if left > 0:
        _rise(near, one, other, hole, value, a, b)


@helper()
def _root(parents: I64, node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def link(distances: F64, clusters: int, most: float) -> I64:
    """Merge what is at most ``most`` apart until this many clusters are left.

    distances: (n, n) float64, symmetric, overwritten.

    Returns (n,) int64, a member of its cluster for each.
    """
    count = len(distances)
    room = count * (count - 1) // 2
    parents = np.arange(count, dtype=np.int64)
    pairs = np.empty(room), np.empty(room, np.int32), np.empty(room, np.int32)
    if count > 1:
        _link(distances, clusters, most, parents, *pairs)
    return parents


@kernel("f8:2 i8 f8 i8:1 f8:1 i4:1 i4:1")
def _link(
    distances: F64, clusters: int, most: float, parents: I64, near: F64, one: I32, other: I32
) -> None:
    """Do the work of :func:`link`; near, one, other: (n (n - 1) / 2,), the heap."""
    count = distances.shape[0]
    size = 0
    for row in range(count):
        for column in range(row + 1, count):
            _rise(near, one, other, size, distances[row, column], row, column)
            size += 1
    for _ in range(clusters, count):
        best = near[0]
        a, b = _root(parents, one[0]), _root(parents, other[0])
        _sink(near, one, other, size)
        size -= 1
        # Distances grow as clusters merge: a pair that waits with an old one waits again.
        while a == b or best < distances[a, b]:
            if a != b:
                _rise(near, one, other, size, distances[a, b], a, b)
                size += 1
            best = near[0]
            a, b = _root(parents, one[0]), _root(parents, other[0])
            _sink(near, one, other, size)
            size -= 1
        if best > most:
            break
        parents[b] = a
        for row in range(count):
            mine, its = distances[row, a], distances[row, b]
            largest = its if mine < its else mine
            distances[row, a] = largest
            distances[a, row] = largest
    for node in range(count):
        parents[node] = _root(parents, node)


def pair_distances(vectors: F64) -> F64:
    """Return the Euclidean distances (n, n) of vectors (n, d), each sum taken from its front.

    They are rounded to float32, as dlib's module keeps them.
    """
    distances = np.zeros((len(vectors), len(vectors)))
    _pair_distances(np.ascontiguousarray(vectors, np.float64), distances)
    return distances


@kernel("f8:2 f8:2")
def _pair_distances(vectors: F64, distances: F64) -> None:
    count, size = vectors.shape
    for row in range(count):
        for column in range(row + 1, count):
            total = 0.0
            for i in range(size):
                step = vectors[row, i] - vectors[column, i]
                total += step * step
            far = np.float64(np.float32(np.sqrt(total)))
            distances[row, column] = far
            distances[column, row] = far
