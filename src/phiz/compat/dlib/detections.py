"""``full_object_detection``: a box and the points in it; and lists of them.

Source: dlib ``image_processing/full_object_detection.h``, ``python/src/shape_predictor.cpp``,
``python/src/face_recognition.cpp``.
"""

from __future__ import annotations

from typing import Any

from phiz.compat.dlib.arithmetic import rounded
from phiz.compat.dlib.binding import Overloads, Readonly, bound
from phiz.compat.dlib.getters import getter
from phiz.compat.dlib.kinds import Size, instance_of
from phiz.compat.dlib.lists import points
from phiz.compat.dlib.points import make_point, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.sequences import StoredItems, cast, cast_object
from phiz.compat.dlib.stream import (
    read_double,
    read_int32,
    read_long,
    read_many,
    reading,
    write_double,
    write_many,
)
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_write_stream import write_int

__all__ = ["full_object_detection", "full_object_detections"]

_VERSION = 2
_WHOLE = 1  # the version whose points are whole
_POINT, _POINTS = instance_of(point, ""), instance_of(points, "")


@bound
class full_object_detection(Stored):  # noqa: N801 - dlib's name
    """A box and points, which are kept as real numbers and given as whole ones."""

    __slots__ = ("_parts", "_rect")
    _parts: tuple[tuple[float, float], ...]
    _rect: rectangle
    __init__ = Overloads()
    part = Overloads()

    @__init__.add
    def _(self, rect: rectangle, parts: object) -> None:
        found = list(parts)  # type: ignore[call-overload]
        try:
            found = [cast_object(each, _POINT) for each in found]
        except RuntimeError:
            cast(parts, _POINTS)  # dlib's error names the whole
        self._rect = rect._copy()
        self._parts = tuple((float(each._x), float(each._y)) for each in found)

    @classmethod
    def _default(cls) -> Any:
        made = cls.__new__(cls)
        made._rect, made._parts = rectangle(), ()
        return made

    def _assign(self, other: full_object_detection) -> None:
        self._rect, self._parts = other._rect._copy(), other._parts

    @Readonly
    def rect(self) -> rectangle:
        """A copy of the box."""
        return self._rect._copy()

    @Readonly
    def num_parts(self) -> int:
        """How many points there are."""
        return len(self._parts)

    @part.add
    def _(self, idx: Size) -> point:
        if idx >= len(self._parts):
            raise IndexError("Index out of range")
        return _whole(self._parts[idx])

    @getter
    def parts(self) -> points:
        """All points, rounded."""
        made = points()
        made._items = list(map(_whole, self._parts))
        return made

    def _write(self) -> bytes:
        parts = [write_double(x) + write_double(y) for x, y in self._parts]
        return write_int(_VERSION) + self._rect._write() + write_many(parts)

    def _read(self, cursor: Cursor) -> None:
        version = read_int32(cursor)
        if version not in (_WHOLE, _VERSION):
            raise RuntimeError(
                "Unexpected version encountered while deserializing dlib::full_object_detection."
            )
        self._rect = rectangle._from(cursor)
        side = read_double if version == _VERSION else lambda here: float(read_long(here))

        def read_part(here: Cursor) -> tuple[float, float]:
            with reading("object of type vector"):
                return side(here), side(here)

        self._parts = tuple(read_many(cursor, read_part))


def _whole(part: tuple[float, float]) -> point:
    return make_point(rounded(part[0]), rounded(part[1]))


@bound
class full_object_detections(StoredItems, item=full_object_detection):  # noqa: N801 - dlib's name
    """A list of boxes with points."""

    __slots__ = ()
