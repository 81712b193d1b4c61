"""``vector``: a column of real numbers, such as a face's descriptor.

Source: dlib ``python/src/vector.cpp``, ``matrix/matrix.h``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phiz.checks import F64
from phiz.compat.dlib.arithmetic import number
from phiz.compat.dlib.binding import Overloads, Readonly, bound
from phiz.compat.dlib.kinds import MISMATCH, Long, kind_of
from phiz.compat.dlib.sequences import cast
from phiz.compat.dlib.stream import read_double, read_long, reading, write_double
from phiz.compat.dlib.values import Stored
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_write_stream import write_int

__all__ = ["make_vector", "vector"]

_LONG, _REAL = kind_of("Long", {}), kind_of("float", {})
_MOST = 1 << 59
"""Numbers of a vector beyond which dlib does not even try."""


@bound
class vector(Stored):  # noqa: N801 - dlib's name
    """A column of numbers."""

    __slots__ = ("_values",)
    _values: F64
    __init__ = Overloads()
    __getitem__ = Overloads()
    __setitem__ = Overloads()
    set_size = Overloads()
    resize = Overloads()

    @__init__.add
    def _(self) -> None:
        self._values = np.zeros(0)

    @__init__.add
    def _(self, arg0: object) -> None:
        size = _LONG.read(arg0, True)
        if size is not MISMATCH:
            self._values = _zeros(size)
            return
        items = list(arg0)  # type: ignore[call-overload]
        len(arg0)  # type: ignore[arg-type] # what has no length is refused there
        self._values = np.array([cast(item, _REAL) for item in items], np.float64)

    @set_size.add
    @resize.add
    def _(self, arg0: Long) -> None:
        self._values = _zeros(arg0)

    @__getitem__.add
    def _(self, arg0: Long) -> float:
        return float(self._values[self._place(arg0)])

    @__getitem__.add
    def _(self, arg0: slice) -> vector:
        return make_vector(self._values[arg0])

    @__setitem__.add
    def _(self, arg0: Long, arg1: float) -> None:
        self._values[self._place(arg0)] = arg1

    def _place(self, index: int) -> int:
        place = index + len(self._values) if index < 0 else index
        if not 0 <= place < len(self._values):
            raise IndexError("index out of range")
        return place

    def __len__(self) -> int:
        return len(self._values)

    @Readonly
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self._values), 1

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return (n,) float64 in one go, which NumPy would read one by one; always a copy."""
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        real = dtype is None or np.dtype(dtype).kind == "f"
        return np.array(self._values if real else self._values.tolist(), dtype)

    def _assign(self, other: vector) -> None:
        self._values = other._values.copy()

    def _same(self, other: vector) -> bool:
        return bool(np.array_equal(self._values, other._values))

    def _text(self) -> str:
        """Return it as dlib prints matrices: one row a line, all as wide as the widest."""
        texts = [number(value) for value in self._values.tolist()]
        width = max(map(len, texts), default=0)
        return "".join(f"{text:>{width}} \n" for text in texts)

    def __repr__(self) -> str:
        return f"dlib.vector([{', '.join(map(number, self._values.tolist()))}])"

    def __str__(self) -> str:
        return "\n".join(map(number, self._values.tolist()))

    def _write(self) -> bytes:
        head = write_int(-len(self._values)) + write_int(-1)
        return head + b"".join(map(write_double, self._values.tolist()))

    def _read(self, cursor: Cursor) -> None:
        with reading("a dlib::matrix"):
            rows, columns = read_long(cursor), read_long(cursor)
            if rows < 0 or columns < 0:
                rows, columns = -rows, -columns
            if columns != 1:
                raise RuntimeError("Error while deserializing a dlib::matrix.  Invalid columns")
            if rows < 0:
                raise RuntimeError("Error while deserializing a dlib::matrix.  Invalid rows")
            values: list[float] = []
            while len(values) < rows:
                values.append(read_double(cursor))
        self._values = np.array(values, np.float64)


def _zeros(size: int) -> F64:
    if not 0 <= size <= _MOST:
        raise MemoryError("std::bad_array_new_length")
    return np.zeros(size)


def make_vector(values: F64) -> vector:
    """Return a vector of (n,) float64; they are copied."""
    made = vector.__new__(vector)
    made._values = np.array(values, np.float64)
    return made
