"""Faces made unrecognisable.

A face becomes a few averages, and nothing else of it is left in the picture: what is drawn depends
on those alone, so that no filter can bring back more.  That hides a face from people.  A program
that is given the pictures of a few candidates can still do better than chance (McPherson, Shokri
and Shmatikov 2016, "Defeating image obfuscation with deep learning"): a black box leaves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, U8, floats
from phiz.errors import OptionError, ShapeError
from phiz.geometry import grown
from phiz.imaging import ImageLike, as_image
from phiz.values import Faces

__all__ = ["Redaction", "RedactionMode", "redact", "redact_pixels"]

RedactionMode: TypeAlias = Literal["blur", "pixelate", "box"]

_CELLS = 6  # averages along the longer side of what is covered
_SMALLEST = 4  # pixels in a cell's side, so that a tiny face is not left as it is
_SPREAD = 0.7  # standard deviation of the blur, in cells
_ROWS = 64  # drawn at once, so that a large face takes little memory
# An ellipse through the corners of a box reaches this much of its side beyond it.
_ROUND = (math.sqrt(2) - 1) / 2


@dataclass(frozen=True, slots=True)
class Redaction:
    """How faces are covered.

    mode: ``blur`` and ``pixelate`` leave at most 6 by 6 averages of what is covered, drawn as a
        blur or as squares; ``box`` is black and leaves nothing.
    margin: each side of a face's box is first moved out by this much of its width or height.
    ellipse: cover the ellipse in that rectangle, grown until it covers the whole box of the face.
    """

    mode: RedactionMode = "blur"
    margin: float = 0.15
    ellipse: bool = False

    def __post_init__(self) -> None:
        if self.mode not in get_args(RedactionMode):
            known = ", ".join(get_args(RedactionMode))
            raise OptionError(f"mode: wanted one of {known}, found {self.mode!r}")
        if not 0 <= self.margin < np.inf:
            raise OptionError(f"margin: wanted 0 or more, found {self.margin}")


def redact(
    image: ImageLike,
    faces: object,
    *,
    mode: RedactionMode = "blur",
    margin: float = 0.15,
    ellipse: bool = False,
) -> U8:
    """Return a copy of a picture with its faces covered.

    image: see :func:`phiz.imaging.as_image`.
    faces: :class:`Faces`, or boxes (n, 4), right and bottom exclusive.
    mode, margin, ellipse: see :class:`Redaction`.

    Returns (h, w, 3) uint8 RGB, unchanged outside what is covered.  Raises ShapeError for what are
    no boxes, and OptionError for options out of range.
    """
    how = Redaction(mode, margin, ellipse)
    boxes = floats(faces.boxes if isinstance(faces, Faces) else faces, (None, 4), name="boxes")
    return redact_pixels(as_image(image), boxes, how, black=(0, 0, 0))


def redact_pixels(
    pixels: NDArray[Any], boxes: np.ndarray, how: Redaction, *, black: Sequence[int]
) -> NDArray[Any]:
    """Return a copy of pixels in any colours with the faces in it covered.

    pixels: (h, w) or (h, w, c), integers.  boxes: (n, 4) float32 ``x0 y0 x1 y1``.
    black: the colour of a box, and how many of the channels are colours; alpha is left alone.
    """
    covered = np.array(pixels)
    colours = covered[..., None] if covered.ndim == 2 else covered[..., : len(black)]
    if colours.shape[-1] != len(black):
        raise ShapeError(f"black: wanted {colours.shape[-1]} numbers, found {len(black)}")
    margin = max(how.margin, _ROUND) if how.ellipse else how.margin
    for box in grown(boxes, margin).tolist():
        _cover(colours, box, how, black)
    return covered


def _cover(
    colours: NDArray[Any],
    box: tuple[float, float, float, float],
    how: Redaction,
    black: Sequence[int],
) -> None:
    """Cover one grown box of a picture (h, w, c) in place."""
    height, width = colours.shape[:2]
    x0, x1 = (int(min(max(side, 0), width)) for side in (math.floor(box[0]), math.ceil(box[2])))
    y0, y1 = (int(min(max(side, 0), height)) for side in (math.floor(box[1]), math.ceil(box[3])))
    if x0 >= x1 or y0 >= y1:
        return
    part = colours[y0:y1, x0:x1]
    if how.mode == "box":
        drawn = np.broadcast_to(np.array(black, part.dtype), part.shape)
    else:
        cell = max(max(box[2] - box[0], box[3] - box[1]) / _CELLS, _SMALLEST)
        drawn = _averaged(part, cell, smooth=how.mode == "blur")
    if not how.ellipse:
        part[:] = drawn
        return
    y, x = np.ogrid[y0:y1, x0:x1]
    middle_x, middle_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_x, half_y = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    inside = ((x + 0.5 - middle_x) / half_x) ** 2 + ((y + 0.5 - middle_y) / half_y) ** 2 <= 1
    part[inside] = drawn[inside]


def _averaged(part: NDArray[Any], cell: float, *, smooth: bool) -> NDArray[Any]:
    """Return (h, w, c) drawn from the averages of its cells only."""
    rows, columns = (_cell_edges(side, cell) for side in part.shape[:2])
    bands = [part[start:end].sum(axis=0, dtype=np.float64) for start, end in pairwise(rows)]
    sums = np.add.reduceat(np.stack(bands), columns[:-1], axis=1)
    sizes = np.diff(rows)[:, None] * np.diff(columns)[None, :]
    means = sums / sizes[..., None]
    down, across = (_spread(edges, smooth=smooth) for edges in (rows, columns))
    wide = np.einsum("rcn,xc->rxn", means, across)
    drawn = np.empty_like(part)
    for start in range(0, len(part), _ROWS):
        some = slice(start, start + _ROWS)
        # Not a matrix product: that would start threads of its own for six rows.
        drawn[some] = np.round(np.einsum("yr,rxn->yxn", down[some], wide))
    return drawn


def _cell_edges(side: int, cell: float) -> NDArray[np.int64]:
    """Return where about equal cells of whole pixels begin, and where the last one ends."""
    count = max(1, min(_CELLS, int(side / cell)))
    return np.round(np.linspace(0, side, count + 1)).astype(np.int64)


def _spread(edges: NDArray[np.int64], *, smooth: bool) -> F64:
    """Return (side, cells): how much of each cell's average goes into each pixel."""
    place = np.arange(edges[-1]) + 0.5
    if not smooth:
        return np.asarray(
            (place[:, None] > edges[:-1]) & (place[:, None] < edges[1:]), dtype=np.float64
        )
    width = edges[-1] / (len(edges) - 1)
    distance = (place[:, None] - (edges[:-1] + edges[1:]) / 2) / (_SPREAD * width)
    weights = np.exp(-(distance**2) / 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
