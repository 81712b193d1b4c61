"""Points, sizes and boxes as face-api.js has them: float64, ``x y width height``.

Source: face-api.js 0.22.2, ``src/classes`` and ``src/ops``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Real
from typing import NamedTuple

import numpy as np

from phiz.checks import F64
from phiz.errors import ShapeError

__all__ = [
    "Box",
    "Dimensions",
    "Point",
    "Rect",
    "dimensions_of",
    "iou",
    "is_number",
    "min_bbox",
    "round_down",
]


class Point(NamedTuple):
    """A place, in pixels or in parts of a picture."""

    x: float
    y: float


class Dimensions(NamedTuple):
    """The size of a picture.  Where one is wanted, a pair (width, height) will do."""

    width: float
    height: float

    def reverse(self) -> Dimensions:
        """Return what a size is multiplied by to make it 1 x 1."""
        return Dimensions(1 / self.width, 1 / self.height)


def dimensions_of(size: tuple[float, float]) -> Dimensions:
    """Return a size of more than nothing, or raise ShapeError."""
    if isinstance(size, tuple) and len(size) == 2:
        width, height = size
        if is_number(width) and is_number(height) and width > 0 and height > 0:
            return Dimensions(width, height)
    raise ShapeError(f"dimensions: wanted (width, height), both above 0, found {size!r}")


def is_number(value: object) -> bool:
    """Say whether a value is a finite number."""
    return isinstance(value, Real) and math.isfinite(value)


def _js_round(value: float) -> float:
    """Round as JavaScript does: halves up, also those of negative numbers."""
    return float(math.floor(value + 0.5))


@dataclass(frozen=True, slots=True)
class Box:
    """A box; it may leave the picture, and its sides may be negative where clipping made them so.

    x, y: upper left corner.  width, height: right and bottom are exclusive.
    Raises ShapeError for what is no finite number.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        for field in fields(Box):
            value = getattr(self, field.name)
            if not is_number(value):
                raise ShapeError(f"box: {field.name}: wanted a finite number, found {value!r}")
            object.__setattr__(self, field.name, float(value))

    @classmethod
    def from_corners(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """Return the box between two corners; the original's ``BoundingBox``."""
        return cls(left, top, right - left, bottom - top)

    @property
    def left(self) -> float:
        """The same as ``x``."""
        return self.x

    @property
    def top(self) -> float:
        """The same as ``y``."""
        return self.y

    @property
    def right(self) -> float:
        """Where the box ends, exclusive."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Where the box ends, exclusive."""
        return self.y + self.height

    @property
    def area(self) -> float:
        """Width times height."""
        return self.width * self.height

    @property
    def size(self) -> Dimensions:
        """Width and height."""
        return Dimensions(self.width, self.height)

    @property
    def top_left(self) -> Point:
        """A corner."""
        return Point(self.left, self.top)

    @property
    def top_right(self) -> Point:
        """A corner."""
        return Point(self.right, self.top)

    @property
    def bottom_left(self) -> Point:
        """A corner."""
        return Point(self.left, self.bottom)

    @property
    def bottom_right(self) -> Point:
        """A corner."""
        return Point(self.right, self.bottom)

    def floor(self) -> Box:
        """Return the box with corner and sides rounded down, each for itself."""
        return Box(*(math.floor(value) for value in self._numbers()))

    def round(self) -> Box:
        """Return the box with corner and sides rounded, each for itself, halves up."""
        return Box(*map(_js_round, self._numbers()))

    def to_square(self) -> Box:
        """Return the square with the same middle and the longer side."""
        more_x, more_y = max(self.height - self.width, 0), max(self.width - self.height, 0)
        return self.pad(more_x, more_y)

    def rescale(self, by: float | tuple[float, float]) -> Box:
        """Return the box with every number multiplied: by one factor, or by (width, height)."""
        across, down = by if isinstance(by, tuple) else (by, by)
        return Box(self.x * across, self.y * down, self.width * across, self.height * down)

    def pad(self, width: float, height: float) -> Box:
        """Return the box that much wider and higher around the same middle."""
        x, y = self.x - width / 2, self.y - height / 2
        return Box(x, y, self.width + width, self.height + height)

    def shift(self, x: float, y: float) -> Box:
        """Return the box moved."""
        return Box(self.x + x, self.y + y, self.width, self.height)

    def clip_at_image_borders(self, width: float, height: float) -> Box:
        """Return the whole pixels of a picture of this size that the box shows.

        Corner and sides are rounded down, each for itself.  Sides are 0 or negative for a box that
        shows none.
        """
        x, y = max(self.x, 0.0), max(self.y, 0.0)
        sides = min(self.right - x, width - x), min(self.bottom - y, height - y)
        return Box(x, y, *sides).floor()

    def _numbers(self) -> tuple[float, float, float, float]:
        return self.x, self.y, self.width, self.height


class Rect(Box):
    """A box whose sides are not negative; ShapeError for others."""

    __slots__ = ()

    def __post_init__(self) -> None:
        Box.__post_init__(self)
        if self.width < 0 or self.height < 0:
            raise ShapeError(f"rect: wanted sides of 0 or more, found {self.width}, {self.height}")


def iou(one: Box, other: Box, *, is_iou: bool = True) -> float:
    """Return the intersection of two boxes over their union, or over the smaller if not is_iou.

    0 where both are empty, where the original divides 0 by 0.
    """
    across = max(0.0, min(one.right, other.right) - max(one.left, other.left))
    down = max(0.0, min(one.bottom, other.bottom) - max(one.top, other.top))
    meet = across * down
    whole = one.area + other.area - meet if is_iou else min(one.area, other.area)
    return meet / whole if whole else 0.0


def min_bbox(points: F64) -> Box:
    """Return the smallest box around points (n, 2), n of 1 or more.

    As in the original, its right and bottom are never left of or above 0.
    """
    low, high = points.min(axis=0), np.maximum(points.max(axis=0), 0.0)
    return Box.from_corners(*low.tolist(), *high.tolist())


def round_down(number: float, digits: int = 2) -> float:
    """Cut a number off after some digits, downwards; labels of the original show numbers so."""
    factor = 10.0**digits
    return math.floor(number * factor) / factor
