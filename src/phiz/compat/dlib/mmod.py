"""``mmod_rectangle``: what a CNN detector finds; and lists of them.

Source: dlib ``image_processing/full_object_detection.h``, ``python/src/cnn_face_detector.cpp``.
"""

from __future__ import annotations

from typing import Any

from phiz.compat.dlib.binding import Field, bound
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.sequences import Items
from phiz.compat.dlib.values import Part, Value

__all__ = ["make_mmod_rectangle", "mmod_rectangle", "mmod_rectangles", "mmod_rectangless"]


@bound
class mmod_rectangle(Value):  # noqa: N801 - dlib's name
    """A rectangle and how sure the detector is; only detectors make one."""

    __slots__ = ("_confidence", "_rect")
    rect = Part("rectangle", member=True)
    confidence = Field("float", member=True)
    _rect: rectangle
    _confidence: float

    def __init__(self, *_given: object, **_named: object) -> None:
        raise TypeError(f"{type(self).__module__}.mmod_rectangle: No constructor defined!")

    def _text(self) -> str:
        return str(self._rect)


def make_mmod_rectangle(rect: rectangle, confidence: float) -> Any:
    """Return a detection; the rectangle is copied."""
    made = mmod_rectangle.__new__(mmod_rectangle)
    made._rect, made._confidence = rect._copy(), confidence
    return made


@bound
class mmod_rectangles(Items, item=mmod_rectangle, printed=True):  # noqa: N801 - dlib's name
    """A list of detections."""

    __slots__ = ()


@bound
class mmod_rectangless(Items, item=mmod_rectangles):  # noqa: N801 - dlib's name
    """A list of lists of detections."""

    __slots__ = ()
