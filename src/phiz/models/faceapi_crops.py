"""Which part of a picture face-api.js's models look at.

Everything is upright: nothing is turned.  Places are float64 and floored where the original
floors them.  Source: face-api.js 0.22.2, ``Box.clipAtImageBorders``, ``FaceLandmarks.align`` and
``alignDlib``, ``minBbox``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, U8
from phiz.geometry import ChipSpec

__all__ = [
    "around_points",
    "chip_crop",
    "clip_boxes",
    "fill_pixels",
    "shows_pixels",
    "square_of_face",
]

_EYE_TO_MOUTH = 0.45  # of the square's side
_LEFT, _ABOVE = 0.5, 0.43  # where in the square the middle of eyes and mouth is


def clip_boxes(boxes: F64, width: int, height: int) -> I64:
    """Return the whole pixels of a picture that boxes show.

    boxes: (n, 4) float64 ``x0 y0 x1 y1``.  Returns (n, 4) int64 ``x0 y0 x1 y1``, right and bottom
    exclusive, inside the picture.  The corner and the **sides** are floored; a box that shows no
    whole pixel has sides of 0.
    """
    limits = np.array([width, height], np.float64)
    corner = np.maximum(boxes[:, :2], 0.0)
    sides = np.floor(np.minimum(boxes[:, 2:], limits) - corner)
    corner = np.minimum(np.floor(corner), limits)
    return np.concatenate([corner, corner + np.clip(sides, 0.0, limits)], axis=1).astype(np.int64)


def shows_pixels(boxes: F32, width: int, height: int) -> NDArray[np.bool_]:
    """Say of each box (n, 4) whether it shows a whole pixel of the picture; see clip_boxes."""
    crops = clip_boxes(boxes.astype(np.float64), width, height)
    return np.asarray((crops[:, 2:] > crops[:, :2]).all(axis=1))


def _parts(points: F64) -> list[F64]:
    """Return the middles of both eyes and the mouth, (3, 2), of 68 points or of MTCNN's 5."""
    if len(points) == 5:
        parts = [points[:1], points[1:2], points[3:5]]
    else:
        parts = [points[36:42], points[42:48], points[48:68]]
    return [part.mean(axis=0) for part in parts]


def square_of_face(points: F64, seen: tuple[float, float] = (np.inf, np.inf)) -> F64:
    """Return the square (4,) ``x0 y0 x1 y1`` that face-api.js describes a face by.

    points: (68, 2) or MTCNN's (5, 2).  seen: (width, height) of the crop that the points were
    found in.  Where that is smaller than the square, and the square begins near the left or upper
    border of the picture, the original cuts its right or lower side off.
    """
    left, right, mouth = _parts(points)
    to_mouth = (np.hypot(*(mouth - left)) + np.hypot(*(mouth - right))) / 2
    size = np.floor(to_mouth / _EYE_TO_MOUTH)
    middle = (left + right + mouth) / 3
    corner = np.floor(np.maximum(0.0, middle - np.array([_LEFT, _ABOVE]) * size))
    return np.concatenate([corner, corner + np.minimum(size, corner + np.array(seen))])


def around_points(points: F64, padding: float) -> F64:
    """Return the smallest rectangle (4,) ``x0 y0 x1 y1`` around points (k, 2), grown.

    padding: what is added on each side, as a fraction of the rectangle.  Its right and bottom are
    never left of or above the picture's corner.
    """
    low, high = points.min(axis=0), np.maximum(points.max(axis=0), 0.0)
    border = (high - low) * padding
    return np.concatenate([low - border, high + border])


def chip_crop(points: F64, spec: ChipSpec, seen: I64 | None, picture: tuple[int, int]) -> I64:
    """Return the part (4,) ``x0 y0 x1 y1`` of a picture that a face's chip shows; maybe empty.

    points: (k, 2) of a scheme that fits.  seen: the crop (4,) that they were found in, or None.
    picture: its (height, width).
    """
    if spec.kind == "faceapi-bounds":
        place = around_points(points, spec.padding)
    elif seen is None:
        place = square_of_face(points)
    else:
        place = square_of_face(points, (float(seen[2] - seen[0]), float(seen[3] - seen[1])))
    (crop,) = clip_boxes(place[None], picture[1], picture[0])
    return np.asarray(crop, np.int64)


def fill_pixels(image: U8, crop: I64, mean: F32, scale: float, pixels: F32) -> None:
    """Pad a part of a picture with black to a square, in the middle of which it is, and resize.

    pixels: (side, side, 3) float32, overwritten with ``(value - mean) * scale``.  For the others
    see :func:`phiz.kernels.square.fill_square`.
    """
    from phiz.kernels.square import fill_square  # loaded when it is needed

    fill_square(image, crop, mean, scale, pixels, centred=True)
