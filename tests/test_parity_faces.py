"""Landmarks, chips, descriptors, jitter and clusters against dlib itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phiz
from phiz.geometry import ChipSpec, chip_template
from phiz.models.align import place_chip
from phiz.models.chips import cut_chip, cut_chips, jitter_chip
from phiz.models.crops import cut_crops
from phiz.models.dlib_images import jitter_images
from phiz.rng import DlibRandom
from tests.oracle import boxes_of, points_of, rectangles_of, variants
from tests.sources import weight_file

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def boxes(pictures: dict[str, np.ndarray], detector: Any) -> dict[str, np.ndarray]:
    """Real faces, and boxes that are off the face, tiny, tall, or half outside the picture."""
    random = np.random.default_rng(0)
    found = {}
    for name, picture in pictures.items():
        height, width = picture.shape[:2]
        corner = random.integers(-60, [width, height], (6, 2))
        sides = random.integers(2, 300, (6, 2))
        odd = np.concatenate([corner, corner + sides], axis=1).astype(np.float32)
        found[name] = np.concatenate([detector(picture).boxes, odd])
    return found


@pytest.mark.parametrize("model", ["dlib-landmarks-5", "dlib-landmarks-68"])
def test_every_point_is_dlibs(
    dlib: Any, pictures: dict[str, np.ndarray], boxes: dict[str, np.ndarray], model: str
) -> None:
    reference = dlib.shape_predictor(str(weight_file(model)))
    landmarker = phiz.load(model)
    faces = 0
    for name, picture in pictures.items():
        for image in (picture, variants(picture)["gray"]):
            found = landmarker(image, boxes[name])
            expected = [points_of(reference(image, r)) for r in rectangles_of(dlib, boxes[name])]
            np.testing.assert_array_equal(found.points, expected)
            faces += len(found)
    assert faces >= 28


@pytest.mark.parametrize("model", ["dlib-landmarks-5", "dlib-landmarks-68"])
@pytest.mark.parametrize(("size", "padding"), [(150, 0.25), (64, 0.2), (33, 0.0), (224, 0.5)])
def test_chips_are_dlibs(
    dlib: Any,
    pictures: dict[str, np.ndarray],
    boxes: dict[str, np.ndarray],
    model: str,
    size: int,
    padding: float,
) -> None:
    reference = dlib.shape_predictor(str(weight_file(model)))
    spec = ChipSpec("dlib", size, float(np.float32(padding)))  # dlib's module narrows it
    for name, picture in pictures.items():
        for rectangle in rectangles_of(dlib, boxes[name]):
            shape = reference(picture, rectangle)
            expected = dlib.get_face_chip(picture, shape, size, padding)
            chip = cut_chip(picture, place_chip(points_of(shape).astype(np.float64), spec))
            np.testing.assert_array_equal(chip, expected)


@given(
    st.sampled_from([5, 68]), st.integers(1, 200), st.floats(0, 1, width=32),
    st.tuples(st.integers(1, 300), st.integers(1, 300)), st.floats(0.5, 9), st.integers(0, 9999),
)  # fmt: skip
def test_chips_of_any_points_are_dlibs(
    dlib: Any, count: int, size: int, padding: float, shape: tuple[int, int], log: float, seed: int
) -> None:
    """Faces of any turn and size, far outside too; points in one place, in a line, and anywhere."""
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (*shape, 3), np.uint8)
    mean = np.full((count, 2), 0.5)
    used, template = chip_template(count, ChipSpec("dlib", 1, 0.0))
    mean[used] = template
    mean += random.normal(0, random.choice([0, 0.03, 2]), mean.shape)
    turn = random.uniform(-3.2, 3.2)
    matrix = 2**log * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.rint((mean - 0.5) @ matrix.T + random.uniform(-1, 2, 2) * shape[::-1])
    if random.random() < 0.2:
        points[:, 1] = points[:, 0]
    parts = [dlib.point(int(x), int(y)) for x, y in points]
    face = dlib.full_object_detection(dlib.rectangle(0, 0, 9, 9), parts)
    place = place_chip(points, ChipSpec("dlib", size, padding))
    details = dlib.get_face_chip_details(face, size, padding)
    where = details.rect
    assert place.rectangle == (where.left(), where.top(), where.right(), where.bottom())
    assert place.angle == details.angle
    expected = dlib.get_face_chip(picture, face, size, padding)
    np.testing.assert_array_equal(cut_chip(picture, place), expected)


def test_chips_that_share_a_pyramid_are_dlibs(
    dlib: Any, pictures: dict[str, np.ndarray], boxes: dict[str, np.ndarray]
) -> None:
    reference = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))
    for name, picture in pictures.items():
        shapes = dlib.full_object_detections()
        shapes.extend([reference(picture, r) for r in rectangles_of(dlib, boxes[name])])
        spec = ChipSpec("dlib", 40, 0.25)
        places = [place_chip(points_of(shape).astype(np.float64), spec) for shape in shapes]
        expected = dlib.get_face_chips(picture, shapes, 40, 0.25)
        np.testing.assert_array_equal(cut_chips(picture, places), expected)


def test_crops_of_pictures_are_dlibs(dlib: Any, pictures: dict[str, np.ndarray]) -> None:
    """Beyond the edges, at twice the size exactly, and where nothing is scaled."""
    random = np.random.default_rng(8)
    for picture in pictures.values():
        height, width = picture.shape[:2]
        for size in (32, 150, 224):
            low = random.integers(-40, [width // 2, height // 2], (6, 2))
            high = low + random.integers(20, 450, (6, 2))
            high[0], high[1] = low[0] + 2 * size - 1, low[1] + size - 1
            rectangles = np.concatenate([low, high], axis=1)
            details = [
                dlib.chip_details(dlib.drectangle(*row), dlib.chip_dims(size, size))
                for row in rectangles.tolist()
            ]
            expected = np.stack(dlib.extract_image_chips(picture, details))
            np.testing.assert_array_equal(cut_crops(picture, rectangles, size), expected)


def test_descriptors_are_dlibs_and_a_batch_equals_single_runs(
    dlib: Any, pictures: dict[str, np.ndarray], detector: Any, five_points: Any, describer: Any
) -> None:
    """Within 1e-4; 3e-7 is what is seen."""
    reference = dlib.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1")))
    predictor = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))
    chips = []
    expected = []
    for picture in pictures.values():
        faces = detector(picture)
        chips.append(phiz.align(picture, five_points(picture, faces)))
        for rectangle in rectangles_of(dlib, faces.boxes):
            shape = predictor(picture, rectangle)
            expected.append(reference.compute_face_descriptor(picture, shape))
    together = describer(np.concatenate(chips))
    assert len(together) >= 2
    np.testing.assert_allclose(together.vectors, np.array(expected), atol=1e-4)
    alone = [describer(chip).vectors[0] for chip in np.concatenate(chips)]
    np.testing.assert_array_equal(together.vectors, alone)


@pytest.fixture(scope="module")
def chip(pictures: dict[str, np.ndarray], detector: Any, five_points: Any) -> np.ndarray:
    picture = pictures["astronaut.png"]
    return phiz.align(picture, five_points(picture, detector(picture)))[0]


@pytest.mark.parametrize("disturb", [False, True])
def test_jittered_chips_are_dlibs(dlib: Any, chip: np.ndarray, disturb: bool) -> None:
    """dlib's own generator is fresh only once in a process: a new interpreter asks it."""
    import subprocess
    import sys

    code = (
        "import sys, numpy, dlib; c = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8);"
        "c = c.reshape(150, 150, 3).copy();"
        f"moved = dlib.jitter_image(c, num_jitters=40, disturb_colors={disturb});"
        "sys.stdout.buffer.write(numpy.array(moved).tobytes())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=chip.tobytes(), capture_output=True, check=True
    )
    expected = np.frombuffer(done.stdout, np.uint8).reshape(40, 150, 150, 3)
    moved = jitter_images(chip, DlibRandom(), 40, disturb=disturb)
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("jitter", [2, 7])
def test_jitter_descriptors_are_those_of_a_fresh_model(
    dlib: Any, describer: Any, chip: np.ndarray, jitter: int
) -> None:
    chips = np.stack([chip, chip[:, ::-1]])
    reference = dlib.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1")))
    expected = [reference.compute_face_descriptor(c.copy(), jitter) for c in chips]
    np.testing.assert_allclose(
        describer(chips, jitter=jitter).vectors, np.array(expected), atol=1e-4
    )
    again = describer(chips[:1], jitter=jitter)
    np.testing.assert_allclose(again.vectors[0], np.array(expected[0]), atol=1e-4)
    plain = describer(chips)
    np.testing.assert_array_equal(describer(chips, jitter=1).vectors, plain.vectors)


def test_labels_of_random_graphs_are_dlibs(dlib: Any) -> None:
    random = np.random.default_rng(0)
    for trial in range(80):
        nodes, count = int(random.integers(1, 90)), int(random.integers(1, 400))
        edges = random.integers(0, nodes, (count, 2))
        weights = random.random(count) * 4 - 1 if trial % 2 else None
        tuples = [tuple(map(int, edge)) for edge in edges]
        if weights is not None:
            tuples = [(*edge, float(w)) for edge, w in zip(tuples, weights, strict=True)]
        assert phiz.chinese_whispers(edges, weights).tolist() == list(dlib.chinese_whispers(tuples))


def test_labels_of_real_and_moved_descriptors_are_dlibs(
    dlib: Any, describer: Any, pictures: dict[str, np.ndarray], detector: Any, five_points: Any
) -> None:
    chips = [
        phiz.align(picture, five_points(picture, detector(picture)))
        for picture in pictures.values()
    ]
    chips = np.concatenate(chips)
    moved = [jitter_chip(c, DlibRandom(seed)) for c in chips for seed in range(12)]
    vectors = describer(np.stack(moved)).vectors
    rows = [dlib.vector(row) for row in vectors.astype(np.float64)]
    for threshold in (0.15, 0.3, 0.45, 0.6, 0.9):
        expected = list(dlib.chinese_whispers_clustering(rows, threshold))
        assert phiz.cluster(vectors, threshold=threshold).tolist() == expected


def test_no_faces_go_through_every_step(five_points: Any, describer: Any) -> None:
    blank = np.zeros((40, 30, 3), np.uint8)
    points = five_points(blank, [])
    assert points.points.shape == (0, 5, 2)
    chips = phiz.align(blank, points)
    assert chips.shape == (0, 150, 150, 3)
    assert describer(chips).vectors.shape == (0, 128)
    assert boxes_of([]).shape == (0, 4)
