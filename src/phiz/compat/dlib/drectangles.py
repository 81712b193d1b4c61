"""``drectangle``: four real coordinates, all four of them inside the rectangle.

Source: dlib ``geometry/drectangle.h``, ``python/src/rectangles.cpp``.
"""

from __future__ import annotations

from phiz.compat.dlib.arithmetic import number, rounded
from phiz.compat.dlib.binding import Overloads, bound
from phiz.compat.dlib.getters import getter
from phiz.compat.dlib.kinds import Long
from phiz.compat.dlib.points import dpoint, make_dpoint, make_point, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.stream import read_double, reading, write_double
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor

__all__ = ["drectangle", "make_drectangle"]


@bound
class drectangle(Stored):  # noqa: N801 - dlib's name
    """A box of real coordinates; without them it is empty."""

    __slots__ = ("_b", "_l", "_r", "_t")
    __init__ = Overloads()
    __eq__ = Overloads(operator=True)
    __ne__ = Overloads(operator=True)
    contains = Overloads()
    intersect = Overloads()

    @__init__.add
    def _(self, left: float, top: float, right: float, bottom: float) -> None:
        self._l, self._t, self._r, self._b = left, top, right, bottom

    @__init__.add
    def _(self, rect: rectangle) -> None:
        self._l, self._t, self._r, self._b = map(float, rect._sides())

    @__init__.add
    def _(self, rect: drectangle) -> None:
        self._assign(rect)

    @__init__.add
    def _(self) -> None:
        self._l = self._t = 0.0
        self._r = self._b = -1.0

    def _sides(self) -> tuple[float, float, float, float]:
        return self._l, self._t, self._r, self._b

    def _assign(self, other: drectangle) -> None:
        self._l, self._t, self._r, self._b = other._l, other._t, other._r, other._b

    @getter
    def area(self) -> float:
        """Width times height."""
        return float(self.width() * self.height())

    @getter
    def left(self) -> float:
        """The left edge."""
        return self._l

    @getter
    def top(self) -> float:
        """The top edge."""
        return self._t

    @getter
    def right(self) -> float:
        """The right edge."""
        return self._r

    @getter
    def bottom(self) -> float:
        """The bottom edge."""
        return self._b

    @getter
    def width(self) -> float:
        """From edge to edge and one more, as of whole rectangles."""
        return 0.0 if self._empty() else self._r - self._l + 1

    @getter
    def height(self) -> float:
        """From edge to edge and one more, as of whole rectangles."""
        return 0.0 if self._empty() else self._b - self._t + 1

    @getter
    def is_empty(self) -> bool:
        """Whether it covers nothing."""
        return self._empty()

    @getter
    def center(self) -> point:
        """The middle, halves rounded up."""
        middle = self._middle()
        return make_point(rounded(middle.x), rounded(middle.y))

    @getter
    def dcenter(self) -> point:
        """The middle, halves rounded up."""
        # Rounded: dlib's binding returns a point here too.
        middle = self._middle()
        return make_point(rounded(middle.x), rounded(middle.y))

    @getter
    def tl_corner(self) -> dpoint:
        """The corner at the top left."""
        return make_dpoint(self._l, self._t)

    @getter
    def tr_corner(self) -> dpoint:
        """The corner at the top right."""
        return make_dpoint(self._r, self._t)

    @getter
    def bl_corner(self) -> dpoint:
        """The corner at the bottom left."""
        return make_dpoint(self._l, self._b)

    @getter
    def br_corner(self) -> dpoint:
        """The corner at the bottom right."""
        return make_dpoint(self._r, self._b)

    @contains.add
    def _(self, point: point) -> bool:
        return self._holds(float(point.x), float(point.y))

    @contains.add
    def _(self, point: dpoint) -> bool:
        return self._holds(point.x, point.y)

    @contains.add
    def _(self, x: Long, y: Long) -> bool:
        return self._holds(float(x), float(y))

    @contains.add
    def _(self, rectangle: drectangle) -> bool:
        inner = rectangle
        return inner._empty() or (
            self._l <= inner._l
            and self._r >= inner._r
            and self._t <= inner._t
            and self._b >= inner._b
        )

    @intersect.add
    def _(self, rectangle: drectangle) -> drectangle:
        # min and max keep their first argument where C++'s do: it matters for NaN and for -0.
        return make_drectangle(
            max(self._l, rectangle._l),
            max(self._t, rectangle._t),
            min(self._r, rectangle._r),
            min(self._b, rectangle._b),
        )

    @__eq__.add
    def _(self, arg0: drectangle) -> bool:
        return self._same(arg0)

    @__ne__.add
    def _(self, arg0: drectangle) -> bool:
        return not self._same(arg0)

    def _empty(self) -> bool:
        return self._t > self._b or self._l > self._r

    def _holds(self, x: float, y: float) -> bool:
        # Not a chain of "inside": a NaN is outside of nothing.
        return not (x < self._l or x > self._r or y < self._t or y > self._b)

    def _middle(self) -> dpoint:
        return make_dpoint((self._l + self._r) / 2, (self._t + self._b) / 2)

    def __repr__(self) -> str:
        return f"drectangle({','.join(map(number, self._sides()))})"

    def __str__(self) -> str:
        left, top, right, bottom = map(number, self._sides())
        return f"[({left}, {top}) ({right}, {bottom})]"

    def _write(self) -> bytes:
        return b"".join(map(write_double, self._sides()))

    def _read(self, cursor: Cursor) -> None:
        with reading("an object of type drectangle"):
            self._l, self._t = read_double(cursor), read_double(cursor)
            self._r, self._b = read_double(cursor), read_double(cursor)


def make_drectangle(left: float, top: float, right: float, bottom: float) -> drectangle:
    """Return a rectangle of real numbers."""
    made = drectangle.__new__(drectangle)
    made._l, made._t, made._r, made._b = left, top, right, bottom
    return made
