"""The HOG detector against dlib itself: same boxes, same order, same sub-detector.

Scores may differ by 1e-4 because sums are taken in another order; 5e-6 is what is seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import phiz
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector
from phiz.models.hog import HogDetector
from phiz.runtime import Runtime
from tests import dlib_writer as write
from tests.oracle import boxes_of, variants

pytestmark = pytest.mark.oracle


def assert_same(faces: phiz.Faces, answer: Any) -> None:
    rectangles, scores, sub = answer
    np.testing.assert_array_equal(faces.boxes, boxes_of(rectangles))
    assert faces.sub.tolist() == list(sub)
    np.testing.assert_allclose(faces.scores, scores, atol=1e-4)


@pytest.mark.parametrize(("upsample", "threshold"), [(0, 0.0), (0, -0.7), (1, 0.0)])
def test_boxes_order_and_sub_detector_are_dlibs(
    dlib: Any,
    detector: Any,
    pictures: dict[str, np.ndarray],
    upsample: int,
    threshold: float,
) -> None:
    reference = dlib.get_frontal_face_detector()
    found = 0
    for picture in pictures.values():
        if picture.size > 3e6:  # dlib takes seconds for the largest ones
            picture = np.ascontiguousarray(picture[::2, ::2])
        for image in variants(picture).values():
            faces = detector(image, upsample=upsample, threshold=threshold)
            assert_same(faces, reference.run(image, upsample, threshold))
            found += len(faces)
    assert found >= 10 * len(pictures) // 2


def test_every_small_size_is_searched_as_dlib_searches_it(
    dlib: Any, detector: Any, pictures: dict[str, np.ndarray]
) -> None:
    reference = dlib.get_frontal_face_detector()
    picture = pictures["astronaut.png"][:260, 120:330]
    for height in (1, 2, 9, 16, 23, 64, 79, 80, 100, 143):
        for width in (1, 8, 17, 63, 81, 96, 121):
            image = np.ascontiguousarray(picture[:height, :width])
            assert_same(detector(image, threshold=-1.0), reference.run(image, 0, -1.0))


def test_two_upsamplings(dlib: Any, detector: Any, pictures: dict[str, np.ndarray]) -> None:
    image = np.ascontiguousarray(pictures["astronaut.png"][::4, ::4])
    assert_same(detector(image, upsample=2), dlib.get_frontal_face_detector().run(image, 2, 0.0))


def test_a_batch_of_different_sizes_equals_its_single_runs(
    detector: Any, pictures: dict[str, np.ndarray]
) -> None:
    images = [image for picture in pictures.values() for image in variants(picture[:500]).values()]
    for alone, together in zip(map(detector, images), detector(images), strict=True):
        np.testing.assert_array_equal(alone.boxes, together.boxes)
        np.testing.assert_array_equal(alone.scores, together.scores)


def test_another_detector_with_other_windows(dlib: Any, tmp_path: Any, pictures: Any) -> None:
    """Filters of other sizes than the frontal detector's, of full rank, read from a file."""
    image = np.ascontiguousarray(pictures["astronaut.png"][::2, ::2])
    for window, detectors in ((32, 2), (56, 1)):
        data = write.fhog_detector(window=window, detectors=detectors, seed=window)
        path = tmp_path / f"{window}.svm"
        path.write_bytes(data)
        reference = dlib.fhog_object_detector(str(path))
        value = read_fhog_detector(Cursor(data, "f"))
        mine = HogDetector(value, name="test", identity="test", runtime=Runtime(2))
        faces = mine(image, threshold=-0.5)
        assert len(faces) > 3
        assert_same(faces, reference.run(image, 0, -0.5))


def test_one_thread_and_many_find_the_same(pictures: dict[str, np.ndarray]) -> None:
    image = pictures["astronaut.png"]
    one = phiz.load("dlib-hog-frontal", threads=1)(image, upsample=1)
    many = phiz.load("dlib-hog-frontal", threads=5)(image, upsample=1)
    np.testing.assert_array_equal(one.boxes, many.boxes)
    np.testing.assert_array_equal(one.scores, many.scores)
