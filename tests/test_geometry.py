"""Boxes, overlaps and transforms: properties, and loops that say the same more slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import OptionError, ShapeError
from phiz.geometry import (
    DLIB_150,
    ChipSpec,
    box_iou,
    chip_template,
    enclosing_overlap,
    from_inclusive,
    greedy_nms,
    lround,
    to_inclusive,
)
from phiz.kernels.similarity import similarity

coordinates = st.integers(-50, 150)
rectangles = st.lists(
    st.tuples(coordinates, coordinates, st.integers(0, 80), st.integers(0, 80)).map(
        lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3])
    ),
    max_size=12,
).map(lambda rows: np.array(rows, np.int64).reshape(-1, 4))


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0.5, 1), (-0.5, -1), (1.5, 2), (2.5, 3), (-2.5, -3), (0.49999999999999994, 0), (-0.4, 0)],
)
def test_halves_round_away_from_zero(value: float, rounded: int) -> None:
    assert lround(np.array([value])).tolist() == [rounded]


@given(st.floats(-1e9, 1e9))
def test_lround_is_the_nearest_whole_number(value: float) -> None:
    rounded = int(lround(np.array([value]))[0])
    assert abs(rounded - value) <= 0.5
    if abs(value - math.trunc(value)) == 0.5:
        assert abs(rounded) > abs(value)


@given(rectangles)
def test_rectangles_become_boxes_and_come_back(inclusive: np.ndarray) -> None:
    boxes = from_inclusive(inclusive)
    np.testing.assert_array_equal(boxes[:, 2:], inclusive[:, 2:] + 1)
    np.testing.assert_array_equal(to_inclusive(boxes), inclusive)


def test_one_box_and_no_box_are_boxes() -> None:
    assert to_inclusive([1, 2, 11, 12]).tolist() == [[1, 2, 10, 11]]
    assert to_inclusive([]).shape == (0, 4)
    assert to_inclusive(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize(
    "bad",
    [[1, 2, 3], [[1, 2, 3]], "box", [[0, 0, 1, np.nan]], [[0, 0, np.inf, 1]], [[0, 0, 1e30, 1]]],
)
def test_what_is_no_box_is_refused(bad: object) -> None:
    with pytest.raises(ShapeError, match="boxes"):
        to_inclusive(bad)


def pixels(rectangle: np.ndarray) -> set[tuple[int, int]]:
    left, top, right, bottom = rectangle.tolist()
    return {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}


@given(rectangles.filter(lambda r: len(r) >= 2), st.floats(0, 1), st.floats(0, 1))
def test_overlap_counts_pixels(some: np.ndarray, iou: float, covered: float) -> None:
    one, other = some[0], some[1]
    inner = len(pixels(one) & pixels(other))
    around = np.concatenate([np.minimum(one, other)[:2], np.maximum(one, other)[2:]])
    sides = around[2:] - around[:2] + 1
    expected = inner > 0 and (
        inner / int(sides.prod()) > iou
        or inner / len(pixels(one)) > covered
        or inner / len(pixels(other)) > covered
    )
    assert enclosing_overlap(some[1:2], one, iou, covered).tolist() == [expected]
    assert enclosing_overlap(some[0:1], other, iou, covered).tolist() == [expected]


@given(rectangles, st.floats(0, 1), st.floats(0, 1))
def test_nms_keeps_what_overlaps_nothing_kept(some: np.ndarray, iou: float, covered: float) -> None:
    kept: list[int] = []
    for index in range(len(some)):
        if not enclosing_overlap(some[kept], some[index], iou, covered).any():
            kept.append(index)
    assert greedy_nms(some, iou, covered).tolist() == kept


@given(rectangles, rectangles)
def test_iou_counts_pixels(one: np.ndarray, other: np.ndarray) -> None:
    table = box_iou(from_inclusive(one), from_inclusive(other))
    assert table.shape == (len(one), len(other))
    for i, a in enumerate(one[:2]):
        for j, b in enumerate(other[:2]):
            both, either = pixels(a) & pixels(b), pixels(a) | pixels(b)
            assert table[i, j] == pytest.approx(len(both) / len(either))


def test_iou_of_empty_boxes_is_zero() -> None:
    assert box_iou(np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)).tolist() == [[0.0]]


@given(
    st.integers(3, 8), st.floats(0.1, 10), st.floats(-3.1, 3.1), st.floats(-100, 100),
    st.integers(0, 1000),
)  # fmt: skip
def test_similarity_finds_the_transform_that_was_applied(
    count: int, scale: float, angle: float, shift: float, seed: int
) -> None:
    source = np.random.default_rng(seed).normal(size=(count, 2))
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]])
    found, moved = similarity(source, source @ matrix.T + shift)
    np.testing.assert_allclose(found, matrix, atol=1e-9)
    np.testing.assert_allclose(moved, [shift, shift], atol=1e-8)


def test_similarity_of_points_in_one_place_moves_them_together() -> None:
    matrix, shift = similarity(np.ones((5, 2)), np.arange(10.0).reshape(5, 2))
    assert matrix.tolist() == [[1, 0], [0, 1]]
    assert shift.tolist() == [3, 4]


@pytest.mark.parametrize("points", [5, 68])
def test_chip_templates_lie_inside_the_padding(points: int) -> None:
    used, places = chip_template(points, DLIB_150)
    assert len(used) == len(places) == {5: 5, 68: 33}[points]
    assert places.min() >= 24.9
    assert places.max() <= 125.1


def test_chip_templates_of_other_schemes_are_refused() -> None:
    with pytest.raises(ShapeError, match="found 7"):
        chip_template(7, DLIB_150)
    with pytest.raises(OptionError, match="size >= 1"):
        ChipSpec("dlib", 0, 0.25)
