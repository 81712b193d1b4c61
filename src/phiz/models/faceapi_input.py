"""What face-api.js's models of faces take: chips, crops of any sizes, or places in a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phiz.backends.session import Session
from phiz.checks import F32, I64, U8, check, finite
from phiz.errors import OptionError, ShapeError
from phiz.models.faceapi_crops import fill_pixels
from phiz.nets import PixelSpec
from phiz.runtime import Runtime

if TYPE_CHECKING:
    from phiz.imaging import ImageLike

__all__ = ["FaceNetOptions", "FaceRunner"]

_BATCH = 32  # faces a run: larger ones are no faster and take more memory
_DIVISORS = (255, 256)


@dataclass(frozen=True, slots=True)
class FaceNetOptions:
    """Options of face-api.js's models of descriptors, and of age and gender.

    divisor: what pixels are divided by, after the mean is taken off: 256 as face-api.js does, or
        255 as @vladmandic/face-api does, with the same weights.  Descriptors differ by about
        0.001 then, ages by 0.02 years.
    """

    divisor: int = 256

    def __post_init__(self) -> None:
        if self.divisor not in _DIVISORS:
            raise OptionError(f"divisor: wanted 255 or 256, found {self.divisor!r}")

    def pixels(self, spec: PixelSpec) -> PixelSpec:
        """Return the pixels that a network takes, divided so."""
        return replace(spec, scale=1 / self.divisor)

    def mark(self, name: str) -> str:
        """Add to the name of a model, or of its space, what tells it from the original's."""
        return name if self.divisor == 256 else f"{name}/{self.divisor}"


class FaceRunner:
    """Turns faces into pixels as a network takes them, and runs it in batches; threads may share.

    Only as many faces as fit a batch are in memory like that.
    """

    def __init__(self, session: Session, spec: PixelSpec, name: str, runtime: Runtime) -> None:
        """Wrap a session that takes ``pixels`` (n, side, side, 3) float32.  name: for errors."""
        if spec.side is None or not spec.centred:
            raise OptionError(f"{name}: wanted pixels centred in a square, found {spec}")
        self.side = spec.side
        self._spec = spec
        self._mean = np.array(spec.mean, np.float32)
        self._session = session
        self._name = name
        self._runtime = runtime

    def places(self, image: U8, crops: I64) -> dict[str, F32]:
        """Run on parts (n, 4) ``x0 y0 x1 y1`` of one picture, none of them empty."""
        images = [image] * len(crops)
        return self._run(len(crops), lambda rows: self._filled(images[rows], crops[rows]))

    def chips(self, chips: object) -> dict[str, F32]:
        """Run on chips or crops.

        chips: (n, side, side, 3) uint8, or float32 of 0 to 255, RGB; one chip counts as n = 1.
            Or a list of crops of any sizes, see :func:`phiz.imaging.as_image`, which are padded
            with black to squares and resized.

        Returns what the session returns, two axes each.  Raises ShapeError for chips of another
        size, ImageError for a crop that is no picture.
        """
        if isinstance(chips, (list, tuple)):
            crops = self._crops(chips)
            sides = [(0, 0, crop.shape[1], crop.shape[0]) for crop in crops]
            whole = np.array(sides, np.int64).reshape(-1, 4)
            return self._run(len(crops), lambda rows: self._filled(crops[rows], whole[rows]))
        array = self._checked(np.asarray(chips))
        return self._run(len(array), lambda rows: self._scaled(array[rows]))

    def _crops(self, crops: Sequence[ImageLike]) -> list[U8]:
        from phiz.imaging import as_image  # brings Pillow

        return [as_image(crop) for crop in crops]

    def _checked(self, chips: NDArray[Any]) -> NDArray[Any]:
        if chips.ndim == 3:
            chips = chips[None]
        name = f"chips for {self._name}"
        check(chips, (None, self.side, self.side, 3), name=name)
        if chips.dtype == np.float32:
            finite(chips, name=name)
        elif chips.dtype != np.uint8:
            raise ShapeError(f"{name}: wanted uint8 or float32 RGB, found {chips.dtype}")
        return chips

    def _filled(self, images: Sequence[U8], crops: I64) -> F32:
        """Return (n, side, side, 3): each crop (4,) of its picture, padded and resized."""
        pixels = np.empty((len(crops), self.side, self.side, 3), np.float32)

        def fill(row: int) -> None:
            fill_pixels(images[row], crops[row], self._mean, self._spec.scale, pixels[row])

        self._runtime.map(fill, range(len(crops)))
        return pixels

    def _scaled(self, chips: NDArray[Any]) -> F32:
        values: F32 = np.subtract(chips, self._mean, dtype=np.float32)
        values *= np.float32(self._spec.scale)
        return values

    def _run(self, count: int, pixels: Callable[[slice], F32]) -> dict[str, F32]:
        """Run in batches; of no face at all the outputs are empty, and as wide as ever."""
        if not count:
            blank = np.zeros((1, self.side, self.side, 3), np.float32)
            found = self._session.run({"pixels": blank})
            return {name: _rows(values)[:0] for name, values in found.items()}
        parts = [
            self._session.run({"pixels": pixels(slice(start, start + _BATCH))})
            for start in range(0, count, _BATCH)
        ]
        return {name: np.concatenate([_rows(part[name]) for part in parts]) for name in parts[0]}


def _rows(values: F32) -> F32:
    return values.reshape(len(values), math.prod(values.shape[1:]))
