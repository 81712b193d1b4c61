"""A part of a picture, resized and normalised into the pixels that a network takes.

The resampling is TensorFlow's older one: a pixel's place is its number times the scale, without
half a pixel on either side, and nothing is rounded.  Source: TensorFlow.js, resizeBilinear with
alignCorners false; face-api.js 0.22.2, NetInput.toBatchTensor and padToSquare.
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F32, I64, U8
from phiz.kernels._jit import helper, kernel

__all__ = ["fill_square"]

_F = np.float32


def fill_square(
    image: U8, crop: I64, mean: F32, scale: float, pixels: F32, *, centred: bool = False
) -> None:
    """Pad a part of a picture to a square with black, and resize that.

    image: (h, w, 3) uint8 RGB.  crop: (4,) int64 ``x0 y0 x1 y1`` inside it, not empty.
    mean: (3,) float32, 0..255.  pixels: (side, side, 3) float32, overwritten with
    ``(value - mean) * scale``; black is normalised like every other pixel.
    centred: half of the padding goes to each side, the odd pixel after; otherwise all of it is at
        the right, or at the bottom.
    """
    width, height = int(crop[2] - crop[0]), int(crop[3] - crop[1])
    side = max(width, height)
    before = [(side - own) - (side - own + 1) // 2 if centred else 0 for own in (width, height)]
    frame = np.array([crop[0], crop[1], width, height, *before, side, side], np.int64)
    rows, columns = pixels.shape[:2]
    _fill_pixels(
        image,
        frame,
        np.tile(mean, columns),
        scale,
        pixels.reshape(rows, 3 * columns),
        np.empty((2, columns), np.int64),
        np.empty(columns, np.float32),
        np.empty((2, 3 * columns), np.float32),
    )


@helper(contract=True)
def _spread(image: U8, row: int, at: I64, fraction: F32, out: F32) -> None:
    """Resize one row of the picture; row -1, and columns -1, are black."""
    if row < 0:
        out[:] = 0
        return
    line = image[row]
    for x in range(fraction.size):
        left, right = at[0, x], at[1, x]
        share = fraction[x]
        if left >= 0 and right >= 0:
            for channel in range(3):
                a = _F(line[left, channel])
                out[3 * x + channel] = a + (_F(line[right, channel]) - a) * share
        else:
            for channel in range(3):
                a = _F(line[left, channel]) if left >= 0 else _F(0)
                b = _F(line[right, channel]) if right >= 0 else _F(0)
                out[3 * x + channel] = a + (b - a) * share


@kernel("u1:3 i8:1 f4:1 f8 f4:2 i8:2 f4:1 f4:2", contract=True)
def _fill_pixels(
    image: U8,
    frame: I64,
    mean: F32,
    scale: float,
    pixels: F32,
    at: I64,
    fraction: F32,
    spread: F32,
) -> None:
    # frame: left, top, width and height of the part; columns and rows of black before it; columns
    # and rows of the part with all its black.
    rows, columns = pixels.shape[0], fraction.size
    wide, tall = frame[6], frame[7]
    across, down = wide / columns, tall / rows
    small = _F(scale)
    for x in range(columns):
        place = x * across
        near = int(np.floor(place))
        far = min(int(np.ceil(place)), wide - 1)
        fraction[x] = _F(place - near)
        for which in range(2):
            inside = (far if which else near) - frame[4]
            at[which, x] = frame[0] + inside if 0 <= inside < frame[2] else -1
    held_even = held_odd = -2
    for y in range(rows):
        place = y * down
        top = int(np.floor(place))
        bottom = min(int(np.ceil(place)), tall - 1)
        for which in range(2):
            # A source row is resized once, though two rows may use it.
            needed = bottom if which else top
            slot = needed & 1
            if needed != (held_odd if slot else held_even):
                inside = needed - frame[5]
                row = frame[1] + inside if 0 <= inside < frame[3] else -1
                _spread(image, row, at, fraction, spread[slot])
                if slot:
                    held_odd = needed
                else:
                    held_even = needed
        share = _F(place - top)
        over, under, line = spread[top & 1], spread[bottom & 1], pixels[y]
        for i in range(line.size):
            a = over[i]
            line[i] = (a + (under[i] - a) * share - mean[i]) * small
