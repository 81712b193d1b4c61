"""The shapes of face-api.js: boxes, landmarks, results, matching.

Expectations of face-api.js's own tests of its classes are kept: ``test/tests/classes``,
``ops/iou``, ``factories``, ``resizeResults`` and ``globalApi/FaceMatcher`` at its commit a86f011.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.compat import faceapi
from phiz.compat.faceapi import Box, FaceDetection, FaceLandmarks68, FaceResult, Rect
from phiz.errors import PhizError, ShapeError
from phiz.models.faceapi_crops import clip_boxes
from tests.test_faceapi_faces import face

numbers = st.floats(-300, 300)
lengths = st.floats(0, 300)
sizes = st.tuples(st.integers(1, 2000), st.integers(1, 2000))
boxes = st.builds(Box, numbers, numbers, lengths, lengths)


def sides(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def near(found: Box, want: Box, within: float = 1e-9) -> None:
    np.testing.assert_allclose(sides(found), sides(want), rtol=0, atol=within)


# Boxes.


@pytest.mark.parametrize(
    ("box", "right", "bottom"),
    [(Box.from_corners(5, 10, 15, 20), 15, 20), (Rect(5, 10, 15, 20), 20, 30)],
)
def test_a_box_knows_its_corners(box: Box, right: float, bottom: float) -> None:
    assert (box.left, box.x, box.top, box.y, box.right, box.bottom) == (5, 5, 10, 10, right, bottom)
    assert (box.width, box.height, box.area) == (
        right - 5,
        bottom - 10,
        (right - 5) * (bottom - 10),
    )
    assert (box.top_left, box.bottom_right) == ((5, 10), (right, bottom))
    assert (box.top_right, box.bottom_left) == ((right, 10), (5, bottom))


def test_boxes_are_scaled_and_moved() -> None:
    box = Box(10, 20, 20, 40)
    assert box.rescale(0.5) == Box(5, 10, 10, 20)
    assert box.rescale(2) == Box(20, 40, 40, 80)
    assert Box(0.1, 0.2, 0.2, 0.4).rescale((100, 200)) == Box(10, 40, 20, 80)
    assert box.shift(20, 40) == Box(30, 60, 20, 40)
    assert Box(-1.5, 2.5, 1.2, 0.5).round() == Box(-1, 3, 1, 1)  # halves go up


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, None, "1", 1j], ids=repr)
@pytest.mark.parametrize("at", range(4))
def test_boxes_are_of_finite_numbers(wrong: Any, at: int) -> None:
    values: list[Any] = [0, 10, 20, 30]
    values[at] = wrong
    with pytest.raises(ShapeError, match="wanted a finite number"):
        Rect(*values)


def test_rects_have_no_negative_sides() -> None:
    for width, height in ((-20, 30), (20, -30)):
        with pytest.raises(ShapeError, match="wanted sides of 0 or more"):
            Rect(0, 10, width, height)
        assert Box(0, 10, width, height).width == width


@given(boxes, sizes)
def test_clipping_is_that_of_the_models(box: Box, size: tuple[int, int]) -> None:
    found = box.clip_at_image_borders(*size)
    corners = np.array([[box.x, box.y, box.right, box.bottom]])
    x0, y0, x1, y1 = clip_boxes(corners, *size)[0].tolist()
    if found.width > 0:
        assert (found.x, found.right) == (x0, x1)
    else:
        assert x0 == x1
    if found.height > 0:
        assert (found.y, found.bottom) == (y0, y1)
    else:
        assert y0 == y1


@given(boxes, numbers, numbers)
def test_boxes_keep_their_middle(box: Box, width: float, height: float) -> None:
    for other in (box.to_square(), box.pad(width, height)):
        assert other.x + other.width / 2 == pytest.approx(box.x + box.width / 2, abs=1e-9)
        assert other.y + other.height / 2 == pytest.approx(box.y + box.height / 2, abs=1e-9)
    side = max(box.width, box.height)
    assert box.to_square().size == pytest.approx((side, side), abs=1e-9)


@pytest.mark.parametrize(
    ("one", "other", "over_union", "over_smaller"),
    [
        ((0, 0, 20, 20), (0, 0, 20, 20), 1, 1),
        ((0, 0, 20, 20), (20, 20, 20, 20), 0, 0),
        ((0, 0, 20, 20), (0, 0, 10, 20), 0.5, 1),
        ((0, 0, 20, 20), (0, 10, 20, 10), 0.5, 1),
        ((5, 5, 0, 0), (5, 5, 0, 0), 0, 0),
    ],
)
def test_overlaps(one: Any, other: Any, over_union: float, over_smaller: float) -> None:
    assert faceapi.iou(Box(*one), Box(*other)) == over_union
    assert faceapi.iou(Box(*one), Box(*other), is_iou=False) == over_smaller


def test_small_helpers() -> None:
    assert faceapi.min_bbox(np.array([[3.0, 9.0], [5.0, 7.0]])) == Box(3, 7, 2, 2)
    assert faceapi.min_bbox(np.array([[-4.0, -9.0], [-1.0, -2.0]])) == Box(-4, -9, 4, 9)
    assert faceapi.round_down(0.987) == 0.98
    assert faceapi.round_down(-0.1234, 3) == -0.124


# Detections and landmarks.

DETECTION = FaceDetection(1.0, Box(0, 0, 0.5, 0.5), (100, 100))
POINTS = FaceLandmarks68(np.repeat(np.arange(68)[:, None] / 100, 2, axis=1), (100, 100))


@given(st.builds(Box, *[st.floats(-1, 2)] * 2, *[st.floats(0, 2)] * 2), sizes, sizes)
def test_detections_follow_the_picture(
    relative: Box, size: tuple[int, int], other: tuple[int, int]
) -> None:
    found = FaceDetection(0.9, relative, size)
    near(found.relative_box, relative)
    resized = found.for_size(*other)
    near(resized.box, relative.rescale(other), 1e-6)
    assert (resized.image_width, resized.image_height, resized.score) == (*other, 0.9)


@given(st.integers(0, 10**6), sizes, sizes, st.tuples(numbers, numbers))
def test_landmarks_follow_the_crop(
    seed: int, size: tuple[int, int], other: tuple[int, int], shift: tuple[float, float]
) -> None:
    relative = np.random.default_rng(seed).uniform(-0.2, 1.2, (68, 2))
    points = FaceLandmarks68(relative, size).shift_by(*shift)
    np.testing.assert_allclose(points.positions, relative * size + shift, atol=1e-9)
    np.testing.assert_allclose(points.relative_positions, relative, atol=1e-6)
    assert points.shift == shift
    resized = points.for_size(*other)
    np.testing.assert_allclose(resized.positions, relative * other, atol=1e-3)
    assert resized.shift == (0, 0)
    np.testing.assert_array_equal(np.asarray(points), points.positions)


def test_the_parts_of_a_face() -> None:
    parts = [
        POINTS.get_jaw_outline(),
        POINTS.get_left_eye_brow(),
        POINTS.get_right_eye_brow(),
        POINTS.get_nose(),
        POINTS.get_left_eye(),
        POINTS.get_right_eye(),
        POINTS.get_mouth(),
    ]
    assert [len(part) for part in parts] == [17, 5, 5, 9, 6, 6, 20]
    np.testing.assert_array_equal(np.concatenate(parts), POINTS.positions)


def test_alignment() -> None:
    points = FaceLandmarks68(face()[0].astype(float) / 100, (100, 100))
    near(points.align(), Box(-10, 25, 120, 60))
    near(points.align(min_box_padding=0), Box(0, 30, 100, 50))
    square = points.shift_by(200, 100).align(use_dlib_alignment=True)
    assert square == Box(200, 110, 99, 99)
    detection = FaceDetection(1.0, Box(0.2009, 0.1009, 0.1, 0.1), (1000, 1000))
    assert points.align(detection, use_dlib_alignment=True) == square
    assert points.align(Box(200, 100, 1, 1), use_dlib_alignment=True) == square
    five = faceapi.FaceLandmarks5(np.zeros((5, 2)), (9, 9))
    assert five.align(use_dlib_alignment=True).size == (0, 0)
    with pytest.raises(ShapeError, match="wanted 5 or 68 points, found 3"):
        faceapi.FaceLandmarks(np.zeros((3, 2)), (9, 9)).align(use_dlib_alignment=True)


@pytest.mark.parametrize(
    ("points", "size", "said"),
    [
        (np.zeros((67, 2)), (9, 9), r"wanted shape \(68, 2\), found \(67, 2\)"),
        (np.full((68, 2), np.nan), (9, 9), "wanted finite numbers"),
        (np.zeros((68, 2)), (9, 0), r"wanted \(width, height\), both above 0, found \(9, 0\)"),
        (np.zeros((68, 2)), 9, "found 9"),
    ],
)
def test_landmarks_that_are_none_are_refused(points: Any, size: Any, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        FaceLandmarks68(points, size)


def test_a_face_gets_landmarks() -> None:
    found = FaceDetection(0.7, Box(0.5, 0.5, 0.5, 0.5), (100, 100))
    result = FaceResult(found, age=30.0).with_landmarks(POINTS)
    assert (result.detection, result.unshifted_landmarks, result.age) == (found, POINTS, 30.0)
    assert result.landmarks is not None
    assert result.aligned_rect is not None
    np.testing.assert_allclose(result.landmarks.positions, POINTS.positions + 50)
    assert (result.aligned_rect.score, result.aligned_rect.image_dims) == (0.7, (100, 100))
    near(result.aligned_rect.box, result.landmarks.align())
    assert (
        repr(result) == "FaceResult(detection, landmarks, unshifted_landmarks, aligned_rect, age)"
    )


def test_results_are_resized() -> None:
    size = faceapi.Dimensions(200, 400)
    assert faceapi.resize_results(DETECTION, size) == DETECTION.for_size(*size)
    points = faceapi.resize_results(POINTS, size)
    np.testing.assert_array_equal(points.positions, POINTS.for_size(200, 400).positions)
    plain, landmarked = FaceResult(DETECTION), FaceResult(DETECTION).with_landmarks(POINTS)
    few = faceapi.resize_results([plain, landmarked], size)
    assert [each.detection for each in few] == [DETECTION.for_size(*size)] * 2
    inner = few[1].unshifted_landmarks
    assert few[0].unshifted_landmarks is None
    assert inner is not None
    assert inner.image_dims == (100, 200)
    np.testing.assert_array_equal(inner.positions, POINTS.for_size(100, 200).positions)
    assert faceapi.resize_results(None, size) is None
    assert faceapi.resize_results([], size) == []
    for wrong in ("faces", 7, [object()]):
        with pytest.raises(ShapeError, match="results: wanted faces"):
            faceapi.resize_results(wrong, size)  # type: ignore[call-overload]
    with pytest.raises(ShapeError, match="both above 0"):
        faceapi.resize_results(DETECTION, (0, 9))


def test_expressions_are_a_mapping() -> None:
    said = faceapi.FaceExpressions(0.1, 0.5, 0.05, 0.05, 0.1, 0.1, 0.1)
    assert dict(said) == {
        "neutral": 0.1, "happy": 0.5, "sad": 0.05, "angry": 0.05, "fearful": 0.1,
        "disgusted": 0.1, "surprised": 0.1,
    }  # fmt: skip
    assert said.happy == said["happy"]
    best = said.as_sorted_array()
    assert best[0] == ("happy", 0.5)
    assert [each.expression for each in best[1:]] == [
        "neutral", "fearful", "disgusted", "surprised", "sad", "angry",
    ]  # fmt: skip
    with pytest.raises(KeyError):
        said["as_sorted_array"]


# Matching.

TEXT = (
    '{"distanceThreshold":123.321,"labeledDescriptors":[{"label":"foo","descriptors":'
    '[[1,2,3],[4,5,6]]},{"label":"bar","descriptors":[[7,8,9],[3,2,1]]}]}'
)
FOO = faceapi.LabeledFaceDescriptors("foo", [np.array([1, 2, 3]), np.array([4, 5, 6])])
BAR = faceapi.LabeledFaceDescriptors("bar", [[7, 8, 9], [3, 2, 1]])


@pytest.mark.parametrize(
    "matcher",
    [
        faceapi.FaceMatcher([FOO, BAR], 123.321),
        faceapi.FaceMatcher.from_json(json.loads(TEXT)),
        faceapi.FaceMatcher.from_json(faceapi.FaceMatcher([FOO, BAR], 123.321).to_json()),
    ],
    ids=["made", "read", "again"],
)
def test_matchers_are_kept_as_the_original_keeps_them(matcher: faceapi.FaceMatcher) -> None:
    assert json.loads(json.dumps(matcher.to_json())) == json.loads(TEXT)
    assert matcher.distance_threshold == 123.321
    foo, bar = matcher.labeled_descriptors
    assert (foo.label, bar.label) == ("foo", "bar")
    assert foo.descriptors.dtype == np.float32
    np.testing.assert_array_equal(foo.descriptors, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(bar.descriptors, [[7, 8, 9], [3, 2, 1]])


@given(st.integers(0, 10**6), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_matching_is_that_of_plain_loops(seed: int, counts: list[int]) -> None:
    random = np.random.default_rng(seed)
    known = [random.standard_normal((count, 8)).astype(np.float32) for count in counts]
    query = random.standard_normal(8).astype(np.float32)
    matcher = faceapi.FaceMatcher(
        [faceapi.LabeledFaceDescriptors(str(i), rows) for i, rows in enumerate(known)], 3.0
    )
    want = [np.mean([faceapi.euclidean_distance(row, query) for row in rows]) for rows in known]
    np.testing.assert_allclose(matcher.distances(query), want)
    best = matcher.match_descriptor(query)
    assert (best.label, best.distance) == (str(np.argmin(want)), pytest.approx(min(want)))
    label = best.label if min(want) < 3.0 else "unknown"
    assert matcher.find_best_match(query) == faceapi.FaceMatch(label, best.distance)
    again = faceapi.FaceMatcher.from_json(json.loads(json.dumps(matcher.to_json())))
    np.testing.assert_array_equal(again.distances(query), matcher.distances(query))


def test_unnamed_faces_are_numbered() -> None:
    one, two = np.zeros(3, np.float32), np.ones(3, np.float32)
    described = FaceResult(DETECTION, descriptor=two)
    matcher = faceapi.FaceMatcher([one, FOO, described])
    assert [each.label for each in matcher.labeled_descriptors] == ["person 1", "foo", "person 2"]
    assert matcher.find_best_match(described).label == "person 2"
    for inputs in (two, described, FOO, [two], two[None]):
        assert len(faceapi.FaceMatcher(inputs).labeled_descriptors) == 1
    assert repr(matcher) == "FaceMatcher(3 labels, threshold=0.6)"


def test_of_equal_distances_the_last_counts_and_the_threshold_is_too_far() -> None:
    known = [faceapi.LabeledFaceDescriptors(name, [[3.0, 4.0]]) for name in "ab"]
    matcher = faceapi.FaceMatcher(known, 5.0)
    assert matcher.match_descriptor([0.0, 0.0]) == faceapi.FaceMatch("b", 5.0)
    assert matcher.find_best_match([0.0, 0.0]) == faceapi.FaceMatch("unknown", 5.0)


@pytest.mark.parametrize(
    ("distance", "text"),
    [(0.4399, "ann (0.43)"), (0.5, "ann (0.5)"), (0.0, "ann (0)"), (1.005, "ann (1)")],
)
def test_a_match_is_said_as_the_original_says_it(distance: float, text: str) -> None:
    match = faceapi.FaceMatch("ann", distance)
    assert str(match) == match.to_string() == text
    assert match.to_string(with_distance=False) == "ann"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: faceapi.FaceMatcher([]), "wanted a face or more, found none"),
        (lambda: faceapi.FaceMatcher(FOO, np.nan), "distance_threshold: wanted a number"),
        (lambda: faceapi.FaceMatcher([FOO, np.zeros(4)]), r"wanted shape \(any, 3\)"),
        (lambda: faceapi.FaceMatcher(FOO).match_descriptor(np.zeros(4)), r"shape \(3,\)"),
        (lambda: faceapi.FaceMatcher([FaceResult(DETECTION)]), "without descriptor"),
        (lambda: faceapi.FaceMatcher.from_json([]), "json: wanted an object, found list"),
        (lambda: faceapi.FaceMatcher.from_json({}), "'labeledDescriptors'"),
        (lambda: faceapi.FaceMatcher.from_json({"labeledDescriptors": {}}), "wanted a list"),
        (
            lambda: faceapi.FaceMatcher.from_json({"labeledDescriptors": [FOO.to_json()]}),
            "'distanceThreshold'",
        ),
        (lambda: faceapi.LabeledFaceDescriptors("a", []), "'a': wanted numbers, found none"),
        (lambda: faceapi.LabeledFaceDescriptors("a", [[1], [1, 2]]), "'a': wanted numbers"),
        (lambda: faceapi.LabeledFaceDescriptors("a", [[None]]), "wanted finite numbers"),
        (lambda: faceapi.LabeledFaceDescriptors("a", [[1e300]]), "wanted finite numbers"),
        (lambda: faceapi.LabeledFaceDescriptors("a", [[10**400]]), "that fit float32"),
        (lambda: faceapi.LabeledFaceDescriptors("a", {"0": 1}), "found dict"),
        (lambda: faceapi.LabeledFaceDescriptors(5, [[1]]), "label: wanted a string, found int"),
        (lambda: faceapi.euclidean_distance([1, 2], [1]), r"wanted shape \(2,\)"),
    ],
)
def test_what_cannot_be_matched_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(PhizError, match=said):
        make()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, JSON, JSON, JSON)
def test_any_json_is_a_matcher_or_an_error(
    threshold: Any, label: Any, rows: Any, all_: Any
) -> None:
    labeled = {"label": label, "descriptors": rows}
    for value in (all_, {"distanceThreshold": threshold, "labeledDescriptors": [labeled]}):
        with contextlib.suppress(PhizError):
            faceapi.FaceMatcher.from_json(value)


def test_every_name_is_there_and_documented() -> None:
    assert sorted(faceapi.__all__) == list(faceapi.__all__)
    for name in faceapi.__all__:
        assert getattr(faceapi, name).__doc__, name
