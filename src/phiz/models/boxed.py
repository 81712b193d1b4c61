"""Face crops that are upright parts of the picture, not turned to meet a mean face."""

from __future__ import annotations

import numpy as np

from phiz.checks import F64, U8, floats
from phiz.errors import OptionError, ShapeError
from phiz.geometry import grown
from phiz.imaging import MAX_PIXELS, ImageLike, as_image, resized
from phiz.values import Faces

__all__ = ["crop_boxes"]


def crop_boxes(
    image: ImageLike,
    faces: object,
    *,
    margin: float = 0.2,
    size: int | None = None,
    pad: bool = False,
) -> list[U8]:
    """Cut the box of every face out of a picture.

    image: see :func:`phiz.imaging.as_image`.
    faces: :class:`Faces`, or boxes (n, 4), right and bottom exclusive.
    margin: each side is first moved out by this much of the box's width or height.
    size: the longer side of the crops, pixels; the shape is kept.  None leaves them as they are.
    pad: keep what a box has outside the picture, black; by default a crop ends with the picture.

    Returns one (h, w, 3) uint8 RGB per face, of at least one pixel; a square box gives a square
    unless the picture ends in it.  Raises ShapeError for boxes without area or too large to pad,
    and for those outside the picture unless ``pad``; OptionError for options out of range.
    """
    if not 0 <= margin < np.inf:
        raise OptionError(f"margin: wanted 0 or more, found {margin}")
    if size is not None and size < 1:
        raise OptionError(f"size: wanted 1 or more pixels, found {size}")
    picture = as_image(image)
    boxes = floats(faces.boxes if isinstance(faces, Faces) else faces, (None, 4), name="boxes")
    crops = [
        _cut(picture, place, number, pad=pad) for number, place in enumerate(_places(boxes, margin))
    ]
    return crops if size is None else [resized(crop, size) for crop in crops]


def _places(boxes: np.ndarray, margin: float) -> F64:
    """Return whole ``left top width height`` (n, 4) float64 of grown boxes.

    Corners and sides are rounded each for itself, so that a square stays one.
    """
    wide = grown(boxes, margin)
    sides = wide[:, 2:] - wide[:, :2]
    if (sides <= 0).any():
        raise ShapeError("boxes: wanted x0 < x1 and y0 < y1 in each")
    return np.concatenate([np.floor(wide[:, :2] + 0.5), np.maximum(np.round(sides), 1)], axis=1)


def _cut(picture: U8, place: F64, number: int, *, pad: bool) -> U8:
    left, top, across, down = place.tolist()
    height, width = picture.shape[:2]
    x0, x1 = (int(min(max(side, 0), width)) for side in (left, left + across))
    y0, y1 = (int(min(max(side, 0), height)) for side in (top, top + down))
    if not pad:
        if x0 == x1 or y0 == y1:
            raise ShapeError(f"boxes: number {number} lies outside the picture")
        return np.ascontiguousarray(picture[y0:y1, x0:x1])
    if across * down > MAX_PIXELS:
        raise ShapeError(f"boxes: wanted at most {MAX_PIXELS} pixels, number {number} has more")
    crop = np.zeros((int(down), int(across), 3), np.uint8)
    if x0 < x1 and y0 < y1:
        to_x, to_y = x0 - int(left), y0 - int(top)
        crop[to_y : to_y + y1 - y0, to_x : to_x + x1 - x0] = picture[y0:y1, x0:x1]
    return crop
