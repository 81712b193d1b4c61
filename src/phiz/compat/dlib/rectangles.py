"""``rectangle``: four whole coordinates, all four of them inside the rectangle.

Source: dlib ``geometry/rectangle.h``, ``python/src/rectangles.cpp``.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from phiz.compat.dlib.arithmetic import halved, lround, rounded, wrapped
from phiz.compat.dlib.binding import Overloads, bound
from phiz.compat.dlib.getters import getter
from phiz.compat.dlib.kinds import MISMATCH, Kind, Long
from phiz.compat.dlib.points import dpoint, make_point, point
from phiz.compat.dlib.stream import read_long, reading
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_write_stream import write_int

__all__ = ["make_rectangle", "rectangle"]

_UNSIGNED = 2**64 - 1


def _drectangle(value: Any, _convert: bool) -> Any:
    from phiz.compat.dlib.drectangles import drectangle

    return value if isinstance(value, drectangle) else MISMATCH


EarlyDrectangle: TypeAlias = Annotated[Any, Kind("dlib::drectangle", _drectangle)]
"""dlib's own signature spells it so: it was made before ``drectangle`` had a name."""


@bound
class rectangle(Stored):  # noqa: N801 - dlib's name
    """A box of whole coordinates; without them it is empty."""

    __slots__ = ("_b", "_l", "_r", "_t")
    __init__ = Overloads()
    __add__ = Overloads(operator=True)
    __iadd__ = Overloads(operator=True)
    __eq__ = Overloads(operator=True)
    __ne__ = Overloads(operator=True)
    contains = Overloads()
    intersect = Overloads()

    @__init__.add
    def _(self, left: Long, top: Long, right: Long, bottom: Long) -> None:
        self._l, self._t, self._r, self._b = left, top, right, bottom

    @__init__.add
    def _(self, rect: EarlyDrectangle) -> None:
        self._l, self._t, self._r, self._b = map(lround, rect._sides())

    @__init__.add
    def _(self, rect: rectangle) -> None:
        self._assign(rect)

    @__init__.add
    def _(self) -> None:
        self._l = self._t = 0
        self._r = self._b = -1

    def _sides(self) -> tuple[int, int, int, int]:
        return self._l, self._t, self._r, self._b

    def _assign(self, other: rectangle) -> None:
        self._l, self._t, self._r, self._b = other._l, other._t, other._r, other._b

    def _same(self, other: rectangle) -> bool:
        return self._sides() == other._sides()

    @getter
    def area(self) -> Long:
        """Width times height."""
        return int(self.width() * self.height()) & _UNSIGNED

    @getter
    def left(self) -> Long:
        """The first column."""
        return self._l

    @getter
    def top(self) -> Long:
        """The first row."""
        return self._t

    @getter
    def right(self) -> Long:
        """The last column."""
        return self._r

    @getter
    def bottom(self) -> Long:
        """The last row."""
        return self._b

    @getter
    def width(self) -> Long:
        """How many columns it covers."""
        return 0 if self._empty() else wrapped(self._r - self._l + 1)

    @getter
    def height(self) -> Long:
        """How many rows it covers."""
        return 0 if self._empty() else wrapped(self._b - self._t + 1)

    @getter
    def tl_corner(self) -> point:
        """The corner at the top left."""
        return make_point(self._l, self._t)

    @getter
    def tr_corner(self) -> point:
        """The corner at the top right."""
        return make_point(self._r, self._t)

    @getter
    def bl_corner(self) -> point:
        """The corner at the bottom left."""
        return make_point(self._l, self._b)

    @getter
    def br_corner(self) -> point:
        """The corner at the bottom right."""
        return make_point(self._r, self._b)

    @getter
    def is_empty(self) -> bool:
        """Whether it covers nothing."""
        return self._empty()

    @getter
    def center(self) -> point:
        """The middle, as dlib rounds it."""
        return make_point(_middle(self._l, self._r), _middle(self._t, self._b))

    @getter
    def dcenter(self) -> point:
        """The middle, halves rounded up."""
        # Halves are rounded: dlib's binding returns a point here too.
        across, down = wrapped(self._l + self._r), wrapped(self._t + self._b)
        return make_point(rounded(across / 2), rounded(down / 2))

    @contains.add
    def _(self, point: point) -> bool:
        return self._holds(point.x, point.y)

    @contains.add
    def _(self, point: dpoint) -> bool:
        return self._holds(rounded(point.x), rounded(point.y))

    @contains.add
    def _(self, x: Long, y: Long) -> bool:
        return self._holds(x, y)

    @contains.add
    def _(self, rectangle: rectangle) -> bool:
        return rectangle._joined(self)._same(self)

    @intersect.add
    def _(self, rectangle: rectangle) -> rectangle:
        return make_rectangle(
            max(self._l, rectangle._l),
            max(self._t, rectangle._t),
            min(self._r, rectangle._r),
            min(self._b, rectangle._b),
        )

    @__iadd__.add
    def _(self, arg0: point) -> rectangle:
        self._assign(self._joined(make_rectangle(arg0.x, arg0.y, arg0.x, arg0.y)))
        return self

    @__iadd__.add
    def _(self, arg0: rectangle) -> rectangle:
        self._assign(self._joined(arg0))
        return self

    @__add__.add
    def _(self, arg0: point) -> rectangle:
        return self._joined(make_rectangle(arg0.x, arg0.y, arg0.x, arg0.y))

    @__add__.add
    def _(self, arg0: rectangle) -> rectangle:
        return self._joined(arg0)

    @__eq__.add
    def _(self, arg0: rectangle) -> bool:
        return self._same(arg0)

    @__ne__.add
    def _(self, arg0: rectangle) -> bool:
        return not self._same(arg0)

    def _empty(self) -> bool:
        return self._t > self._b or self._l > self._r

    def _holds(self, x: int, y: int) -> bool:
        return self._l <= x <= self._r and self._t <= y <= self._b

    def _joined(self, other: rectangle) -> rectangle:
        """Return the smallest rectangle around both; empty ones count for nothing."""
        if other._empty():
            return self._copy()
        if self._empty():
            return other._copy()
        return make_rectangle(
            min(self._l, other._l),
            min(self._t, other._t),
            max(self._r, other._r),
            max(self._b, other._b),
        )

    def __repr__(self) -> str:
        return f"rectangle({self._l},{self._t},{self._r},{self._b})"

    def __str__(self) -> str:
        return f"[({self._l}, {self._t}) ({self._r}, {self._b})]"

    def _write(self) -> bytes:
        return b"".join(map(write_int, self._sides()))

    def _read(self, cursor: Cursor) -> None:
        with reading("an object of type rectangle"):
            self._l, self._t = read_long(cursor), read_long(cursor)
            self._r, self._b = read_long(cursor), read_long(cursor)


def _middle(low: int, high: int) -> int:
    total = wrapped(low + high + 1)
    return halved(wrapped(total - 1) if total < 0 else total)


def make_rectangle(left: int, top: int, right: int, bottom: int) -> rectangle:
    """Return a rectangle of whole numbers; they wrap around as C++'s do."""
    made = rectangle.__new__(rectangle)
    made._l, made._t, made._r, made._b = (
        wrapped(left),
        wrapped(top),
        wrapped(right),
        wrapped(bottom),
    )
    return made
