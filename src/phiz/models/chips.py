"""Cutting turned rectangles out of pictures, bit for bit as dlib does it.

Source: dlib ``interpolation.h`` (extract_image_chips, jitter_image).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, U8
from phiz.rng import DlibRandom

__all__ = ["ChipPlace", "Rectangle", "cut_chip", "cut_chips", "jitter_chip", "place_between"]

Rectangle = tuple[float, float, float, float]
"""left, top, right, bottom, inclusive; pixels."""


@dataclass(frozen=True, slots=True)
class ChipPlace:
    """Where a chip is cut from.

    rectangle: before rotation.  angle: radians, about the rectangle's centre.  rows, columns: the
    chip's size, pixels.
    """

    rectangle: Rectangle
    angle: float
    rows: int
    columns: int

    @property
    def whole(self) -> bool:
        """Is the chip a part of the picture as it is, neither scaled nor turned?"""
        return self.angle == 0 and _sides(self.rectangle) == (self.columns, self.rows)


def place_between(inside: F64, seen: F64, rows: int, columns: int) -> ChipPlace:
    """Find where a chip is whose points ``inside`` are best met by ``seen`` in the picture.

    inside, seen: (k, 2) float64, pixels.  Source: dlib ``interpolation.h``, chip_details.
    """
    from phiz.kernels.similarity import similarity  # loaded when it is needed

    matrix, shift = similarity(inside, seen)
    (across, minus), (down, same) = matrix.tolist()
    x = across * (columns / 2) + minus * (rows / 2) + float(shift[0])
    y = down * (columns / 2) + same * (rows / 2) + float(shift[1])
    scale = math.sqrt(across * across + down * down)
    half, tall = (columns * scale - 1) / 2, (rows * scale - 1) / 2
    rectangle = (x - half, y - tall, x + half, y + tall)
    return ChipPlace(rectangle, math.atan2(down, across), rows, columns)


def _lround(value: float) -> int:
    """Round half away from zero, as C's ``lround``."""
    below = math.trunc(value)
    return below + int(math.copysign(abs(value - below) >= 0.5, value))


def _halved(rectangle: Rectangle) -> Rectangle:
    """Map a rectangle into the picture half the size; two of its corners, in any order, make it."""
    x0, y0, x1, y1 = rectangle
    x0, y0, x1, y1 = x0 / 2 - 1.25, y0 / 2 - 0.75, x1 / 2 - 1.25, y1 / 2 - 0.75
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _sides(rectangle: Rectangle) -> tuple[float, float]:
    """Return width and height; an empty rectangle has none."""
    left, top, right, bottom = rectangle
    if top > bottom or left > right:
        return 0.0, 0.0
    return right - left + 1, bottom - top + 1


def _corners(rectangle: Rectangle, angle: float) -> list[tuple[float, float]]:
    """Return the rotated corners top left, top right, bottom left, bottom right."""
    left, top, right, bottom = rectangle
    x, y = (left + right) / 2, (top + bottom) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    return [
        (cos * (a - x) - sin * (b - y) + x, sin * (a - x) + cos * (b - y) + y)
        for b in (top, bottom)
        for a in (left, right)
    ]


def _depth(rectangle: Rectangle, pixels: int) -> int:
    """Return how often the picture is halved before a chip of so many pixels is sampled."""
    depth, smaller = 0, _halved(rectangle)
    while math.prod(_sides(smaller)) > pixels:
        depth, smaller = depth + 1, _halved(smaller)
    return depth


def _box(places: Sequence[ChipPlace], height: int, width: int) -> tuple[int, int, int, int]:
    """Return the part of the picture that chips need: left, top, right, bottom, inclusive."""
    boxes = []
    for place in places:
        # Two pixels of border, at each level, keep the halving's own border out of the chip.
        grow = 4 * 2.0 ** _depth(place.rectangle, place.rows * place.columns) - 2
        across, down = zip(*_corners(place.rectangle, place.angle), strict=True)
        box = (
            _lround(max(min(across) - grow, 0)), _lround(max(min(down) - grow, 0)),
            _lround(min(max(across) + grow, width - 1)), _lround(min(max(down) + grow, height - 1)),
        )  # fmt: skip
        if box[0] <= box[2] and box[1] <= box[3]:
            boxes.append(box)
    if not boxes:
        return 0, 0, -1, -1
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _copied(image: NDArray[Any], rectangle: Rectangle) -> NDArray[Any]:
    """Copy a rectangle, rounded to whole pixels; black outside the picture."""
    left, top, right, bottom = (_lround(side) for side in rectangle)
    height, width = image.shape[:2]
    chip = np.zeros((bottom - top + 1, right - left + 1, *image.shape[2:]), image.dtype)
    y0, y1 = max(top, 0), min(bottom + 1, height)
    x0, x1 = max(left, 0), min(right + 1, width)
    if y0 < y1 and x0 < x1:
        chip[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return chip


def cut_chips(image: NDArray[Any], places: Sequence[ChipPlace]) -> list[NDArray[Any]]:
    """Cut chips (rows, columns, 3) uint8 out of a picture (h, w, 3) uint8.

    Or (rows, columns) out of (h, w), of any of :data:`phiz.kernels.planes.DTYPES`.

    Where a chip is much smaller than its place, the picture is halved first, smoothly, until one
    step of bilinear sampling is enough.  What lies outside the picture is black.

    All chips of a call share one pyramid of halved pictures, which begins at the box around them:
    a chip cut alone may differ by a few grey levels.  A place that is copied as it is gives a chip
    of its own size, rounded.
    """
    from phiz.kernels.chip import halve, warp  # loaded when it is needed
    from phiz.kernels.similarity import affine

    left, top, right, bottom = _box(places, *image.shape[:2])
    levels = [np.ascontiguousarray(image[top : bottom + 1, left : right + 1])]
    chips = []
    for place in places:
        if place.whole:
            chips.append(_copied(image, place.rectangle))
            continue
        rows, columns = place.rows, place.columns
        x0, y0, x1, y1 = place.rectangle
        rectangle = (x0 - left, y0 - top, x1 - left, y1 - top)
        depth = _depth(rectangle, rows * columns)
        for _ in range(depth):
            rectangle = _halved(rectangle)
        while len(levels) <= depth:
            levels.append(halve(levels[-1]))
        corners = np.array(_corners(rectangle, place.angle)[:3])
        chips.append(warp(levels[depth], *affine(rows, columns, corners), rows, columns))
    return chips


def cut_chip(image: NDArray[Any], place: ChipPlace) -> NDArray[Any]:
    """Cut one chip out of a picture; see :func:`cut_chips`."""
    return cut_chips(image, [place])[0]


def jitter_chip(chip: U8, random: DlibRandom) -> U8:
    """Return a chip (n, n, 3) slightly moved, scaled, turned and perhaps mirrored, as dlib does.

    Draws six numbers: y and x shift, scale, angle and whether to mirror, in the order in which
    dlib's wheels draw them.
    """
    size = len(chip)
    inner = max(size - 6, 0)  # dlib shrinks the chip's rectangle by 3 on each side
    down, across = (random.uniform(-0.02, 0.02) * inner for _ in range(2))
    box = int(inner / random.uniform(0.97, 0.99999))
    middle = (3 + size - 4 + 1) // 2
    x, y = (middle + math.floor(shift + 0.5) for shift in (across, down))
    angle = random.uniform(-3.0, 3.0) * math.pi / 180
    left, top = x - box // 2, y - box // 2
    rectangle = (float(left), float(top), float(left + box - 1), float(top + box - 1))
    moved = cut_chip(chip, ChipPlace(rectangle, angle, size, size))
    if random.double() > 0.5:
        moved = np.ascontiguousarray(moved[:, ::-1])
    return moved
