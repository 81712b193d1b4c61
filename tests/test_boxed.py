"""Crops that are boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import OptionError, ShapeError
from phiz.geometry import grown
from phiz.models.boxed import crop_boxes
from phiz.values import Faces

HEIGHT, WIDTH = 60, 80
PICTURE = np.random.default_rng(3).integers(1, 256, (HEIGHT, WIDTH, 3), np.uint8)
X, Y = st.integers(-30, WIDTH + 30), st.integers(-30, HEIGHT + 30)
SIDES = st.integers(1, 70)


@given(st.floats(-99, 99), st.floats(-99, 99), st.floats(1, 99), st.floats(0, 3))
def test_growing_keeps_the_middle(x: float, y: float, side: float, margin: float) -> None:
    box = np.array([[x, y, x + side, y + 2 * side]])
    wide = grown(box, margin)[0]  # type: ignore[arg-type]
    np.testing.assert_allclose(wide[:2] + wide[2:], box[0, :2] + box[0, 2:], atol=1e-9)
    np.testing.assert_allclose(wide[2:] - wide[:2], (1 + 2 * margin) * np.array([side, 2 * side]))


@given(X, Y, SIDES, SIDES)
def test_padded_crops_are_the_box_and_black(x: int, y: int, across: int, down: int) -> None:
    (crop,) = crop_boxes(PICTURE, [[x, y, x + across, y + down]], margin=0, pad=True)
    border = 200
    wide = np.pad(PICTURE, ((border, border), (border, border), (0, 0)))
    np.testing.assert_array_equal(
        crop, wide[y + border : y + down + border, x + border : x + across + border]
    )


@given(X, Y, SIDES, SIDES)
def test_other_crops_end_with_the_picture(x: int, y: int, across: int, down: int) -> None:
    box = [[x, y, x + across, y + down]]
    part = PICTURE[max(y, 0) : max(y + down, 0), max(x, 0) : max(x + across, 0)]
    if part.size == 0:
        with pytest.raises(ShapeError, match="number 0 lies outside the picture"):
            crop_boxes(PICTURE, box, margin=0)
        return
    (crop,) = crop_boxes(PICTURE, box, margin=0)
    np.testing.assert_array_equal(crop, part)
    assert crop.flags.c_contiguous


@given(
    st.floats(0, 50, width=32), st.floats(0, 30, width=32), st.floats(1, 30, width=32),
    st.floats(0, 1.5), st.integers(1, 200),
)  # fmt: skip
def test_a_square_gives_a_square(x: float, y: float, side: float, margin: float, size: int) -> None:
    # sides of a float32 box are rounded: of a square of whole numbers they are exact
    box = np.floor([[x, y, x, y]]) + np.floor([[0, 0, side, side]])
    (crop,) = crop_boxes(PICTURE, box, margin=margin, pad=True)
    assert crop.shape[0] == crop.shape[1] == max(round(np.floor(side) * (1 + 2 * margin)), 1)
    (sized,) = crop_boxes(PICTURE, box, margin=margin, pad=True, size=size)
    assert sized.shape == (size, size, 3)


def test_the_margin_and_the_size_are_as_asked() -> None:
    boxes = np.array([[20, 10, 40, 50], [30, 30, 50, 40]], np.float32)
    faces = Faces(boxes, np.ones(2, np.float32))
    one, other = crop_boxes(PICTURE, faces, margin=0.1)
    np.testing.assert_array_equal(one, PICTURE[6:54, 18:42])
    np.testing.assert_array_equal(other, PICTURE[29:41, 28:52])
    assert [crop.shape for crop in crop_boxes(PICTURE, faces, margin=0.1, size=96)] == [
        (96, 48, 3), (48, 96, 3),
    ]  # fmt: skip
    assert crop_boxes(PICTURE, []) == []


def test_bad_input_says_what_was_wanted() -> None:
    box = [[1, 1, 5, 5]]
    with pytest.raises(OptionError, match=r"margin: wanted 0 or more, found -0\.1"):
        crop_boxes(PICTURE, box, margin=-0.1)
    with pytest.raises(OptionError, match="size: wanted 1 or more pixels, found 0"):
        crop_boxes(PICTURE, box, size=0)
    with pytest.raises(ShapeError, match="wanted x0 < x1"):
        crop_boxes(PICTURE, [[5, 5, 5, 9]])
    with pytest.raises(ShapeError, match="number 0 has more"):
        crop_boxes(PICTURE, [[0, 0, 1e6, 1e6]], pad=True)
    with pytest.raises(ShapeError, match="boxes"):
        crop_boxes(PICTURE, [[0, 0, np.inf, 1]])
