"""dlib's primitives, written: the counterpart of ``dlib_stream``.

Source: dlib ``serialize.h``, ``float_details.h``, ``matrix.h``, ``tensor.h``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64
from phiz.errors import ShapeError

__all__ = [
    "DOUBLE",
    "EMPTY_TENSOR",
    "FLOAT",
    "SLOT",
    "Slots",
    "float_slots",
    "int_slots",
    "join_slots",
    "write_alias",
    "write_bool",
    "write_column",
    "write_float",
    "write_int",
    "write_matrix",
    "write_string",
    "write_tensor",
]

FLOAT, DOUBLE = 24, 53  # binary digits of C++'s types
SLOT = 6  # bytes: the longest float32, and an integer of up to 32 bits
_LONGEST = 1 << 63


def write_int(value: int) -> bytes:
    """Write an integer: a control byte (sign and length), then its magnitude, little-endian."""
    magnitude = abs(value)
    if magnitude > _LONGEST:
        raise ShapeError(f"an integer of at most 8 bytes was wanted, found {value}")
    body = magnitude.to_bytes(max(1, (magnitude.bit_length() + 7) // 8), "little")
    return bytes([len(body) | (0x80 if value < 0 else 0)]) + body


def write_float(value: float, digits: int = FLOAT) -> bytes:
    """Write a number as dlib does: mantissa, then exponent.

    digits: FLOAT or DOUBLE, the C++ type, which decides the bytes; the number is rounded to it.
    ShapeError if that is not finite.
    """
    if digits == FLOAT:
        with np.errstate(over="ignore"):
            value = float(np.float32(value))
    if not math.isfinite(value):
        raise ShapeError(f"a finite number was wanted, found {value}")
    fraction, exponent = math.frexp(value)
    mantissa, exponent = int(fraction * 2**digits), exponent - digits
    for _ in range(8):
        if mantissa & 0xFF:
            break
        mantissa, exponent = mantissa >> 8, exponent + 8
    return write_int(mantissa) + write_int(exponent)


def write_bool(value: bool) -> bytes:
    """Write an ASCII ``0`` or ``1``."""
    return b"1" if value else b"0"


def write_string(text: str) -> bytes:
    """Write the length in bytes, then the text as UTF-8."""
    raw = text.encode()
    return write_int(len(raw)) + raw


def _write_shape(shape: Sequence[int]) -> bytes:
    return b"".join(map(write_int, (*shape, *[1] * (4 - len(shape)))))


def write_tensor(array: F32) -> bytes:
    """Write a tensor of up to 4 axes; missing ones are 1."""
    if array.ndim > 4:
        raise ShapeError(f"a tensor of at most 4 axes was wanted, found {array.shape}")
    little = np.ascontiguousarray(array).astype("<f4", copy=False)
    return write_int(2) + _write_shape(array.shape) + little.tobytes()


EMPTY_TENSOR = write_tensor(np.zeros((0, 0, 0, 0), np.float32))


def write_alias(*shape: int) -> bytes:
    """Write a view's shape; without one, a view of nothing."""
    return write_int(1) + _write_shape(shape or (0, 0, 0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Many encoded numbers of different lengths.

    raw: (..., width) uint8.  used: (..., width) bool, which of those bytes are written.
    """

    raw: NDArray[np.uint8]
    used: NDArray[np.bool_]


def int_slots(values: NDArray[Any], width: int = SLOT) -> Slots:
    """Encode integers, (...) of any integer type, into (..., width) slots.

    ShapeError unless every magnitude fits in ``width - 1`` bytes.
    """
    signed = values.astype(np.int64)
    magnitude = np.abs(signed).astype("<u8")
    kept = min(width - 1, 8)
    if kept < 8 and magnitude.size and int(magnitude.max()) >> (8 * kept):
        raise ShapeError(f"integers of at most {kept} bytes were wanted, found {magnitude.max()}")
    sizes = np.ones(signed.shape, np.uint8)
    for more in range(1, kept):
        sizes += magnitude >= np.uint64(1 << (8 * more))
    raw = np.zeros((*signed.shape, width), np.uint8)
    raw[..., 0] = sizes | np.where(signed < 0, 0x80, 0).astype(np.uint8)
    raw[..., 1 : kept + 1] = magnitude[..., None].view(np.uint8)[..., :kept]
    return Slots(raw, np.arange(width) <= sizes[..., None])


def float_slots(values: F32 | F64, digits: int = FLOAT) -> Slots:
    """Encode numbers, (...) float32 or float64, into (..., 6) slots for FLOAT, 11 for DOUBLE.

    Numbers are rounded to the type.  ShapeError unless all are finite.
    """
    if digits == FLOAT:
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ShapeError("finite numbers were wanted, found infinities or NaN")
    fractions, exponents = np.frexp(values.astype(np.float64))
    mantissas = np.trunc(np.ldexp(fractions, digits)).astype(np.int64)
    exponents = exponents.astype(np.int64) - digits
    for _ in range(8):
        whole = (mantissas & 0xFF) == 0
        if not whole.any():
            break
        mantissas = np.where(whole, mantissas >> 8, mantissas)
        exponents = np.where(whole, exponents + 8, exponents)
    narrow = digits == FLOAT
    parts = int_slots(mantissas, 4 if narrow else 8), int_slots(exponents, 2 if narrow else 3)
    return Slots(
        np.concatenate([part.raw for part in parts], axis=-1),
        np.concatenate([part.used for part in parts], axis=-1),
    )


def join_slots(slots: Slots) -> bytes:
    """Return the bytes of encoded numbers, one after the other."""
    return slots.raw[slots.used].tobytes()


def write_matrix(values: F32 | F64, digits: int = FLOAT) -> bytes:
    """Write a matrix (rows, columns), both of which are written negated."""
    rows, columns = values.shape
    return write_int(-rows) + write_int(-columns) + join_slots(float_slots(values, digits))


def write_column(values: F32 | F64, digits: int = FLOAT) -> bytes:
    """Write a matrix of one column from (n,)."""
    return write_matrix(values.reshape(-1, 1), digits)
