"""Detectors side by side: the matching on boxes made by hand, and a real run."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz import detector_comparison
from phiz.detector_comparison import (
    Agreement,
    as_detector,
    compare_detectors,
    local_detectors,
    match_boxes,
)
from phiz.errors import OptionError
from phiz.geometry import box_iou
from phiz.models.protocols import Detector
from phiz.values import Faces
from phiz.zoo import ZOO


def strip(*starts: float, width: float = 10) -> np.ndarray:
    """Boxes of one height beside each other, by their left sides."""
    return np.array([[x, 0, x + width, 10] for x in starts], np.float32).reshape(-1, 4)


def test_boxes_match_from_the_overlap_on() -> None:
    one = strip(0)
    # 10 wide, moved by x: IoU (10 - x) / (10 + x); 30/7 gives exactly 0.4
    assert match_boxes(one, strip(4.25)).tolist() == [[0, 0]]
    assert match_boxes(one, strip(4.3)).tolist() == []
    assert match_boxes(one, strip(30, 1)).tolist() == [[0, 1]]
    assert match_boxes(one, strip()).shape == (0, 2)
    assert match_boxes(strip(), strip()).shape == (0, 2)


def test_a_box_is_in_one_pair_at_most() -> None:
    assert match_boxes(strip(0), strip(0, 1, 2)).tolist() == [[0, 0]]
    assert match_boxes(strip(0, 1, 2), strip(0.9)).tolist() == [[0, 0]]


def test_as_many_pairs_as_can_be() -> None:
    """The best pair first, (0, 0), would leave box 1 without a partner."""
    one, other = strip(2, -2), strip(2, 6)
    assert box_iou(one, other).round(2).tolist() == [[1.0, 0.43], [0.43, 0.11]]
    assert match_boxes(one, other).tolist() == [[0, 1], [1, 0]]


@st.composite
def strips(draw: Any) -> np.ndarray:
    return strip(*draw(st.lists(st.integers(0, 30), max_size=5)))


@given(strips(), strips())
def test_the_number_of_pairs_is_the_largest_possible(one: np.ndarray, other: np.ndarray) -> None:
    good = box_iou(one, other) >= 0.4
    pairs = match_boxes(one, other)
    assert all(good[i, j] for i, j in pairs)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert len(match_boxes(other, one)) == len(pairs)
    few, many = (good, len(one)) if len(one) <= len(other) else (good.T, len(other))
    best = max(
        (sum(few[i, j] for i, j in enumerate(order)) for order in permutations(
            range(few.shape[1]), many
        )),
        default=0,
    )  # fmt: skip
    assert len(pairs) == best


def test_agreement_is_symmetric() -> None:
    pair = Agreement("a", "b", matched=6, only_one=2, only_other=4)
    precision, recall = 6 / 8, 6 / 10
    assert pair.f1 == pytest.approx(2 * precision * recall / (precision + recall)) == 12 / 18
    assert Agreement("b", "a", 6, 4, 2).f1 == pair.f1
    assert Agreement("a", "b", 0, 0, 0).f1 is None
    assert Agreement("a", "b", 0, 1, 0).f1 == 0


class Scripted:
    """A detector that finds given boxes in pictures of given widths."""

    name = identity = "scripted"
    device = "cpu"
    options = None

    def __init__(self, found: dict[int, np.ndarray]) -> None:
        self.found = found
        self.calls: list[tuple[int, int | None]] = []

    def __call__(self, image: Any, *, upsample: Any = None) -> Any:
        self.calls.append((image.shape[1], upsample))
        boxes = self.found[image.shape[1]]
        return Faces(boxes, np.ones(len(boxes), np.float32))


def scripted(**found: dict[int, np.ndarray]) -> dict[str, Detector]:
    return {name: Scripted(boxes) for name, boxes in found.items()}  # type: ignore[misc]


def test_counts_over_pictures() -> None:
    detectors = scripted(
        a={8: strip(0, 50), 9: strip(), 10: strip(0)},
        b={8: strip(1), 9: strip(3), 10: strip(1, 99)},
        c={8: strip(), 9: strip(), 10: strip()},
    )
    pictures = [np.zeros((4, width, 3), np.uint8) for width in (8, 9, 10)]
    result = compare_detectors(detectors, iter(pictures), upsample=1)
    assert result.pictures == 3
    assert [(t.name, t.faces, t.pictures_with_faces) for t in result.detectors] == [
        ("a", 3, 2), ("b", 4, 3), ("c", 0, 0),
    ]  # fmt: skip
    assert [(p.one, p.other, p.matched, p.only_one, p.only_other) for p in result.agreements] == [
        ("a", "b", 2, 1, 2), ("a", "c", 0, 3, 0), ("b", "c", 0, 4, 0),
    ]  # fmt: skip
    assert result.agreements[0].f1 == pytest.approx(4 / 7)
    first: Any = detectors["a"]
    assert first.calls == [(8, 1), (8, 1), (9, 1), (10, 1)]  # the first once more, not timed
    strict = compare_detectors(detectors, pictures, overlap=0.9)
    assert strict.agreements[0].matched == 0
    for tally in result.detectors:
        assert tally.seconds is not None
        assert tally.pictures_per_second == pytest.approx(1 / tally.seconds)
    said = result.as_dict()
    assert said["overlap"] == 0.4
    assert said["agreements"][0]["f1"] == result.agreements[0].f1


def test_no_picture_and_bad_options() -> None:
    detectors = scripted(a={}, b={})
    empty = compare_detectors(detectors, [])
    assert (empty.pictures, empty.detectors[0].seconds, empty.agreements[0].f1) == (0, None, None)
    with pytest.raises(OptionError, match="wanted one or more, found none"):
        compare_detectors({}, [])
    with pytest.raises(OptionError, match="overlap: wanted a number above 0, at most 1, found 0"):
        compare_detectors(detectors, [], overlap=0)


def test_detectors_here(monkeypatch: pytest.MonkeyPatch, five_points: Any, detector: Any) -> None:
    here = local_detectors()
    assert "dlib-hog-frontal" in here
    assert all(ZOO[name].kind.endswith("-detector") for name in here)
    assert not {"dlib-mmod-dog", "dlib-mmod-vehicle", "dlib-mmod-rear-vehicle"} & set(here)
    everywhere = {e.name for e in ZOO.values() if e.finds != "face"}
    assert everywhere >= {"dlib-mmod-dog", "dlib-mmod-vehicle", "dlib-mmod-rear-vehicle"}
    monkeypatch.setattr(detector_comparison.store, "locate", lambda _: None)
    assert local_detectors() == []
    assert as_detector(detector) is detector
    with pytest.raises(OptionError, match="wanted a detector, found ForestLandmarker"):
        as_detector(five_points)


def test_a_detector_agrees_with_itself(detector: Any, pictures: dict[str, np.ndarray]) -> None:
    some = [
        pictures["astronaut.png"],
        pictures["grace_hopper.jpg"],
        np.zeros((50, 50, 3), np.uint8),
    ]
    result = compare_detectors({"one": detector, "other": detector}, some)
    assert [(tally.faces, tally.pictures_with_faces) for tally in result.detectors] == [(2, 2)] * 2
    assert result.agreements[0].f1 == 1
