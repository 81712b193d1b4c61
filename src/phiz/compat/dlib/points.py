"""``point`` and ``dpoint``: two whole or two real coordinates.

Source: dlib ``geometry/vector.h``, ``python/src/vector.cpp``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias

import numpy as np

from phiz.compat.dlib.binding import Bound, Field, Overloads, bound
from phiz.compat.dlib.kinds import MISMATCH, Kind, Long
from phiz.compat.dlib.state import pack, unpack
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_stream import read_float, read_int
from phiz.formats.dlib_write_stream import DOUBLE, write_float, write_int

__all__ = ["ArrayF32", "ArrayF64", "ArrayI64", "dpoint", "number", "point", "rounded"]


def rounded(value: float) -> int:
    """Return the nearest whole number, halves upwards, as dlib rounds coordinates."""
    return math.floor(value + 0.5)


def number(value: float) -> str:
    """Return a number as C++ streams print it: six digits."""
    return f"{value:g}"


def _array(kind: type) -> Kind:
    wanted = np.dtype(kind)

    def read(value: Any, convert: bool) -> Any:
        if isinstance(value, np.ndarray) and value.dtype == wanted:
            return value
        if not convert:
            return MISMATCH
        try:
            return np.asarray(value).astype(wanted)
        except (TypeError, ValueError):
            return MISMATCH

    return Kind(f"numpy.ndarray[numpy.{wanted.name}]", read)


ArrayI64: TypeAlias = Annotated[Any, _array(np.int64)]
ArrayF32: TypeAlias = Annotated[Any, _array(np.float32)]
ArrayF64: TypeAlias = Annotated[Any, _array(np.float64)]


def _two(values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Return the two coordinates of a row or a column."""
    if values.size != 2:
        raise RuntimeError(
            "You can only convert a numpy array to a dlib point or dpoint if it has just 2 "
            f"elements: found shape {values.shape}."
        )
    if values.ndim > 2:
        raise RuntimeError("The input needs to be interpretable as a row or column vector.")
    x, y = values.reshape(-1).tolist()
    return x, y


@bound
class point(Bound):  # noqa: N801 - dlib's name
    """Two whole coordinates."""

    __slots__ = ("_x", "_y")
    x = Field("Long")
    y = Field("Long")
    __init__ = Overloads()
    __add__ = Overloads(operator=True)
    __sub__ = Overloads(operator=True)
    __mul__ = Overloads(operator=True)
    __rmul__ = Overloads(operator=True)
    __truediv__ = Overloads(operator=True)

    @__init__.add
    def _(self, x: Long, y: Long) -> None:
        self._x, self._y = x, y

    @__init__.add
    def _(self, p: EarlyDpoint) -> None:
        self._x, self._y = rounded(p.x), rounded(p.y)

    @__init__.add
    def _(self, v: ArrayI64) -> None:
        self._x, self._y = _two(v)

    @__init__.add
    def _(self, v: ArrayF32) -> None:
        self._x, self._y = (rounded(side) for side in _two(v))

    @__init__.add
    def _(self, v: ArrayF64) -> None:
        self._x, self._y = (rounded(side) for side in _two(v))

    @__add__.add
    def _(self, arg0: point) -> point:
        return point(self._x + arg0._x, self._y + arg0._y)

    @__sub__.add
    def _(self, arg0: point) -> point:
        return point(self._x - arg0._x, self._y - arg0._y)

    @__mul__.add
    @__rmul__.add
    def _(self, arg0: float) -> EarlyDpoint:
        return dpoint(self._x * arg0, self._y * arg0)

    @__truediv__.add
    def _(self, arg0: float) -> EarlyDpoint:
        return dpoint(_divided(self._x, arg0), _divided(self._y, arg0))

    normalize = Overloads()

    @normalize.add
    def _(self) -> EarlyDpoint:
        length = math.hypot(self._x, self._y)
        return dpoint(_divided(self._x, length), _divided(self._y, length))

    def __repr__(self) -> str:
        return f"point({self._x}, {self._y})"

    def __str__(self) -> str:
        return f"({self._x}, {self._y})"

    def __getstate__(self) -> tuple[bytes]:
        return pack(write_int(self._x) + write_int(self._y))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._x, self._y = unpack(state, "point", read_point)


@bound
class dpoint(Bound):  # noqa: N801 - dlib's name
    """Two real coordinates."""

    __slots__ = ("_x", "_y")
    x = Field("float")
    y = Field("float")
    __init__ = Overloads()
    __add__ = Overloads(operator=True)
    __sub__ = Overloads(operator=True)
    __mul__ = Overloads(operator=True)
    __rmul__ = Overloads(operator=True)
    __truediv__ = Overloads(operator=True)

    @__init__.add
    def _(self, x: float, y: float) -> None:
        self._x, self._y = x, y

    @__init__.add
    def _(self, p: point) -> None:
        self._x, self._y = float(p.x), float(p.y)

    @__init__.add
    def _(self, v: ArrayI64) -> None:
        self._x, self._y = (float(side) for side in _two(v))

    @__init__.add
    def _(self, v: ArrayF32) -> None:
        self._x, self._y = _two(v)

    @__init__.add
    def _(self, v: ArrayF64) -> None:
        self._x, self._y = _two(v)

    @__add__.add
    def _(self, arg0: dpoint) -> dpoint:
        return dpoint(self._x + arg0._x, self._y + arg0._y)

    @__sub__.add
    def _(self, arg0: dpoint) -> dpoint:
        return dpoint(self._x - arg0._x, self._y - arg0._y)

    @__mul__.add
    @__rmul__.add
    def _(self, arg0: float) -> dpoint:
        return dpoint(self._x * arg0, self._y * arg0)

    @__truediv__.add
    def _(self, arg0: float) -> dpoint:
        return dpoint(_divided(self._x, arg0), _divided(self._y, arg0))

    normalize = Overloads()

    @normalize.add
    def _(self) -> dpoint:
        length = math.hypot(self._x, self._y)
        return dpoint(_divided(self._x, length), _divided(self._y, length))

    def __repr__(self) -> str:
        return f"dpoint({number(self._x)}, {number(self._y)})"

    def __str__(self) -> str:
        return f"({number(self._x)}, {number(self._y)})"

    def __getstate__(self) -> tuple[bytes]:
        return pack(write_float(self._x, DOUBLE) + write_float(self._y, DOUBLE))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._x, self._y = unpack(
            state, "dpoint", lambda cursor: (read_float(cursor), read_float(cursor))
        )


def _divided(top: float, bottom: float) -> float:
    """Divide as the processor does: by nothing too."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(top) / np.float64(bottom))


def read_point(cursor: Cursor) -> tuple[int, int]:
    """Read the coordinates of a serialized point."""
    return read_int(cursor), read_int(cursor)


EarlyDpoint: TypeAlias = Annotated[
    Any,
    Kind(
        # dlib's own signatures spell it so where they were made before ``dpoint`` had a name.
        "dlib::vector<double, 2l>",
        lambda value, _convert: value if isinstance(value, dpoint) else MISMATCH,
    ),
]
