"""Boxes, overlaps and the shape of face chips."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, floats
from phiz.errors import OptionError, ShapeError

__all__ = [
    "ARCFACE_112",
    "DLIB_150",
    "FACEAPI_112",
    "FACEAPI_150",
    "ChipKind",
    "ChipSpec",
    "box_iou",
    "chip_template",
    "doubled_sizes",
    "enclosing_overlap",
    "from_inclusive",
    "greedy_nms",
    "grown",
    "halved",
    "lround",
    "overlap_nms",
    "to_inclusive",
]


ChipKind: TypeAlias = Literal["dlib", "faceapi-align", "faceapi-bounds", "five-points"]


@dataclass(frozen=True, slots=True)
class ChipSpec:
    """The crop a model wants.

    kind: how a face's landmarks say what is cut:
        ``dlib`` turns and scales the face so that its 5 or 68 landmarks meet dlib's mean face;
        ``faceapi-align`` cuts an upright square whose size and place follow from eyes and mouth,
        of 68 landmarks or MTCNN's 5;
        ``faceapi-bounds`` cuts the upright rectangle around 68 landmarks;
        ``five-points`` turns and scales the face so that eyes, nose and mouth meet ``template``.
    size: side of the square chip, pixels.
    padding: border around the mean face, or around the rectangle, as a fraction of its size; 0
        for ``faceapi-align`` and ``five-points``, which have none.
    template: (x, y) of five points in pixels of the chip, 0 the middle of the first: middles of the
        eyes, tip of the nose, corners of the mouth, each the left one in the picture first.  Only
        for ``five-points``.
    """

    kind: ChipKind
    size: int
    padding: float
    template: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1 or self.padding < 0:
            raise OptionError(
                f"a chip wants size >= 1 and padding >= 0, found {self.size} and {self.padding}"
            )
        if self.kind in ("faceapi-align", "five-points") and self.padding:
            raise OptionError(f"a {self.kind} chip has no padding, found {self.padding}")
        if len(self.template) != (5 if self.kind == "five-points" else 0):
            raise OptionError(
                f"a {self.kind} chip wants {5 if self.kind == 'five-points' else 'no'} points, "
                f"found {len(self.template)}"
            )

    def __str__(self) -> str:
        points = "".join(f"-{x:g},{y:g}" for x, y in self.template)
        return f"{self.kind}-{self.size}-{self.padding:g}{points}"


DLIB_150 = ChipSpec("dlib", 150, 0.25)
"""What dlib's face descriptor models are trained on."""

FACEAPI_150 = ChipSpec("faceapi-align", 150, 0.0)
"""What face-api.js's face descriptor model is given."""

FACEAPI_112 = ChipSpec("faceapi-bounds", 112, 0.1)
"""What face-api.js's models of expressions, age and gender are given."""

ARCFACE_112 = ChipSpec(
    "five-points",
    112,
    0.0,
    (
        (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366),
        (41.5493, 92.3655), (70.7299, 92.2041),
    ),
)  # fmt: skip
"""What ArcFace models are trained on.  Source: insightface ``utils/face_align.py``, arcface_dst."""


def lround(values: F64 | F32) -> I64:
    """Round half away from zero, as C's ``lround``; int64.  Source: ISO C 7.12.9.7."""
    wide = np.asarray(values, np.float64)
    # trunc(x + copysign(0.5)) would turn 0.49999999999999994 into 1.
    whole = np.trunc(wide)
    return np.asarray(whole + np.copysign(np.abs(wide - whole) >= 0.5, wide), np.int64)


def to_inclusive(boxes: object) -> I64:
    """Turn boxes into dlib rectangles.

    boxes: (n, 4) ``x0 y0 x1 y1``, right and bottom exclusive, or one box (4,).
    Returns (n, 4) int64 ``left top right bottom``, right and bottom inclusive:
    ``lround(x0, y0, x1 - 1, y1 - 1)``.  Raises ShapeError for other shapes, NaN and infinity.
    """
    array = np.asarray(boxes)
    wide = floats(array[None] if array.ndim == 1 and array.size else array, (None, 4), name="boxes")
    if wide.size and np.abs(wide).max() > 2**30:
        raise ShapeError("boxes: wanted coordinates within 2**30 pixels of the picture")
    return lround(wide.astype(np.float64) - (0.0, 0.0, 1.0, 1.0))


def from_inclusive(rectangles: I64) -> F32:
    """Turn dlib rectangles (n, 4) ``left top right bottom`` into boxes (n, 4) float32."""
    return (np.asarray(rectangles, np.int64) + (0, 0, 1, 1)).astype(np.float32)


def doubled_sizes(height: int, width: int, times: int) -> list[tuple[int, int]]:
    """Return (rows, columns) of a picture and of each doubling.  Source: dlib ``pyramid_up``."""
    sizes = [(height, width)]
    for _ in range(times):
        sizes.append((2 * sizes[-1][0] + 1, 2 * sizes[-1][1] + 2))
    return sizes


def halved(corners: F64, times: int = 1) -> F64:
    """Map ``left top right bottom`` (..., 4) into the picture half the size, ``times`` times.

    Source: dlib ``image_pyramid.h``, pyramid_down<2>::point_down.
    """
    for _ in range(times):
        corners = corners / 2 - (1.25, 0.75, 1.25, 0.75)
    return corners


def box_iou(one: F32 | F64, other: F32 | F64) -> F64:
    """Return (n, m) intersection over union of boxes ``x0 y0 x1 y1``; 0 where both are empty."""
    a, b = np.asarray(one, np.float64)[:, None], np.asarray(other, np.float64)[None]
    inner = np.clip(
        np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None
    )
    meet = inner[..., 0] * inner[..., 1]
    area_a = np.prod(np.clip(a[..., 2:] - a[..., :2], 0, None), axis=-1)
    area_b = np.prod(np.clip(b[..., 2:] - b[..., :2], 0, None), axis=-1)
    union = area_a + area_b - meet
    return np.asarray(np.divide(meet, union, out=np.zeros_like(union), where=union > 0), np.float64)


def grown(boxes: F32, margin: float) -> F64:
    """Return boxes (n, 4) float64 with each side moved out by ``margin`` of the box's own side."""
    wide = np.asarray(boxes, np.float64)
    border = margin * (wide[:, 2:] - wide[:, :2])
    return np.concatenate([wide[:, :2] - border, wide[:, 2:] + border], axis=1)


def _pixels(rectangles: NDArray[np.int64]) -> F64:
    """Pixels in inclusive rectangles; 0 for empty ones."""
    sides = np.clip(rectangles[..., 2:] - rectangles[..., :2] + 1, 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float64)


def enclosing_overlap(kept: I64, one: I64, iou: float, covered: float) -> NDArray[np.bool_]:
    """Say which inclusive rectangles ``kept`` (n, 4) are the same object as ``one`` (4,).

    The intersection is compared with the box **around both**, not with the union, and with each
    rectangle alone.  Source: dlib ``box_overlap_testing.h``, test_box_overlap.
    """
    inner = np.concatenate(
        [np.maximum(kept[:, :2], one[:2]), np.minimum(kept[:, 2:], one[2:])], axis=1
    )
    outer = np.concatenate(
        [np.minimum(kept[:, :2], one[:2]), np.maximum(kept[:, 2:], one[2:])], axis=1
    )
    meet = _pixels(inner)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            (meet > 0)
            & (
                (meet / _pixels(outer) > iou)
                | (meet / _pixels(kept) > covered)
                | (meet / _pixels(one) > covered)
            )
        )


def greedy_nms(rectangles: I64, iou: float, covered: float) -> I64:
    """Return the indices that survive non-maximum suppression, in order.

    rectangles: (n, 4) int64 inclusive, best first.  A rectangle falls if it is the same object
    (:func:`enclosing_overlap`) as one kept before it.
    """
    alive = np.ones(len(rectangles), bool)
    kept: list[int] = []
    for index in range(len(rectangles)):
        if alive[index]:
            kept.append(index)
            later = slice(index + 1, None)
            alive[later] &= ~enclosing_overlap(rectangles[later], rectangles[index], iou, covered)
    return np.array(kept, np.int64)


def overlap_nms(boxes: F32 | F64, most: float, limit: int | None = None) -> I64:
    """Return the indices of boxes that overlap none kept before them, in order.

    boxes: (n, 4) ``x0 y0 x1 y1``, or ``y0 x0 y1 x1``, best first.  most: a box falls if its
    intersection over union with one that was kept is above this.  limit: how many are kept at
    most.
    """
    x0, y0, x1, y1 = np.ascontiguousarray(boxes.T, np.float64)
    areas = np.clip(x1 - x0, 0, None) * np.clip(y1 - y0, 0, None)
    left = np.arange(len(boxes))
    kept: list[int] = []
    while len(left) and (limit is None or len(kept) < limit):
        one, left = int(left[0]), left[1:]
        kept.append(one)
        wide = np.minimum(x1[left], x1[one]) - np.maximum(x0[left], x0[one])
        tall = np.minimum(y1[left], y1[one]) - np.maximum(y0[left], y0[one])
        meet = np.where((wide > 0) & (tall > 0), wide * tall, 0.0)
        left = left[meet <= most * (areas[left] + areas[one] - meet)]
    return np.array(kept, np.int64)


# dlib's mean faces, as fractions of the unpadded chip.  Source: dlib interpolation.h,
# get_face_chip_details.  The 68-point face leaves out the jaw, the eyebrows, the lower outer lip
# and the inner mouth's lower edge, which move with expression.
_MEAN_5 = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
_MEAN_X = (
    0.000213256, 0.0752622, 0.18113, 0.29077, 0.393397, 0.586856, 0.689483, 0.799124,
    0.904991, 0.98004, 0.490127, 0.490127, 0.490127, 0.490127, 0.36688, 0.426036,
    0.490127, 0.554217, 0.613373, 0.121737, 0.187122, 0.265825, 0.334606, 0.260918,
    0.182743, 0.645647, 0.714428, 0.793132, 0.858516, 0.79751, 0.719335, 0.254149,
    0.340985, 0.428858, 0.490127, 0.551395, 0.639268, 0.726104, 0.642159, 0.556721,
    0.490127, 0.423532, 0.338094, 0.290379, 0.428096, 0.490127, 0.552157, 0.689874,
    0.553364, 0.490127, 0.42689,
)  # fmt: skip
_MEAN_Y = (
    0.106454, 0.038915, 0.0187482, 0.0344891, 0.0773906, 0.0773906, 0.0344891, 0.0187482,
    0.038915, 0.106454, 0.203352, 0.307009, 0.409805, 0.515625, 0.587326, 0.609345,
    0.628106, 0.609345, 0.587326, 0.216423, 0.178758, 0.179852, 0.231733, 0.245099,
    0.244077, 0.231733, 0.179852, 0.178758, 0.216423, 0.244077, 0.245099, 0.780233,
    0.745405, 0.727388, 0.742578, 0.727388, 0.745405, 0.780233, 0.864805, 0.902192,
    0.909281, 0.902192, 0.864805, 0.784792, 0.778746, 0.785343, 0.778746, 0.784792,
    0.824182, 0.831803, 0.824182,
)  # fmt: skip
_FIRST_68 = 17  # the mean face starts at this one of the 68 points
_USED_68 = np.array([*range(27, 55), *range(60, 65)])


@functools.lru_cache(maxsize=16)
def chip_template(points: int, spec: ChipSpec) -> tuple[I64, F64]:
    """Return which landmarks place a chip, and where they belong in it.

    points: 5 or 68.  Returns (indices (m,) int64, places (m, 2) float64, chip pixels).
    Raises ShapeError for any other number of points, OptionError for a chip that is not dlib's.
    """
    if spec.kind != "dlib":
        raise OptionError(f"a mean face places dlib chips, found {spec}")
    whole = 2 * spec.padding + 1
    # The last bit is dlib's: it divides the 68 points, and multiplies the 5 by the inverse.
    if points == 5:
        used = np.arange(5)
        places = (spec.padding + np.array(_MEAN_5)) * (1 / whole) * spec.size
    elif points == 68:
        used = _USED_68
        mean = np.stack([_MEAN_X, _MEAN_Y], axis=1)[used - _FIRST_68]
        places = (spec.padding + mean) / whole * spec.size
    else:
        raise ShapeError(f"landmarks: a dlib chip wants 5 or 68 points, found {points}")
    places.setflags(write=False)  # it is kept for the next face
    return used, places
