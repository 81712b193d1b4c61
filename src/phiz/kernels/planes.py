"""Pictures of one channel, of any kind of number, halved, sampled and resized as dlib does it.

Bit for bit, where C++ leaves a conversion open as x86-64 does it.  Source: dlib
``interpolation.h`` (interpolate_bilinear, resize_image), ``image_pyramid.h`` (pyramid_down<2>)
and ``pixel.h`` (assign_pixel).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64

__all__ = ["DTYPES", "Plane", "halve_plane", "resize_plane", "warp_plane"]

Plane = NDArray[Any]

DTYPES = tuple(
    np.dtype(name) for name in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")
)
"""The numbers that a picture of one channel may have."""

_TOP = 2.0**63


def _cast(values: NDArray[Any], dtype: np.dtype[Any]) -> Plane:
    """Convert floats as a C cast does: whole numbers are truncated, and wrap."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    high = values >= _TOP
    if dtype == np.uint64:
        inside = np.where(values >= 2 * _TOP, _TOP, values)
        whole = np.where(high, inside - _TOP, values).astype(np.int64).astype(np.uint64)
        whole[high] ^= np.uint64(2**63)
        whole[values >= 2 * _TOP] = 0
        return whole
    whole = np.maximum(np.where(high, 0, values), -_TOP).astype(np.int64)
    whole[high] = np.iinfo(np.int64).min
    if dtype == np.int32:
        whole[(whole < -(2**31)) | (whole >= 2**31)] = -(2**31)
    return whole.astype(dtype)


def _assign(values: NDArray[Any], dtype: np.dtype[Any]) -> Plane:
    """Convert floats, with what is too large or too small at the end of the range."""
    if values.dtype == dtype:
        return values
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    low, high = values.dtype.type(limits.min), values.dtype.type(limits.max)
    inside = np.where(values >= low, values, low)
    # A number that is none is not below the most, and so counts as above it.
    found = _cast(np.where(values <= high, inside, 0), dtype)
    found[~(values <= high)] = limits.max
    return found


def halve_plane(source: Plane) -> Plane:
    """Shrink (h, w), larger than 8 pixels, to ((h - 3) // 2, (w - 3) // 2).

    The kernel is (1, 4, 6, 4, 1) by itself, over 256, truncated; pixel r is centred at 2 r + 2.
    Sums of whole numbers are of 64 bits, and wrap.  Where a uint64 is 2**63 or more the numbers
    are not dlib's: its sums overflow, which C++ leaves undefined.
    """
    wide = source.astype(np.float64 if source.dtype.kind == "f" else np.int64)
    if source.dtype == np.uint64:
        wide[wide < 0] = np.iinfo(np.int64).max  # dlib has no wider number for it
    with np.errstate(over="ignore", invalid="ignore"):
        total = _filtered(_filtered(wide.T).T)
    if source.dtype.kind == "f":
        return _assign(total / 256, source.dtype)
    whole = (total + ((total >> 63) & 255)) >> 8  # towards zero
    if source.dtype == np.uint64:
        whole[whole < 0] = 0
    return np.asarray(whole.astype(source.dtype))


def _filtered(rows: NDArray[Any]) -> NDArray[Any]:
    """Filter and drop every other row."""
    count = (len(rows) - 3) // 2
    a, b, c, d, e = (rows[i : i + 2 * count - 1 : 2] for i in range(5))
    return np.asarray(a + b * 4 + c * 6 + d * 4 + e)


def warp_plane(source: Plane, matrix: F64, shift: F64, rows: int, columns: int) -> Plane:
    """Sample (h, w) at matrix @ (x, y) + shift, bilinearly, into (rows, columns).

    Pixels centre on integers; a sample that needs a pixel outside is 0.
    """
    target = np.zeros((rows, columns), source.dtype)
    across, down = np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64)[:, None]
    x = matrix[0, 0] * across + matrix[0, 1] * down + shift[0]
    y = matrix[1, 0] * across + matrix[1, 1] * down + shift[1]
    inside = (x >= 0) & (y >= 0)
    inside &= (np.floor(x) + 1 < source.shape[1]) & (np.floor(y) + 1 < source.shape[0])
    x, y = x[inside], y[inside]
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = x - left, y - top
    with np.errstate(over="ignore", invalid="ignore"):
        mixed = _mixed(source, top, top + 1, left, left + 1, below, right, np.float64)
    target[inside] = _cast(mixed, source.dtype)
    return target


def _mixed(
    source: Plane, top: I64, bottom: I64, left: I64, right: I64,
    down: NDArray[Any], across: NDArray[Any], kind: type[np.floating[Any]],
) -> NDArray[Any]:  # fmt: skip
    """Mix four pixels, each read as ``kind``: in a row by ``across``, then both by ``down``."""
    over = (1 - across) * source[top, left].astype(kind) + across * source[top, right].astype(kind)
    under = (1 - across) * source[bottom, left].astype(kind)
    under = under + across * source[bottom, right].astype(kind)
    return np.asarray((1 - down) * over + down * under)


def _steps(start: float, step: float, count: int, kind: type[np.floating[Any]]) -> NDArray[Any]:
    """Return start + step, start + 2 step ..., added up one by one."""
    return np.cumsum(np.array([start, *[step] * count], kind), dtype=kind)[1:]


def resize_plane(source: Plane, rows: int, columns: int) -> Plane:
    """Resize (h, w), not empty, to (rows, columns), bilinearly.

    dlib resizes four columns at a time in float32, and rounds whole numbers; the columns at the
    right end it finishes in float64, and truncates.  Either way pixels are read as float32.
    """
    height, width = source.shape
    x_scale, y_scale = (width - 1) / max(columns - 1, 1), (height - 1) / max(rows - 1, 1)
    target = np.empty((rows, columns), source.dtype)
    y = _steps(-y_scale, y_scale, rows, np.float64)[:, None]
    top = np.floor(y).astype(np.int64)
    bottom = np.minimum(top + 1, height - 1)
    down = y - top

    starts = (np.arange(4) - 4) * x_scale
    lanes = [_steps(start, 4 * x_scale, columns // 4, np.float32) for start in starts]
    x = np.stack(lanes, axis=1)
    quads = int((x[:, 3].astype(np.int64) + 1 < width).cumprod().sum())
    x = x[:quads].ravel()
    done = len(x)
    left = x.astype(np.int64)
    across = x - left.astype(np.float32)
    up, low = (1 - down).astype(np.float32), down.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = source.astype(np.float32)
        found = (up * (1 - across)) * pixels[top, left] + (up * across) * pixels[top, left + 1]
        found = found + (low * (1 - across)) * pixels[bottom, left]
        found = found + (low * across) * pixels[bottom, left + 1]
    if source.dtype.kind != "f":
        target[:, :done] = _cast(found.astype(np.float64) + 0.5, source.dtype)
    else:
        target[:, :done] = found

    x_end = _steps(-x_scale + done * x_scale, x_scale, columns - done, np.float64)
    left = np.floor(x_end).astype(np.int64)
    right = np.minimum(left + 1, width - 1)
    near = (x_end - left).astype(np.float32)
    pixels = _assign(source, np.dtype(np.float32)) if source.dtype.kind == "f" else pixels
    with np.errstate(over="ignore", invalid="ignore"):
        mixed = _mixed(pixels, top, bottom, left, right, down, near, np.float32)
        target[:, done:] = _assign(mixed.astype(np.float32), source.dtype)
    return target
