"""Bilinear resizing of 8-bit pictures, to the last bit as dlib does it.

dlib resizes four columns at a time with float32 arithmetic and finishes a row in float64, so
its rounding depends on the column; detections depend on that rounding.
Source: dlib ``interpolation.h`` (resize_image) and ``image_pyramid.h`` (pyramid_down).
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, I64, U8
from phiz.kernels._jit import helper, kernel

__all__ = ["planes_of", "quad_columns", "resize_planes"]

_F = np.float32


@kernel("u1:3 u1:3")
def planes_of(image: U8, planes: U8) -> None:
    """Split (h, w, c) into (c, h, w)."""
    height, width, channels = image.shape
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                planes[c, y, x] = image[y, x, c]


@helper()
def quad_columns(source: int, target: int, left: I64, fraction: F32) -> int:
    """Fill the source column and weight of the columns that dlib resizes four at a time.

    Returns how many columns that are.  Positions accumulate in float32, lane by lane.
    """
    scale = (source - 1) / max(target - 1, 1)
    step = _F(4 * scale)
    start = -4 * scale
    a = _F(start)
    b = _F(start + scale)
    c = _F(start + 2 * scale)
    d = _F(start + 3 * scale)
    column = 0
    while column + 4 <= target:
        a = _F(a + step)
        b = _F(b + step)
        c = _F(c + step)
        d = _F(d + step)
        if int(d) + 1 >= source:
            break
        left[column] = int(a)
        left[column + 1] = int(b)
        left[column + 2] = int(c)
        left[column + 3] = int(d)
        fraction[column] = a - _F(int(a))
        fraction[column + 1] = b - _F(int(b))
        fraction[column + 2] = c - _F(int(c))
        fraction[column + 3] = d - _F(int(d))
        column += 4
    return column


@helper()
def _blend(
    top_left: F32,
    top_right: F32,
    bottom_left: F32,
    bottom_right: F32,
    fraction: F32,
    up: float,
    down: float,
    bias: float,
    out: U8,
) -> None:
    for x in range(fraction.size):
        right = fraction[x]
        rest = _F(1) - right
        value = (up * rest) * top_left[x] + (up * right) * top_right[x]
        value = value + (down * rest) * bottom_left[x]
        value = value + (down * right) * bottom_right[x]
        out[x] = np.uint8(np.int32(value + bias))


def resize_planes(source: U8, target: U8) -> None:
    """Resize (p, h, w) uint8 into (p, h2, w2): three planes as RGB, one as grayscale.

    RGB is truncated; grayscale is rounded, except in the columns at the right end.
    """
    columns = target.shape[2]
    left = np.empty(columns, np.int64)
    fraction = np.empty(columns, np.float32)
    spread = np.empty((2, source.shape[0], 2, columns), np.float32)
    _resize(source, target, left, fraction, spread)


@kernel("u1:3 u1:3 i8:1 f4:1 f4:4")
def _resize(source: U8, target: U8, left: I64, fraction: F32, spread: F32) -> None:
    planes, height, width = source.shape
    rows, columns = target.shape[1], target.shape[2]
    quads = quad_columns(width, columns, left, fraction)
    fraction = fraction[:quads]
    x_scale = (width - 1) / max(columns - 1, 1)
    y_scale = (height - 1) / max(rows - 1, 1)
    bias = _F(0.5) if planes == 1 else _F(0)

    # A source row is spread to the target's columns once, though two target rows may use it.
    even_row = odd_row = -1
    y = -y_scale
    for row in range(rows):
        y += y_scale
        top = int(np.floor(y))
        bottom = min(top + 1, height - 1)
        down = y - top
        for which in range(2):
            needed = bottom if which else top
            slot = needed & 1
            if needed != (odd_row if slot else even_row):
                for p in range(planes):
                    pixels = source[p, needed]
                    lefts = spread[slot, p, 0]
                    rights = spread[slot, p, 1]
                    for x in range(quads):
                        at = left[x]
                        lefts[x] = pixels[at]
                        rights[x] = pixels[at + 1]
                if slot:
                    odd_row = needed
                else:
                    even_row = needed
        a, b = top & 1, bottom & 1
        for p in range(planes):
            _blend(
                spread[a, p, 0, :quads],
                spread[a, p, 1, :quads],
                spread[b, p, 0, :quads],
                spread[b, p, 1, :quads],
                fraction,
                _F(1 - down),
                _F(down),
                bias,
                target[p, row],
            )
        x_at = -x_scale + quads * x_scale
        for column in range(quads, columns):
            x_at += x_scale
            near = int(np.floor(x_at))
            far = min(near + 1, width - 1)
            right = x_at - near
            if planes == 1:
                side = _F(right)
                rest = _F(1) - side
                over = rest * _F(source[0, top, near]) + side * _F(source[0, top, far])
                under = rest * _F(source[0, bottom, near]) + side * _F(source[0, bottom, far])
                target[0, row, column] = np.uint8(_F((1 - down) * over + down * under))
            else:
                for p in range(planes):
                    over = (1 - right) * source[p, top, near] + right * source[p, top, far]
                    under = (1 - right) * source[p, bottom, near] + right * source[p, bottom, far]
                    target[p, row, column] = np.uint8((1 - down) * over + down * under)
