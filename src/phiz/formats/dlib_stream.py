"""dlib's serialized primitives.

There is no file header: a file is a plain concatenation of objects, and a reader must know their
types.  Source: dlib ``serialize.h``, ``float_details.h``, ``matrix.h``, ``tensor.h``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from phiz.checks import F32, F64
from phiz.errors import FormatError
from phiz.formats.cursor import Cursor

__all__ = [
    "Alias",
    "read_alias",
    "read_array",
    "read_bool",
    "read_count",
    "read_dims",
    "read_float",
    "read_int",
    "read_matrix",
    "read_string",
    "read_tensor",
    "read_vector_f64",
    "read_version",
]

T = TypeVar("T")

_INFINITE = 32000  # exponents from here on stand for infinities and NaN
_SMALLEST_NUMBER = 2  # bytes: a control byte and one of magnitude


def read_int(cursor: Cursor, what: str = "an integer") -> int:
    """Read an integer: a control byte (sign and length), then its magnitude, little-endian."""
    data, at = cursor.data, cursor.at
    if at >= len(data):
        cursor.fail(what, "the end of the file")
    control = data[at]
    size = control & 0x0F
    if control & 0x70 or not 1 <= size <= 8:
        cursor.fail(f"{what} (control byte 01 to 08 or 81 to 88)", f"{control:02x}")
    if at + 1 + size > len(data):
        cursor.fail(f"{size} bytes of {what}", f"{len(data) - at - 1} left")
    magnitude = int.from_bytes(data[at + 1 : at + 1 + size], "little")
    cursor.at = at + 1 + size
    return -magnitude if control & 0x80 else magnitude


def _read_ascii_float(cursor: Cursor, what: str) -> float:
    """Read the form of dlib before version 18: a decimal number and one space."""
    start = cursor.at
    window = bytes(cursor.data[start : start + 64])
    text, space, _ = window.partition(b" ")
    if not space:
        cursor.fail(f"{what} as text that ends in a space", repr(window[:16]))
    try:
        value = float(text)
    except ValueError:
        cursor.fail(what, repr(text))
    cursor.at = start + len(text) + 1
    return value


def read_float(cursor: Cursor, what: str = "a number") -> float:
    """Read a float or double: the integers mantissa and exponent; value = mantissa * 2**exponent.

    Infinities and NaN are a FormatError: no parameter of a working model is one.
    """
    start = cursor.at
    if start < len(cursor.data) and cursor.data[start] & 0x70:
        value = _read_ascii_float(cursor, what)
    else:
        mantissa, exponent = read_int(cursor, what), read_int(cursor, what)
        if exponent >= _INFINITE:
            cursor.fail(f"finite {what}", f"exponent {exponent}", at=start)
        try:
            value = math.ldexp(mantissa, exponent)
        except OverflowError:
            cursor.fail(f"finite {what}", f"{mantissa} * 2**{exponent}", at=start)
    if not math.isfinite(value):
        cursor.fail(f"finite {what}", str(value), at=start)
    return value


def read_bool(cursor: Cursor, what: str = "a flag") -> bool:
    """Read an ASCII ``0`` or ``1``."""
    value = cursor.byte(what)
    if value not in (0x30, 0x31):
        cursor.fail(f"{what} (30 or 31)", f"{value:02x}", at=cursor.at - 1)
    return value == 0x31


def read_count(cursor: Cursor, what: str, *, each: int = _SMALLEST_NUMBER) -> int:
    """Read how many items follow; fail unless that many of ``each`` bytes can be there."""
    start = cursor.at
    count = read_int(cursor, f"the number of {what}")
    if count < 0 or count * each > cursor.left:
        cursor.fail(f"a number of {what} that fits in {cursor.left} bytes", str(count), at=start)
    return count


def read_version(cursor: Cursor, allowed: tuple[int, ...], what: str) -> int:
    """Read a version number and fail unless it is one of ``allowed``."""
    start = cursor.at
    version = read_int(cursor, f"the version of {what}")
    if version not in allowed:
        wanted = " or ".join(str(v) for v in allowed)
        cursor.fail(f"version {wanted} of {what}", str(version), at=start)
    return version


def read_string(cursor: Cursor, what: str = "a string", *, longest: int = 4096) -> str:
    """Read a length and that many bytes; bytes that are no UTF-8 are kept as escapes."""
    start = cursor.at
    count = read_count(cursor, f"bytes of {what}", each=1)
    if count > longest:
        cursor.fail(f"{what} of at most {longest} bytes", str(count), at=start)
    return bytes(cursor.take(count, what)).decode("utf-8", "backslashreplace")


def read_dims(cursor: Cursor, what: str) -> tuple[int, int]:
    """Read a matrix's rows and columns: written negated; positive in the oldest files."""
    start = cursor.at
    rows, columns = read_int(cursor, f"rows of {what}"), read_int(cursor, f"columns of {what}")
    if rows < 0 or columns < 0:
        rows, columns = -rows, -columns
    if rows < 0 or columns < 0 or rows * columns * _SMALLEST_NUMBER > cursor.left:
        cursor.fail(f"the size of {what}", f"{rows} x {columns}", at=start)
    return rows, columns


def read_array(cursor: Cursor, what: str, item: Callable[[Cursor], T], *, each: int) -> list[T]:
    """Read a count and that many items of at least ``each`` bytes."""
    return [item(cursor) for _ in range(read_count(cursor, what, each=each))]


def read_vector_f64(cursor: Cursor, what: str) -> F64:
    """Read a matrix<double> that is one column or one row; returns (n,) float64."""
    start = cursor.at
    rows, columns = read_dims(cursor, what)
    if rows != 1 and columns != 1:
        cursor.fail(f"{what} as one column", f"{rows} x {columns}", at=start)
    return np.array([read_float(cursor, what) for _ in range(rows * columns)], np.float64)


def read_matrix(cursor: Cursor, what: str, shape: tuple[int, int]) -> F32:
    """Read a matrix<float> of this many rows and columns; returns (rows, columns) float32."""
    start = cursor.at
    found = read_dims(cursor, what)
    if found != shape:
        cursor.fail(f"{what} of {shape[0]} x {shape[1]}", f"{found[0]} x {found[1]}", at=start)
    count = shape[0] * shape[1]
    with np.errstate(over="ignore"):
        values = np.fromiter((read_float(cursor, what) for _ in range(count)), np.float32, count)
    if not np.isfinite(values).all():
        cursor.fail(f"float32 numbers of {what}", "a larger one", at=start)
    return values.reshape(shape)


Shape4 = tuple[int, int, int, int]


def _read_shape(cursor: Cursor, what: str) -> Shape4:
    start = cursor.at
    sides = [read_int(cursor, f"a side of {what}") for _ in range(4)]
    if min(sides) < 0:
        cursor.fail(f"sides of {what} of 0 or more", str(sides), at=start)
    return sides[0], sides[1], sides[2], sides[3]


def read_tensor(cursor: Cursor, what: str) -> F32:
    """Read a tensor (n, k, rows, columns): four sides, then raw little-endian float32."""
    start = cursor.at
    read_version(cursor, (2,), f"tensor {what}")
    shape = _read_shape(cursor, what)
    size = math.prod(shape)
    if 4 * size > cursor.left:
        cursor.fail(
            f"a tensor {what} that fits in {cursor.left} bytes", f"{shape} float32", at=start
        )
    try:
        return cursor.floats32(size, what).reshape(shape)
    except FormatError:
        raise
    except ValueError:
        cursor.fail(f"a tensor {what} of sensible sides", str(shape), at=start)


@dataclass(frozen=True, slots=True)
class Alias:
    """A view into another tensor, as written: its shape only."""

    shape: Shape4

    @property
    def size(self) -> int:
        """How many values it covers."""
        return math.prod(self.shape)


def read_alias(cursor: Cursor, what: str) -> Alias:
    """Read an alias_tensor: a shape without data."""
    read_version(cursor, (1,), f"alias {what}")
    return Alias(_read_shape(cursor, what))
