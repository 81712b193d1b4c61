"""What face-api.js's detectors share: pictures padded and resized to squares, run in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, F64, U8
from phiz.errors import OptionError
from phiz.kernels.square import fill_square
from phiz.runtime import Runtime
from phiz.values import Faces

__all__ = [
    "Decode",
    "check_fraction",
    "check_no_doubling",
    "find_in_squares",
    "reshaped",
    "sigmoid",
]

_MOST_AT_ONCE = 2**21  # pixels of the squares that a network is run on at once

Decode = Callable[[Mapping[str, F32], tuple[int, int]], Faces]
"""Turns a network's outputs for one square, and the picture's (rows, columns), into faces."""


def check_fraction(value: float, name: str) -> None:
    """Raise OptionError unless a threshold is more than 0 and less than 1."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or not 0 < value < 1:
        raise OptionError(f"{name}: wanted a number above 0 and below 1, found {value!r}")


def check_no_doubling(upsample: int | None) -> None:
    """Raise OptionError unless no doubling of pictures is asked for."""
    if upsample is not None and (isinstance(upsample, bool) or upsample != 0):
        raise OptionError(
            f"upsample: face-api.js's detectors do not double pictures; wanted 0, "
            f"found {upsample!r}"
        )


def sigmoid(values: F64) -> F64:
    """Return 1 / (1 + exp(-values))."""
    with np.errstate(over="ignore"):  # exp(-value) may be infinite: the answer is 0
        return np.asarray(1 / (1 + np.exp(-values)), np.float64)


def reshaped(height: int, width: int, side: int) -> tuple[int, int]:
    """Return how many rows and columns of a square the picture itself fills.

    At least one each, where face-api.js divides by 0 for pictures that are very long.
    Source: face-api.js 0.22.2, ``computeReshapedDimensions``.
    """
    scale = side / max(height, width)
    return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


def find_in_squares(
    session: Session,
    pictures: Sequence[U8],
    decode: Decode,
    *,
    side: int,
    mean: tuple[float, float, float],
    scale: float,
    runtime: Runtime,
) -> list[Faces]:
    """Run a network on pictures padded to squares at the right or bottom, and decode each.

    session: its input ``planes`` is (n, 3, side, side) float32, ``(value - mean) * scale``, RGB.
    pictures: (h, w, 3) uint8 RGB, of any sizes.

    Memory: about 2 megapixels of squares at once, of which the largest network here makes
    about 300 MB of values.
    """
    together = max(1, _MOST_AT_ONCE // side**2)
    middle = np.array(mean, np.float32)
    found: list[Faces] = []
    for start in range(0, len(pictures), together):
        chunk = pictures[start : start + together]
        shape = (len(chunk), 3, side, side)
        with runtime.admitted(), runtime.scratch([(shape, np.float32)]) as (planes,):

            def fill(index: int, chunk: Sequence[U8] = chunk, planes: F32 = planes) -> None:
                height, width = chunk[index].shape[:2]
                whole = np.array([0, 0, width, height], np.int64)
                fill_square(chunk[index], whole, middle, scale, planes[index])

            runtime.map(fill, range(len(chunk)))
            values = session.run({"planes": planes})
        for index, picture in enumerate(chunk):
            row = {name: value[index] for name, value in values.items()}
            found.append(decode(row, (picture.shape[0], picture.shape[1])))
    return found
