"""Face chips: crops that are turned and scaled so that landmarks meet a mean face.

Source: dlib ``interpolation.h`` (get_face_chip_details, extract_image_chips, jitter_image).
Chips differ from dlib's by at most one grey level in about one value of a million: the same
affine map is found by another route.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, U8, check, finite
from phiz.errors import ShapeError
from phiz.geometry import DLIB_150, ChipSpec, chip_template, lround, similarity
from phiz.imaging import ImageLike, as_image
from phiz.rng import DlibRandom
from phiz.runtime import Runtime, default_runtime
from phiz.values import Landmarks

__all__ = ["ChipPlace", "align", "cut_chip", "jitter_chip", "place_chip"]

_SCHEMES = ("dlib-5", "ibug-68")


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
    used, template = chip_template(len(points), spec)
    matrix, shift = similarity(template, points[used])
    middle = matrix @ np.full(2, spec.size / 2) + shift
    angle = math.atan2(matrix[1, 0], matrix[0, 0])
    half = (spec.size * math.hypot(matrix[0, 0], matrix[1, 0]) - 1) / 2
    x, y = float(middle[0]), float(middle[1])
    return ChipPlace((x - half, y - half, x + half, y + half), angle, spec.size)


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


def _points_of(landmarks: object) -> NDArray[np.float64]:
    """Return landmarks as (n, 5 or 68, 2) float64; bare arrays mean dlib's schemes."""
    if isinstance(landmarks, Landmarks):
        if landmarks.scheme not in _SCHEMES:
            raise ShapeError(
                f"landmarks: a dlib chip wants {' or '.join(_SCHEMES)}, found {landmarks.scheme}"
            )
        return landmarks.points.astype(np.float64)
    points = np.asarray(landmarks, np.float64)
    if points.ndim == 2:
        points = points[None]
    check(points, (None, None, 2), name="landmarks")
    return points


def align(
    image: ImageLike,
    landmarks: object,
    *,
    chip: ChipSpec = DLIB_150,
    runtime: Runtime | None = None,
) -> U8:
    """Cut the chip of every face out of a picture.

    image: see :func:`phiz.imaging.as_image`.
    landmarks: :class:`Landmarks` of scheme dlib-5 or ibug-68, or an array (n, 5 or 68, 2), or of
        one face (5 or 68, 2); pixels.
    chip: size and padding of the crop; a model publishes the one it wants as ``model.input``.

    Returns (n, size, size, 3) uint8 RGB.  Raises ShapeError for other landmarks.
    """
    picture, points = as_image(image), _points_of(landmarks)
    if not len(points):
        return np.zeros((0, chip.size, chip.size, 3), np.uint8)
    run = runtime or default_runtime()
    return np.stack(run.map(lambda face: cut_chip(picture, place_chip(face, chip)), points))


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
