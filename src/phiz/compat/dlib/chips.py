"""``chip_details``, and the functions that cut chips out of pictures.

Source: dlib ``python/src/image2.cpp``, ``python/src/numpy_returns.cpp``,
``image_transforms/interpolation.h``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np

from phiz.compat.dlib.arithmetic import lround, number
from phiz.compat.dlib.binding import Field, Overloads, bound
from phiz.compat.dlib.detections import full_object_detection, full_object_detections
from phiz.compat.dlib.drectangles import drectangle, make_drectangle
from phiz.compat.dlib.failures import failed
from phiz.compat.dlib.images import COLOUR, GRAYS, Picture, Rgb, add_for
from phiz.compat.dlib.kinds import Float32, Size, instance_of
from phiz.compat.dlib.lists import dpoints, points
from phiz.compat.dlib.places import place_of
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.sequences import Items, cast
from phiz.compat.dlib.values import Part, Value

if TYPE_CHECKING:
    from phiz.models.chips import ChipPlace

__all__ = [
    "chip_details",
    "chip_detailss",
    "chip_dims",
    "extract_image_chip",
    "extract_image_chips",
    "get_face_chip",
    "get_face_chip_details",
    "get_face_chips",
    "save_face_chip",
    "save_face_chips",
]

_MOST_PIXELS = 2**31  # of a chip: dlib's memory is full somewhere beyond
_FARTHEST = 2.0**40


# dlib's own signatures spell these so: they were made before the classes had names.
_DETECTION = "dlib::full_object_detection"
_DETECTIONS = f"std::vector<{_DETECTION}, std::allocator<{_DETECTION}> >"
EarlyDetection: TypeAlias = Annotated[Any, instance_of(full_object_detection, _DETECTION)]
EarlyDetections: TypeAlias = Annotated[
    Any,
    instance_of(
        full_object_detections, f"std::vector<{_DETECTION}, std::allocator<{_DETECTION}> >"
    ),
]


@bound
class chip_dims(Value):  # noqa: N801 - dlib's name
    """Rows and columns of a chip."""

    __slots__ = ("_cols", "_rows")
    rows = Field("Size", member=True)
    cols = Field("Size", member=True)
    __init__ = Overloads()

    @__init__.add
    def _(self, rows: Size, cols: Size) -> None:
        self._rows, self._cols = rows, cols

    def __repr__(self) -> str:
        return f"chip_dims(rows={self._rows}, cols={self._cols})"

    def __str__(self) -> str:
        return f"rows={self._rows}, cols={self._cols}"


@bound
class chip_details(Value):  # noqa: N801 - dlib's name
    """Where a chip is cut from, and how large it becomes."""

    __slots__ = ("_angle", "_cols", "_rect", "_rows")
    rect = Part("drectangle", member=True)
    angle = Field("float", member=True)
    rows = Field("Size", member=True)
    cols = Field("Size", member=True)
    _rect: drectangle
    __init__ = Overloads()

    @__init__.add
    def _(self, rect: drectangle) -> None:
        self._set(rect, lround(rect.height()), lround(rect.width()))

    @__init__.add
    def _(self, rect: rectangle) -> None:
        self._set(drectangle(rect), rect.height(), rect.width())

    @__init__.add
    def _(self, rect: drectangle, size: Size) -> None:
        self._set(rect, *_dims(rect, size))

    @__init__.add
    def _(self, rect: rectangle, size: Size) -> None:
        self._set(drectangle(rect), *_dims(drectangle(rect), size))

    @__init__.add
    def _(self, rect: drectangle, size: Size, angle: float) -> None:
        self._set(rect, *_dims(rect, size), angle)

    @__init__.add
    def _(self, rect: rectangle, size: Size, angle: float) -> None:
        self._set(drectangle(rect), *_dims(drectangle(rect), size), angle)

    @__init__.add
    def _(self, rect: drectangle, dims: chip_dims) -> None:
        self._set(rect, dims._rows, dims._cols)

    @__init__.add
    def _(self, rect: rectangle, dims: chip_dims) -> None:
        self._set(drectangle(rect), dims._rows, dims._cols)

    @__init__.add
    def _(self, rect: drectangle, dims: chip_dims, angle: float) -> None:
        self._set(rect, dims._rows, dims._cols, angle)

    @__init__.add
    def _(self, rect: rectangle, dims: chip_dims, angle: float) -> None:
        self._set(drectangle(rect), dims._rows, dims._cols, angle)

    @__init__.add
    def _(self, chip_points: dpoints, img_points: dpoints, dims: chip_dims) -> None:
        self._meet(chip_points, img_points, dims, "double")

    @__init__.add
    def _(self, chip_points: points, img_points: points, dims: chip_dims) -> None:
        self._meet(chip_points, img_points, dims, "long int")

    def _set(self, rect: drectangle, rows: int, cols: int, angle: float = 0.0) -> None:
        self._rect, self._angle, self._rows, self._cols = rect._copy(), angle, rows, cols

    def _meet(self, inside: Items, seen: Items, dims: chip_dims, kind: str) -> None:
        """Take the place where points of the chip meet those of the picture."""
        from phiz.models.chips import place_between

        if len(inside) != len(seen) or len(inside) < 2:
            raise failed(
                "dlib/image_transforms/interpolation.h:1670",
                "dlib::chip_details::chip_details(const std::vector<dlib::vector<T, 2> >&, "
                "const std::vector<dlib::vector<T, 2> >&, const dlib::chip_dims&) "
                f"[with T = {kind}]",
                "chip_points.size() == img_points.size() && chip_points.size() >= 2",
                "\t chip_details::chip_details(chip_points,img_points,dims)",
                "\t Invalid inputs were given to this function.",
                f"\t chip_points.size(): {len(inside)}",
                f"\t img_points.size():  {len(seen)}",
            )
        here, there = (np.array([(p.x, p.y) for p in each], np.float64) for each in (inside, seen))
        self._take(place_between(here, there, dims._rows, dims._cols))

    def _take(self, place: ChipPlace) -> None:
        self._set(make_drectangle(*place.rectangle), place.rows, place.columns, place.angle)

    @property
    def _place(self) -> ChipPlace:
        """Where the chip is; RuntimeError for a place that is none."""
        from phiz.models.chips import ChipPlace

        sides = self._rect._sides()
        if not all(abs(side) < _FARTHEST for side in (*sides, self._angle)):
            raise RuntimeError(f"{self!r}: wanted numbers below {_FARTHEST}")
        if not self._rows or not self._cols:
            raise RuntimeError(f"{self!r}: wanted at least one row and column")
        if self._rows * self._cols > _MOST_PIXELS:
            raise MemoryError("std::bad_alloc")
        return ChipPlace(sides, self._angle, self._rows, self._cols)

    def _words(self, rect: str, dims: str) -> str:
        return f"rect={rect}, angle={number(self._angle)}, {dims}"

    def __repr__(self) -> str:
        dims = f"dims=chip_dims(rows={self._rows}, cols={self._cols})"
        return f"chip_details({self._words(repr(self._rect), dims)})"

    def __str__(self) -> str:
        return self._words(str(self._rect), f"rows={self._rows}, cols={self._cols}")


def _dims(rect: drectangle, size: int) -> tuple[int, int]:
    """Return rows and columns of a chip of about ``size`` pixels, of a rectangle's shape."""
    if rect.is_empty():
        side = math.floor(math.sqrt(size) + 0.5)
        return side, side
    tall = rect.height() * math.sqrt(size / rect.area())
    if not tall < _FARTHEST:
        return 1, 1
    rows = int(tall + 0.5)
    if rows == 0:  # what dlib divides by: nothing by nothing is no number, a processor's largest
        return 1, 1 if size else 2**63
    return rows, max(1, int(size / rows + 0.5))


@bound
class chip_detailss(Items, item=chip_details):  # noqa: N801 - dlib's name
    """A list of places of chips."""

    __slots__ = ()


get_face_chip_details = Overloads(
    "get_face_chip_details", "Where the chip of a face, or of each face, is cut from."
)
extract_image_chip = Overloads("extract_image_chip", "Cut a chip out of a picture.")
extract_image_chips = Overloads("extract_image_chips", "Cut chips out of a picture.")
get_face_chip = Overloads("get_face_chip", "Cut a face out of a picture, upright and scaled.")
get_face_chips = Overloads("get_face_chips", "Cut faces out of a picture, upright and scaled.")
save_face_chip = Overloads("save_face_chip", "Write a face's chip to a JPEG file.")
save_face_chips = Overloads("save_face_chips", "Write faces' chips to JPEG files.")
_ALL = (*GRAYS, COLOUR)


def _details(face: full_object_detection, size: int, padding: float) -> chip_details:
    made = chip_details.__new__(chip_details)
    made._take(place_of(face, size, padding))
    return made


def _cut(picture: Picture, details: list[chip_details]) -> list[Picture]:
    """Cut chips; they share one pyramid of halved pictures, as dlib's do."""
    from phiz.models.chips import cut_chips

    return cut_chips(picture, [each._place for each in details])


@get_face_chip_details.add
def _(det: EarlyDetection, size: Size = 200, padding: float = 0.2) -> chip_details:
    return _details(det, size, padding)


@get_face_chip_details.add
def _(dets: EarlyDetections, size: Size = 200, padding: float = 0.2) -> chip_detailss:
    made = chip_detailss()
    made._items = [_details(each, size, padding) for each in dets]
    return made


@add_for(extract_image_chip, _ALL)
def _(img: Picture, chip_location: chip_details) -> Picture:
    return _cut(img, [chip_location])[0]


@add_for(extract_image_chips, _ALL)
def _(img: Picture, chip_locations: list[Any]) -> list[Any]:
    kind = instance_of(chip_details, "")
    return _cut(img, [cast(each, kind) for each in chip_locations])


@add_for(get_face_chip, _ALL)
def _(
    img: Picture, face: full_object_detection, size: Size = 150, padding: Float32 = 0.25
) -> Picture:
    return _cut(img, [_details(face, size, padding)])[0]


@add_for(get_face_chips, _ALL)
def _(
    img: Picture, faces: full_object_detections, size: Size = 150, padding: Float32 = 0.25
) -> list[Any]:
    if not faces:
        raise RuntimeError("No face were specified in the faces array.")
    return _cut(img, [_details(each, size, padding) for each in faces])


def _save(
    img: Picture, faces: list[full_object_detection], name: str, size: int, padding: float
) -> None:
    from phiz.compat.dlib.pictures import write_picture

    for index, chip in enumerate(_cut(img, [_details(each, size, padding) for each in faces]), 1):
        write_picture(chip, f"{name}_{index}.jpg" if len(faces) > 1 else f"{name}.jpg")


@save_face_chip.add
def _(
    img: Rgb,
    face: full_object_detection,
    chip_filename: str,
    size: Size = 150,
    padding: Float32 = 0.25,
) -> None:
    _save(img, [face], chip_filename, size, padding)


@save_face_chips.add
def _(
    img: Rgb,
    faces: full_object_detections,
    chip_filename: str,
    size: Size = 150,
    padding: Float32 = 0.25,
) -> None:
    _save(img, faces._items, chip_filename, size, padding)
