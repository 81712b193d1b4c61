"""Colours for gray pictures, guessed by a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, U8, check
from phiz.errors import OptionError
from phiz.runtime import Runtime

if TYPE_CHECKING:
    from phiz.imaging import ImageLike

__all__ = ["PROGRAM_LIMIT", "Colorizer", "chroma_bytes"]

PROGRAM_LIMIT = 340
"""The longer side to which Colorify's program shrinks a picture before it shows the result."""

_SIDE = 227
_TOP = 31  # chroma in five bits
_BAND = 1 << 18  # pixels that one thread lights at a time


def chroma_bytes(planes: F32) -> U8:
    """Turn the network's chroma (2, h, w) float32, 0 to 31, into Lab bytes (2, h, w) uint8.

    Values are rounded, then spread over the byte.  Below 0 is byte 0; above 31 is byte 31 and
    not 255, as in the program.  Source: Colorify, concat_channels.
    """
    from phiz.geometry import lround

    rounded = lround(np.clip(planes, 0, _TOP)).astype(np.float32)
    spread = (rounded * np.float32(255) / np.float32(_TOP)).astype(np.uint8)
    return np.asarray(np.where(planes > _TOP, np.uint8(_TOP), spread))


def _resized(image: U8, rows: int, columns: int) -> U8:
    """Resize (h, w) or (h, w, 3) uint8 as dlib's resize_image does."""
    from phiz.kernels.pyramid import resize_planes

    if image.shape[:2] == (rows, columns):
        return image
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    out = np.empty((len(planes), rows, columns), np.uint8)
    resize_planes(np.ascontiguousarray(planes), out)
    return out[0] if image.ndim == 2 else np.ascontiguousarray(out.transpose(1, 2, 0))


class Colorizer:
    """Colours pictures; threads may share one.

    session: input ``image`` (n, 227, 227) uint8 gray, one output (n, 2, 227, 227): the a and b
        of Lab in 0 to 31.
    """

    device = "cpu"

    def __init__(self, session: Session, *, name: str, identity: str, runtime: Runtime) -> None:
        self.name = name
        self.identity = identity
        self._session = session
        self._runtime = runtime

    def __repr__(self) -> str:
        return f"Colorizer({self.name!r})"

    def __call__(
        self, image: ImageLike, *, blur: bool = False, boost: bool = False, limit: int | None = None
    ) -> U8:
        """Colour a picture; its own colours, if it has any, are not looked at.

        image: see :func:`phiz.imaging.as_image`.
        blur: smooth the colours, with dlib's Gaussian of 0.8 pixels.  Two pixels along the border
            stay gray.
        boost: raise the saturation by 17 %.
        limit: shrink the picture first so that no side is longer (the program's is
            :data:`PROGRAM_LIMIT`); by default it keeps its size.

        Returns (h, w, 3) uint8 RGB with the luminance of the source.  Raises ImageError for what
        is no picture, OptionError for a limit below 1.
        Source: Colorify_Supervised_Learning_2_Channels.cpp, the high resolution model.
        """
        from phiz.imaging import as_image
        from phiz.models import colour

        if limit is not None and limit < 1:
            raise OptionError(f"limit: wanted 1 or more pixels, found {limit}")
        picture = as_image(image)

        def guess() -> tuple[U8, U8]:
            source = picture if limit is None else _limited(picture, limit)
            gray = colour.gray_of(source)
            small = _resized(gray, _SIDE, _SIDE)
            lab = np.concatenate([small[None], chroma_bytes(self.chroma(small))])
            rgb = colour.lab_to_rgb(np.ascontiguousarray(lab.transpose(1, 2, 0)))
            rgb = _resized(rgb, *gray.shape)
            return gray, colour.blur(rgb) if blur else rgb

        gray, coloured = self._runtime.run(guess)
        band = max(1, _BAND // gray.shape[1])

        def lit(top: int) -> U8:
            lab = colour.rgb_to_lab(coloured[top : top + band])
            lab[:, :, 0] = gray[top : top + band]
            rgb = colour.lab_to_rgb(lab)
            return colour.boost_saturation(rgb) if boost else rgb

        return np.concatenate(self._runtime.map(lit, range(0, len(gray), band)))

    def chroma(self, gray: U8) -> F32:
        """Return the network's output (2, 227, 227) float32 for (227, 227) uint8 gray."""
        check(gray, (_SIDE, _SIDE), dtype=np.uint8, name=f"a gray picture for {self.name}")
        (values,) = self._session.run({"image": gray.reshape(1, _SIDE, _SIDE)}).values()
        check(values, (1, 2, _SIDE, _SIDE), name=f"the output of {self.name}")
        return np.asarray(values[0])


def _limited(image: U8, limit: int) -> U8:
    """Shrink a picture (h, w, 3) so that no side is longer; lengths are truncated."""
    height, width = image.shape[:2]
    if max(height, width) <= limit:
        return image
    factor = min(limit / width, limit / height)
    return _resized(image, max(1, int(height * factor)), max(1, int(width * factor)))
