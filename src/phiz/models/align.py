"""Face chips: crops that landmarks place, as dlib or face-api.js cuts them.

dlib's are turned and scaled so that landmarks meet a mean face, and equal dlib's bit for bit.
Source: dlib ``interpolation.h`` (get_face_chip_details).  face-api.js's are upright; see
:mod:`phiz.models.faceapi_crops`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, U8, check, finite, floats
from phiz.errors import ShapeError
from phiz.geometry import DLIB_150, ChipKind, ChipSpec, chip_template
from phiz.imaging import ImageLike, as_image
from phiz.models.chips import ChipPlace, cut_chip, place_between
from phiz.models.faceapi_crops import chip_crop, clip_boxes, fill_pixels
from phiz.runtime import Runtime, default_runtime
from phiz.values import Faces, Landmarks, Scheme

__all__ = ["align", "fits", "place_chip"]

_SCHEMES: dict[ChipKind, tuple[Scheme, ...]] = {
    "dlib": ("dlib-5", "ibug-68"),
    "faceapi-align": ("ibug-68", "mtcnn-5"),
    "faceapi-bounds": ("ibug-68",),
    "five-points": ("ibug-68", "mtcnn-5"),
}
_BARE: dict[int, Scheme] = {5: "dlib-5", 68: "ibug-68"}


def place_chip(points: F64, spec: ChipSpec) -> ChipPlace:
    """Find where a face's chip is, from its 5 or 68 landmarks (k, 2) float64.

    Raises ShapeError for another number of points, and for points that are not finite, or
    further than 2**30 pixels from the picture.
    """
    finite(points, name="landmarks")
    if points.size and np.abs(points).max() > 2**30:
        raise ShapeError("landmarks: wanted coordinates within 2**30 pixels of the picture")
    if spec.kind == "five-points":
        return _place_on_template(points, spec)
    used, template = chip_template(len(points), spec)
    return place_between(template, points[used], spec.size, spec.size)


def _place_on_template(points: F64, spec: ChipSpec) -> ChipPlace:
    """Find where a chip of five points is; the middle of pixel 0 is 0, unlike in dlib's chips."""
    from phiz.kernels.similarity import similarity  # loaded when it is needed

    matrix, shift = similarity(np.array(spec.template), _five_of(points))
    x, y = matrix @ np.full(2, (spec.size - 1) / 2) + shift
    half = (spec.size - 1) / 2 * math.hypot(matrix[0, 0], matrix[1, 0])
    angle = math.atan2(matrix[1, 0], matrix[0, 0])
    return ChipPlace((x - half, y - half, x + half, y + half), angle, spec.size, spec.size)


def _five_of(points: F64) -> F64:
    """Return middles of the eyes, tip of the nose and corners of the mouth, (5, 2).

    points: MTCNN's, which are these; or 68, of which an eye's six are averaged.
    """
    if len(points) == 5:
        return points
    eyes = [points[first : first + 6].mean(axis=0) for first in (36, 42)]
    return np.stack([*eyes, points[30], points[48], points[54]])


def fits(scheme: Scheme, spec: ChipSpec) -> None:
    """Raise ShapeError if landmarks of this scheme cannot place such a chip."""
    wanted = _SCHEMES[spec.kind]
    if scheme not in wanted:
        why = f"a {spec.kind} chip wants {' or '.join(wanted)}, found {scheme}"
        raise ShapeError(f"landmarks: {why}: take a landmark model of 68 points")


def _points_of(landmarks: object, spec: ChipSpec) -> F64:
    """Return landmarks as (n, k, 2) float64; bare arrays mean dlib's schemes."""
    if isinstance(landmarks, Landmarks):
        fits(landmarks.scheme, spec)
        return landmarks.points.astype(np.float64)
    points = np.asarray(landmarks, np.float64)
    if points.ndim == 2:
        points = points[None]
    check(points, (None, None, 2), name="landmarks")
    scheme = _BARE.get(points.shape[1])
    if scheme is None:
        raise ShapeError(f"landmarks: wanted 5 or 68 points, found {points.shape[1]}")
    fits(scheme, spec)
    return points


def _seen(boxes: object, picture: U8, count: int) -> I64 | None:
    """Return the parts of the picture (n, 4) that landmarks were found in, or None."""
    if boxes is None:
        return None
    given = floats(boxes.boxes if isinstance(boxes, Faces) else boxes, (None, 4), name="boxes")
    check(given, (count, 4), name="boxes")
    return clip_boxes(given.astype(np.float64), picture.shape[1], picture.shape[0])


def _upright_chip(picture: U8, crop: I64, size: int) -> F32:
    """Cut a chip (size, size, 3) float32 out of a part (4,) of a picture; black if that is empty.

    The part is padded with black to a square, in the middle of which it is, and resized.
    """
    chip = np.zeros((size, size, 3), np.float32)
    if (crop[2:] > crop[:2]).all():
        fill_pixels(picture, crop, np.zeros(3, np.float32), 1.0, chip)
    return chip


def align(
    image: ImageLike,
    landmarks: object,
    *,
    chip: ChipSpec = DLIB_150,
    boxes: object = None,
    runtime: Runtime | None = None,
) -> NDArray[Any]:
    """Cut the chip of every face out of a picture.

    image: see :func:`phiz.imaging.as_image`.
    landmarks: :class:`Landmarks` of a scheme that fits the chip, or an array (n, 5 or 68, 2), or
        of one face (5 or 68, 2), of dlib's schemes; pixels.
    chip: what to cut; a model publishes the crop it wants as ``model.input``.
    boxes: the faces' boxes, (n, 4) or :class:`Faces`.  Only for ``faceapi-align``, which is cut
        off near the left and upper border of the picture if boxes are small: the original's
        numbers there need them.

    Returns (n, size, size, 3) RGB: uint8 of dlib's kind and of five points; float32, 0 to 255, of
    face-api.js's, which never rounds what it resizes.  What lies outside the picture is black.
    Raises ShapeError for landmarks that do not fit: dlib's 5 points have no mouth, which all others
    want, and MTCNN's are not those of dlib's mean face.
    """
    picture, points = as_image(image), _points_of(landmarks, chip)
    run = runtime or default_runtime()
    if chip.kind in ("dlib", "five-points"):
        chips = run.map(lambda face: cut_chip(picture, place_chip(face, chip)), points)
        return np.array(chips, np.uint8).reshape(-1, chip.size, chip.size, 3)
    finite(points, name="landmarks")
    seen = _seen(boxes, picture, len(points))

    def cut(row: int) -> F32:
        mine = None if seen is None else seen[row]
        crop = chip_crop(points[row], chip, mine, picture.shape[:2])
        return _upright_chip(picture, crop, chip.size)

    uprights = run.map(cut, range(len(points)))
    return np.array(uprights, np.float32).reshape(-1, chip.size, chip.size, 3)
