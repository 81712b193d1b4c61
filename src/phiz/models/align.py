"""Face chips: crops that landmarks place, as dlib or face-api.js cuts them.

dlib's are turned and scaled so that landmarks meet a mean face.  Source: dlib
``interpolation.h`` (get_face_chip_details, extract_image_chips, jitter_image).  They differ from
dlib's by at most one grey level in about one value of a million: the same affine map is found by
another route.  face-api.js's are upright; see :mod:`phiz.models.faceapi_crops`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, U8, check, finite, floats
from phiz.errors import ShapeError
from phiz.geometry import DLIB_150, ChipKind, ChipSpec, chip_template, lround, similarity
from phiz.imaging import ImageLike, as_image
from phiz.models.faceapi_crops import chip_crop, clip_boxes, fill_pixels
from phiz.rng import DlibRandom
from phiz.runtime import Runtime, default_runtime
from phiz.values import Faces, Landmarks, Scheme

__all__ = ["ChipPlace", "align", "cut_chip", "fits", "jitter_chip", "place_chip"]

_SCHEMES: dict[ChipKind, tuple[Scheme, ...]] = {
    "dlib": ("dlib-5", "ibug-68"),
    "faceapi-align": ("ibug-68", "mtcnn-5"),
    "faceapi-bounds": ("ibug-68",),
    "five-points": ("ibug-68", "mtcnn-5"),
}
_BARE: dict[int, Scheme] = {5: "dlib-5", 68: "ibug-68"}


@dataclass(frozen=True, slots=True)
class ChipPlace:
    """Where a chip is cut from.

    rectangle: (left, top, right, bottom), inclusive, before rotation.  angle: radians, about the
    rectangle's centre.  size: side of the chip, pixels.
    """

    rectangle: tuple[float, float, float, float]
    angle: float
    size: int


Rectangle = tuple[float, float, float, float]


def place_chip(points: F64, spec: ChipSpec) -> ChipPlace:
    """Find where a face's chip is, from its 5 or 68 landmarks (k, 2) float64.

    Raises ShapeError for another number of points, and for points that are not finite.
    """
    finite(points, name="landmarks")
    if spec.kind == "five-points":
        return _place_on_template(points, spec)
    used, template = chip_template(len(points), spec)
    matrix, shift = similarity(template, points[used])
    middle = matrix @ np.full(2, spec.size / 2) + shift
    angle = math.atan2(matrix[1, 0], matrix[0, 0])
    half = (spec.size * math.hypot(matrix[0, 0], matrix[1, 0]) - 1) / 2
    x, y = float(middle[0]), float(middle[1])
    return ChipPlace((x - half, y - half, x + half, y + half), angle, spec.size)


def _place_on_template(points: F64, spec: ChipSpec) -> ChipPlace:
    """Find where a chip of five points is; the middle of pixel 0 is 0, unlike in dlib's chips."""
    matrix, shift = similarity(np.array(spec.template), _five_of(points))
    x, y = matrix @ np.full(2, (spec.size - 1) / 2) + shift
    half = (spec.size - 1) / 2 * math.hypot(matrix[0, 0], matrix[1, 0])
    angle = math.atan2(matrix[1, 0], matrix[0, 0])
    return ChipPlace((x - half, y - half, x + half, y + half), angle, spec.size)


def _five_of(points: F64) -> F64:
    """Return middles of the eyes, tip of the nose and corners of the mouth, (5, 2).

    points: MTCNN's, which are these; or 68, of which an eye's six are averaged.
    """
    if len(points) == 5:
        return points
    eyes = [points[first : first + 6].mean(axis=0) for first in (36, 42)]
    return np.stack([*eyes, points[30], points[48], points[54]])


def _halved(rectangle: Rectangle) -> Rectangle:
    left, top, right, bottom = rectangle
    return left / 2 - 1.25, top / 2 - 0.75, right / 2 - 1.25, bottom / 2 - 0.75


def _area(rectangle: Rectangle) -> float:
    left, top, right, bottom = rectangle
    if top > bottom or left > right:
        return 0.0
    return (right - left + 1) * (bottom - top + 1)


def _corners(rectangle: Rectangle, angle: float) -> F64:
    """Return the rotated corners top left, top right, bottom left, bottom right; (4, 2)."""
    left, top, right, bottom = rectangle
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    sides = np.array([[left, top], [right, top], [left, bottom], [right, bottom]]) - middle
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(sides @ np.array([[cos, sin], [-sin, cos]]) + middle, np.float64)


def _copied(image: U8, rectangle: Rectangle, size: int) -> U8:
    """Copy a rectangle that needs neither scaling nor turning; black outside the picture."""
    left, top = (int(side) for side in lround(np.array(rectangle[:2])))
    height, width = image.shape[:2]
    chip = np.zeros((size, size, 3), np.uint8)
    y0, y1 = max(top, 0), min(top + size, height)
    x0, x1 = max(left, 0), min(left + size, width)
    if y0 < y1 and x0 < x1:
        chip[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return chip


def cut_chip(image: U8, place: ChipPlace) -> U8:
    """Cut one chip (size, size, 3) uint8 out of a picture (h, w, 3) uint8.

    Where the chip is much smaller than the place, the picture is halved first, smoothly, until
    one step of bilinear sampling is enough.  What lies outside the picture is black.
    """
    from phiz.kernels.chip import halve, warp  # loaded when it is needed

    size, rectangle = place.size, place.rectangle
    if place.angle == 0 and rectangle[2] - rectangle[0] + 1 == size == (
        rectangle[3] - rectangle[1] + 1
    ):
        return _copied(image, rectangle, size)

    depth, grow, smaller = 0, 2.0, _halved(rectangle)
    while _area(smaller) > size * size:
        smaller, depth, grow = _halved(smaller), depth + 1, 2 * grow + 2
    corners = _corners(rectangle, place.angle)
    low, high = corners.min(axis=0) - grow, corners.max(axis=0) + grow
    height, width = image.shape[:2]
    bounds = [
        max(low[0], 0.0), max(low[1], 0.0),
        min(high[0], width - 1.0), min(high[1], height - 1.0),
    ]  # fmt: skip
    chip = np.zeros((size, size, 3), np.uint8)
    if bounds[0] > bounds[2] or bounds[1] > bounds[3]:
        return chip
    left, top, right, bottom = (int(side) for side in lround(np.array(bounds)))
    level = np.ascontiguousarray(image[top : bottom + 1, left : right + 1])
    rectangle = (
        rectangle[0] - left, rectangle[1] - top, rectangle[2] - left, rectangle[3] - top,
    )  # fmt: skip
    for _ in range(depth):
        rows, columns = level.shape[:2]
        if min(rows, columns) <= 8:
            return chip
        target = np.empty(((rows - 3) // 2, (columns - 3) // 2, 3), np.uint8)
        halve(level, target)
        level, rectangle = target, _halved(rectangle)
    top_left, top_right, bottom_left, _ = _corners(rectangle, place.angle)
    steps = np.stack([top_right - top_left, bottom_left - top_left], axis=1)
    warp(level, steps / max(size - 1, 1), top_left, chip)
    return chip


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


def jitter_chip(chip: U8, random: DlibRandom) -> U8:
    """Return a chip (n, n, 3) slightly moved, scaled, turned and perhaps mirrored, as dlib does.

    Draws six numbers: y and x shift, scale, angle and whether to mirror, in the order in which
    dlib's wheels draw them.
    """
    size = len(chip)
    inner = size - 6  # dlib shrinks the chip's rectangle by 3 on each side
    down, across = (random.uniform(-0.02, 0.02) * inner for _ in range(2))
    box = int(inner / random.uniform(0.97, 0.99999))
    middle = (3 + size - 4 + 1) // 2
    x, y = (middle + math.floor(shift + 0.5) for shift in (across, down))
    angle = random.uniform(-3.0, 3.0) * math.pi / 180
    left, top = x - box // 2, y - box // 2
    place = ChipPlace((left, top, left + box - 1, top + box - 1), angle, size)
    moved = cut_chip(chip, place)
    if random.double() > 0.5:
        moved = np.ascontiguousarray(moved[:, ::-1])
    return moved
