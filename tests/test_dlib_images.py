"""Sizes, chips and thresholds of pictures of every dtype, against dlib itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import OptionError, ShapeError
from phiz.kernels.planes import DTYPES
from phiz.models.chips import ChipPlace, cut_chip
from phiz.models.dlib_images import (
    disturb_colours,
    jitter_images,
    partition_pixels,
    resize_image,
    scale_image,
)
from phiz.rng import DlibRandom

KINDS = [*(dtype.name for dtype in DTYPES), "rgb"]
SPLIT = ["rgb", "uint8", "uint16", "uint32", "float32", "float64"]

shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))
sizes = st.integers(1, 150)
seeds = st.integers(0, 9999)


def some(kind: str, shape: tuple[int, int], seed: int, most: float = 2.0**64) -> np.ndarray:
    """A picture of this kind: small numbers, all that the dtype can hold, or only its ends."""
    random = np.random.default_rng(seed)
    if kind == "rgb":
        return random.integers(0, 256, (*shape, 3), np.uint8)
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return (random.normal(size=shape) * 10.0 ** random.integers(-30, 30)).astype(dtype)
    low, high = int(np.iinfo(dtype).min), min(int(np.iinfo(dtype).max), int(most) - 1)
    if seed % 3 == 0:
        return random.integers(0, 100, shape).astype(dtype)
    if seed % 3 == 1:
        return random.integers(low, high, shape, dtype, endpoint=True)
    return random.choice(np.array([low, low + 1, 0, high - 1, high], dtype), shape)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
@given(shapes, sizes, sizes, seeds)
def test_sizes_are_dlibs(
    dlib: Any, kind: str, shape: tuple[int, int], rows: int, columns: int, seed: int
) -> None:
    image = some(kind, shape, seed)
    found = resize_image(image, rows, columns)
    np.testing.assert_array_equal(found, dlib.resize_image(image, rows, columns), strict=True)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] != "u"])
@given(shapes, st.floats(0.02, 3), seeds)
def test_scales_are_dlibs(
    dlib: Any, kind: str, shape: tuple[int, int], scale: float, seed: int
) -> None:
    image = some(kind, shape, seed)
    expected = dlib.resize_image(image, scale)
    np.testing.assert_array_equal(scale_image(image, scale), expected, strict=True)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
@given(
    shapes, sizes, sizes, st.tuples(st.floats(-40, 90), st.floats(-40, 90)),
    st.floats(0, 8), st.sampled_from([0.0, 0.1, -2.5]), st.booleans(), seeds,
)  # fmt: skip
def test_chips_are_dlibs(
    dlib: Any,
    kind: str,
    shape: tuple[int, int],
    rows: int,
    columns: int,
    corner: tuple[float, float],
    log: float,
    angle: float,
    whole: bool,
    seed: int,
) -> None:
    """Pixels below 2**63: see halve_plane."""
    image = some(kind, shape, seed, 2.0**63)
    if whole:  # copied as it is, unless it is turned
        left, top = (round(2 * side) / 2 for side in corner)
        wide, high = columns - 1.0, rows - 1.0
    else:
        (left, top), wide, high = corner, 2.0**log, 2.0 ** (log / 2)
    rectangle = (left, top, left + wide, top + high)
    dims = dlib.chip_dims(rows, columns)
    expected = dlib.extract_image_chip(
        image, dlib.chip_details(dlib.drectangle(*rectangle), dims, angle)
    )
    found = cut_chip(image, ChipPlace(rectangle, angle, rows, columns))
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", SPLIT)
@given(shapes, st.integers(1, 6), st.booleans(), seeds)
def test_thresholds_are_dlibs(
    dlib: Any, kind: str, shape: tuple[int, int], count: int, few: bool, seed: int
) -> None:
    image = some(kind, shape, seed)
    if few:  # ties, and more thresholds than values
        image = (image % 4).astype(image.dtype)
    assert partition_pixels(image, count) == dlib.partition_pixels(image, count)
    assert partition_pixels(image) == (dlib.partition_pixels(image),)


def test_thresholds_lie_between_groups_of_pixels() -> None:
    """One threshold splits four groups in the middle, the next one what is left."""
    image = np.repeat([10, 12, 100, 102, 200, 202, 250, 252], 8).reshape(8, 8)
    for dtype in DTYPES:
        picture = (image // 4 if dtype == np.int8 else image).astype(dtype)
        first, second = partition_pixels(picture, 2)
        assert 12 < first * (4 if dtype == np.int8 else 1) <= 200
        assert first < second <= picture.max()


def test_pictures_keep_their_corners_and_their_dtype() -> None:
    for kind in KINDS:
        image = some(kind, (5, 7), 0)
        large = resize_image(image, 9, 13)
        assert large.dtype == image.dtype
        assert large.shape == (9, 13, *image.shape[2:])
        np.testing.assert_allclose(large[::8, ::12], image[::4, ::6], rtol=1e-6)  # by float32
        np.testing.assert_array_equal(scale_image(image, 1), image)
        assert resize_image(image, 0, 4).shape == (0, 4, *image.shape[2:])


def test_colours_move_together_with_the_generator() -> None:
    """dlib's first four numbers; white stays white in one channel, black everywhere."""
    image = np.zeros((2, 3, 3), np.uint8)
    image[1] = 255
    moved = disturb_colours(image, DlibRandom())
    assert moved[0].max() == 0
    assert moved[1].max() == 255
    one, other = (jitter_images(np.full((9, 9, 3), 90, np.uint8), DlibRandom(), 2, disturb=both)
                  for both in (True, False))  # fmt: skip
    assert len(one) == len(other) == 2
    assert (one[0] != other[0]).any()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((3, 4, 4), np.uint8), r"\(any, any, 3\), found \(3, 4, 4\)"),
        (np.zeros((3, 4, 3), np.int8), "wanted dtype uint8, found int8"),
        (np.zeros((3, 4), bool), "uint8 uint16 .* found bool"),
        (np.zeros((3, 4), np.complex64), "found complex64"),
        (np.zeros((0, 4)), r"wanted pixels, found shape \(0, 4\)"),
        (np.zeros(4), r"\(any, any\), found \(4,\)"),
    ],
)
def test_what_is_no_picture_is_refused(image: np.ndarray, says: str) -> None:
    for call in (lambda: resize_image(image, 2, 2), lambda: partition_pixels(image)):
        with pytest.raises(ShapeError, match=says):
            call()


def test_options_that_make_no_sense_are_refused() -> None:
    image = np.zeros((4, 5))
    with pytest.raises(OptionError, match="found -1 x 2"):
        resize_image(image, -1, 2)
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="scale above 0"):
            scale_image(image, scale)
    for count in (0, 7):
        with pytest.raises(OptionError, match="1 to 6"):
            partition_pixels(image, count)
    image[1, 1] = np.nan
    with pytest.raises(ShapeError, match="found nan"):
        partition_pixels(image)
    with pytest.raises(ShapeError, match="to jitter"):
        jitter_images(np.zeros((3, 4, 3), np.uint8), DlibRandom())
