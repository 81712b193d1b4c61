"""The label-spreading loop of Chinese whispers clustering.

Source: Biemann 2006; dlib ``chinese_whispers.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64
from phiz.kernels._jit import kernel

__all__ = ["spread_labels"]


@kernel("u8:1 i8 i8:1 i4:1 f8:1 i8:1 f8:1 i8:1 i8:1")
def spread_labels(
    draws: NDArray[np.uint64],
    first: int,
    starts: I64,
    neighbours: NDArray[np.int32],
    weights: F64,
    labels: I64,
    sums: F64,
    visited: I64,
    around: I64,
) -> None:
    """Visit one random node per draw and give it the label that weighs most around it.

    draws: 64-bit random numbers.  first: how many draws there were before these, plus 1.
    starts: (n + 1,), neighbours and weights: the graph in compressed rows; a weights array of
    length 0 means all 1.  labels: (n,), changed.  sums, visited, around: (n,), zeros before the
    first call, kept between calls.

    Ties go to the smallest label, as in dlib, which keeps the sums in an ordered map.
    """
    nodes = np.uint64(labels.size)
    for k in range(draws.size):
        node = np.int64(draws[k] % nodes)
        begin, end = starts[node], starts[node + 1]
        if begin == end:
            continue
        count = 0
        for e in range(begin, end):
            label = labels[neighbours[e]]
            if visited[label] != first + k:
                visited[label] = first + k
                sums[label] = 0.0
                around[count] = label
                count += 1
            sums[label] += weights[e] if weights.size else 1.0
        best_label = around[0]
        for i in range(1, count):
            label = around[i]
            if sums[label] > sums[best_label] or (
                sums[label] == sums[best_label] and label < best_label
            ):
                best_label = label
        labels[node] = best_label
