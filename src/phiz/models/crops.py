"""Square crops of whole pictures, as classifiers average over them.

Source: dlib ``examples/dnn_imagenet_ex.cpp`` (randomly_crop_images) and ``interpolation.h``
(extract_image_chips).
"""

from __future__ import annotations

import numpy as np

from phiz.checks import F64, I64, U8, check
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.geometry import halved, lround
from phiz.rng import DlibRandom

__all__ = ["CropRandom", "central_crop", "cut_crops", "random_crops", "ten_crops"]

RANDOM_CROPS = 16
"""How many dlib's example draws from a picture."""

_LEAST, _MOST = 0.466666666, 0.875  # side of a random crop, of the picture's shorter side
_SMALLEST = 3  # pixels: below this a random crop may be empty

# Turns independent Gaussians into offsets that vary together as the RGB values of pictures do.
# Source: dlib random_color_transform.h, after Krizhevsky et al. 2012.
_COLOURS = np.array(
    [
        [-66.379, 25.094, 6.79698],
        [-68.0492, -0.302309, -13.9539],
        [-68.4907, -24.0199, 7.27653],
    ]
)
_COLOUR_STRENGTH = 0.1


def cut_crops(image: U8, rectangles: I64, size: int) -> U8:
    """Cut upright rectangles out of a picture and scale each to a square.

    image: (h, w, 3) uint8 RGB.  rectangles: (m, 4) int64 ``left top right bottom``, pixels,
    inclusive.  Returns (m, size, size, 3) uint8 RGB.

    As in dlib, all rectangles of a call share one pyramid of halved pictures, which begins at
    the box around them: a crop cut alone may differ by a few grey levels.  Samples that need a
    pixel outside the picture are black, which blackens the edges of a crop that touches them.
    Within the picture values are dlib's, or one less or more where a sample falls on a pixel:
    there, and at the picture's edge, dlib's answer hangs on the last bit of a pseudo-inverse.
    """
    from phiz.kernels.chip import warp  # loaded when it is needed

    check(rectangles, (None, 4), dtype=np.int64, name="rectangles")
    if (rectangles[:, 2:] < rectangles[:, :2]).any():
        raise ShapeError("rectangles: wanted none empty, found right or bottom before the other")
    places = rectangles.astype(np.float64)
    depths = [_depth(place, size) for place in places]
    chips = np.zeros((len(places), size, size, 3), np.uint8)
    corner, levels = _pyramid(image, places, depths)
    for chip, depth, place in zip(chips, depths, places, strict=True):
        level = levels[depth]
        sides = place[2:] - place[:2] + 1
        if depth == 0 and (sides == size).all():
            _copy(image, place, chip)
            continue
        if level is None:
            continue
        inside = place - np.concatenate([corner, corner])
        for _ in range(depth):
            inside = halved(inside)
        steps = (inside[2:] - inside[:2]) / max(size - 1, 1)
        warp(level, np.diag(steps), inside[:2], chip)
    return chips


def _depth(place: F64, size: int) -> int:
    """Return how often the picture is halved before this crop is sampled."""
    depth, smaller = 0, halved(place)
    while (smaller[2] - smaller[0] + 1) * (smaller[3] - smaller[1] + 1) > size * size:
        depth, smaller = depth + 1, halved(smaller)
    return depth


def _pyramid(image: U8, places: F64, depths: list[int]) -> tuple[F64, list[U8 | None]]:
    """Return the corner of the box around all crops, and that box halved 0, 1, ... times.

    Levels that would be too small to halve again are None.
    """
    from phiz.kernels.chip import halve

    if not len(places):
        return np.zeros(2), []
    # Two pixels of border, at each level, keep the halving's own border out of the crops.
    grow = np.array([2.0**depth * 4 - 2 for depth in depths])[:, None]
    height, width = image.shape[:2]
    left, top = np.maximum((places[:, :2] - grow).min(axis=0), 0).astype(int)
    right, bottom = (places[:, 2:] + grow).max(axis=0).astype(int)
    inside = image[top : min(bottom + 1, height), left : min(right + 1, width)]
    level: U8 | None = np.ascontiguousarray(inside)
    levels = [level]
    for _ in range(max(depths)):
        if level is None or min(level.shape[:2]) <= 8:
            level = None
        else:
            rows, columns = level.shape[:2]
            smaller = np.empty(((rows - 3) // 2, (columns - 3) // 2, 3), np.uint8)
            halve(level, smaller)
            level = smaller
        levels.append(level)
    return np.array([left, top], np.float64), levels


def _copy(image: U8, place: F64, chip: U8) -> None:
    """Copy a rectangle that needs no scaling; black outside the picture."""
    height, width = image.shape[:2]
    left, top = int(place[0]), int(place[1])
    right, bottom = min(int(place[2]) + 1, width), min(int(place[3]) + 1, height)
    x0, y0 = max(left, 0), max(top, 0)
    if x0 < right and y0 < bottom:
        chip[y0 - top : bottom - top, x0 - left : right - left] = image[y0:bottom, x0:right]


def central_crop(image: U8, size: int) -> U8:
    """Return the largest central square, scaled: (1, size, size, 3) uint8 RGB."""
    height, width = image.shape[:2]
    side = min(height, width)
    return cut_crops(image, _squares([((width - side) // 2, (height - side) // 2)], side), size)


def ten_crops(image: U8, size: int) -> U8:
    """Return the four corners and the centre, then the mirror image of each.

    Each is 7/8 of the shorter side (224 of 256 pixels, as He et al. 2015 and others test).
    Returns (10, size, size, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    side = max(1, int(_MOST * min(height, width)))
    right, bottom = width - side, height - side
    corners = [(0, 0), (right, 0), (0, bottom), (right, bottom), (right // 2, bottom // 2)]
    crops = cut_crops(image, _squares(corners, side), size)
    return np.concatenate([crops, crops[:, :, ::-1]])


def _squares(corners: list[tuple[int, int]], side: int) -> I64:
    return np.array([(x, y, x + side - 1, y + side - 1) for x, y in corners], np.int64)


class CropRandom:
    """The random choices of dlib's example, drawn in its order; not safe to share.

    seed: 0 is a freshly made ``dlib::rand``; see :class:`phiz.rng.DlibRandom`.
    """

    def __init__(self, seed: int | str = 0) -> None:
        self._random = DlibRandom(seed)

    def square(self, height: int, width: int) -> tuple[int, int, int]:
        """Return (left, top, side) of a random square inside a picture."""
        side = int(self._random.uniform(_LEAST, _MOST) * min(height, width))
        # The example leaves the order of these two draws to its compiler: GCC draws y first.
        y, x = (int(word) for word in self._random.words(2))
        return x % (width - side), y % (height - side), side

    def flips(self) -> bool:
        """Say whether the next crop is mirrored."""
        return self._random.double() > 0.5

    def colour(self) -> I64:
        """Return what is added to red, green and blue of the next crop: (3,) int64."""
        normal = np.array([self._random.gaussian() for _ in range(3)])
        offsets = ((_COLOURS * _COLOUR_STRENGTH) * normal).sum(axis=1)
        return lround(offsets)


def random_crops(image: U8, size: int, random: CropRandom, count: int = RANDOM_CROPS) -> U8:
    """Return random squares, some mirrored, with their colours shifted a little.

    Returns (count, size, size, 3) uint8 RGB.  Raises ImageError for pictures narrower than 3
    pixels, whose crops could be empty.
    """
    height, width = image.shape[:2]
    if count < 1:
        raise OptionError(f"count: wanted 1 or more, found {count}")
    if min(height, width) < _SMALLEST:
        raise ImageError(
            f"random crops: wanted a picture of at least {_SMALLEST} x {_SMALLEST} pixels, "
            f"found {width} x {height}"
        )
    squares = [random.square(height, width) for _ in range(count)]
    rectangles = [(x, y, x + side - 1, y + side - 1) for x, y, side in squares]
    crops = cut_crops(image, np.array(rectangles, np.int64), size)
    for number, crop in enumerate(crops):
        flipped = crop[:, ::-1] if random.flips() else crop
        moved = flipped.astype(np.int64) + random.colour()
        crops[number] = np.clip(moved, 0, 255).astype(np.uint8)
    return crops
