"""Keeping the nearest of many candidates, row by row of a block of products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, I64
from phiz.kernels._jit import helper, kernel

__all__ = ["answer_back", "keep_nearest", "share_neighbours"]

_AT_ONCE = 16  # candidates of which one comparison, in a wide register, says that none is near


@helper()
def _insert(
    distances: F32, nearest: NDArray[np.int32], row: int, distance: float, name: int
) -> None:
    """Put one candidate into a row's ascending list; the last of the list falls out."""
    at = distances.shape[1] - 1
    while at > 0 and distances[row, at - 1] > distance:
        distances[row, at] = distances[row, at - 1]
        nearest[row, at] = nearest[row, at - 1]
        at -= 1
    distances[row, at] = distance
    nearest[row, at] = name


@kernel("f4:2 f4:1 f4:1 i8:1 i8:1 i8 f8 f4:2 i4:2")
def keep_nearest(
    products: F32,
    row_squares: F32,
    squares: F32,
    rows: I64,
    names: I64,
    first: int,
    limit: float,
    distances: F32,
    nearest: NDArray[np.int32],
) -> None:
    """Put candidates nearer than those kept so far into their rows' lists.

    products: (m, c), of m vectors with c candidates, which are called ``first`` and on.
    row_squares: (m,), squares: (c,), squared lengths.  rows: (m,), where each vector's list is.
    names: (m,), what each is called as a candidate, which it is not of itself; -1 if it is none.
    limit: squared distance below which a candidate counts.  distances: (n, k), squared, ascending,
    infinity where fewer were found, and nearest: (n, k), names, -1 likewise; both changed.
    """
    many, count = products.shape
    last = distances.shape[1] - 1
    half = np.float32(0.5)
    for i in range(many):
        row = rows[i]
        own = row_squares[i]
        worst = min(np.float32(limit), distances[row, last])
        begin = 0
        while begin < count:
            end = min(begin + _AT_ONCE, count)
            # Nearer than the worst: own + square - 2 product < worst.
            bound = half * (own - worst)
            hits = 0
            for j in range(begin, end):
                hits += products[i, j] - half * squares[j] >= bound
            if hits:
                for j in range(begin, end):
                    twice = products[i, j] + products[i, j]
                    far = max(own + squares[j] - twice, np.float32(0.0))
                    if far < worst and first + j != names[i]:
                        _insert(distances, nearest, row, far, first + j)
                        worst = min(np.float32(limit), distances[row, last])
            begin = end


@kernel("f4:2 i4:2 f4:2 i4:2")
def answer_back(
    found: F32, names: NDArray[np.int32], distances: F32, nearest: NDArray[np.int32]
) -> None:
    """Tell each vector who has it in its list: it may not have found that one itself.

    found: (n, k) and names: (n, k), the lists.  distances and nearest: a copy of them, changed.
    """
    nodes, count = names.shape
    for row in range(nodes):
        for place in range(count):
            other = names[row, place]
            if other < 0:
                break
            far = found[row, place]
            if far >= distances[other, count - 1]:
                continue
            known = False
            for at in range(count):
                known = known or nearest[other, at] == row
            if not known:
                _insert(distances, nearest, other, far, row)


@kernel("i4:2 i8:1 i4:1 f8:1")
def share_neighbours(
    lists: NDArray[np.int32],
    starts: I64,
    neighbours: NDArray[np.int32],
    shared: NDArray[np.float64],
) -> None:
    """Count the names that the lists of each edge's ends have in common.

    lists: (n, k), ascending names, -1 where there are fewer.  starts: (n + 1,) and neighbours: a
    graph in compressed rows.  shared: one number per entry of neighbours, written.
    """
    count = lists.shape[1]
    for node in range(starts.size - 1):
        for e in range(starts[node], starts[node + 1]):
            other = neighbours[e]
            i = j = same = 0
            while i < count and j < count:
                a, b = lists[node, i], lists[other, j]
                same += a == b and a >= 0
                i += a <= b
                j += b <= a
            shared[e] = same
