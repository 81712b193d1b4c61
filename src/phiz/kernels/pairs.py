"""Counting the distances of pairs of faces."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64
from phiz.kernels._jit import helper, kernel

__all__ = ["count_pairs"]


@helper()
def _count(ranges: NDArray[np.int32], fine: I64) -> None:
    for j in range(ranges.size):
        fine[ranges[j]] += 1


@helper()
def _below(row: F32, limit: float) -> int:
    bound = np.float32(limit)
    count = 0
    for j in range(row.size):
        count += row[j] < bound
    return count


@kernel("f4:2 i8:1 i8:1 i8:1 f8:1 f4:2 i4:1 i8:2 u4:2 u4:2 i8:2 i4:1 u4:2 i8:1 i8:1")
def count_pairs(
    squares: F32,
    row_people: I64,
    column_people: I64,
    place: I64,
    scale: F64,
    bounds: F32,
    coarse: NDArray[np.int32],
    fine: I64,
    of_genuine: NDArray[np.uint32],
    of_impostor: NDArray[np.uint32],
    matches: I64,
    ranges: NDArray[np.int32],
    lanes: NDArray[np.uint32],
    close: I64,
    found: I64,
) -> None:
    """Add one block of pairs to histograms.

    squares: (r, c), squared distances.  row_people, column_people: (r,), (c,) ascending, who they
        are of.
    place: (3,), the block's first row and column among all faces, and whether distances are the
        roots of squares.  Only pairs whose column comes after their row count.
    scale: (2,), fine ranges per unit of distance, and the square below which an impostor pair is
        told in ``close``.
    bounds: (t, 2), the squares between which a threshold's answer is not sure.
    coarse: (m,), the coarse range of each fine one.
    fine: (2, m), pairs of one person, and of two, in each fine range.
    of_genuine, of_impostor: (p, k), pairs of each person in each coarse range.
    matches: (t, 2), pairs of one person, and of two, that are surely below each threshold.
    ranges: (c,), and lanes: (4, k), room to work in.
    close: (r * c,), pairs to look at again, as row * c + column: those not sure, and the nearest
        impostors.  found: (1,), how many.
    """
    rows, columns = squares.shape
    last, bar = np.int32(len(coarse) - 1), np.float32(scale[1])
    step = np.float32(scale[0])
    for i in range(rows):
        row, person = squares[i], row_people[i]
        first = min(max(0, place[0] + i + 1 - place[1]), columns)
        if place[2]:
            for j in range(columns):
                ranges[j] = np.int32(math.sqrt(row[j]) * step)
        else:
            for j in range(columns):
                ranges[j] = np.int32(row[j] * step)
        for j in range(columns):
            ranges[j] = min(ranges[j], last)
        apart = first  # people ascend: after the last face of this person there are only others
        while apart < columns and column_people[apart] == person:
            apart += 1
        _count(ranges[first:apart], fine[0])
        _count(ranges[apart:columns], fine[1])
        mine = of_genuine[person]
        for j in range(first, apart):
            mine[coarse[ranges[j]]] += np.uint32(1)
        lanes[:] = 0
        for j in range(apart, columns):
            at = coarse[ranges[j]]
            lanes[j & 3, at] += np.uint32(1)
            of_impostor[column_people[j], at] += np.uint32(1)
        for k in range(lanes.shape[1]):
            of_impostor[person, k] += lanes[0, k] + lanes[1, k] + lanes[2, k] + lanes[3, k]
        unsure = 0
        for t in range(len(bounds)):
            genuine, impostor = (
                _below(row[first:apart], bounds[t, 0]),
                _below(row[apart:], bounds[t, 0]),
            )
            matches[t, 0] += genuine
            matches[t, 1] += impostor
            unsure += _below(row[first:], bounds[t, 1]) - genuine - impostor
        if unsure or _below(row[apart:], bar):
            for j in range(first, columns):
                told = j >= apart and row[j] < bar
                for t in range(len(bounds)):
                    told = told or bounds[t, 0] <= row[j] < bounds[t, 1]
                if told:
                    close[found[0]] = i * columns + j
                    found[0] += 1
