"""Glasses and mustaches: where they go, and how they are blended."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phiz.checks import F32, U8
from phiz.errors import OptionError, ShapeError
from phiz.formats.dlib_net import Match, search_architectures
from phiz.geometry import from_inclusive
from phiz.models.hipster import double, dress_dogs, hipsterize, place_glasses, place_mustache
from phiz.models.landmarks import ForestLandmarker
from phiz.nets import ARCHITECTURES
from phiz.runtime import Runtime
from phiz.values import Faces

DOG = np.array(  # top of the head, left ear, left eye, nose, right ear, right eye
    [[[60, 12], [20, 30], [82, 45], [63, 78], [104, 31], [41, 47]]], np.float32
)
NOTHING = np.zeros((6, 8, 4), np.uint8)


def plain(colour: tuple[int, int, int, int], rows: int = 76, columns: int = 236) -> U8:
    """A picture of one colour; the size is that of the published glasses, about."""
    return np.full((rows, columns, 4), colour, np.uint8)


def drawn_by_loop(image: U8, picture: U8, matrix: np.ndarray, shift: np.ndarray) -> U8:
    """dlib's loop and its fixed-point blend, one pixel after the other."""
    out = image.copy()
    for r in range(picture.shape[0]):
        for c in range(picture.shape[1]):
            x, y = (int(side) for side in np.floor(matrix @ (c, r) + shift + 0.5))
            if not (0 <= x < out.shape[1] and 0 <= y < out.shape[0]):
                continue
            alpha = int(picture[r, c, 3])
            for channel in range(3):
                source, under = int(picture[r, c, channel]), int(out[y, x, channel])
                if alpha == 255:
                    out[y, x, channel] = source
                else:
                    step = ((source - under) % 2**32 * alpha % 2**32) >> 8
                    out[y, x, channel] = (under + (step & 255)) % 256
    return out


def test_the_eyes_of_the_glasses_land_on_the_eyes() -> None:
    matrix, shift = place_glasses(DOG[0].astype(np.float64))
    np.testing.assert_allclose(matrix @ (352, 72) + shift, (82, 45), atol=1e-9)
    np.testing.assert_allclose(matrix @ (118, 70) + shift, (41, 47), atol=1e-9)
    assert np.linalg.det(matrix) > 0  # turned and scaled, not mirrored


def test_the_corners_of_the_mustache_land_beside_the_nose() -> None:
    matrix, shift = place_mustache(DOG[0].astype(np.float64), 82)
    # 1.3 (right eye - left eye) / 2 + nose = (63 - 26.65, 78 + 1.3), rounded; and the other way.
    np.testing.assert_allclose(matrix @ (0, 0) + shift, (36, 79), atol=1e-9)
    np.testing.assert_allclose(matrix @ (81, 0) + shift, (90, 77), atol=1e-9)


def test_halves_go_up_as_in_dlib() -> None:
    points = np.zeros((6, 2))
    points[2], points[5], points[3] = (25, 20), (20, 20), (0, 0)
    matrix, shift = place_mustache(points, 11)  # ends at -3.25 and 3.25
    np.testing.assert_allclose(matrix @ (0, 0) + shift, (-3, 0), atol=1e-9)
    np.testing.assert_allclose(matrix @ (10, 0) + shift, (3, 0), atol=1e-9)
    points[2] = (30, 20)  # -6.5 and 6.5
    matrix, shift = place_mustache(points, 11)
    np.testing.assert_allclose(matrix @ (0, 0) + shift, (-6, 0), atol=1e-9)
    np.testing.assert_allclose(matrix @ (10, 0) + shift, (7, 0), atol=1e-9)


def test_opaque_glasses_replace_and_clear_ones_leave() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 130, 3), dtype=np.uint8)
    np.testing.assert_array_equal(hipsterize(image, DOG, plain((9, 8, 7, 0)), NOTHING), image)
    made = hipsterize(image, DOG, plain((200, 30, 60, 255)), NOTHING)
    changed = (made != image).any(axis=2)
    np.testing.assert_array_equal(made[changed], np.tile([200, 30, 60], (changed.sum(), 1)))
    matrix, shift = place_glasses(DOG[0].astype(np.float64))
    corners = np.array([[0, 0], [473, 0], [0, 152], [473, 152]]) @ matrix.T + shift
    rows, columns = np.nonzero(changed)
    found = [columns.min(), rows.min(), columns.max(), rows.max()]
    expected = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    assert np.abs(found - np.clip(expected, 0, (129, 119, 129, 119))).max() <= 0.5
    assert made[45, 82].tolist() == made[47, 41].tolist() == [200, 30, 60]


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(3, 4), (6, 9), (11, 7)]),
    st.floats(0.05, 4),
    st.floats(-3, 3),
)
def test_blending_is_that_of_the_loop(
    seed: int, size: tuple[int, int], scale: float, angle: float
) -> None:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    glasses, mustache = (random.integers(0, 256, (*size, 4), dtype=np.uint8) for _ in range(2))
    for picture in (glasses, mustache):
        picture[random.random(size) < 0.2, 3] = 255
    across = 117 * scale * np.array([np.cos(angle), np.sin(angle)])
    middle = random.integers(5, 35, 2)
    points = np.zeros((1, 6, 2), np.float32)
    points[0, 2], points[0, 5] = np.round(middle + across), np.round(middle - across)
    points[0, 3] = middle + (0, 6)
    dog = points[0].astype(np.float64)
    expected = drawn_by_loop(image, double(glasses), *place_glasses(dog))
    big = double(mustache)
    expected = drawn_by_loop(expected, big, *place_mustache(dog, big.shape[1]))
    np.testing.assert_array_equal(hipsterize(image, points, glasses, mustache), expected)


def test_no_dogs_and_dogs_far_away_change_nothing() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    glasses = plain((1, 2, 3, 255))
    for points in (np.zeros((0, 6, 2), np.float32), DOG + 5000):
        made = hipsterize(image, points, glasses, glasses)
        assert made is not image
        np.testing.assert_array_equal(made, image)


def test_dogs_are_drawn_in_turn() -> None:
    image = np.zeros((200, 260, 3), np.uint8)
    glasses, mustache = plain((250, 20, 20, 128)), plain((20, 250, 20, 200), 20, 80)
    two = np.concatenate([DOG, DOG + (15, 10)]).astype(np.float32)
    one_by_one = hipsterize(image, two[:1], glasses, mustache)
    one_by_one = hipsterize(one_by_one, two[1:], glasses, mustache)
    np.testing.assert_array_equal(hipsterize(image, two, glasses, mustache), one_by_one)


def test_doubling_keeps_corners_and_opacity_apart() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    picture[:, :, 3] = 77
    large = double(picture)
    assert large.shape == (11, 16, 4)
    for row in (0, -1):
        # Positions are sums of steps, so the last one may fall short of a whole pixel.
        off = large[row, [0, -1]].astype(int) - picture[row, [0, -1]]
        assert np.abs(off).max() <= 1
    assert np.isin(large[:, :, 3], (76, 77)).all()
    assert double(np.empty((0, 3, 4), np.uint8)).shape == (0, 0, 4)


def test_bad_input_says_what_was_wanted() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ShapeError, match=r"dog landmarks: wanted shape \(any, 6, 2\)"):
        hipsterize(image, DOG[:, :5], NOTHING, NOTHING)
    with pytest.raises(ShapeError, match="finite"):
        hipsterize(image, np.full((1, 6, 2), np.nan, np.float32), NOTHING, NOTHING)
    with pytest.raises(ShapeError, match="a picture with transparency"):
        hipsterize(image, DOG, image, NOTHING)
    with pytest.raises(ShapeError, match="image: wanted dtype uint8"):
        hipsterize(image.astype(np.float32), DOG, NOTHING, NOTHING)


class KnownBoxes:
    """A detector that knows where dlib found dogs in one picture."""

    name = identity = device = "known"

    def __init__(self, boxes: F32) -> None:
        self._boxes = boxes

    def __call__(self, *_: object, **__: object) -> Faces:
        return Faces(self._boxes, np.zeros(len(self._boxes), np.float32))


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "dlib" / "hipsterizer"


@pytest.fixture(scope="module")
def match(golden: Path) -> Match:
    data = lzma.decompress((golden / "mmod_dog_hipsterizer_pattern.dat.xz").read_bytes())
    return search_architectures(data, "dog", [ARCHITECTURES["dlib-mmod-dog"]])


def landmarker(match: Match) -> ForestLandmarker:
    assert match.forest is not None
    runtime = Runtime(1)
    return ForestLandmarker(match.forest, name="t", identity="t", scheme="dog-6", runtime=runtime)


@pytest.mark.shared
def test_the_pictures_in_dlibs_file(golden: Path, match: Match) -> None:
    glasses, mustache = match.pictures
    np.testing.assert_array_equal(glasses, np.load(golden / "glasses_rgba.npy"))
    np.testing.assert_array_equal(mustache, np.load(golden / "mustache_rgba.npy"))


@pytest.mark.shared
def test_whole_program_on_dlibs_dogs(golden: Path, match: Match) -> None:
    image = np.array(Image.open(golden / "in_dogs_small.png").convert("RGB"))
    kept = json.loads((golden / "dogs_small_dets.json").read_text())
    boxes = from_inclusive(np.array([det["rect"] for det in kept["dets"]]))
    glasses, mustache = match.pictures
    made, dogs = dress_dogs(image, KnownBoxes(boxes), landmarker(match), glasses, mustache)
    assert dogs == 2
    expected = hipsterize(image, np.array(kept["shapes"], np.float32), glasses, mustache)
    np.testing.assert_array_equal(made, expected)
    assert 500 < (made != image).any(axis=2).sum() < made.size / 10


@pytest.mark.shared
def test_upsampling_doubles_the_picture(match: Match) -> None:
    image = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    nobody = KnownBoxes(np.zeros((0, 4), np.float32))
    made, dogs = dress_dogs(image, nobody, landmarker(match), NOTHING, NOTHING, upsample=2)
    assert made.shape == (2 * 61 + 1, 2 * 82 + 2, 3)
    assert dogs == 0
    with pytest.raises(OptionError, match="upsample: wanted 0 or more, found -1"):
        dress_dogs(image, nobody, landmarker(match), NOTHING, NOTHING, upsample=-1)
