"""``shape_predictor``: landmarks by regression trees.

Source: dlib ``python/src/shape_predictor.cpp``, ``image_processing/shape_predictor.h``.
"""

from __future__ import annotations

import numpy as np

from phiz.compat.dlib.binding import Overloads, bound
from phiz.compat.dlib.detections import full_object_detection
from phiz.compat.dlib.files import read_object, read_object_file, save_object
from phiz.compat.dlib.images import AnyArray, eight_bit
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_write_stream import write_int
from phiz.values import Forest

__all__ = ["shape_predictor"]

_EMPTY = b"".join(map(write_int, (1, 0, -1, 0, 0, 0)))
"""A predictor that was never trained: a mean shape of no rows, and no trees."""


@bound
class shape_predictor(Stored):  # noqa: N801 - dlib's name
    """Places points on what a box shows; threads may share one."""

    __slots__ = ("_forest",)
    _forest: Forest | None
    __init__ = Overloads()
    __call__ = Overloads()
    save = Overloads()

    @__init__.add
    def _(self) -> None:
        self._forest = None

    @__init__.add
    def _(self, arg0: str) -> None:
        read_object_file(arg0, self._read)

    @__call__.add
    def _(self, image: AnyArray, box: rectangle) -> full_object_detection:
        picture = eight_bit(image)
        made = full_object_detection._default()
        made._rect = box._copy()
        if self._forest is not None:
            from phiz.models.landmarks import place_forest
            from phiz.runtime import default_runtime

            sides = np.array([box._sides()], np.int64)
            (points,) = place_forest(self._forest, picture, sides, default_runtime())
            made._parts = tuple((x, y) for x, y in points.tolist())
        return made

    @save.add
    def _(self, predictor_output_filename: str) -> None:
        save_object(self._write(), predictor_output_filename)

    def _write(self) -> bytes:
        if self._forest is None:
            return _EMPTY
        from phiz.formats.dlib_shape_write import write_shape_predictor

        return write_shape_predictor(self._forest)

    def _read(self, cursor: Cursor) -> None:
        if cursor.data[cursor.at : cursor.at + len(_EMPTY)] == _EMPTY:
            self._forest = None
            return
        self._forest = read_object(
            cursor,
            (1,),
            "Unexpected version found while deserializing dlib::shape_predictor.",
            lambda: _read_forest(cursor),
        )


def _read_forest(cursor: Cursor) -> Forest:
    from phiz.formats.dlib_shape import read_shape_predictor  # brings the compiler

    return read_shape_predictor(cursor)
