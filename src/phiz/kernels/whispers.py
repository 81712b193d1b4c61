"""The label-spreading loop of Chinese whispers clustering.

Source: Biemann 2006; dlib ``chinese_whispers.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, U8
from phiz.kernels._jit import kernel

__all__ = ["spread_labels"]


@kernel("u8:1 i8 i8:1 i4:1 f8:1 i8:1 i8:1 i4:1 i8:1 u1:1 i8:1 f8:1 i8:1 i8:1 i8:1")
def spread_labels(
    draws: NDArray[np.uint64],
    first: int,
    starts: I64,
    neighbours: NDArray[np.int32],
    weights: F64,
    groups: I64,
    group_starts: I64,
    members: NDArray[np.int32],
    labels: I64,
    stale: U8,
    left: I64,
    sums: F64,
    visited: I64,
    around: I64,
    barred: I64,
) -> None:
    """Visit one random node per draw and give it the label that weighs most around it.

    draws: 64-bit random numbers.  first: how many draws there were before these, plus 1.
    starts: (n + 1,), neighbours and weights: the graph in compressed rows, every edge in both its
    ends' rows; a weights array of length 0 means all 1.  groups: (n,), the group
    of each node, no two of which share a label; of length 0 where there are none.  group_starts:
    (g + 1,) and members: (n,), the nodes of each group.
    labels: (n,), changed.  stale: (n,), 1 where a visit could change the label, and left: (1,), how
    many these are; all are before the first call.  sums, visited, around: (n,), zeros before the
    first call, kept between calls.  barred: likewise, of length 0 where there are no groups.

    Ties go to the smallest label, as in dlib, which keeps the sums in an ordered map.  A node whose
    neighbours have what they had at its last visit would get what it has: it is passed over, and
    when there are only such nodes nothing changes any more.
    """
    nodes = np.uint64(labels.size)
    bound = groups.size > 0
    for k in range(draws.size):
        if left[0] == 0:
            return
        node = np.int64(draws[k] % nodes)
        if not stale[node]:
            continue
        stale[node] = 0
        left[0] -= 1
        begin, end = starts[node], starts[node + 1]
        stamp = first + k
        count = 0
        for e in range(begin, end):
            label = labels[neighbours[e]]
            if visited[label] != stamp:
                visited[label] = stamp
                sums[label] = 0.0
                around[count] = label
                count += 1
            sums[label] += weights[e] if weights.size else 1.0
        if bound:
            for e in range(group_starts[groups[node]], group_starts[groups[node] + 1]):
                if members[e] != node:
                    barred[labels[members[e]]] = stamp
        best_label = np.int64(-1)
        for i in range(count):
            label = around[i]
            if bound and barred[label] == stamp:
                continue
            if best_label < 0 or (
                sums[label] > sums[best_label]
                or (sums[label] == sums[best_label] and label < best_label)
            ):
                best_label = label
        if best_label < 0 or best_label == labels[node]:
            continue
        labels[node] = best_label
        for e in range(begin, end):
            other = neighbours[e]
            left[0] += 1 - stale[other]
            stale[other] = 1
        if bound:
            for e in range(group_starts[groups[node]], group_starts[groups[node] + 1]):
                other = members[e]
                left[0] += 1 - stale[other]
                stale[other] = 1
