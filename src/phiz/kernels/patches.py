"""Parts of a picture, stretched to squares of 8-bit pixels and normalised, many in one call.

The resampling is bilinear between the centres of pixels, clamped at the edges, and rounded half
up.  face-api.js leaves it to the browser's canvas, and browsers differ; none does it more plainly.
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, F64, I64, U8
from phiz.kernels._jit import helper, kernel

__all__ = ["fill_patches"]

_F = np.float32


def fill_patches(image: U8, boxes: I64, mean: float, scale: float, pixels: F32) -> None:
    """Cut out parts of a picture and stretch each to a square.

    image: (h, w, 3) uint8 RGB.  boxes: (n, 4) int64 ``x0 y0 x1 y1``, right and bottom exclusive,
    inside the picture, not empty.
    pixels: (n, side, side, 3) float32, overwritten: rounded to 0..255, then
    ``(value - mean) * scale``.
    """
    side = pixels.shape[1]
    at = np.empty((2, 2, side), np.int64)
    _fill_patches(image, boxes, mean, scale, pixels, at, np.empty((2, side), np.float64))


@helper()
def _place(first: int, length: int, at: I64, share: F64) -> None:
    """Find the two pixels that each of a side's pixels lies between, and how far from the first."""
    side = share.size
    for x in range(side):
        place = min(max((x + 0.5) * length / side - 0.5, 0.0), length - 1.0)
        near = int(np.floor(place))
        at[0, x] = first + near
        at[1, x] = first + min(near + 1, length - 1)
        share[x] = place - near


@kernel("u1:3 i8:2 f8 f8 f4:4 i8:3 f8:2")
def _fill_patches(
    image: U8, boxes: I64, mean: float, scale: float, pixels: F32, at: I64, share: F64
) -> None:
    # at, share: of the columns, then of the rows.
    side = pixels.shape[1]
    middle, small = _F(mean), _F(scale)
    for n in range(boxes.shape[0]):
        _place(boxes[n, 0], boxes[n, 2] - boxes[n, 0], at[0], share[0])
        _place(boxes[n, 1], boxes[n, 3] - boxes[n, 1], at[1], share[1])
        for y in range(side):
            top, bottom, down = at[1, 0, y], at[1, 1, y], share[1, y]
            for x in range(side):
                left, right, across = at[0, 0, x], at[0, 1, x], share[0, x]
                for channel in range(3):
                    a, b = float(image[top, left, channel]), float(image[top, right, channel])
                    c, d = float(image[bottom, left, channel]), float(image[bottom, right, channel])
                    # In this form: halves are common, and rounding decides about them.
                    over = a * (1.0 - across) + b * across
                    under = c * (1.0 - across) + d * across
                    value = np.floor(over * (1.0 - down) + under * down + 0.5)
                    pixels[n, y, x, channel] = (_F(value) - middle) * small
