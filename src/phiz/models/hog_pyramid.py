"""The pyramid of smaller copies of a picture that HOG detectors search, as dlib makes it.

Source: dlib ``scan_fhog_pyramid.h``, ``image_pyramid.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias, TypeVar

import numpy as np

from phiz.checks import F32, I64, U8
from phiz.errors import OptionError
from phiz.geometry import doubled_sizes, from_inclusive, halved, lround
from phiz.kernels.pyramid import planes_of, resize_planes
from phiz.runtime import Runtime

__all__ = ["Reach", "boxes_of", "search_picture"]

T = TypeVar("T")

Reach: TypeAlias = tuple[int, tuple[int, int]]
"""How far a pyramid goes: the most levels, and (width, height) of the smallest."""

_MOST_PIXELS = 2**30  # of an upsampled picture


def search_picture(
    runtime: Runtime, image: U8, upsample: int, reach: Reach, score: Callable[[U8, int], T]
) -> list[T]:
    """Score the levels of a picture's pyramid side by side, while the smaller ones are being made.

    image: (h, w) or (h, w, 3) uint8, doubled ``upsample`` times first.
    score: called with a level, (1 or 3, rows, columns) uint8, and its number, on any thread.

    Returns the scores of all levels, the largest first.  Raises OptionError for a picture that
    becomes too large.
    """
    channels = 1 if image.ndim == 2 else 3
    first = doubled_sizes(image.shape[0], image.shape[1], upsample)
    height, width = first[-1]
    if height * width > _MOST_PIXELS:
        raise OptionError(
            f"upsample: {upsample} makes a picture of {width} x {height} pixels, "
            f"more than {_MOST_PIXELS}"
        )
    sizes = [*first, *_level_sizes(height, width, reach)[1:]]
    shapes = [((channels, rows, columns), np.uint8) for rows, columns in sizes]
    with runtime.admitted(), runtime.scratch(shapes) as planes:
        levels = planes[upsample:]
        runtime.run(lambda: _fill_level_zero(image, planes[: upsample + 1]))

        def work(number: int) -> T:
            return score(levels[number], number)

        top = runtime.submit(work, 0)
        runtime.submit(_fill_smaller, levels).result()
        others = [runtime.submit(work, number) for number in range(1, len(levels))]
        return [top.result(), *(other.result() for other in others)]


def boxes_of(rectangles: I64, upsample: int) -> F32:
    """Turn inclusive rectangles (n, 4) of a doubled picture into boxes of the picture itself."""
    return from_inclusive(lround(halved(rectangles.astype(np.float64), upsample)))


def _fill_level_zero(image: U8, planes: list[U8]) -> None:
    """Split the picture into planes, and double it into each of the following ones."""
    planes_of(image.reshape(*image.shape[:2], -1), planes[0])
    for source, target in pairwise(planes):
        resize_planes(source, target)


def _fill_smaller(levels: list[U8]) -> None:
    """Make each level of the pyramid from the one above."""
    for source, target in pairwise(levels):
        resize_planes(source, target)


def _level_sizes(height: int, width: int, reach: Reach) -> list[tuple[int, int]]:
    """Return (rows, columns) of every pyramid level.

    dlib counts levels on a rectangle that it shrinks and rounds step by step, and sizes the
    pictures by a different rule.  Source: dlib ``scan_fhog_pyramid.h``, create_fhog_pyramid.
    """
    most, least = reach
    sizes = [(height, width)]
    corners = np.array([0.0, 0.0, width - 1.0, height - 1.0])
    while len(sizes) < most:
        corners = lround((corners - 0.3) * (5.0 / 6)).astype(np.float64)
        left, top, right, bottom = corners
        if right - left + 1 < least[0] or bottom - top + 1 < least[1]:
            break
        rows, columns = sizes[-1]
        if min(rows, columns) < 2:
            break
        sizes.append((5 * rows // 6, 5 * columns // 6))
    return sizes
