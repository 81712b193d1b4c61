"""dlib's free functions on points and rectangles.

Source: dlib ``geometry/rectangle.h``, ``geometry/drectangle.h``, ``geometry/vector.h``,
``python/src/rectangles.cpp``, ``python/src/vector.cpp``, ``python/src/image.cpp``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, TypeAlias

import numpy as np

from phiz.compat.dlib.arithmetic import halved, lround, norm, rounded, wrapped
from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.drectangles import drectangle, make_drectangle
from phiz.compat.dlib.kinds import MISMATCH, MODULE, Kind, Long, Size, instance_of
from phiz.compat.dlib.lists import dpoints, points, rectangles
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import make_rectangle, rectangle
from phiz.compat.dlib.sequences import cast_object
from phiz.compat.dlib.vectors import vector

__all__ = [
    "center",
    "centered_rect",
    "centered_rects",
    "dot",
    "get_rect",
    "grow_rect",
    "length",
    "polygon_area",
    "scale_rect",
    "shrink_rect",
    "translate_rect",
]

AnyArray: TypeAlias = Annotated[Any, instance_of(np.ndarray, "numpy.ndarray")]
HoughTransform: TypeAlias = Annotated[
    Any, Kind(f"{MODULE}.hough_transform", lambda _value, _convert: MISMATCH)
]
_DPOINT = instance_of(dpoint, "")

center = Overloads("center", "The middle of a rectangle.")
centered_rect = Overloads("centered_rect", "A rectangle of this size around a middle.")
centered_rects = Overloads("centered_rects", "Rectangles of one size, each around a point.")
dot = Overloads("dot", "The dot product of two vectors or points.")
get_rect = Overloads("get_rect", "The rectangle that covers an image, (h, w, ...).")
grow_rect = Overloads("grow_rect", "The rectangle with every side moved outwards.")
length = Overloads("length", "A point's distance from the origin.")
polygon_area = Overloads("polygon_area", "The area within a polygon's corners.")
scale_rect = Overloads("scale_rect", "The rectangle with its coordinates multiplied.")
shrink_rect = Overloads("shrink_rect", "The rectangle with every side moved inwards.")
translate_rect = Overloads("translate_rect", "The rectangle moved by a point's coordinates.")


def _moved(rect: rectangle, x: int, y: int) -> rectangle:
    left, top, right, bottom = rect._sides()
    return make_rectangle(left + x, top + y, right + x, bottom + y)


def _dmoved(rect: drectangle, x: float, y: float) -> drectangle:
    left, top, right, bottom = rect._sides()
    return make_drectangle(left + x, top + y, right + x, bottom + y)


@translate_rect.add
def _(rect: rectangle, p: point) -> rectangle:
    return _moved(rect, p.x, p.y)


@translate_rect.add
def _(rect: drectangle, p: point) -> drectangle:
    return _dmoved(rect, float(p.x), float(p.y))


@translate_rect.add
def _(rect: rectangle, p: dpoint) -> rectangle:
    return _moved(rect, rounded(p.x), rounded(p.y))


@translate_rect.add
def _(rect: drectangle, p: dpoint) -> drectangle:
    return _dmoved(rect, p.x, p.y)


def _shrunk(rect: rectangle, by: int) -> rectangle:
    left, top, right, bottom = rect._sides()
    return make_rectangle(left + by, top + by, right - by, bottom - by)


@shrink_rect.add
def _(rect: rectangle, num: Long) -> rectangle:
    return _shrunk(rect, num)


@grow_rect.add
def _(rect: rectangle, num: Long) -> rectangle:
    return _shrunk(rect, -num)


@scale_rect.add
def _(rect: rectangle, scale: float) -> rectangle:
    return make_rectangle(*(lround(side * scale) for side in rect._sides()))


def _around(x: int, y: int, width: int, height: int) -> rectangle:
    left, top = x - halved(wrapped(width)), y - halved(wrapped(height))
    return make_rectangle(left, top, left + width - 1, top + height - 1)


@centered_rect.add
def _(p: point, width: Size, height: Size) -> rectangle:
    return _around(p.x, p.y, width, height)


@centered_rect.add
def _(p: dpoint, width: Size, height: Size) -> rectangle:
    return _around(rounded(p.x), rounded(p.y), width, height)


@centered_rect.add
def _(rect: rectangle, width: Size, height: Size) -> rectangle:
    left, top, right, bottom = rect._sides()
    return _around(halved(wrapped(left + right)), halved(wrapped(top + bottom)), width, height)


@centered_rect.add
def _(rect: drectangle, width: Size, height: Size) -> rectangle:
    left, top, right, bottom = map(lround, rect._sides())
    return _around(halved(wrapped(left + right)), halved(wrapped(top + bottom)), width, height)


@centered_rects.add
def _(pts: points, width: Size, height: Size) -> rectangles:
    made = rectangles()
    made._items = [_around(each.x, each.y, width, height) for each in pts]
    return made


@center.add
def _(rect: rectangle) -> point:
    return rect.center()


@center.add
def _(rect: drectangle) -> dpoint:
    return rect._middle()


@get_rect.add
def _(img: AnyArray) -> rectangle:
    for axis in (0, 1):
        if axis >= img.ndim:
            raise IndexError(f"invalid axis: {axis} (ndim = {img.ndim})")
    return make_rectangle(0, 0, img.shape[1] - 1, img.shape[0] - 1)


@get_rect.add
def _(ht: HoughTransform) -> rectangle:
    raise NotImplementedError  # no argument is one: named for the error that lists both


@dot.add
def _(arg0: vector, arg1: vector) -> float:
    if len(arg0) != len(arg1):
        raise RuntimeError(f"The vectors must be of one length: found {len(arg0)} and {len(arg1)}.")
    # One after the other, as dlib adds them: the last digits depend on the order.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.accumulate(arg0._values * arg1._values)
    return float(sums[-1]) if len(sums) else 0.0


@dot.add
def _(a: point, b: point) -> Long:
    return wrapped(a.x * b.x + a.y * b.y)


@dot.add
def _(a: dpoint, b: dpoint) -> float:
    return a.x * b.x + a.y * b.y


@length.add
def _(p: point) -> float:
    return norm(p.x, p.y)


@length.add
def _(p: dpoint) -> float:
    return norm(p.x, p.y)


def _area(corners: list[dpoint]) -> float:
    if len(corners) <= 2:
        return 0.0
    total = 0.0
    for before, here in pairwise(corners):
        total += here.x * before.y - here.y * before.x
    first, last = corners[0], corners[-1]
    total += first.x * last.y - first.y * last.x
    return abs(total) / 2


@polygon_area.add
def _(pts: dpoints) -> float:
    return _area(pts._items)


@polygon_area.add
def _(pts: list[Any]) -> float:
    return _area([cast_object(each, _DPOINT) for each in pts])
