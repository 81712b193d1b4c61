"""What dlib's Python module does to pictures: sizes, thresholds, jitter; bit for bit.

Pictures are (h, w, 3) uint8 RGB, or (h, w) of any of :data:`phiz.kernels.planes.DTYPES`.  Chips
are cut out of both by :mod:`phiz.models.chips`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, U8, check, finite
from phiz.errors import OptionError, ShapeError
from phiz.geometry import lround
from phiz.models.chips import jitter_chip
from phiz.rng import DlibRandom

__all__ = ["disturb_colours", "jitter_images", "partition_pixels", "resize_image", "scale_image"]

_MOST_THRESHOLDS = 6
_GAMMA, _COLOUR = 0.5, 0.2  # how far gamma, and the channels' brightness, are moved


def _picture(image: NDArray[Any]) -> NDArray[Any]:
    """Return a picture, contiguous, or raise ShapeError."""
    from phiz.kernels.planes import DTYPES

    if image.ndim == 3:
        check(image, (None, None, 3), dtype=np.uint8, name="an RGB picture")
    else:
        check(image, (None, None), name="a picture of one channel")
        if image.dtype not in DTYPES:
            wanted = " ".join(dtype.name for dtype in DTYPES)
            raise ShapeError(f"a picture of one channel: wanted {wanted}, found {image.dtype}")
    if not image.size:
        raise ShapeError(f"a picture: wanted pixels, found shape {image.shape}")
    return np.ascontiguousarray(image)


def resize_image(image: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Resize a picture, bilinearly, its corners staying corners.

    Source: dlib ``interpolation.h``, resize_image.  Raises ShapeError for what is no picture, and
    OptionError for a negative size.
    """
    from phiz.kernels.planes import resize_plane
    from phiz.kernels.pyramid import planes_of, resize_planes

    picture = _picture(image)
    if min(rows, columns) < 0:
        raise OptionError(f"resize: wanted a size of 0 or more, found {rows} x {columns}")
    if not rows or not columns:
        return np.empty((rows, columns, *picture.shape[2:]), picture.dtype)
    if picture.ndim == 2:
        return resize_plane(picture, rows, columns)
    planes = np.empty((3, *picture.shape[:2]), np.uint8)
    planes_of(picture, planes)
    resized = np.empty((3, rows, columns), np.uint8)
    resize_planes(planes, resized)
    return np.ascontiguousarray(resized.transpose(1, 2, 0))


def scale_image(image: NDArray[Any], scale: float) -> NDArray[Any]:
    """Resize a picture to ``scale`` times its sides, rounded; a copy where that is 1."""
    if not 0 < scale < math.inf:
        raise OptionError(f"resize: wanted a scale above 0, found {scale}")
    if scale == 1:
        return np.array(_picture(image))
    rows, columns = lround(scale * np.array(image.shape[:2], np.float64)).tolist()
    return resize_image(image, rows, columns)


def partition_pixels(image: NDArray[Any], count: int = 1) -> tuple[int | float, ...]:
    """Find thresholds that split a picture's pixels into groups of similar brightness.

    The first threshold, and each next one among the pixels not below the one before, is where
    the distances of the pixels below and not below it to their means sum to the least.  An RGB
    picture counts as its gray one.

    Returns ``count`` numbers, 1 to 6.  Source: dlib ``thresholding.h``, partition_pixels.  Raises
    ShapeError for what is no picture and for one that is not finite, OptionError for another count.
    """
    if not 1 <= count <= _MOST_THRESHOLDS:
        raise OptionError(f"thresholds: wanted 1 to {_MOST_THRESHOLDS}, found {count}")
    picture = _picture(image)
    finite(picture, name="thresholds of a picture")
    if picture.ndim == 3:
        picture = (picture.astype(np.uint16).sum(axis=2) // 3).astype(np.uint8)
    if picture.dtype in (np.uint8, np.uint16):
        return _counted_thresholds(picture, count)
    return _sorted_thresholds(np.sort(picture, axis=None), count)


def _counted_thresholds(picture: NDArray[Any], count: int) -> tuple[int, ...]:
    """Find thresholds by counting: every value of the dtype is a candidate."""
    many = int(np.iinfo(picture.dtype).max) + 1
    histogram = np.bincount(picture.ravel(), minlength=many).astype(np.float64)
    counts, sums = _running(histogram), _running(histogram * np.arange(many))
    found, begin = [], 0
    for _ in range(count):
        places = np.arange(begin, many)
        begin = _split(counts, sums, places, lambda means: np.ceil(means).astype(np.int64))
        found.append(begin)
    return tuple(found)


def _sorted_thresholds(values: NDArray[Any], count: int) -> tuple[int | float, ...]:
    """Find thresholds by sorted values: the first of every run of equal ones is a candidate."""
    counts, sums = np.arange(len(values) + 1.0), _running(values.astype(np.float64))
    firsts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))

    def beyond(means: F64) -> I64:
        """Return the first value above each mean or an earlier one; the last at most."""
        at = np.minimum(np.searchsorted(values, means, side="right"), len(values) - 1)
        return np.asarray(np.maximum.accumulate(at), np.int64)

    found, begin = [], 0
    for _ in range(count):
        begin = _split(counts, sums, firsts[firsts >= begin], beyond)
        found.append(values[begin].item())
    return tuple(found)


def _running(values: F64) -> F64:
    return np.concatenate([[0.0], np.cumsum(values)])


def _split(counts: F64, sums: F64, places: I64, beyond: Callable[[F64], I64]) -> int:
    """Return the place, the last of several, where distances to both means sum to the least.

    counts, sums: of the pixels before each place, and of all.  places: the candidates; pixels
    before the first are left out.  beyond: which place is the first above each mean.
    """

    def part(total: F64, first: Any, last: Any) -> F64:
        return np.asarray(total[last] - total[first], np.float64)

    def mean(first: Any, last: Any) -> F64:
        number = part(counts, first, last)
        return np.asarray(part(sums, first, last) / np.where(number == 0, 1, number))

    def distance(means: F64, first: Any, last: Any) -> F64:
        return np.asarray(means * part(counts, first, last) - part(sums, first, last))

    begin, end = places[0], len(counts) - 1
    low, high = mean(begin, places), mean(places, end)
    low_at, high_at = beyond(low), beyond(high)
    scores = distance(low, begin, low_at) - distance(low, low_at, places)
    scores = scores + distance(high, places, high_at) - distance(high, high_at, end)
    return int(places[np.flatnonzero(scores == scores.min())[-1]])


def disturb_colours(image: U8, random: DlibRandom) -> U8:
    """Return an RGB picture (h, w, 3) with another gamma and other weights of its channels.

    Draws four numbers.  Source: dlib ``random_color_transform.h``, disturb_colors.
    """
    gamma = max(0.0, 1 + _GAMMA * (random.double() - 0.5))
    weights = [1 - random.double() * _COLOUR for _ in range(3)]
    most = 255 * max(weights)
    table = [
        [int(255 * math.pow(level * (weight / most), gamma) + 0.5) for level in range(256)]
        for weight in weights
    ]
    return np.array(table, np.uint8)[np.arange(3), image]


def jitter_images(
    image: U8, random: DlibRandom, count: int = 1, *, disturb: bool = False
) -> list[U8]:
    """Return ``count`` jittered copies of a square RGB picture (n, n, 3).

    disturb: change the colours of each as well, after it was moved.  Source: dlib
    ``tools/python/src/numpy_returns.cpp``.  Raises ShapeError for a picture that is not square.
    """
    check(image, (len(image), len(image), 3), dtype=np.uint8, name="a picture to jitter")
    picture = _picture(image)
    moved = []
    for _ in range(count):
        chip = jitter_chip(picture, random)
        moved.append(disturb_colours(chip, random) if disturb else chip)
    return moved
