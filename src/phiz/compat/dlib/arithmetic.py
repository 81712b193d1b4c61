"""C++'s arithmetic where Python's differs: rounding, overflow and printing."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["divided", "halved", "lround", "norm", "number", "rounded", "wrapped"]

_LOWEST = -(2**63)


def wrapped(value: int, *, bits: int = 64) -> int:
    """Return what a signed integer of so many bits keeps of a number."""
    half = 1 << (bits - 1)
    return value if -half <= value < half else (value + half) % (2 * half) - half


def _long(value: float) -> int:
    """Drop the fraction; numbers that a long cannot hold are the lowest one, as processors do."""
    return int(value) if -(2.0**63) <= value < 2.0**63 else _LOWEST


def rounded(value: float) -> int:
    """Return the nearest whole number, halves upwards, as dlib rounds coordinates of points."""
    return _long(math.floor(value + 0.5)) if math.isfinite(value) else _LOWEST


def lround(value: float) -> int:
    """Return the nearest whole number, halves away from zero, as dlib rounds rectangles."""
    if not -(2.0**63) <= value < 2.0**63:
        return _LOWEST
    near = math.trunc(value)
    if abs(value - near) >= 0.5:
        near += 1 if value > 0 else -1
    return near


def halved(value: int) -> int:
    """Divide by two, towards zero."""
    return -(-value // 2) if value < 0 else value // 2


def divided(top: float, bottom: float) -> float:
    """Divide as the processor does: by nothing too."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        return float(np.float64(top) / np.float64(bottom))


def norm(x: float, y: float) -> float:
    """Return the length of a vector; the squares of whole numbers wrap around."""
    square = x * x + y * y
    if isinstance(square, int):
        square = wrapped(square)
    with np.errstate(invalid="ignore"):
        return float(np.sqrt(np.float64(square)))


def number(value: float) -> str:
    """Return a number as C++ streams print it: six digits, and a sign even on NaN."""
    if math.isnan(value) and math.copysign(1, value) < 0:
        return "-nan"
    return f"{value:g}"
