"""Covered faces: nothing changes outside, and nothing but a few averages is left inside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phiz
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.geometry import grown
from phiz.models.redaction import Redaction, redact, redact_pixels

MODES = ["blur", "pixelate", "box"]
SIDES = st.floats(-40, 120, allow_nan=False, width=32)


@st.composite
def boxes(draw: Any) -> np.ndarray:
    """One to three boxes that may leave a picture of 80 x 60, and have some area."""
    rows = [
        (x, y, x + draw(st.floats(1, 90, width=32)), y + draw(st.floats(1, 90, width=32)))
        for x, y in draw(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=3))
    ]
    return np.array(rows, np.float32)


def noise(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(1).integers(1, top, shape, dtype)


def covering(box: np.ndarray, margin: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The whole pixels that a grown box touches."""
    x0, y0, x1, y1 = grown(box[None], margin)[0]
    rows = slice(max(math.floor(y0), 0), min(max(math.ceil(y1), 0), shape[0]))
    return rows, slice(max(math.floor(x0), 0), min(max(math.ceil(x1), 0), shape[1]))


@pytest.mark.parametrize("mode", MODES)
@given(boxes=boxes(), margin=st.floats(0, 0.5), ellipse=st.booleans())
def test_every_pixel_outside_stays(
    mode: Any, boxes: np.ndarray, margin: float, ellipse: bool
) -> None:
    image = noise(60, 80, 3)
    before = image.copy()
    covered = redact(image, boxes, mode=mode, margin=margin, ellipse=ellipse)
    np.testing.assert_array_equal(image, before)
    reach = max(margin, (math.sqrt(2) - 1) / 2) if ellipse else margin
    outside, inside = np.ones((60, 80), bool), np.zeros((60, 80), bool)
    for box in boxes:
        outside[covering(box, reach, (60, 80))] = False
        x0, y0, x1, y1 = box
        x, y = np.arange(80) + 0.5, np.arange(60) + 0.5
        inside |= ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))
    np.testing.assert_array_equal(covered[outside], image[outside])
    if mode == "box":
        assert (covered[inside] == 0).all()
        assert (covered[~inside & outside] > 0).all()


@pytest.mark.parametrize("mode", ["blur", "pixelate"])
@pytest.mark.parametrize("ellipse", [False, True])
def test_what_is_drawn_depends_on_36_averages_only(mode: Any, ellipse: bool) -> None:
    """Pictures that differ everywhere but in these averages become the same picture."""
    image = noise(120, 120, 3)
    box = np.array([[0, 0, 120, 120]], np.float32)
    shuffled = image.copy()
    random = np.random.default_rng(2)
    for y in range(0, 120, 20):
        for x in range(0, 120, 20):
            cell = shuffled[y : y + 20, x : x + 20].reshape(-1, 3)
            shuffled[y : y + 20, x : x + 20] = random.permutation(cell).reshape(20, 20, 3)
    assert (image != shuffled).mean() > 0.9
    how = Redaction(mode, margin=0.0, ellipse=False)
    one, other = (redact_pixels(p, box, how, black=(0, 0, 0)) for p in (image, shuffled))
    np.testing.assert_array_equal(one, other)
    if mode == "pixelate":
        assert len(np.unique(one.reshape(-1, 3), axis=0)) <= 36
        np.testing.assert_allclose(one[5, 5], image[:20, :20].mean(axis=(0, 1)), atol=0.5)


@pytest.mark.parametrize("side", [5, 17, 64, 300])
@pytest.mark.parametrize("mode", MODES)
def test_detail_goes_at_every_size(mode: Any, side: int) -> None:
    image = noise(side, side, 3)
    box = np.array([[0, 0, side, side]], np.float32)
    covered = redact(image, box, mode=mode).astype(float)
    colours = np.unique(covered.reshape(-1, 3), axis=0)
    # Neighbours differ by 85 in noise.  In squares only borders differ; at most 5 by 5 cells'
    # edges cross a row.
    assert np.abs(np.diff(covered, axis=1)).mean() < (25 if side == 5 else 10)
    assert covered.std() < 0.45 * image.std()
    assert len(colours) <= {"box": 1, "pixelate": 36, "blur": len(colours)}[mode]


def test_a_blur_of_stripes_is_flat() -> None:
    """Stripes narrower than a cell: a filter that sharpens finds nothing to sharpen."""
    stripes = np.zeros((240, 240, 3), np.uint8)
    stripes[:, ::2] = 255
    covered = redact(stripes, [[0, 0, 240, 240]], margin=0)
    assert covered.std() < 1
    assert abs(covered.mean() - 127.5) < 1


@pytest.mark.parametrize(
    ("shape", "dtype", "black"),
    [
        ((60, 80), np.uint8, (0,)),
        ((60, 80), np.uint16, (0,)),
        ((60, 80, 2), np.uint8, (0,)),
        ((60, 80, 4), np.uint8, (0, 0, 0)),
        ((60, 80, 4), np.uint8, (0, 0, 0, 255)),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_colours_of_every_kind_and_alpha_is_left_alone(
    mode: Any, shape: tuple[int, ...], dtype: Any, black: tuple[int, ...]
) -> None:
    pixels = noise(*shape, dtype=dtype)
    covered = redact_pixels(
        pixels, np.array([[10, 10, 50, 50]], np.float32), Redaction(mode, 0), black=black
    )
    assert (covered.shape, covered.dtype) == (pixels.shape, pixels.dtype)
    layers = covered.reshape(60, 80, -1)
    flat = pixels.reshape(60, 80, -1)
    changed = (layers != flat)[10:50, 10:50, : len(black)]
    assert changed.mean() > 0.9
    np.testing.assert_array_equal(layers[..., len(black) :], flat[..., len(black) :])
    if mode == "box":
        assert layers[20, 20, : len(black)].tolist() == list(black)
    else:
        top = np.iinfo(dtype).max
        assert np.abs(layers[10:50, 10:50, : len(black)] - top / 2.0).max() < top / 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ellipse", [False, True])
def test_a_covered_face_is_no_face_and_nobody(
    mode: Any, ellipse: bool, pictures: Any, detector: Any, five_points: Any, describer: Any
) -> None:
    for name in ("astronaut.png", "grace_hopper.jpg"):
        image = pictures[name]
        faces = detector(image)
        points = five_points(image, faces)
        covered = redact(image, faces, mode=mode, ellipse=ellipse)
        assert len(detector(covered)) == 0
        people = [describer(phiz.align(each, points)) for each in (image, covered)]
        # 0.74 to 0.81: further than two people usually are
        assert people[0].distances(people[1])[0, 0] > 0.7


def test_bad_input_says_what_was_wanted() -> None:
    image = noise(20, 20, 3)
    with pytest.raises(OptionError, match="blur, pixelate, box, found 'smudge'"):
        redact(image, [[1, 1, 5, 5]], mode="smudge")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="margin: wanted 0 or more, found -1"):
        redact(image, [[1, 1, 5, 5]], margin=-1)
    with pytest.raises(ShapeError, match="boxes: wanted shape"):
        redact(image, [[1, 1, 5]])
    with pytest.raises(ShapeError, match="finite"):
        redact(image, [[1, 1, np.nan, 5]])
    with pytest.raises(ImageError):
        redact(image.astype(float), [[1, 1, 5, 5]])
    with pytest.raises(ShapeError, match="black: wanted 1 numbers, found 3"):
        redact_pixels(image[..., 0], np.zeros((0, 4), np.float32), Redaction(), black=(0, 0, 0))
    np.testing.assert_array_equal(redact(image, []), image)
    np.testing.assert_array_equal(redact(image, [[5, 5, 2, 2]]), image)
