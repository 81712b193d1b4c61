"""Cutting face chips out of pictures, bit for bit as dlib does it.

Source: dlib ``interpolation.h`` (transform_image, interpolate_bilinear) and ``image_pyramid.h``
(pyramid_down<2>).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, U8
from phiz.kernels._jit import kernel
from phiz.kernels.planes import halve_plane, warp_plane

__all__ = ["Pixels", "halve", "warp"]

Pixels = NDArray[Any]
"""(h, w, 3) uint8, or (h, w) of any of :data:`phiz.kernels.planes.DTYPES`."""


_SMALLEST = 8  # pixels: dlib shrinks a picture no wider or higher than this to nothing


def halve(source: Pixels) -> Pixels:
    """Shrink (h, w, 3) uint8 to ((h - 3) // 2, (w - 3) // 2, 3), or to nothing.

    Or (h, w) of any of :data:`phiz.kernels.planes.DTYPES`, likewise.

    The kernel is (1, 4, 6, 4, 1) by itself, over 256, truncated; pixel r is centred at 2 r + 2.
    """
    rows, columns = source.shape[:2]
    if min(rows, columns) <= _SMALLEST:
        return np.empty((0, 0, *source.shape[2:]), source.dtype)
    if source.ndim == 2:
        return halve_plane(source)
    target = np.empty(((rows - 3) // 2, (columns - 3) // 2, 3), np.uint8)
    _halve(source, target, np.empty((rows, target.shape[1], 3), np.int32))
    return target


def warp(source: Pixels, matrix: F64, shift: F64, rows: int, columns: int) -> Pixels:
    """Sample (h, w, 3) uint8 at matrix @ (x, y) + shift, bilinearly, into (rows, columns, 3).

    Or (h, w) of any of :data:`phiz.kernels.planes.DTYPES` into (rows, columns).
    Pixels centre on integers; a sample that needs a pixel outside is black.
    """
    if source.ndim == 2:
        return warp_plane(source, matrix, shift, rows, columns)
    target = np.empty((rows, columns, 3), np.uint8)
    _warp(source, matrix, shift, target)
    return target


@kernel("u1:3 u1:3 i4:3")
def _halve(source: U8, target: U8, across: NDArray[np.int32]) -> None:
    height = source.shape[0]
    rows, columns = target.shape[0], target.shape[1]
    for y in range(height):
        for x in range(columns):
            for c in range(3):
                a = np.int32(source[y, 2 * x, c]) + np.int32(source[y, 2 * x + 4, c])
                b = np.int32(source[y, 2 * x + 1, c]) + np.int32(source[y, 2 * x + 3, c])
                across[y, x, c] = a + 4 * b + 6 * np.int32(source[y, 2 * x + 2, c])
    for y in range(rows):
        for x in range(columns):
            for c in range(3):
                a = across[2 * y, x, c] + across[2 * y + 4, x, c]
                b = across[2 * y + 1, x, c] + across[2 * y + 3, x, c]
                total = a + 4 * b + 6 * across[2 * y + 2, x, c]
                target[y, x, c] = np.uint8(total // 256)


@kernel("u1:3 f8:2 f8:1 u1:3")
def _warp(source: U8, matrix: F64, shift: F64, target: U8) -> None:
    height, width = source.shape[0], source.shape[1]
    rows, columns = target.shape[0], target.shape[1]
    m00, m01, m10, m11 = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    for row in range(rows):
        for column in range(columns):
            x = m00 * column + m01 * row + shift[0]
            y = m10 * column + m11 * row + shift[1]
            fx, fy = np.floor(x), np.floor(y)
            if fx >= 0 and fy >= 0 and fx + 1 < width and fy + 1 < height:
                left, top = int(fx), int(fy)
                right, down = x - fx, y - fy
                for c in range(3):
                    over = (1 - right) * source[top, left, c] + right * source[top, left + 1, c]
                    under = (1 - right) * source[top + 1, left, c] + right * source[
                        top + 1, left + 1, c
                    ]
                    target[row, column, c] = np.uint8((1 - down) * over + down * under)
            else:
                for c in range(3):
                    target[row, column, c] = 0
