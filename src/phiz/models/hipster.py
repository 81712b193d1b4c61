"""Glasses and mustaches for dogs.

Source: dlib ``examples/dnn_mmod_dog_hipsterizer.cpp``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phiz.checks import F32, F64, I64, U8, check, floats
from phiz.errors import OptionError
from phiz.geometry import lround
from phiz.models.protocols import Detector, Landmarker

if TYPE_CHECKING:
    from phiz.imaging import ImageLike

__all__ = ["Placement", "double", "dress_dogs", "hipsterize", "place_glasses", "place_mustache"]

_LEFT_EYE, _NOSE, _RIGHT_EYE = 2, 3, 5
# Where the eyes belong in the doubled picture of the glasses, left eye first.
_EYES = np.array([[352.0, 72.0], [118.0, 70.0]])
_REACH = 1.3  # width of the mustache in distances between the eyes

Placement = tuple[F64, F64]
"""matrix (2, 2), shift (2,): pixel p = (x, y) of a doubled picture goes to matrix @ p + shift."""


def _rounded(points: F64) -> I64:
    """Round as dlib's ``point`` does: halves go up."""
    return np.floor(points + 0.5).astype(np.int64)


def place_glasses(points: F64) -> Placement:
    """Say where the glasses of a dog with these landmarks (6, 2) go."""
    from phiz.kernels.similarity import similarity  # loaded when it is needed

    return similarity(_EYES, np.stack([points[_LEFT_EYE], points[_RIGHT_EYE]]))


def place_mustache(points: F64, width: int) -> Placement:
    """Say where a doubled mustache of this width goes, under a nose with these landmarks (6, 2).

    Its top corners are whole pixels, 1.3 distances between the eyes apart, the nose in between.
    """
    from phiz.kernels.similarity import similarity

    left, nose, right = points[_LEFT_EYE], points[_NOSE], points[_RIGHT_EYE]
    ends = [_REACH * (right - left) / 2 + nose, _REACH * (left - right) / 2 + nose]
    corners = np.array([[0.0, 0.0], [width - 1.0, 0.0]])
    return similarity(corners, _rounded(np.stack(ends)).astype(np.float64))


def double(picture: U8) -> U8:
    """Enlarge a picture (h, w, 4) uint8 to (2 h + 1, 2 w + 2, 4), opacity like the colours.

    Bilinear in float64, truncated.  Source: dlib ``interpolation.h``, pyramid_up and resize_image
    of pixels that are neither RGB nor gray.
    """
    check(picture, (None, None, 4), dtype=np.uint8, name="a picture with transparency")
    height, width = picture.shape[:2]
    if 0 in picture.shape:
        return np.empty((0, 0, 4), np.uint8)

    def steps(source: int, target: int) -> tuple[I64, I64, F64]:
        scale = (source - 1) / max(target - 1, 1)
        at = np.cumsum(np.array([-scale] + target * [scale]))[1:]  # summed up one by one
        near = np.floor(at).astype(np.int64)
        return near, np.minimum(near + 1, source - 1), at - near

    top, bottom, down = steps(height, 2 * height + 1)
    left, right, over = steps(width, 2 * width + 2)
    over, down = over[None, :, None], down[:, None, None]
    values = picture.astype(np.float64)
    upper = (1 - over) * values[top][:, left] + over * values[top][:, right]
    lower = (1 - over) * values[bottom][:, left] + over * values[bottom][:, right]
    made: U8 = np.asarray((1 - down) * upper + down * lower).astype(np.uint8)
    return made


def _blend(image: U8, picture: U8, placement: Placement) -> None:
    """Draw a picture (h, w, 4) on image (h, w, 3), in place, pixel after pixel as dlib does.

    Each pixel goes to one place, so that a small dog gets many on top of each other, and a large
    one has gaps in its glasses.
    """
    matrix, shift = placement
    rows, columns = np.nonzero(picture[:, :, 3])  # what is transparent changes nothing
    spots = _rounded(np.stack([columns, rows], axis=1).astype(np.float64) @ matrix.T + shift)
    height, width = image.shape[:2]
    inside = ((spots >= 0) & (spots < (width, height))).all(axis=1)
    rows, columns, spots = rows[inside], columns[inside], spots[inside]
    target = spots[:, 1] * width + spots[:, 0]
    source = picture[rows, columns].astype(np.int32)
    # The n-th pixels of every place can be drawn together.
    order = np.argsort(target, kind="stable")
    first = np.flatnonzero(np.diff(target[order], prepend=-1))
    counts = np.diff(first, append=len(order))
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order)) - np.repeat(first, counts)
    flat = image.reshape(-1, 3)
    by_turn = np.argsort(turn, kind="stable")
    for drawn in np.split(by_turn, np.cumsum(np.bincount(turn))[:-1]) if len(turn) else ():
        at, colours, alpha = target[drawn], source[drawn, :3], source[drawn, 3:]
        under = flat[at].astype(np.int32)
        mixed = under + ((colours - under) * alpha >> 8)  # 255 would not be opaque
        flat[at] = np.where(alpha == 255, colours, mixed & 255)


def hipsterize(image: U8, points: F32, glasses: U8, mustache: U8) -> U8:
    """Draw glasses and a mustache on every dog.

    image: (h, w, 3) uint8 RGB, not changed.
    points: (n, 6, 2) landmarks in the scheme dog-6, x y: top of the head, left ear, left eye,
        nose, right ear, right eye.
    glasses, mustache: (h, w, 4) uint8, red green blue opacity, as the weight file has them.

    Returns (h, w, 3) uint8 RGB.  Raises ShapeError for other shapes, and for points that are not
    finite.
    """
    check(image, (None, None, 3), dtype=np.uint8, name="image")
    dogs = lround(floats(points, (None, 6, 2), name="dog landmarks")).astype(np.float64)
    big_glasses, big_mustache = double(glasses), double(mustache)
    out: U8 = np.array(image, order="C")
    for dog in dogs:
        _blend(out, big_glasses, place_glasses(dog))
        _blend(out, big_mustache, place_mustache(dog, big_mustache.shape[1]))
    return out


def dress_dogs(
    image: ImageLike,
    detector: Detector,
    landmarker: Landmarker,
    glasses: U8,
    mustache: U8,
    *,
    upsample: int = 0,
) -> tuple[U8, int]:
    """Find the dogs in a picture and draw glasses and a mustache on each.

    image: see :func:`phiz.imaging.as_image`.
    detector, landmarker: for dogs; landmarks in the scheme dog-6.
    upsample: double the picture this often first; smaller dogs are found, and the result is as
        large as the doubled picture.

    Returns the picture (h, w, 3) uint8 RGB and the number of dogs.  As in dlib's program a dog's
    landmarks are placed after the dogs before it were drawn on.  Raises OptionError for landmarks
    of another scheme and a negative upsample.
    """
    from phiz.imaging import as_image
    from phiz.kernels.pyramid import resize_planes

    if landmarker.scheme != "dog-6":
        raise OptionError(f"hipsterize: wanted landmarks dog-6, found {landmarker.scheme}")
    if upsample < 0:
        raise OptionError(f"upsample: wanted 0 or more, found {upsample}")
    picture = as_image(image)
    for _ in range(upsample):
        height, width = picture.shape[:2]
        planes = np.empty((3, 2 * height + 1, 2 * width + 2), np.uint8)
        resize_planes(np.ascontiguousarray(picture.transpose(2, 0, 1)), planes)
        picture = np.ascontiguousarray(planes.transpose(1, 2, 0))
    boxes = detector(picture).boxes
    for box in boxes:
        points = landmarker(picture, box[None]).points
        picture = hipsterize(picture, points, glasses, mustache)
    return picture, len(boxes)
