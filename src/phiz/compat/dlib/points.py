"""``point`` and ``dpoint``: two whole or two real coordinates.

Source: dlib ``geometry/vector.h``, ``python/src/vector.cpp``.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np

from phiz.compat.dlib.arithmetic import divided, norm, number, rounded, wrapped
from phiz.compat.dlib.binding import Field, Overloads, bound
from phiz.compat.dlib.kinds import MISMATCH, Kind, Long
from phiz.compat.dlib.stream import read_double, read_long, reading, write_double
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_write_stream import write_int

__all__ = ["ArrayF32", "ArrayF64", "ArrayI64", "dpoint", "make_dpoint", "make_point", "point"]


def _array(kind: type) -> Kind:
    wanted = np.dtype(kind)

    def read(value: Any, convert: bool) -> Any:
        if isinstance(value, np.ndarray) and value.dtype == wanted:
            return value
        if not convert:
            return MISMATCH
        try:
            with np.errstate(invalid="ignore"):
                return np.asarray(value).astype(wanted)
        except (TypeError, ValueError, OverflowError):
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
class point(Stored):  # noqa: N801 - dlib's name
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
        return make_point(self._x + arg0._x, self._y + arg0._y)

    @__sub__.add
    def _(self, arg0: point) -> point:
        return make_point(self._x - arg0._x, self._y - arg0._y)

    @__mul__.add
    @__rmul__.add
    def _(self, arg0: float) -> EarlyDpoint:
        return make_dpoint(self._x * arg0, self._y * arg0)

    @__truediv__.add
    def _(self, arg0: float) -> EarlyDpoint:
        return make_dpoint(divided(self._x, arg0), divided(self._y, arg0))

    normalize = Overloads()

    @normalize.add
    def _(self) -> EarlyDpoint:
        length = norm(self._x, self._y)
        return make_dpoint(divided(self._x, length), divided(self._y, length))

    def __repr__(self) -> str:
        return f"point({self._x}, {self._y})"

    def __str__(self) -> str:
        return f"({self._x}, {self._y})"

    @classmethod
    def _default(cls) -> Any:
        return make_point(0, 0)

    def _write(self) -> bytes:
        return write_int(self._x) + write_int(self._y)

    def _read(self, cursor: Cursor) -> None:
        with reading("object of type vector"):
            self._x, self._y = read_long(cursor), read_long(cursor)


@bound
class dpoint(Stored):  # noqa: N801 - dlib's name
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
        return make_dpoint(self._x + arg0._x, self._y + arg0._y)

    @__sub__.add
    def _(self, arg0: dpoint) -> dpoint:
        return make_dpoint(self._x - arg0._x, self._y - arg0._y)

    @__mul__.add
    @__rmul__.add
    def _(self, arg0: float) -> dpoint:
        return make_dpoint(self._x * arg0, self._y * arg0)

    @__truediv__.add
    def _(self, arg0: float) -> dpoint:
        return make_dpoint(divided(self._x, arg0), divided(self._y, arg0))

    normalize = Overloads()

    @normalize.add
    def _(self) -> dpoint:
        length = norm(self._x, self._y)
        return make_dpoint(divided(self._x, length), divided(self._y, length))

    def __repr__(self) -> str:
        return f"dpoint({number(self._x)}, {number(self._y)})"

    def __str__(self) -> str:
        return f"({number(self._x)}, {number(self._y)})"

    @classmethod
    def _default(cls) -> Any:
        return make_dpoint(0.0, 0.0)

    def _write(self) -> bytes:
        return write_double(self._x) + write_double(self._y)

    def _read(self, cursor: Cursor) -> None:
        with reading("object of type vector"):
            self._x, self._y = read_double(cursor), read_double(cursor)


def make_point(x: int, y: int) -> point:
    """Return a point of whole numbers; they wrap around as C++'s do."""
    made = point.__new__(point)
    made._x, made._y = wrapped(x), wrapped(y)
    return made


def make_dpoint(x: float, y: float) -> dpoint:
    """Return a point of real numbers."""
    made = dpoint.__new__(dpoint)
    made._x, made._y = x, y
    return made


EarlyDpoint: TypeAlias = Annotated[
    Any,
    Kind(
        # dlib's own signatures spell it so where they were made before ``dpoint`` had a name.
        "dlib::vector<double, 2l>",
        lambda value, _convert: value if isinstance(value, dpoint) else MISMATCH,
    ),
]
