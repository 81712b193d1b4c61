"""A part of a resized picture, so that the whole of it is never held.

The resampling is that of :mod:`phiz.kernels.square`: TensorFlow's older one, without half pixels.
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, I64, U8
from phiz.kernels._jit import helper, kernel

__all__ = ["fill_tile"]

_F = np.float32


def fill_tile(
    image: U8, size: tuple[int, int], first: tuple[int, int], mean: float, scale: float, pixels: F32
) -> None:
    """Resize a picture to ``size`` (rows, columns), and keep a part.

    image: (h, w, 3) uint8 RGB.  first: row and column at which the part begins; it must lie inside.
    pixels: (rows, columns, 3) float32, overwritten with ``(value - mean) * scale``.
    """
    line = 3 * pixels.shape[1]
    height = len(image)
    _fill_tile(
        image.reshape(height, -1),
        np.array([*size, *first], np.int64),
        mean,
        scale,
        pixels.reshape(len(pixels), -1),
        np.empty((2, pixels.shape[1]), np.int64),
        np.empty(line, np.float32),
        np.empty((2, line), np.uint8),
        np.empty((2, line), np.float32),
    )


@helper(contract=True)
def _spread_row(row: U8, at: I64, fraction: F32, beside: U8, out: F32) -> None:
    """Resize one row of the picture: bytes are collected first, so that the rest is vectors."""
    lefts, rights = beside[0], beside[1]
    for x in range(at.shape[1]):
        left, right = at[0, x], at[1, x]
        for channel in range(3):
            lefts[3 * x + channel] = row[left + channel]
            rights[3 * x + channel] = row[right + channel]
    for x in range(fraction.size):
        a = _F(lefts[x])
        out[x] = a + (_F(rights[x]) - a) * fraction[x]


@kernel("u1:2 i8:1 f8 f8 f4:2 i8:2 f4:1 u1:2 f4:2", contract=True)
def _fill_tile(
    image: U8,
    frame: I64,
    mean: float,
    scale: float,
    pixels: F32,
    at: I64,
    fraction: F32,
    beside: U8,
    spread: F32,
) -> None:
    # frame: rows and columns that the picture is resized to, and the first of the part.
    # at: where the channels of the two pixels begin that a column lies between.
    tall, wide = image.shape[0], image.shape[1] // 3
    down, across = tall / frame[0], wide / frame[1]
    middle, small = _F(mean), _F(scale)
    for x in range(at.shape[1]):
        place = (x + frame[3]) * across
        near = int(np.floor(place))
        at[0, x] = 3 * near
        at[1, x] = 3 * min(int(np.ceil(place)), wide - 1)
        fraction[3 * x : 3 * x + 3] = _F(place - near)
    held_even = held_odd = -1
    for y in range(pixels.shape[0]):
        place = (y + frame[2]) * down
        top = int(np.floor(place))
        bottom = min(int(np.ceil(place)), tall - 1)
        for which in range(2):
            # A row of the picture is resized once, though two rows may use it.
            needed = bottom if which else top
            slot = needed & 1
            if needed != (held_odd if slot else held_even):
                _spread_row(image[needed], at, fraction, beside, spread[slot])
                if slot:
                    held_odd = needed
                else:
                    held_even = needed
        share = _F(place - top)
        over, under, line = spread[top & 1], spread[bottom & 1], pixels[y]
        for x in range(line.size):
            a = over[x]
            line[x] = (a + (under[x] - a) * share - middle) * small
