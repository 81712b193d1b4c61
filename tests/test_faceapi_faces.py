"""face-api.js's models that look at a face already found: landmarks, descriptors, attributes."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import skimage
from hypothesis import given
from hypothesis import strategies as st

import phiz
from phiz.backends.ort import compile_graph
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.geometry import DLIB_150, FACEAPI_112, FACEAPI_150, ChipSpec
from phiz.models.box_styles import BOX_MAPS, framed_for
from phiz.models.faceapi_classifier import EXPRESSIONS, GENDERS, FaceapiClassifier
from phiz.models.faceapi_crops import chip_crop, clip_boxes, square_of_face
from phiz.models.faceapi_describer import FaceapiDescriber
from phiz.models.faceapi_input import FaceNetOptions
from phiz.models.faceapi_landmarks import FaceapiLandmarker, from_square
from phiz.models.landmarks import ForestLandmarker
from phiz.nets import TFJS_ARCHITECTURES, Networks
from phiz.runtime import Runtime
from phiz.scores import Scores
from phiz.values import Faces, Landmarks
from tests.test_faceapi_nets import drawn
from tests.test_square import plain

RUNTIME = Runtime(2)


def parts(name: str, networks: Networks) -> tuple[Any, dict[str, Any]]:
    """Return a compiled network, and what every model of face-api.js is made with."""
    pixels = TFJS_ARCHITECTURES[name].pixels
    common = {"name": name, "identity": name, "pixels": pixels, "runtime": RUNTIME}
    return compile_graph(networks.graphs[0], threads=2), common


def landmarker(networks: Networks, name: str = "faceapi-landmarks-68") -> FaceapiLandmarker:
    session, common = parts(name, networks)
    return FaceapiLandmarker(session, **common)


def describer(networks: Networks, divisor: int = 256) -> FaceapiDescriber:
    session, common = parts("faceapi-face-resnet", networks)
    options = FaceNetOptions(divisor)
    return FaceapiDescriber(
        session, chip=FACEAPI_150, space="faces", threshold=0.6, options=options, **common
    )


def expression(networks: Networks) -> FaceapiClassifier:
    session, common = parts("faceapi-expression", networks)
    return FaceapiClassifier(
        session, chip=FACEAPI_112, labels=EXPRESSIONS, output="logits", **common
    )


def age_gender(networks: Networks, divisor: int = 256) -> FaceapiClassifier:
    session, common = parts("faceapi-age-gender", networks)
    return FaceapiClassifier(
        session,
        chip=FACEAPI_112,
        labels=GENDERS,
        output="gender",
        age="age",
        options=FaceNetOptions(divisor),
        **common,
    )


@cache
def random_landmarker() -> FaceapiLandmarker:
    return landmarker(drawn("faceapi-landmarks-68")[0])


@cache
def random_describer() -> FaceapiDescriber:
    return describer(drawn("faceapi-face-resnet")[0])


@cache
def random_age_gender() -> FaceapiClassifier:
    return age_gender(drawn("faceapi-age-gender")[0])


class Boxes:
    """A detector that finds given boxes."""

    name = identity = "boxes"
    device = "cpu"

    def __init__(self, boxes: Any, style: str | None = None) -> None:
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)
        self.box_style = style

    def __call__(self, *_: object, **__: object) -> Faces:
        return Faces(self._boxes, np.ones(len(self._boxes), np.float32))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def sides(boxes: np.ndarray) -> np.ndarray:
    """Return boxes (n, 4) ``x0 y0 x1 y1`` as the original has them: ``x y width height``."""
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def face(scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """Return 68 points (1, 68, 2) float32: eyes at 30 and 70 across, 40 down, the mouth 80 down."""
    points = np.zeros((68, 2), np.float32)
    points[:17] = np.linspace((0, 30), (100, 30), 17)
    points[17:36] = (50, 40)
    points[36:42], points[42:48], points[48:] = (30, 40), (70, 40), (50, 80)
    return (points * scale + (x, y)).astype(np.float32)[None]


# Where a face is looked at.

box_numbers = st.floats(-60, 120, width=32)


@given(box_numbers, box_numbers, st.floats(0, 150, width=32), st.floats(0, 150, width=32))
def test_boxes_are_clipped_and_floored(x: float, y: float, width: float, height: float) -> None:
    (found,) = clip_boxes(np.array([[x, y, x + width, y + height]]), 90, 70)
    for i, (start, end, limit) in enumerate(((x, x + width, 90), (y, y + height, 70))):
        first = max(start, 0.0)
        count = np.floor(min(end - first, limit - first))
        if count <= 0:
            assert found[i + 2] == found[i]
        else:
            assert (found[i], found[i + 2]) == (np.floor(first), np.floor(first) + count)
        assert 0 <= found[i] <= found[i + 2] <= limit


def test_huge_boxes_show_the_picture_or_nothing() -> None:
    far = 3e38
    boxes = np.array([[-far, -far, far, far], [far, 0, far, 5], [-far, 0, -far, 5]])
    assert clip_boxes(boxes, 90, 70)[0].tolist() == [0, 0, 90, 70]
    assert (sides(clip_boxes(boxes, 90, 70))[1:, 2] == 0).all()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 10**6))
def test_points_of_a_padded_square_come_back(width: int, height: int, seed: int) -> None:
    inside = np.random.default_rng(seed).uniform(0, 1, (1, 68, 2)) * (width, height)
    side = max(width, height)
    padded = (inside + (side - np.array([width, height])) / 2) / side
    crop = np.array([[7, 9, 7 + width, 9 + height]])
    np.testing.assert_allclose(from_square(padded, crop), inside, atol=1e-9)


def test_a_face_is_described_by_a_square_over_eyes_and_mouth() -> None:
    points = face(x=100, y=50)[0].astype(float)
    size = np.floor(np.hypot(20, 40) / 0.45)
    middle = np.array([150, 50 + (40 + 40 + 80) / 3])
    corner = np.floor(middle - np.array([0.5, 0.43]) * size)
    np.testing.assert_array_equal(square_of_face(points), [*corner, *(corner + size)])
    # Near the upper left corner a small crop cuts it off.
    near = square_of_face(face()[0].astype(float), (70.0, 95.0))
    np.testing.assert_array_equal(sides(near), [0, 10, 70, 99])
    five = np.array([[130, 90], [170, 90], [150, 110], [140, 130], [160, 130]], float)
    np.testing.assert_array_equal(square_of_face(five), square_of_face(points))


# Chips.


def test_upright_chips_show_what_they_say() -> None:
    image = noise(300, 260, 3)
    points = Landmarks(face(x=80, y=60), "ibug-68")
    for spec in (FACEAPI_150, FACEAPI_112):
        (chip,) = phiz.align(image, points, chip=spec)
        x0, y0, x1, y1 = chip_crop(points.points[0].astype(float), spec, None, (300, 260))
        assert chip.dtype == np.float32
        want = plain(image[y0:y1, x0:x1], spec.size, centred=True)
        np.testing.assert_allclose(chip, want, atol=1e-3)
    (bare,) = phiz.align(image, points.points, chip=FACEAPI_112)
    np.testing.assert_array_equal(bare, chip)


def test_boxes_cut_the_square_off() -> None:
    image, points = noise(300, 260, 3), Landmarks(face(), "ibug-68")
    box = np.array([[0, 0, 70, 95]], np.float32)
    faces = Faces(box, np.ones(1, np.float32))
    (chip,) = phiz.align(image, points, chip=FACEAPI_150, boxes=faces)
    np.testing.assert_allclose(chip, plain(image[10:109, :70], 150, centred=True), atol=1e-3)
    with pytest.raises(ShapeError, match=r"boxes: wanted shape \(1, 4\), found \(2, 4\)"):
        phiz.align(image, points, chip=FACEAPI_150, boxes=np.zeros((2, 4)))


def test_outside_the_picture_a_chip_is_black() -> None:
    points = np.concatenate([face(x=5000), face(y=60), face(0.01)])
    chips = phiz.align(noise(60, 80, 3), points, chip=FACEAPI_112)
    assert chips.shape == (3, 112, 112, 3)
    assert not chips.any()
    assert phiz.align(noise(9, 9, 3), Landmarks.none("ibug-68"), chip=FACEAPI_112).shape[0] == 0


FITTING = {
    "dlib": {"dlib-5", "ibug-68"},
    "faceapi-align": {"ibug-68", "mtcnn-5"},
    "faceapi-bounds": {"ibug-68"},
}


@pytest.mark.parametrize("spec", [DLIB_150, FACEAPI_150, FACEAPI_112], ids=str)
@pytest.mark.parametrize(("scheme", "count"), [("dlib-5", 5), ("mtcnn-5", 5), ("ibug-68", 68)])
def test_landmarks_that_do_not_fit_a_chip_are_refused(
    spec: ChipSpec, scheme: Any, count: int
) -> None:
    points = Landmarks(noise(2, count, 2).astype(np.float32), scheme)
    image = noise(50, 50, 3)
    if scheme in FITTING[spec.kind]:
        assert phiz.align(image, points, chip=spec).shape == (2, spec.size, spec.size, 3)
    else:
        with pytest.raises(ShapeError, match=f"found {scheme}: take a landmark model of 68"):
            phiz.align(image, points, chip=spec)


def test_odd_chips_are_refused() -> None:
    with pytest.raises(OptionError, match="no padding, found 0"):
        ChipSpec("faceapi-align", 150, 0.2)
    with pytest.raises(ShapeError, match="finite"):
        phiz.align(noise(9, 9, 3), np.full((68, 2), np.nan), chip=FACEAPI_112)
    with pytest.raises(ShapeError, match="a faceapi-bounds chip wants ibug-68, found dlib-5"):
        phiz.align(noise(9, 9, 3), np.zeros((5, 2)), chip=FACEAPI_112)


# Landmarks, descriptors and scores with random weights.


def test_points_are_counted_from_the_boxs_own_corner() -> None:
    image, find = noise(120, 160, 3), random_landmarker()
    whole = find(image, [[10, 20, 70, 90]]).points
    moved = find(image, [[10.75, 20.5, 70.75, 90.5]]).points  # the same pixels
    np.testing.assert_allclose(moved - whole, np.broadcast_to((0.75, 0.5), whole.shape), atol=1e-4)
    inside = find(image, [[0, 0, 50, 60]]).points
    leaving = find(image, [[-8, -9, 50, 60]]).points
    np.testing.assert_allclose(leaving - inside, np.broadcast_to((-8, -9), whole.shape), atol=1e-4)
    assert find(image, [10, 20, 70, 90]).points.shape == (1, 68, 2)
    assert find(image, []).points.shape == (0, 68, 2)
    assert find.scheme == "ibug-68"


def test_a_box_without_a_pixel_is_refused() -> None:
    good = [5, 5, 30, 30]
    for bad in ([50, 5, 70, 30], [-30, 5, 0, 20], [0.1, 0.1, 0.9, 0.9], [9, 9, 4, 20]):
        with pytest.raises(ShapeError, match=r"whole pixel of the 50 x 40 .* at index 1"):
            random_landmarker()(noise(40, 50, 3), [good, bad])


def test_landmarks_in_a_batch_equal_single_runs() -> None:
    image, find = noise(90, 120, 3), random_landmarker()
    start = np.random.default_rng(0).uniform(-10, 80, (40, 2))
    boxes = np.concatenate([start, start + np.random.default_rng(1).uniform(20, 60, (40, 2))], 1)
    together = find(image, boxes).points
    for box, points in zip(boxes, together, strict=True):
        np.testing.assert_array_equal(find(image, box[None]).points[0], points)


def test_descriptors_and_scores_in_a_batch_equal_single_runs() -> None:
    chips = noise(35, 150, 150, 3)
    vectors = random_describer()(chips).vectors
    small = np.ascontiguousarray(chips[:, :112, :112])
    scores = random_age_gender()(small)
    assert scores.age is not None
    for i in range(0, 35, 4):
        np.testing.assert_array_equal(random_describer()(chips[i]).vectors[0], vectors[i])
        alone = random_age_gender()(small[i])
        np.testing.assert_array_equal(alone.probs[0], scores.probs[i])
        assert alone.age is not None
        assert alone.age[0] == scores.age[i]


def test_chips_may_be_floats_or_crops_of_any_sizes() -> None:
    chips, describe = noise(3, 150, 150, 3), random_describer()
    want = describe(chips).vectors
    np.testing.assert_array_equal(describe(chips.astype(np.float32)).vectors, want)
    np.testing.assert_array_equal(describe(list(chips)).vectors, want)
    crop = noise(70, 40, 3)
    resized = plain(crop, 150, centred=True).astype(np.float32)
    found = describe([chips[0], crop]).vectors
    np.testing.assert_array_equal(found[0], want[0])
    np.testing.assert_allclose(found[1], describe(resized).vectors[0], rtol=1e-4)
    for nothing in ([], np.zeros((0, 150, 150, 3), np.uint8)):
        assert describe(nothing).vectors.shape == (0, 128)


@pytest.mark.parametrize(
    ("chips", "error", "words"),
    [
        (noise(2, 112, 112, 3), ShapeError, r"wanted shape \(any, 150, 150, 3\)"),
        (np.zeros((2, 150, 150, 3)), ShapeError, "wanted uint8 or float32 RGB, found float64"),
        (np.full((150, 150, 3), np.nan, np.float32), ShapeError, "finite"),
        ([np.zeros((20, 20, 3), np.float32)], ImageError, "wanted dtype uint8"),
        ([np.zeros((0, 20, 3), np.uint8)], ImageError, "at least one pixel"),
    ],
)
def test_other_chips_are_refused(chips: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        random_describer()(chips)


def test_jitter_belongs_to_dlib() -> None:
    chip, describe = noise(150, 150, 3), random_describer()
    np.testing.assert_array_equal(describe(chip, jitter=1).vectors, describe(chip).vectors)
    for jitter in (2, -1):
        with pytest.raises(OptionError, match=f"wanted 0 or 1, found {jitter}"):
            describe(chip, jitter=jitter)


def test_another_divisor_is_another_space() -> None:
    networks = drawn("faceapi-face-resnet")[0]
    other = describer(networks, 255)
    assert (random_describer().space, other.space) == ("faces", "faces/255")
    assert other.identity != random_describer().identity
    chip = noise(150, 150, 3)
    with pytest.raises(phiz.SpaceError):
        other(chip).distances(random_describer()(chip))
    with pytest.raises(OptionError, match="255 or 256, found 254"):
        FaceNetOptions(254)


def test_an_age_beside_other_labels() -> None:
    probs = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    scores = Scores(probs, GENDERS, np.array([31.5, -2.5], np.float32), age_apart=True)
    assert scores[[1]].age_apart
    assert scores.years is not None
    assert scores.years.tolist() == [32, -3]
    session, common = parts("faceapi-age-gender", drawn("faceapi-age-gender")[0])
    wrong = FaceapiClassifier(
        session, chip=FACEAPI_112, labels=EXPRESSIONS, output="gender", **common
    )
    with pytest.raises(ShapeError, match="wanted 7 outputs, found 2"):
        wrong(noise(112, 112, 3))


# Boxes of one detector for the landmark models of another.


@pytest.mark.parametrize("styles", list(BOX_MAPS), ids="-to-".join)
def test_a_box_map_moves_and_scales_with_its_box(styles: tuple[Any, Any]) -> None:
    change = BOX_MAPS[styles]
    boxes = np.array([[10, 20, 110, 120], [-30, 5, 50, 185]], np.float32)
    (square, upright) = sides(change(boxes))
    np.testing.assert_allclose(square[2:], (100 * change.width, 100 * change.height), rtol=1e-6)
    np.testing.assert_allclose(square[0] + square[2] / 2, 60, rtol=1e-6)
    np.testing.assert_allclose(square[1] + square[3] / 2, 70 + 100 * change.down, rtol=1e-6)
    np.testing.assert_allclose(upright[2:], (120 * change.width, 120 * change.height), rtol=1e-6)
    np.testing.assert_allclose(change(boxes * 3 + 7), change(boxes) * 3 + 7, atol=1e-3)
    assert change(boxes[:0]).shape == (0, 4)


def test_maps_bring_boxes_of_a_face_to_each_other() -> None:
    """What dlib's detector and face-api.js's tiny one find is the same, there and back."""
    there, back = (BOX_MAPS["faceapi-tiny", "dlib-hog"], BOX_MAPS["dlib-hog", "faceapi-tiny"])
    box = np.array([[0, 0, 105, 100]], np.float32)
    np.testing.assert_allclose(back(there(box)), box, atol=2)


def test_boxes_are_mapped_where_a_map_is_known() -> None:
    faces = Faces(np.array([[10, 20, 110, 120]], np.float32), np.ones(1, np.float32))
    find = random_landmarker()
    assert framed_for(find, faces, Boxes([])) is faces
    mapped = framed_for(find, faces, Boxes([], "dlib-hog"))
    np.testing.assert_array_equal(mapped.boxes, BOX_MAPS["dlib-hog", "faceapi-tiny"](faces.boxes))
    image = noise(200, 240, 3)
    table = phiz.analyze(
        image,
        detector=Boxes(faces.boxes, "dlib-hog"),
        landmarks=find,
        descriptor=random_describer(),
    )
    np.testing.assert_array_equal(table.boxes, faces.boxes)  # the detector's own
    points = find(image, mapped)
    np.testing.assert_array_equal(table.landmarks, points.points)
    chips = phiz.align(image, points, chip=FACEAPI_150, boxes=mapped)
    np.testing.assert_array_equal(table.descriptors, random_describer()(chips).vectors)


def test_mapped_boxes_find_dlibs_points(detector: Any, sixty_eight_points: Any) -> None:
    """A frame like the SSD's, made from a HOG box, is brought back to it."""
    image = skimage.data.astronaut()
    faces = detector(image)
    change = BOX_MAPS["faceapi-ssd", "dlib-hog"]
    (x0, y0, x1, y1) = faces.boxes[0].astype(float)
    side = (x1 - x0) / change.width
    size = np.array([0.8, 1.25]) * side
    middle = np.array([x0 + x1, y0 + y1]) / 2 - (0, change.down * side)
    frame = np.array([[*(middle - size / 2), *(middle + size / 2)]], np.float32)
    forest = ForestLandmarker(
        sixty_eight_points._forest,
        name="points",
        identity="points",
        scheme="ibug-68",
        runtime=RUNTIME,
        box_style="dlib-hog",
    )
    found = Faces(frame, np.ones(1, np.float32))
    mapped = framed_for(forest, found, Boxes([], "faceapi-ssd"))
    np.testing.assert_allclose(mapped.boxes[0], faces.boxes[0], atol=1e-3)
    want = sixty_eight_points(image, faces[[0]]).points
    np.testing.assert_array_equal(forest(image, mapped).points, want)
    assert np.abs(forest(image, found).points - want).max() > 1


# Everything composes.


def test_a_pipeline_of_faceapi_models(sixty_eight_points: Any, describer: Any) -> None:
    image = noise(200, 240, 3)
    boxes = [[20, 30, 120, 150], [300, 10, 360, 90], [110.5, 60.25, 230, 190]]
    own, ages = random_describer(), random_age_gender()
    table = phiz.analyze(
        image,
        detector=Boxes(boxes),
        landmarks=random_landmarker(),
        descriptor=own,
        attributes=[ages],
    )
    kept = np.array([boxes[0], boxes[2]], np.float32)  # the other one is not in the picture
    np.testing.assert_array_equal(table.boxes, kept)
    points = random_landmarker()(image, kept)
    np.testing.assert_array_equal(table.landmarks, points.points)
    chips = phiz.align(image, points, chip=FACEAPI_150, boxes=kept)
    np.testing.assert_array_equal(table.descriptors, own(chips).vectors)
    scores = ages(phiz.align(image, points, chip=FACEAPI_112))
    assert sorted(table.attributes) == [ages.name, f"{ages.name}.age", f"{ages.name}.score"]
    np.testing.assert_array_equal(table.attributes[f"{ages.name}.age"], scores.age)
    assert table.attributes[ages.name].tolist() == [row[0][0] for row in scores.top(1)]

    # dlib's descriptors from face-api.js's landmarks, and the other way round.
    mixed = phiz.analyze(image, detector=Boxes(kept), landmarks=random_landmarker())
    want = describer(phiz.align(image, points)).vectors
    np.testing.assert_array_equal(mixed.descriptors, want)
    other = phiz.analyze(image, detector=Boxes(kept), landmarks=sixty_eight_points, descriptor=own)
    chips = phiz.align(image, sixty_eight_points(image, kept), chip=FACEAPI_150, boxes=kept)
    np.testing.assert_array_equal(other.descriptors, own(chips).vectors)


def test_a_recipe_of_models_that_do_not_fit_is_refused(five_points: Any) -> None:
    with pytest.raises(ShapeError, match="a faceapi-align chip wants ibug-68 or mtcnn-5"):
        phiz.pipeline.Recipe(Boxes([]), five_points, random_describer())
