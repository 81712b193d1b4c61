"""MTCNN: kernels, boxes, tiles and options; and face-api.js's own outputs, stage by stage."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.errors import OptionError, ShapeError
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Graph, apply
from phiz.graph.input_passes import exchange_axes, reverse_channels
from phiz.graph.layout_passes import flatten_pixels, pad_channels
from phiz.graph.ops import Op
from phiz.kernels.patches import fill_patches
from phiz.kernels.suppress import suppress
from phiz.kernels.tile import fill_tile
from phiz.models import mtcnn, mtcnn_boxes
from phiz.models.mtcnn import MtcnnDetector, MtcnnOptions
from phiz.models.mtcnn_boxes import Level, calibrate, levels, patches, tiles
from phiz.nets import TFJS_ARCHITECTURES, Networks
from phiz.runtime import Runtime
from phiz.values import Faces
from tests.test_faceapi_nets import drawn, published

RUNTIME = Runtime(2)
LOOSE = MtcnnOptions(score_thresholds=(0.9, 0.005, 0.9))  # what random networks give
MODEST = ("conv4_2", "fc2_1", "fc2_2")
FOLDERS = {"dlib": "dlib", "ex": "faceapi", "test": "faceapi/test"}


@cache
def sessions_of(networks: Networks) -> list[Any]:
    turned = [apply(graph, exchange_axes, reverse_channels) for graph in networks.graphs]
    return [compile_graph(graph, threads=1, at_once=2) for graph in turned]


def detector_of(networks: Networks, options: MtcnnOptions | None = None) -> MtcnnDetector:
    return MtcnnDetector(
        sessions_of(networks), name="mtcnn", identity="mtcnn", runtime=RUNTIME, options=options
    )


@pytest.fixture(scope="module")
def random_detector() -> MtcnnDetector:
    """A detector with random weights that moves boxes by parts of their size only."""
    tensors = {
        name: array * np.float32(0.05) if name.split("/")[1] in MODEST else array
        for name, array in drawn("faceapi-mtcnn")[1].items()
    }
    return detector_of(TFJS_ARCHITECTURES["faceapi-mtcnn"].networks(tensors, "drawn"), LOOSE)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    coarse = np.random.default_rng(1).integers(0, 256, (16, 22, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(5, axis=0).repeat(5, axis=1))


def same(one: Faces, other: Faces) -> None:
    np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(np.asarray(one.landmarks), np.asarray(other.landmarks))


# Suppression


def plain_suppress(
    boxes: np.ndarray, scores: np.ndarray, most: float, *, of_smaller: bool = False
) -> list[int]:
    """One pair after the other."""
    left, rows = np.argsort(scores, kind="stable").tolist(), boxes.tolist()
    kept = []
    while left:
        best = left.pop()
        kept.append(best)
        x0, y0, x1, y1 = rows[best]
        stay = []
        for other in left:
            a0, b0, a1, b1 = rows[other]
            meet = max(0.0, min(x1, a1) - max(x0, a0)) * max(0.0, min(y1, b1) - max(y0, b0))
            mine, its = (x1 - x0) * (y1 - y0), (a1 - a0) * (b1 - b0)
            whole = min(mine, its) if of_smaller else mine + its - meet
            if whole and meet / whole <= most:
                stay.append(other)
        left = stay
    return kept


sides = st.integers(0, 12) | st.integers(0, 90)


@given(
    st.lists(st.tuples(sides, sides, sides, sides, st.integers(0, 5)), max_size=60),
    st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]),
    st.booleans(),
)
def test_suppression_is_that_of_all_pairs(
    rows: list[tuple[int, ...]], most: float, of_smaller: bool
) -> None:
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    scores = (table[:, 4] / 8).astype(np.float32)
    kept = suppress(boxes, scores, most, of_smaller=of_smaller)
    assert kept.tolist() == plain_suppress(boxes, scores, most, of_smaller=of_smaller)


def test_suppression_of_many_boxes_of_many_sizes() -> None:
    random = np.random.default_rng(3)
    corners = random.uniform(0, 800, (900, 2))
    side = 10 * 1.4 ** random.integers(0, 12, (900, 1))
    boxes = np.concatenate([corners, corners + side], axis=1).round()
    scores = random.uniform(size=900).astype(np.float32)
    for most in (0.3, 0.5, 0.7):
        assert suppress(boxes, scores, most).tolist() == plain_suppress(boxes, scores, most)


# Pixels


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(0, 5))
def test_patches_are_bilinear_between_centres(
    height: int, width: int, side: int, edge: int
) -> None:
    random = np.random.default_rng(height * 41 + width)
    image = random.integers(0, 256, (height + 2 * edge, width + edge, 3), np.uint8)
    box = np.array([[edge, edge, edge + width, edge + height]])
    pixels = np.full((2, side, side, 3), np.nan, np.float32)
    fill_patches(image, np.repeat(box, 2, axis=0), 10.0, 0.5, pixels)

    def weights(length: int) -> np.ndarray:
        place = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
        return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(length)))

    part = image[edge : edge + height, edge : edge + width]
    real = np.einsum("yr,xc,rcn->yxn", weights(height), weights(width), part.astype(np.float64))
    values = pixels[1] / 0.5 + 10
    np.testing.assert_array_equal(values, values.round())
    np.testing.assert_allclose(values, real, atol=0.5 + 1e-9)
    np.testing.assert_array_equal(pixels[0], pixels[1])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(1, 50), st.data())
def test_a_tile_is_a_part_of_the_resized_picture(
    height: int, width: int, rows: int, columns: int, data: Any
) -> None:
    image = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))

    def neighbours(side: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = np.arange(size) * (side / size)
        low = np.floor(place).astype(int)
        return low, np.minimum(np.ceil(place).astype(int), side - 1), place - low

    (top, bottom, down), (left, right, across) = (
        neighbours(height, rows),
        neighbours(width, columns),
    )
    real = image.astype(np.float64)
    lines = real[:, left] + (real[:, right] - real[:, left]) * across[:, None]
    whole = lines[top] + (lines[bottom] - lines[top]) * down[:, None, None]
    pixels = np.full((rows - row, columns - column, 3), np.nan, np.float32)
    fill_tile(image, (rows, columns), (row, column), 100.0, 1 / 64, pixels)
    np.testing.assert_allclose(pixels, (whole[row:, column:] - 100) / 64, atol=2e-5)


# Networks that take pixels as pictures have them


def recipe(part: int) -> tuple[Graph, np.ndarray]:
    graph = drawn("faceapi-mtcnn")[0].graphs[part]
    rows, columns, _ = graph.inputs[0].shape
    shape = (2, rows or 21, columns or 34, 3)
    return graph, np.random.default_rng(2).standard_normal(shape, np.float32)


@pytest.mark.parametrize("part", range(3))
def test_turned_networks_give_the_same_numbers(part: int) -> None:
    graph, pixels = recipe(part)
    (source,) = graph.inputs
    turned = apply(graph, exchange_axes, reverse_channels)
    upright = np.ascontiguousarray(pixels.swapaxes(1, 2)[..., ::-1])
    found = ReferenceSession(turned).run({source.name: upright})
    for name, want in ReferenceSession(graph).run({source.name: pixels}).items():
        scale = max(1.0, float(np.abs(want).max()))
        np.testing.assert_allclose(found[name].swapaxes(2, 3), want, atol=1e-5 * scale)


def test_channels_are_padded_through_prelu_and_pools() -> None:
    graph, pixels = recipe(0)
    padded = apply(graph, flatten_pixels, pad_channels)
    counts = [n.params["weight"].shape[0] for n in padded.nodes if n.op is Op.CONV]
    assert counts == [16, 16, 32, 1, 4]
    for name, want in ReferenceSession(graph).run({"pixels": pixels}).items():
        found = ReferenceSession(padded).run({"pixels": pixels})[name]
        np.testing.assert_allclose(found, want, atol=1e-5 * max(1.0, float(np.abs(want).max())))


def test_networks_that_cannot_be_turned_are_refused() -> None:
    build = GraphBuilder("other")
    planes = build.add(Op.TO_PLANES, [build.pixels("pixels", 3, 4, 4)])
    summed = build.finish([build.add(Op.RESIZE, [planes], attrs={"rows": 2, "columns": 3})])
    with pytest.raises(ShapeError, match="resize cannot have its rows and columns exchanged"):
        exchange_axes(summed)
    with pytest.raises(ShapeError, match="resize cannot take its channels in another order"):
        reverse_channels(summed)


# Levels and tiles


@given(st.integers(13, 500), st.integers(13, 500))
def test_tiles_have_each_cell_of_a_level_once(rows: int, columns: int) -> None:
    tall, wide = (-(-(side - 2) // 2) - 4 for side in (rows, columns))
    times = np.zeros((tall, wide), int)
    for tile in tiles(Level(1.0, rows, columns)):
        (top, left), (height, width) = tile.first, tile.size
        assert (top, left) == (2 * tile.row, 2 * tile.column)
        assert top + height <= rows
        assert left + width <= columns
        down, across = (-(-(side - 2) // 2) - 4 for side in (height, width))
        times[tile.row : tile.row + down, tile.column : tile.column + across] += 1
    assert (times == 1).all()


@pytest.mark.parametrize("size", [(4, 6), (1000, 1000)])
def test_tiles_change_nothing(
    size: tuple[int, int],
    random_detector: MtcnnDetector,
    noise: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = random_detector(noise)
    monkeypatch.setattr(mtcnn_boxes, "_TILE", size)
    other = random_detector(noise)
    assert len(usual) > 5
    np.testing.assert_array_equal(other.boxes, usual.boxes)
    np.testing.assert_allclose(other.scores, usual.scores, atol=1e-6)


def test_levels_end_however_close_they_are() -> None:
    def found(side: int, factor: float, **more: Any) -> list[tuple[int, int]]:
        each = levels(side, 2 * side, smallest=12, factor=factor, most=5, **more)
        return [(level.rows, level.columns) for level in each]

    assert found(40, 0.5) == [(40, 80), (20, 40)]
    assert found(12, 1 - 1e-12) == []
    assert found(13, 1 - 1e-12) == [(13, 26)]
    assert found(400, 1 - 1e-12) == [(400, 800), *[(399, 799)] * 4]
    assert found(40, 0.5, steps=(0.25, 1.5, 0.33)) == [(60, 120), (13, 26)]


# The detector


def test_a_batch_gives_its_single_runs(random_detector: MtcnnDetector, noise: np.ndarray) -> None:
    tiny = np.zeros((9, 30, 3), np.uint8)
    pictures = [noise, tiny, noise[:, ::-1], noise[:60], noise[:, :, 0]]
    batch = random_detector(pictures)
    assert sum(len(faces) > 0 for faces in batch) == 4
    for faces, picture in zip(batch, pictures, strict=True):
        same(faces, random_detector(picture))
    assert random_detector([]) == []
    same(random_detector(np.stack([noise, noise]))[1], batch[0])


def test_threads_share_a_detector(random_detector: MtcnnDetector, noise: np.ndarray) -> None:
    pictures = [np.roll(noise, 9 * n, axis=1)[: 80 - 5 * n] for n in range(4)]
    alone = [random_detector(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for faces, want in zip(pool.map(random_detector, 2 * pictures), 2 * alone, strict=True):
            same(faces, want)


@pytest.mark.parametrize("size", [(1, 1), (12, 12), (12, 300), (21, 21), (22, 400)])
def test_small_pictures_are_found_empty(
    size: tuple[int, int], random_detector: MtcnnDetector
) -> None:
    faces = random_detector(np.full((*size, 3), 90, np.uint8), threshold=1.0)
    assert faces.boxes.shape == (0, 4)
    assert faces.landmarks is not None
    assert faces.landmarks.points.shape == (0, 5, 2)
    assert faces.landmarks.scheme == "mtcnn-5"


def test_the_threshold_is_the_last_one(random_detector: MtcnnDetector, noise: np.ndarray) -> None:
    every = random_detector(noise, upsample=0)
    most = float(np.median(every.scores))
    some = random_detector(noise, threshold=most)
    assert 0 < len(some) < len(every)
    assert (some.scores > most).all()
    assert (np.diff(every.scores) <= 0).all()


def test_points_are_those_of_the_face_or_as_the_original_numbers_them() -> None:
    boxes = np.array([[0, 0, 20, 20], [40, 0, 59, 19], [0, 40, 30, 70]], np.float64)
    scores = np.array([[0.2], [0.8], [0.9]], np.float32)
    points = np.arange(30, dtype=np.float32).reshape(3, 10) / 32
    judged = mtcnn._Judged(boxes, (scores, np.zeros((3, 4), np.float32), points))
    right = mtcnn._finish(judged, 0.7, as_original=False)
    np.testing.assert_array_equal(right.boxes, boxes[[2, 1]])
    want = np.stack([points[1, :5] * 20 + 40, points[1, 5:] * 20], axis=1)
    assert right.landmarks is not None
    np.testing.assert_array_equal(right.landmarks.points[1], want)
    wrong = mtcnn._finish(judged, 0.7, as_original=True)
    want = np.stack([points[0, :5] * 20 + 40, points[0, 5:] * 20], axis=1)
    assert wrong.landmarks is not None
    np.testing.assert_array_equal(wrong.landmarks.points[1], want)


def test_boxes_beside_the_picture_or_without_numbers_are_dropped() -> None:
    boxes = np.array(
        [[-9, -9, 5, 5], [50, 0, 60, 9], [51, 0, 60, 9], [-9, 0, 0, 9], [np.nan, 0, 9, 9]]
    )
    kept, pixels = patches(boxes, 40, 50)
    np.testing.assert_array_equal(kept, boxes[:2])
    np.testing.assert_array_equal(pixels, [[0, 0, 5, 5], [49, 0, 50, 9]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_face_size": 0.5}, {"min_face_size": np.nan}, {"min_face_size": "20"},
        {"scale_factor": 0.0}, {"scale_factor": 1}, {"max_num_scales": 0},
        {"max_num_scales": 2.5}, {"score_thresholds": (0.6, 0.7)}, {"score_thresholds": 0.6},
        {"score_thresholds": (0.6, 0.7, 1.5)}, {"score_thresholds": (0.6, None, 0.7)},
        {"scale_steps": (1.0, -1.0)}, {"scale_steps": 0.5}, {"scale_steps": (1e300,)},
        {"original_landmarks": "yes"},
    ],
)  # fmt: skip
def test_bad_options_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(OptionError, match=f"{name}: wanted"):
        MtcnnOptions(**wrong)


def test_calls_that_do_not_apply_are_refused(random_detector: MtcnnDetector) -> None:
    blank = np.zeros((50, 50, 3), np.uint8)
    for wrong in (1, -1, 0.5, True):
        with pytest.raises(OptionError, match=r"upsample: MTCNN wants 0.*min_face_size"):
            random_detector(blank, upsample=wrong)  # type: ignore[arg-type]
    for limit in (-0.1, 1.1, np.nan):
        with pytest.raises(OptionError, match="threshold: wanted a number from 0 to 1"):
            random_detector(blank, threshold=limit)
    networks = drawn("faceapi-mtcnn")[0]
    fine = detector_of(networks, MtcnnOptions(scale_steps=[12.0]))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="2000 x 2000 pixels at a scale of 12: wanted at most"):
        fine(np.zeros((2000, 2000, 3), np.uint8))
    with pytest.raises(ShapeError, match="wanted 3 networks, found 2"):
        MtcnnDetector(sessions_of(networks)[:2], name="m", identity="m", runtime=RUNTIME)


# face-api.js

Known = list[tuple[str, np.ndarray, dict[str, Any]]]


@pytest.fixture(scope="module")
def golden(shared: Path) -> Known:
    """Return pictures that are decoded here as they were for face-api.js, and what it found."""
    folder = shared / "golden" / "faceapi"
    index = json.loads((folder / "images_index.json").read_text())
    found = []
    for name, said in json.loads((folder / "mtcnn_shim.json").read_text()).items():
        prefix, file = index[name]["file"].split("_", 1)
        with Image.open(shared / "images" / FOLDERS[prefix] / file) as picture:
            pixels = np.array(picture.convert("RGB"))
        if hashlib.sha256(pixels.tobytes()).hexdigest() == said["rgb_sha256"]:
            found.append((name, pixels, said))
    assert len(found) >= 4  # those in PNG, whoever decodes them
    return found


def expected(said: dict[str, Any]) -> tuple[np.ndarray, list[float], np.ndarray]:
    faces = said["results"]
    boxes = np.array([face["box"] for face in faces]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    points = np.array([face["landmarks5"] for face in faces]).reshape(-1, 5, 2)
    return boxes, [face["score"] for face in faces], points


@pytest.mark.shared
def test_faces_of_the_original(golden: Known) -> None:
    detector = detector_of(published("faceapi-mtcnn"), MtcnnOptions(original_landmarks=True))
    found = detector([pixels for _, pixels, _ in golden])
    for faces, (_, _, said) in zip(found, golden, strict=True):
        boxes, scores, points = expected(said)
        np.testing.assert_array_equal(faces.boxes, boxes)
        np.testing.assert_allclose(faces.scores, scores, atol=5e-6)
        np.testing.assert_allclose(np.asarray(faces.landmarks), points, atol=0.005)


@pytest.mark.shared
def test_stages_of_the_original(golden: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many boxes after each level, before the R-Net and before the O-Net; points if all pass."""
    detector = detector_of(published("faceapi-mtcnn"))
    options, real = detector.options, mtcnn.suppress
    kept: list[int] = []

    def counting(*arguments: Any, **more: Any) -> np.ndarray:
        result = real(*arguments, **more)
        kept.append(len(result))
        return result

    monkeypatch.setattr(mtcnn, "suppress", counting)
    mixed_up = set()
    for name, pixels, said in golden:
        searched = mtcnn._levels(pixels, options)
        sizes = [{"height": level.rows, "width": level.columns} for level in searched]
        assert sizes == said["pyramid"]
        scales = said["scales"][: len(sizes)]
        np.testing.assert_allclose([level.scale for level in searched], scales, rtol=1e-6)
        kept.clear()
        proposed = detector._propose([pixels], options, 0.6)
        assert kept == [*said["stage1_numBoxes"], said["stage2_numInputBoxes"]]
        (judged,) = detector._judge([pixels], proposed, detector._rnet)
        refined = [mtcnn._refine(judged, 0.7)]
        assert len(refined[0]) == said["stage3_numInputBoxes"]
        (judged,) = detector._judge([pixels], refined, detector._onet)
        found = np.asarray(mtcnn._finish(judged, 0.7, as_original=False).landmarks)
        points = expected(said)[2]
        if (judged.said[0] > 0.7).all():
            np.testing.assert_allclose(found, points, atol=0.005)
        elif np.abs(found - points).max(initial=0) > 1:
            mixed_up.add(name)
    assert mixed_up == {"ex_bbt1", "ex_bbt3", "dlib_2009_004587"} & {name for name, *_ in golden}


@pytest.mark.shared
def test_boxes_of_the_original(shared: Path) -> None:
    cases = json.loads((shared / "golden" / "faceapi" / "geometry.json").read_text())

    def corners(box: list[float]) -> np.ndarray:
        x, y, wide, tall = box
        return np.array([[x, y, x + wide, y + tall]], np.float64)

    for case in cases["boxes"]:
        box = corners(case["box"])
        regions = np.array([case["calibrate_region"]])
        np.testing.assert_array_equal(calibrate(box, regions), corners(case["calibrate"]))
        square = np.floor(np.array(case["toSquare"]) + 0.5).tolist()
        np.testing.assert_array_equal(calibrate(box, np.zeros((1, 4), np.float32)), corners(square))
        places = case["padAtBorders"]
        want = [places["x"] - 1, places["y"] - 1, places["ex"], places["ey"]]
        _, pixels = patches(corners(case["round"]), case["H"], case["W"])
        has = want[0] < want[2] and want[1] < want[3]
        np.testing.assert_array_equal(pixels, np.array([want] if has else []).reshape(-1, 4))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("key", "most", "of_smaller"),
    [("keep_iou_0_4", 0.4, False), ("keep_iou_0_7", 0.7, False), ("keep_iom_0_7", 0.7, True)],
)
def test_suppression_of_the_original(key: str, most: float, of_smaller: bool, shared: Path) -> None:
    case = json.loads((shared / "golden" / "faceapi" / "geometry.json").read_text())["nms"]
    boxes = np.array(case["boxes"], np.float64)
    boxes[:, 2:] += boxes[:, :2]
    scores = np.array(case["scores"])
    assert len(set(case["scores"])) < len(scores)
    assert suppress(boxes, scores, most, of_smaller=of_smaller).tolist() == case[key]
