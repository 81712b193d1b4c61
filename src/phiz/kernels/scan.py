"""Correlation of feature planes with filters given as sums of outer products.

A HOG filter's planes have low rank: dlib's 5 face filters of 31 planes, 10 x 10 each, are 305
outer products, and two passes of 10 taps cost a fifth of one pass of 100.
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, I64
from phiz.kernels._jit import helper, kernel

__all__ = ["scan"]

_F = np.float32
_RUN = 6144  # floats that a block of rows may have: three such buffers stay in the fast caches


@helper(contract=True)
def _five_rows(a: F32, b: F32, c: F32, d: F32, e: F32, tap: F32, out: F32, fresh: bool) -> None:
    t0, t1, t2, t3, t4 = tap[0], tap[1], tap[2], tap[3], tap[4]
    if fresh:
        for x in range(out.size):
            out[x] = t0 * a[x] + t1 * b[x] + t2 * c[x] + t3 * d[x] + t4 * e[x]
    else:
        for x in range(out.size):
            out[x] += t0 * a[x] + t1 * b[x] + t2 * c[x] + t3 * d[x] + t4 * e[x]


@helper(contract=True)
def _five_columns(row: F32, tap: F32, out: F32) -> None:
    t0, t1, t2, t3, t4 = tap[0], tap[1], tap[2], tap[3], tap[4]
    for x in range(out.size):
        out[x] += (
            t0 * row[x] + t1 * row[x + 1] + t2 * row[x + 2] + t3 * row[x + 3] + t4 * row[x + 4]
        )


def scan(planes: F32, plane: I64, down: F32, across: F32, starts: I64, out: F32) -> None:
    """Correlate with several filters.

    planes: (p, h, w) float32.  Filter k is the sum over j in ``starts[k] : starts[k + 1]`` of
    outer(down[j], across[j]) on plane ``plane[j]``; down: (m, fh), across: (m, fw) float32, both
    a multiple of 5 long (pad with zeros at the end, and planes with rows and columns to match).
    out: (k, h - fh + 1, w) float32, of which the last fw - 1 columns mean nothing.
    """
    width = planes.shape[2]
    column = np.empty(max(1, _RUN // width) * width, np.float32)
    rows = out.shape[1]
    _scan(
        planes.ravel(),
        planes.shape[1],
        width,
        rows,
        plane,
        down,
        across,
        starts,
        out.ravel(),
        column,
    )


@kernel("f4:1 i8 i8 i8 i8:1 f4:2 f4:2 i8:1 f4:1 f4:1", contract=True)
def _scan(
    flat: F32,
    height: int,
    width: int,
    rows: int,
    plane: I64,
    down: F32,
    across: F32,
    starts: I64,
    sums: F32,
    column: F32,
) -> None:
    """Do the work of :func:`scan` on planes and sums that are one long row each.

    column: room for a block of rows.
    """
    tall, wide = down.shape[1], across.shape[1]
    block = column.size // width
    for first in range(0, rows, block):
        count = min(block, rows - first)
        # Rows are contiguous, so a block of them is filtered as one long row; the values that mix
        # the end of one row with the start of the next land in the columns that mean nothing.
        run = count * width
        for k in range(starts.size - 1):
            at = (k * rows + first) * width
            total = sums[at : at + run]
            total[:] = _F(0)
            for j in range(starts[k], starts[k + 1]):
                for i in range(0, tall, 5):
                    s = (plane[j] * height + first + i) * width
                    _five_rows(
                        flat[s : s + run],
                        flat[s + width : s + width + run],
                        flat[s + 2 * width : s + 2 * width + run],
                        flat[s + 3 * width : s + 3 * width + run],
                        flat[s + 4 * width : s + 4 * width + run],
                        down[j, i : i + 5],
                        column[:run],
                        i == 0,
                    )
                for i in range(0, wide, 5):
                    _five_columns(column[i:run], across[j, i : i + 5], total[: run - wide + 1])
