"""A picture and its smaller copies on one canvas, to the last bit as dlib draws them.

dlib resizes float32 planes four columns at a time and finishes a row partly in float64, so its
rounding depends on the column; a network sees that rounding in every level below.
Source: dlib ``input.h`` (input_rgb_image_pyramid) and ``interpolation.h`` (resize_image).
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, I64, U8
from phiz.kernels._jit import helper, kernel
from phiz.kernels.pyramid import quad_columns

__all__ = ["fill_plane"]

_F = np.float32


def fill_plane(image: U8, channel: int, mean: float, levels: I64, plane: F32) -> None:
    """Draw one channel of a picture and of its smaller copies.

    image: (3, h, w) uint8, RGB planes.  channel: 0, 1 or 2.  mean: of that channel, 0..255.
    levels: (n, 4) int64 ``left top right bottom``, inclusive: where each level stands; the first
        is the picture's size, each of the others is made from the one before it.
    plane: (rows, columns) float32; overwritten: (value - mean) / 256 inside the levels, 0 outside.

    The caller sees to it that all levels lie inside the plane.
    """
    columns = plane.shape[1]
    _fill_plane(
        image,
        channel,
        mean,
        levels,
        plane,
        np.empty(columns, np.int64),
        np.empty(columns, np.float32),
        np.empty((2, 2, columns), np.float32),
    )


@helper()
def _blend(over: F32, under: F32, fraction: F32, up: float, down: float, out: F32) -> None:
    """Mix two rows, each spread into its left and its right neighbours."""
    top_left, top_right = over[0], over[1]
    bottom_left, bottom_right = under[0], under[1]
    for x in range(fraction.size):
        right = fraction[x]
        rest = _F(1) - right
        value = (up * rest) * top_left[x] + (up * right) * top_right[x]
        value = value + (down * rest) * bottom_left[x]
        out[x] = value + (down * right) * bottom_right[x]


@helper()
def _shrink(source: F32, target: F32, left: I64, fraction: F32, spread: F32) -> None:
    """Resize one level into the next; both are parts of one plane."""
    height, width = source.shape
    rows, columns = target.shape
    quads = quad_columns(width, columns, left, fraction)
    x_scale = (width - 1) / max(columns - 1, 1)
    y_scale = (height - 1) / max(rows - 1, 1)
    even_row = odd_row = -1
    y = -y_scale
    for row in range(rows):
        y += y_scale
        top = int(np.floor(y))
        bottom = min(top + 1, height - 1)
        down = y - top
        for which in range(2):
            # A source row is spread to the target's columns once, though two rows may use it.
            needed = bottom if which else top
            slot = needed & 1
            if needed != (odd_row if slot else even_row):
                pixels = source[needed]
                lefts = spread[slot, 0]
                rights = spread[slot, 1]
                for x in range(quads):
                    at = left[x]
                    lefts[x] = pixels[at]
                    rights[x] = pixels[at + 1]
                if slot:
                    odd_row = needed
                else:
                    even_row = needed
        _blend(
            spread[top & 1, :, :quads],
            spread[bottom & 1, :, :quads],
            fraction[:quads],
            _F(1 - down),
            _F(down),
            target[row, :quads],
        )
        x_at = -x_scale + quads * x_scale
        for column in range(quads, columns):
            x_at += x_scale
            near = int(np.floor(x_at))
            far = min(near + 1, width - 1)
            side = _F(x_at - near)
            rest = _F(1) - side
            over = rest * source[top, near] + side * source[top, far]
            under = rest * source[bottom, near] + side * source[bottom, far]
            target[row, column] = _F((1 - down) * over + down * under)


@kernel("u1:3 i8 f8 i8:2 f4:2 i8:1 f4:1 f4:3")
def _fill_plane(
    image: U8,
    channel: int,
    mean: float,
    levels: I64,
    plane: F32,
    left: I64,
    fraction: F32,
    spread: F32,
) -> None:
    plane[:] = 0
    middle = _F(mean)
    small = _F(1.0 / 256)
    pixels = image[channel]
    first = plane[levels[0, 1] : levels[0, 3] + 1, levels[0, 0] : levels[0, 2] + 1]
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            first[y, x] = (_F(pixels[y, x]) - middle) * small
    for n in range(1, levels.shape[0]):
        a, b = levels[n - 1], levels[n]
        source = plane[a[1] : a[3] + 1, a[0] : a[2] + 1]
        target = plane[b[1] : b[3] + 1, b[0] : b[2] + 1]
        _shrink(source, target, left, fraction, spread)
