"""Square crops of whole pictures, as classifiers average over them.

Source: dlib ``examples/dnn_imagenet_ex.cpp`` (randomly_crop_images).
"""

from __future__ import annotations

import numpy as np

from phiz.checks import I64, U8, check
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.geometry import lround
from phiz.models.chips import ChipPlace, cut_chips
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
    """
    check(rectangles, (None, 4), dtype=np.int64, name="rectangles")
    if (rectangles[:, 2:] < rectangles[:, :2]).any():
        raise ShapeError("rectangles: wanted none empty, found right or bottom before the other")
    places = [ChipPlace(tuple(row), 0.0, size, size) for row in rectangles.astype(float).tolist()]
    return np.array(cut_chips(image, places), np.uint8).reshape(-1, size, size, 3)


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
