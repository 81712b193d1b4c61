"""Felzenszwalb HOG features of 8-bit pictures, as dlib extracts them.

Two things are kept exactly, because a detection can hang on them: which colour channel's gradient
counts when two are equally strong, and which of 18 directions a gradient snaps to.  Sums are
accumulated in another order than dlib's, which moves features by about 1e-7.
Source: Felzenszwalb et al. 2010; dlib ``fhog.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, U8
from phiz.kernels._jit import kernel

__all__ = ["BINS", "PLANES", "features", "histogram"]

BINS = 18
PLANES = 31

_F = np.float32
_I = np.int32
# Work buffers have a length known to the compiler, so that it can prove that they do not overlap
# and use vector instructions.
_TILE = 256
_EPS = _F(0.0001)


def histogram(planes: U8, cell: int, hist: F32) -> None:
    """Add each pixel's gradient to the orientation histograms of the four cells around it.

    planes: (1 or 3, h, w) uint8.  hist: (rows + 2, (columns + 2) * 18) float32 zeros, where rows
    and columns count the cells; a border of one cell collects what falls outside.
    """
    width, row_size = planes.shape[2], hist.shape[1]
    columns = np.empty(width, np.int32)
    weights = np.empty((2, width), np.float32)
    _histogram(
        planes,
        cell,
        hist,
        columns,
        weights,
        np.zeros(row_size, np.float32),
        np.empty(5 * _TILE, np.float32),
        np.empty(_TILE, np.int32),
    )


@kernel("u1:3 i8 f4:2 i4:1 f4:2 f4:1 f4:1 i4:1")
def _histogram(
    planes: U8,
    cell: int,
    hist: F32,
    base: NDArray[np.int32],
    weights: F32,
    row_hist: F32,
    grad: F32,
    bins: NDArray[np.int32],
) -> None:
    """Do the work of :func:`histogram`.

    base: (w,), where a column's left cell starts in a row of histograms.  weights: (2, w), how
    much of a vote goes to the right cell; what a later channel must add to win.  row_hist: zeros,
    the votes of one row.  grad: x, y and squared length, then left and right votes, of a tile.
    bins: of a tile.
    """
    channels, height, width = planes.shape
    rows = hist.shape[0] - 2
    row_size = hist.shape[1]
    columns = row_size // BINS - 2
    last_y = min(rows * cell, height) - 1
    last_x = min(columns * cell, width) - 1

    share, tie = weights[0], weights[1]
    for x in range(width):
        place = (_F(x) + _F(0.5)) / _F(cell) + _F(0.5)
        base[x] = _I(int(place) * BINS)
        share[x] = place - _F(int(place))
        tie[x] = _F(0.5)
    # dlib works on eight columns at a time while they fit, and there the later of two equally
    # strong channels counts; in the remaining columns the earlier one.
    first = 1
    while first < last_x - 7:
        tie[first : first + 8] = _F(0)
        first += 8

    for y in range(1, last_y):
        place = _F((y + 0.5) / _F(cell) - 0.5)
        upper = int(np.floor(place))
        below = _F(place - _F(upper))
        above = _F(_F(1) - below)
        for start in range(1, last_x, _TILE):
            count = min(_TILE, last_x - start)
            for c in range(channels):
                up = planes[c, y - 1, start : start + count]
                down = planes[c, y + 1, start : start + count]
                left = planes[c, y, start - 1 : start - 1 + count]
                right = planes[c, y, start + 1 : start + 1 + count]
                edge = tie[start : start + count]
                if c == 0:
                    for x in range(count):
                        gx = _F(right[x]) - _F(left[x])
                        gy = _F(down[x]) - _F(up[x])
                        grad[x] = gx
                        grad[_TILE + x] = gy
                        grad[2 * _TILE + x] = gx * gx + gy * gy
                else:
                    for x in range(count):
                        gx = _F(right[x]) - _F(left[x])
                        gy = _F(down[x]) - _F(up[x])
                        length = gx * gx + gy * gy
                        wins = length >= grad[2 * _TILE + x] + edge[x]
                        grad[x] = gx if wins else grad[x]
                        grad[_TILE + x] = gy if wins else grad[_TILE + x]
                        grad[2 * _TILE + x] = length if wins else grad[2 * _TILE + x]
            column = base[start : start + count]
            part = share[start : start + count]
            for x in range(count):
                gx = grad[x]
                gy = grad[_TILE + x]
                best = abs(gx)
                snap = _I(9) if gx < _F(0) else _I(0)
                dot = gx * _F(0.9397) + gy * _F(0.3420)
                turn = _I(10) if dot < _F(0) else _I(1)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(0.7660) + gy * _F(0.6428)
                turn = _I(11) if dot < _F(0) else _I(2)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(0.5) + gy * _F(0.8660)
                turn = _I(12) if dot < _F(0) else _I(3)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(0.1736) + gy * _F(0.9848)
                turn = _I(13) if dot < _F(0) else _I(4)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(-0.1736) + gy * _F(0.9848)
                turn = _I(14) if dot < _F(0) else _I(5)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(-0.5) + gy * _F(0.8660)
                turn = _I(15) if dot < _F(0) else _I(6)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(-0.7660) + gy * _F(0.6428)
                turn = _I(16) if dot < _F(0) else _I(7)
                snap = turn if abs(dot) > best else snap
                best = max(best, abs(dot))
                dot = gx * _F(-0.9397) + gy * _F(0.3420)
                turn = _I(17) if dot < _F(0) else _I(8)
                snap = turn if abs(dot) > best else snap
                strength = np.sqrt(grad[2 * _TILE + x])
                bins[x] = column[x] + snap
                grad[3 * _TILE + x] = (_F(1) - part[x]) * strength
                grad[4 * _TILE + x] = part[x] * strength
            for x in range(count):
                at = np.uint64(bins[x])
                row_hist[at] += grad[3 * _TILE + x]
                row_hist[at + np.uint64(BINS)] += grad[4 * _TILE + x]
        upper_cells = hist[upper + 1]
        lower_cells = hist[upper + 2]
        for i in range(row_size):
            vote = row_hist[i]
            row_hist[i] = _F(0)
            upper_cells[i] += above * vote
            lower_cells[i] += below * vote


def features(hist: F32, out: F32, top: int, left: int) -> None:
    """Normalise histograms into the 31 feature planes.

    hist: as filled by :func:`histogram`.  out: (31, rows - 2 + a, columns - 2 + b) float32 zeros;
    the features go to ``top``, ``left``, the rest of it pads for filters that reach outside.
    """
    rows, columns = hist.shape[0] - 2, hist.shape[1] // BINS - 2
    cells = np.empty((BINS, rows, columns), np.float32)
    energy = np.empty((rows, columns), np.float32)
    _features(hist, out, top, left, cells, energy, np.empty(12 * _TILE, np.float32))


@kernel("f4:2 f4:3 i8 i8 f4:3 f4:2 f4:1")
def _features(
    hist: F32, out: F32, top: int, left: int, cells: F32, energy: F32, block: F32
) -> None:
    """Do the work of :func:`features`.

    cells: (18, rows, columns), the histograms as planes.  energy: (rows, columns).  block: of a
    tile, 4 limits, 4 gains, 4 texture sums.
    """
    rows = hist.shape[0] - 2
    columns = hist.shape[1] // BINS - 2
    for y in range(rows):
        for x in range(columns):
            at = (x + 1) * BINS
            total = _F(0)
            for o in range(9):
                one = hist[y + 1, at + o]
                other = hist[y + 1, at + o + 9]
                cells[o, y, x] = one
                cells[o + 9, y, x] = other
                total += (one + other) * (one + other)
            energy[y, x] = total

    # Four blocks of 2 x 2 cells meet in a cell, in this order; a block's limit is where its
    # histogram is clipped, its gain what brings the clipped value to unit range.
    for y in range(rows - 2):
        for start in range(0, columns - 2, _TILE):
            count = min(_TILE, columns - 2 - start)
            above = energy[y, start : start + count + 2]
            middle = energy[y + 1, start : start + count + 2]
            below = energy[y + 2, start : start + count + 2]
            for x in range(count):
                here = middle[x + 1]
                block[x] = here + middle[x + 2] + below[x + 1] + below[x + 2]
                block[_TILE + x] = above[x + 1] + above[x + 2] + here + middle[x + 2]
                block[2 * _TILE + x] = middle[x] + here + below[x] + below[x + 1]
                block[3 * _TILE + x] = above[x] + above[x + 1] + middle[x] + here
            for j in range(4):
                for x in range(count):
                    limit = _F(0.2) * np.sqrt(block[j * _TILE + x] + _EPS)
                    block[j * _TILE + x] = limit
                    block[(4 + j) * _TILE + x] = _F(0.1) / limit
            block[8 * _TILE :] = _F(0)
            for o in range(BINS):
                value = cells[o, y + 1, start + 1 : start + 1 + count]
                plane = out[o, y + top, left + start : left + start + count]
                for x in range(count):
                    h = value[x]
                    a = min(h, block[x]) * block[4 * _TILE + x]
                    b = min(h, block[_TILE + x]) * block[5 * _TILE + x]
                    c = min(h, block[2 * _TILE + x]) * block[6 * _TILE + x]
                    d = min(h, block[3 * _TILE + x]) * block[7 * _TILE + x]
                    plane[x] = a + b + c + d
                    block[8 * _TILE + x] += a
                    block[9 * _TILE + x] += b
                    block[10 * _TILE + x] += c
                    block[11 * _TILE + x] += d
            for o in range(9):
                one = cells[o, y + 1, start + 1 : start + 1 + count]
                other = cells[o + 9, y + 1, start + 1 : start + 1 + count]
                plane = out[BINS + o, y + top, left + start : left + start + count]
                for x in range(count):
                    h = one[x] + other[x]
                    a = min(h, block[x]) * block[4 * _TILE + x]
                    b = min(h, block[_TILE + x]) * block[5 * _TILE + x]
                    c = min(h, block[2 * _TILE + x]) * block[6 * _TILE + x]
                    d = min(h, block[3 * _TILE + x]) * block[7 * _TILE + x]
                    plane[x] = a + b + c + d
            for j in range(4):
                plane = out[27 + j, y + top, left + start : left + start + count]
                for x in range(count):
                    plane[x] = block[(8 + j) * _TILE + x] * _F(2 * 0.2357)
