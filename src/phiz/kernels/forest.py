"""Evaluation of regression-tree cascades.

Rounding follows dlib step by step: a landmark that moves by one pixel moves the chip and so the
descriptor.  Source: dlib ``shape_predictor.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, U8
from phiz.kernels._jit import helper, kernel

__all__ = ["place_points"]

_F = np.float32
_ZERO, _ONE, _TWO = np.uint64(0), np.uint64(1), np.uint64(2)


@helper()
def _similarity(source: F32, target: F32) -> tuple[float, float]:
    """Return a and b of the rotation and scale [[a, -b], [b, a]] from one shape to another."""
    count = source.size // 2
    if count == 1:
        return 1.0, 0.0
    sx = sy = tx = ty = 0.0
    for i in range(count):
        sx += np.float64(source[2 * i])
        sy += np.float64(source[2 * i + 1])
        tx += np.float64(target[2 * i])
        ty += np.float64(target[2 * i + 1])
    sx /= count
    sy /= count
    tx /= count
    ty /= count
    spread = along = cross = 0.0
    for i in range(count):
        fx = np.float64(source[2 * i]) - sx
        fy = np.float64(source[2 * i + 1]) - sy
        gx = np.float64(target[2 * i]) - tx
        gy = np.float64(target[2 * i + 1]) - ty
        spread += fx * fx + fy * fy
        along += fx * gx + fy * gy
        cross += fx * gy - fy * gx
    if spread == 0.0:
        return 0.0, 0.0
    return along / spread, cross / spread


def place_points(
    image: U8,
    box: I64,
    initial: F32,
    anchors: NDArray[np.int32],
    deltas: F32,
    splits: NDArray[np.int32],
    thresholds: F32,
    leaves: F32,
    out: F64,
) -> None:
    """Find one face's landmarks.

    image: (h, w, 1 or 3) uint8.  box: left, top, right, bottom, inclusive.  initial: (2 P,).
    anchors, deltas, splits, thresholds: see :class:`phiz.values.Forest`.
    leaves: (C, T, S + 1, 2 P).  out: (2 P,) x y x y ..., whole pixels.
    """
    values = np.empty(anchors.shape[1], np.float32)
    _place(
        image, box, initial, anchors, deltas, splits, thresholds, leaves, out,
        initial.copy(), values,
    )  # fmt: skip


@kernel("u1:3 i8:1 f4:1 i4:2 f4:3 i4:4 f4:3 f4:4 f8:1 f4:1 f4:1")
def _place(
    image: U8,
    box: I64,
    initial: F32,
    anchors: NDArray[np.int32],
    deltas: F32,
    splits: NDArray[np.int32],
    thresholds: F32,
    leaves: F32,
    out: F64,
    shape: F32,
    values: F32,
) -> None:
    """Do the work of :func:`place_points`.

    shape: (2 P,), starts as ``initial``.  values: (pixels,), room for one cascade's grey levels.
    """
    height, width, channels = image.shape
    cascades, trees, split_count = thresholds.shape
    pixels = anchors.shape[1]
    numbers = initial.size
    inner = np.uint64(split_count)
    left, top = box[0], box[1]
    wide, tall = np.float64(box[2] - box[0]), np.float64(box[3] - box[1])
    for c in range(cascades):
        a64, b64 = _similarity(initial, shape)
        a, b = _F(a64), _F(b64)
        for i in range(pixels):
            dx, dy = deltas[c, i, 0], deltas[c, i, 1]
            at = 2 * anchors[c, i]
            px = (a * dx + (-b) * dy) + shape[at]
            py = (b * dx + a * dy) + shape[at + 1]
            fx = np.floor(left + np.float64(px) * wide + 0.5)
            fy = np.floor(top + np.float64(py) * tall + 0.5)
            value = _F(0)
            if fx >= 0 and fy >= 0 and fx < width and fy < height:
                x, y = int(fx), int(fy)
                if channels == 1:
                    value = _F(image[y, x, 0])
                else:
                    total = np.int32(image[y, x, 0]) + image[y, x, 1] + image[y, x, 2]
                    value = _F(total // 3)
            values[i] = value
        pairs = splits[c]
        limits = thresholds[c]
        sums = leaves[c]
        # Unsigned indices: Numba would give every other one a check for counting from the end.
        for t in range(np.uint64(trees)):
            node = np.uint64(0)
            while node < inner:
                one = values[np.uint64(pairs[t, node, _ZERO])]
                other = values[np.uint64(pairs[t, node, _ONE])]
                node = node + node + (_ONE if one - other > limits[t, node] else _TWO)
            leaf = sums[t, node - inner]
            for j in range(numbers):
                shape[j] += leaf[j]
    for i in range(numbers // 2):
        out[2 * i] = np.floor(left + np.float64(shape[2 * i]) * wide + 0.5)
        out[2 * i + 1] = np.floor(top + np.float64(shape[2 * i + 1]) * tall + 0.5)
