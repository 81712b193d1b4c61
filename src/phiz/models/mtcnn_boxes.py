"""Where MTCNN looks: levels of its pyramid, tiles of a level, cells, and how boxes are corrected.

Boxes are (n, 4) float64 ``x0 y0 x1 y1``.  Source: face-api.js 0.22.2, ``src/mtcnn`` and
``src/classes/Box.ts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from phiz.checks import F32, F64, I64

__all__ = ["CELL", "Level", "Tile", "calibrate", "cell_boxes", "levels", "patches", "tiles"]

CELL = 12  # pixels of a level that the P-Net's cells are wide and high
_STRIDE = 2  # and from one to the next
_TILE = (32, 128)  # rows and columns of cells that are computed at once: what stays in fast caches


@dataclass(frozen=True, slots=True)
class Level:
    """A size that the picture is searched at.  scale: of the picture, in both directions."""

    scale: float
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a level.  row, column: of its first cell.  first, size: its rows, columns."""

    row: int
    column: int
    first: tuple[int, int]
    size: tuple[int, int]


def _halves_up(values: F64) -> F64:
    """Round as JavaScript does: halves up, also those of negative numbers."""
    return np.asarray(np.floor(values + 0.5), np.float64)


def _scales(height: int, width: int, smallest: float, factor: float) -> Iterator[float]:
    short = min(height, width)
    scale = first = CELL / smallest
    left = short * first
    for step in count(1):
        if left < CELL or int(short * scale) <= CELL:
            return
        yield scale
        scale = first * factor**step
        left *= factor


def levels(
    height: int,
    width: int,
    *,
    smallest: float,
    factor: float,
    most: int,
    steps: Iterable[float] | None = None,
) -> list[Level]:
    """Return the levels that a picture is searched at.

    smallest: face, in pixels.  factor: from one scale to the next.  most: levels.  steps: scales
    to use instead; those that leave no more than one cell are passed over.
    """
    scales = _scales(height, width, smallest, factor) if steps is None else steps
    sized = (Level(scale, int(height * scale), int(width * scale)) for scale in scales)
    return list(islice((level for level in sized if min(level.rows, level.columns) > CELL), most))


def _spans(side: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Yield the first cell, the first pixel and the pixels of each part of a side."""
    cells = (side - CELL + 1) // _STRIDE + 1  # at an odd end the last cell has a pixel less
    parts = -(-cells // most)
    for part in range(parts):
        start, stop = part * cells // parts, (part + 1) * cells // parts
        first = _STRIDE * start
        last = side if part == parts - 1 else _STRIDE * stop + CELL - _STRIDE
        yield start, first, last - first


def tiles(level: Level) -> list[Tile]:
    """Cut a level into parts, whose cells are those of the whole."""
    return [
        Tile(row, column, (top, left), (tall, wide))
        for row, top, tall in _spans(level.rows, _TILE[0])
        for column, left, wide in _spans(level.columns, _TILE[1])
    ]


def cell_boxes(column: I64, row: I64, scale: float) -> F64:
    """Return the boxes in the picture of cells (n,) of a level."""
    corners = _STRIDE * np.stack([column, row, column, row], axis=1) + (1, 1, CELL, CELL)
    return _halves_up(corners.astype(np.float64) / scale)


def calibrate(boxes: F64, regions: F32) -> F64:
    """Move the sides of boxes by parts (n, 4) of their widths and heights.

    The result is made square, around its middle, and rounded.
    """
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    moved = boxes + regions.astype(np.float64) * sides
    size = moved[:, 2:] - moved[:, :2]
    side: F64 = np.max(size, axis=1, keepdims=True)
    corner, side = _halves_up(moved[:, :2] - (side - size) / 2), _halves_up(side)
    return np.concatenate([corner, corner + side], axis=1)


def patches(boxes: F64, height: int, width: int) -> tuple[F64, I64]:
    """Return the boxes that have pixels, and these: (m, 4) ``x0 y0 x1 y1`` inside the picture.

    They begin one pixel further to the left and above: the original counts from 1 there.
    """
    low = np.maximum(boxes[:, :2], 1) - 1
    high = np.minimum(boxes[:, 2:], (width, height))
    there = (high > low).all(axis=1) & np.isfinite(boxes).all(axis=1)
    return boxes[there], np.concatenate([low, high], axis=1)[there].astype(np.int64)
