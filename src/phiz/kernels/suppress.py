"""Non-maximum suppression of any number of boxes, in time that hardly grows faster than it."""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, F64, I64, finite
from phiz.kernels._jit import kernel

__all__ = ["suppress"]


def suppress(boxes: F64, scores: F32, most: float, *, of_smaller: bool = False) -> I64:
    """Return which boxes stay, best first: those that overlap no better one by more than ``most``.

    boxes: (n, 4) float64 ``x0 y0 x1 y1``, finite, sides not negative.  scores: (n,); of equal
    ones the later is the better.  The overlap is the intersection as a part of the union, or with
    ``of_smaller`` of the smaller box; where that is 0 / 0 the worse one falls.
    Source: face-api.js 0.22.2, nonMaxSuppression and iou.
    """
    finite(boxes, name="boxes")  # which the kernel does not look at
    order = np.argsort(scores, kind="stable")[::-1]
    best = np.ascontiguousarray(boxes[order], np.float64)
    count = len(best)
    # Boxes that overlap by more than ``most`` of their union have centres so near, in sides.
    near = (1 - most) / most if most > 0 and not of_smaller else np.inf
    grid = np.array([0.0, 0.0, 1.0, near])
    shape = (1, 1)
    if count and np.isfinite(near):
        centres = (best[:, :2] + best[:, 2:]) / 2
        low, high = centres.min(axis=0), centres.max(axis=0)
        wide, tall = high - low
        side = max(
            1.0,
            np.sqrt(wide * tall / count),
            max(wide, tall) / count,
            near * float((best[:, 2:] - best[:, :2]).mean()),
        )
        grid = np.array([*low, side, near])
        shape = (int(tall / side) + 1, int(wide / side) + 1)
    kept = np.zeros(count, np.int64)
    _suppress(
        best,
        most,
        int(of_smaller),
        grid,
        np.full(shape, -1, np.int64),
        np.empty(count, np.int64),
        kept,
    )
    return np.asarray(order[kept.astype(bool)], np.int64)


@kernel("f8:2 f8 i8 f8:1 i8:2 i8:1 i8:1")
def _suppress(
    boxes: F64, most: float, of_smaller: int, grid: F64, head: I64, behind: I64, kept: I64
) -> None:
    # grid: left, top and side of its cells, and how far to look, in sides of a box.
    # head: the last kept box with its centre in a cell, or -1.  behind: the one kept before it.
    rows, columns = head.shape
    empty_kept = False
    for n in range(boxes.shape[0]):
        x0, y0, x1, y1 = boxes[n, 0], boxes[n, 1], boxes[n, 2], boxes[n, 3]
        wide, tall = x1 - x0, y1 - y0
        area = wide * tall
        if of_smaller == 0 and area == 0.0 and empty_kept:
            continue  # however far apart: 0 / 0
        x, y = ((x0 + x1) / 2 - grid[0]) / grid[2], ((y0 + y1) / 2 - grid[1]) / grid[2]
        first_column, last_column, first_row, last_row = 0, columns - 1, 0, rows - 1
        if np.isfinite(grid[3]):
            across = (wide * grid[3]) / grid[2] + 1e-6
            down = (tall * grid[3]) / grid[2] + 1e-6
            first_column = int(min(max(x - across, 0.0), columns - 1.0))
            last_column = int(min(max(x + across, 0.0), columns - 1.0))
            first_row = int(min(max(y - down, 0.0), rows - 1.0))
            last_row = int(min(max(y + down, 0.0), rows - 1.0))
        alone = True
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                other = head[row, column]
                while other >= 0 and alone:
                    meet = max(0.0, min(x1, boxes[other, 2]) - max(x0, boxes[other, 0])) * max(
                        0.0, min(y1, boxes[other, 3]) - max(y0, boxes[other, 1])
                    )
                    its = (boxes[other, 2] - boxes[other, 0]) * (boxes[other, 3] - boxes[other, 1])
                    whole = min(area, its) if of_smaller != 0 else area + its - meet
                    if not (meet / whole <= most):
                        alone = False
                    other = behind[other]
            if not alone:
                break
        if alone:
            kept[n] = 1
            empty_kept = empty_kept or area == 0.0
            row = int(min(max(y, 0.0), rows - 1.0))
            column = int(min(max(x, 0.0), columns - 1.0))
            behind[n] = head[row, column]
            head[row, column] = n
