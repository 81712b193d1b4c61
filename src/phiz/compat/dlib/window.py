"""``image_window`` for machines without a screen: it keeps what a window would show.

Nobody can close it or press a key, so what waits for that returns at once, as dlib's does when a
window is closed, and the window counts as closed from then on.  ``image`` is what it shows, and
``save`` writes that to a file: both are phiz's own.
Source: dlib ``python/src/gui.cpp``, ``image_processing/render_face_detections.h``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np

from phiz.checks import U8
from phiz.compat.dlib.binding import Bound, Overloads, bound
from phiz.compat.dlib.detections import full_object_detection
from phiz.compat.dlib.drectangles import drectangle
from phiz.compat.dlib.images import COLOUR, GRAYS, Picture, add_for
from phiz.compat.dlib.kinds import MISMATCH, MODULE, Kind, instance_of
from phiz.compat.dlib.lists import rectangles
from phiz.compat.dlib.pixels import rgb_pixel
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.sequences import cast

if TYPE_CHECKING:
    from phiz.imaging import Shape

__all__ = ["image_window"]

Line: TypeAlias = Annotated[Any, Kind(f"{MODULE}.line", lambda _value, _convert: MISMATCH)]
_RED, _BLUE = rgb_pixel(255, 0, 0), rgb_pixel(0, 0, 255)
_DETECTION = instance_of(full_object_detection, "")

_OPEN_68 = ((0, 17), (27, 31), (17, 22), (22, 27))
_CLOSED_68 = ((30, 36), (36, 42), (42, 48), (48, 60), (60, 68))
"""Runs of the 68 points that are joined by lines, and those whose ends are joined too."""

_LINES_5 = ((0, 1), (1, 4), (4, 3), (3, 2))


@bound
class image_window(Bound):  # noqa: N801 - dlib's name
    """A window that is not seen; threads may share one."""

    __slots__ = ("_closed", "_lock", "_picture", "_shapes", "_title")
    _picture: U8
    _shapes: list[Shape]
    __init__ = Overloads()
    set_image = Overloads()
    set_title = Overloads()
    clear_overlay = Overloads()
    add_overlay = Overloads()
    add_overlay_circle = Overloads()
    wait_until_closed = Overloads()
    is_closed = Overloads()
    get_next_double_click = Overloads()
    wait_for_keypress = Overloads()
    get_next_keypress = Overloads()
    save = Overloads()

    @__init__.add
    def _(self) -> None:
        self._start()

    @add_for(__init__, (*GRAYS, COLOUR))
    def _(self, arg0: Picture) -> None:
        self._start()
        self._show(arg0)

    @add_for(__init__, (*GRAYS, COLOUR))
    def _(self, arg0: Picture, arg1: str) -> None:
        self._start(arg1)
        self._show(arg0)

    def _start(self, title: str = "") -> None:
        self._picture = np.zeros((0, 0, 3), np.uint8)
        self._shapes = []
        self._title, self._closed = title, False
        self._lock = threading.Lock()

    def _show(self, picture: Picture) -> None:
        """Take a picture of any type; numbers beyond a byte's are brought into it."""
        if picture.dtype != np.uint8:
            picture = np.clip(np.nan_to_num(picture), 0, 255).astype(np.uint8)
        colour = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
        with self._lock:
            self._picture = np.array(colour)

    def _draw(self, shapes: list[Shape]) -> None:
        with self._lock:
            self._shapes += shapes

    @add_for(set_image, (*GRAYS, COLOUR))
    def _(self, image: Picture) -> None:
        self._show(image)

    @set_title.add
    def _(self, title: str) -> None:
        self._title = title

    @clear_overlay.add
    def _(self) -> None:
        with self._lock:
            self._shapes = []

    @add_overlay.add
    def _(self, rectangles: rectangles, color: rgb_pixel = _RED) -> None:
        self._draw([shape for each in rectangles for shape in _box(each, color)])

    @add_overlay.add
    def _(self, rectangle: rectangle, color: rgb_pixel = _RED) -> None:
        self._draw(_box(rectangle, color))

    @add_overlay.add
    def _(self, rectangle: drectangle, color: rgb_pixel = _RED) -> None:
        self._draw(_box(_truncated(rectangle), color))

    @add_overlay.add
    def _(self, detection: full_object_detection, color: rgb_pixel = _BLUE) -> None:
        self._draw(list(_parts(detection, color)))

    @add_overlay.add
    def _(self, line: Line, color: rgb_pixel = _RED) -> None:
        raise NotImplementedError  # no argument is one: named for the error that lists all

    @add_overlay.add
    def _(self, objects: list[Any], color: rgb_pixel = _RED) -> None:
        shapes: list[Shape] = []
        for each in objects:
            if isinstance(each, (rectangle, drectangle)):
                shapes += _box(rectangle(each), color)
            else:
                shapes += _parts(cast(each, _DETECTION), color)
        self._draw(shapes)

    @add_overlay_circle.add
    def _(self, center: point, radius: float, color: rgb_pixel = _RED) -> None:
        self._draw(_circle(center.x, center.y, radius, color))

    @add_overlay_circle.add
    def _(self, center: dpoint, radius: float, color: rgb_pixel = _RED) -> None:
        self._draw(_circle(center.x, center.y, radius, color))

    @wait_until_closed.add
    def _(self) -> None:
        self._closed = True

    @is_closed.add
    def _(self) -> bool:
        return self._closed

    @get_next_double_click.add
    def _(self) -> object:
        self._closed = True
        return None

    @wait_for_keypress.add
    def _(self, key: object) -> None:  # noqa: ARG002 - its name there
        self._closed = True

    @get_next_keypress.add
    def _(self, get_keyboard_modifiers: bool = False) -> object:
        self._closed = True
        return (None, None) if get_keyboard_modifiers else None

    @property
    def image(self) -> U8:
        """What the window shows, (h, w, 3) uint8 RGB with overlays; (0, 0, 3) without a picture."""
        from phiz.imaging import draw_shapes

        with self._lock:
            picture, shapes = self._picture, list(self._shapes)
        return draw_shapes(picture, shapes) if picture.size else picture.copy()

    @save.add
    def _(self, path: str) -> None:
        from phiz.compat.dlib.pictures import write_picture

        write_picture(self.image, path)


def _colour(pixel: rgb_pixel) -> tuple[int, int, int]:
    return pixel.red, pixel.green, pixel.blue


def _truncated(rect: drectangle) -> rectangle:
    """Cut off fractions, as dlib does for a single rectangle."""
    return rectangle(*(int(side) for side in rect._sides()))


def _box(rect: rectangle, colour: rgb_pixel) -> list[Shape]:
    return [] if rect.is_empty() else [("box", rect._sides(), _colour(colour))]


def _circle(x: float, y: float, radius: float, colour: rgb_pixel) -> list[Shape]:
    reach = abs(radius)
    return [("circle", (x - reach, y - reach, x + reach, y + reach), _colour(colour))]


def _parts(face: full_object_detection, colour: rgb_pixel) -> Iterator[Shape]:
    """Draw a face's landmarks as lines, other points as circles and their box."""
    parts = face._parts
    if len(parts) not in (5, 68):
        for x, y in parts:
            yield from _circle(x, y, 0.5, colour)
        yield from _box(face._rect, _RED)
        return
    if len(parts) == 5:
        ends = list(_LINES_5)
    else:
        ends = [pair for first, end in _OPEN_68 for pair in pairwise(range(first, end))]
        ends += [pair for first, end in _CLOSED_68 for pair in pairwise(range(first, end))]
        ends += [(end - 1, first) for first, end in _CLOSED_68]
    for one, other in ends:
        yield "line", (*parts[one], *parts[other]), _colour(colour)
