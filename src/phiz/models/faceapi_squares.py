"""What face-api.js's detectors share: pictures are padded, and resized to squares."""

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

Decode = Callable[[Mapping[str, F32], tuple[int, int]], Faces]
"""Turns a network's outputs for a picture, without the batch axis, and its (rows, columns), into
faces."""


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
    """Run a network on each picture, padded to a square at the right or bottom, and decode it.

    session: its input ``pixels`` is (n, side, side, 3) float32, ``(value - mean) * scale``, RGB.
    pictures: (h, w, 3) uint8 RGB, of any sizes.  They run side by side, one at a time on each
    thread: what a network makes of several squares at once no longer fits the caches.
    """
    middle = np.array(mean, np.float32)

    def find(image: U8) -> Faces:
        height, width = image.shape[:2]
        whole = np.array([0, 0, width, height], np.int64)
        with runtime.scratch([((1, side, side, 3), np.float32)]) as (pixels,):
            fill_square(image, whole, middle, scale, pixels[0])
            values = session.run({"pixels": pixels})
        return decode({name: value[0] for name, value in values.items()}, (height, width))

    return runtime.map(find, pictures)
