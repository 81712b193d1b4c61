"""dlib's serialized numbers, as its pickles hold them.

They differ from those of weight files (``phiz.formats``) in that infinities, NaN and integers of
64 full bits are allowed, and in that bytes which are none raise dlib's own errors.  Nothing is
allocated before the bytes for it have been read.  Source: dlib ``serialize.h``,
``float_details.h``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from phiz.compat.dlib.arithmetic import wrapped
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_write_stream import DOUBLE, write_float, write_int

__all__ = [
    "read_double",
    "read_int32",
    "read_long",
    "read_many",
    "reading",
    "write_double",
    "write_many",
]

T = TypeVar("T")

_INFINITE, _MINUS_INFINITE, _NO_NUMBER = 32000, 32001, 32002  # exponents
_DECIMAL = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? ")
_LONGEST_DECIMAL = 64


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Add to dlib's errors what was being read."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n   while deserializing {what}") from None


def _integer(cursor: Cursor, what: str, longest: int, *, signed: bool = True) -> int:
    """Read an integer of at most so many bytes."""
    if cursor.left:
        control = cursor.byte()
        size = control & 0x0F
        if 1 <= size <= longest and size <= cursor.left and (signed or not control & 0x80):
            magnitude = int.from_bytes(cursor.take(size), "little")
            return -magnitude if control & 0x80 else magnitude
    raise RuntimeError(f"Error deserializing object of type {what}")


def read_long(cursor: Cursor) -> int:
    """Read a C++ long; RuntimeError if there is none."""
    return wrapped(_integer(cursor, "long", 8))


def read_int32(cursor: Cursor) -> int:
    """Read a C++ int; RuntimeError if there is none."""
    return wrapped(_integer(cursor, "int", 4), bits=32)


def read_double(cursor: Cursor) -> float:
    """Read a C++ double, which may be infinite or NaN; RuntimeError if there is none."""
    if not cursor.left or cursor.data[cursor.at] & 0x70:
        return _decimal(cursor)
    with reading("a floating point number."):
        mantissa = wrapped(_integer(cursor, "int64", 8))
        exponent = wrapped(_integer(cursor, "short", 2), bits=16)
    if exponent < _INFINITE:
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            return math.copysign(math.inf, mantissa)
    if exponent == _INFINITE:
        return math.inf
    return -math.inf if exponent == _MINUS_INFINITE else math.nan


def _decimal(cursor: Cursor) -> float:
    """Read the form of dlib before version 18: a decimal number and one space."""
    window = cursor.data[cursor.at : cursor.at + _LONGEST_DECIMAL]
    found = _DECIMAL.match(window)
    value = float(found[0]) if found else math.inf
    if found is None or math.isinf(value):
        raise RuntimeError("Error deserializing a floating point number.")
    cursor.at += len(found[0])
    return value


def read_many(cursor: Cursor, item: Callable[[Cursor], T]) -> list[T]:
    """Read a count and that many items; RuntimeError if they are not there."""
    with reading("object of type std::vector"):
        count = _integer(cursor, "unsigned long", 8, signed=False)
        found: list[T] = []
        while len(found) < count:
            found.append(item(cursor))
        return found


def write_double(value: float) -> bytes:
    """Write a C++ double, which may be infinite or NaN."""
    if math.isfinite(value):
        return write_float(value, DOUBLE)
    if math.isnan(value):
        return write_int(0) + write_int(_NO_NUMBER)
    return write_int(0) + write_int(_INFINITE if value > 0 else _MINUS_INFINITE)


def write_many(items: list[bytes]) -> bytes:
    """Write a count and the items' bytes."""
    return write_int(len(items)) + b"".join(items)
