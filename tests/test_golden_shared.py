"""Against the reference data: outputs of dlib's C++ library, kept in ../shared or PHIZ_SHARED.

Made with dlib 19.24 (Debian), 20.0.1 (dlib-bin) and the 2026 snapshot; see its manifests.
"""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import phiz
from phiz.backends.ort import compile_graph
from phiz.backends.reference import ReferenceSession
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector
from phiz.formats.dlib_net import search_architectures
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.geometry import ChipSpec
from phiz.graph.graph import Graph
from phiz.kernels.chip import halve
from phiz.kernels.fhog import BINS, features, histogram
from phiz.kernels.pyramid import resize_planes
from phiz.models.align import place_chip
from phiz.models.chips import cut_chip
from phiz.models.hog import HogDetector
from phiz.models.landmarks import ForestLandmarker
from phiz.nets import ARCHITECTURES
from phiz.runtime import Runtime
from tests.sources import weight_file

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "dlib"


def picture(path: Path) -> np.ndarray:
    image = Image.open(path)
    return np.array(image if image.mode == "L" else image.convert("RGB"))


def planes(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1))


def array(path: Path) -> np.ndarray:
    if path.exists():
        return np.load(path)
    with lzma.open(path.with_name(path.name + ".xz")) as file:
        return np.load(file)


@pytest.fixture(scope="module")
def resnet() -> Graph:
    data = weight_file("dlib-face-resnet-v1").read_bytes()
    return search_architectures(data, "resnet", ARCHITECTURES.values()).graph


@pytest.fixture(scope="module")
def chips(golden: Path) -> np.ndarray:
    return np.stack([picture(path) for path in sorted((golden / "chips150").glob("*.png"))])


def test_descriptors_of_the_cpp_library(golden: Path, chips: np.ndarray, describer: Any) -> None:
    expected = np.load(golden / "resnet29" / "descriptors_cpp.npy").reshape(len(chips), 128)
    np.testing.assert_allclose(describer(chips).vectors, expected, atol=1e-6)


def test_jittered_descriptors_of_fresh_models(
    golden: Path, chips: np.ndarray, describer: Any
) -> None:
    expected = np.load(golden / "resnet29" / "descriptors_py2001_jit5_fresh_model.npy")
    for chip, vector in zip(chips, expected, strict=False):
        np.testing.assert_allclose(describer(chip, jitter=5).vectors[0], vector, atol=1e-6)


@pytest.mark.parametrize("backend", ["reference", "onnxruntime"])
def test_every_layer_of_the_unfused_network(
    golden: Path, chips: np.ndarray, resnet: Graph, backend: str
) -> None:
    """dlib dumps what a layer's buffer holds: an in-place layer above may have changed it."""
    layers = json.loads((golden / "resnet29" / "chip000_layers.json").read_text())
    names = {_number(node.name): node.name for node in resnet.nodes if node.name[-1].isdigit()}
    outputs = [node.name for node in resnet.nodes]
    session = (
        ReferenceSession(resnet, outputs)
        if backend == "reference"
        else compile_graph(resnet, threads=2, fold=False, outputs=outputs)
    )
    values = session.run({"image": chips[:1]})
    compared = 0
    for layer in layers:
        stats = layer.get("output")
        if not stats:
            continue
        index = layer.get("buffer_holds_output_of", layer["idx"])
        if index not in names:
            continue
        value = values[names[index]].reshape(-1).astype(np.float64)
        scale = max(1.0, np.abs(value).max())
        step = [j * (value.size - 1) // 31 for j in range(32)]
        np.testing.assert_allclose(value[step] / scale, np.array(stats["samples32"]) / scale,
                                   atol=2e-6)  # fmt: skip
        assert abs(value.sum() - stats["sum"]) <= 1e-6 * stats["abssum"] + 1e-4
        compared += 1
    assert compared > 60
    for number in (128, 127, 121, 119, 2, 1):
        expected = array(golden / "resnet29" / f"layer_{number}.npy")
        found = values[names[number]]
        np.testing.assert_allclose(found, expected, atol=2e-6 * np.abs(expected).max())


def _number(name: str) -> int:
    return int(re.findall(r"\d+$", name)[0])


@pytest.mark.parametrize("name", ["pattern", "photo"])
@pytest.mark.parametrize("kind", ["rgb", "gray"])
def test_pyramid_levels_to_the_last_bit(golden: Path, name: str, kind: str) -> None:
    folder = golden / "train" / "image"
    source = planes(picture(folder / (f"{name}.png" if kind == "rgb" else f"{name}_gray.png")))
    level = source
    for number in range(1, 5):
        smaller = np.empty((len(level), 5 * level.shape[1] // 6, 5 * level.shape[2] // 6), np.uint8)
        resize_planes(level, smaller)
        expected = planes(picture(folder / f"{name}_{kind}_pyrdown6_l{number}.png"))
        np.testing.assert_array_equal(smaller, expected)
        level = smaller
    doubled = np.empty((len(source), 2 * source.shape[1] + 1, 2 * source.shape[2] + 2), np.uint8)
    resize_planes(source, doubled)
    np.testing.assert_array_equal(
        doubled, planes(picture(folder / f"{name}_{kind}_pyramid_up.png"))
    )
    for size in ("40x50", "130x170"):
        rows, columns = map(int, size.split("x"))
        other = np.empty((len(source), rows, columns), np.uint8)
        resize_planes(source, other)
        expected = planes(picture(folder / f"{name}_{kind}_resize{size}.png"))
        np.testing.assert_array_equal(other, expected)


@pytest.mark.parametrize("name", ["pattern", "photo"])
def test_halving_to_the_last_bit(golden: Path, name: str) -> None:
    folder = golden / "train" / "image"
    source = picture(folder / f"{name}.png")
    np.testing.assert_array_equal(halve(source), picture(folder / f"{name}_rgb_pyrdown2.png"))


@pytest.mark.parametrize("name", ["pattern", "photo"])
@pytest.mark.parametrize(("kind", "cell"), [("rgb", 8), ("rgb", 4), ("gray", 8), ("gray", 4)])
def test_hog_features(golden: Path, name: str, kind: str, cell: int) -> None:
    folder = golden / "train" / "fhog"
    image = planes(picture(folder / (f"{name}.png" if kind == "rgb" else f"{name}_gray.png")))
    expected = np.load(folder / f"{name}_{kind}_cell{cell}.npy")
    rows, columns = expected.shape[0] + 2, expected.shape[1] + 2
    hist = np.zeros((rows + 2, (columns + 2) * BINS), np.float32)
    histogram(image, cell, hist)
    out = np.zeros((31, rows - 2, columns - 2), np.float32)
    features(hist, out, 0, 0)
    np.testing.assert_allclose(out.transpose(1, 2, 0), expected, atol=2e-6)


def test_hog_detections_of_the_cpp_library(golden: Path) -> None:
    folder = golden / "train" / "fhog"
    data = (folder / "frontal_face_detector.svm").read_bytes()
    assert data == weight_file("dlib-hog-frontal").read_bytes()
    detector = HogDetector(
        read_fhog_detector(Cursor(data, "svm")), name="t", identity="t", runtime=Runtime(2)
    )
    image = picture(folder / "full.png")
    answers = json.loads((folder / "frontal_face_scores.json").read_text())
    for threshold in (0.0, -0.5, -1.0):
        dets = answers[f"dets_adjust_{threshold:g}"]
        faces = detector(image, threshold=threshold)
        rectangles = np.array([det["rect"] for det in dets], np.float32)
        np.testing.assert_array_equal(faces.boxes, rectangles + (0, 0, 1, 1))
        np.testing.assert_allclose(faces.scores, [det["score"] for det in dets], atol=1e-4)


def test_bald_guys_boxes_scores_and_landmarks(
    shared: Path, golden: Path, detector: Any, five_points: Any, sixty_eight_points: Any
) -> None:
    folder = golden / "resnet29"
    image = phiz.read_image(shared / "images" / "dlib" / "bald_guys.jpg")
    faces = detector(image)
    found = json.loads((folder / "bald_guys_fhog_py2001.json").read_text())
    rectangles = np.array(found["rects"], np.float32)
    np.testing.assert_array_equal(faces.boxes, rectangles + (0, 0, 1, 1))
    np.testing.assert_allclose(faces.scores, found["scores"], atol=1e-4)
    assert faces.sub.tolist() == found["detector_idx"]
    shapes = json.loads((folder / "bald_guys_py2001.json").read_text())
    for landmarker, parts in ((five_points, "parts5"), (sixty_eight_points, "parts68")):
        expected = np.array([shape[parts] for shape in shapes])
        np.testing.assert_array_equal(landmarker(image, faces).points, expected)


def test_bald_guys_are_four_men(shared: Path) -> None:
    """The example of the 2017 post; its labels from the live oracle on the same pixels."""
    dlib = pytest.importorskip("dlib")
    image = phiz.read_image(shared / "images" / "dlib" / "bald_guys.jpg")
    labels = phiz.cluster(phiz.analyze(image))
    predictor = dlib.shape_predictor(str(weight_file("dlib-landmarks-5")))
    network = dlib.face_recognition_model_v1(str(weight_file("dlib-face-resnet-v1")))
    vectors = [
        network.compute_face_descriptor(image, predictor(image, box))
        for box in dlib.get_frontal_face_detector()(image)
    ]
    assert labels.tolist() == list(dlib.chinese_whispers_clustering(vectors, 0.6))
    assert np.bincount(labels).tolist() == [6, 6, 6, 6]


def test_chips_of_the_cpp_library(golden: Path) -> None:
    folder = golden / "train" / "image"
    image = picture(folder / "full.png")
    kept = json.loads((folder / "chips.json").read_text())
    different = total = 0
    for chip in kept:
        points = np.array(chip["parts"], np.float64)
        place = place_chip(points, ChipSpec("dlib", chip["size"], chip["padding"]))
        np.testing.assert_allclose(place.rectangle, chip["chip_rect"], rtol=1e-12)
        assert place.angle == pytest.approx(chip["angle"], abs=1e-12)
        off = np.abs(cut_chip(image, place).astype(int) - picture(folder / chip["file"]))
        assert off.max() <= 1
        different += int((off > 0).sum())
        total += off.size
    assert len(kept) == 24
    # The last bit of a place depends on how dlib was built; the wheel's is ours.
    assert different <= 2 + total // 1_000_000


def test_graphs_of_the_cpp_library(golden: Path) -> None:
    graphs = json.loads((golden / "train" / "graphs" / "chinese_whispers.json").read_text())
    assert len(graphs) == 7
    for graph in graphs:
        rows = np.array(graph["edges"], np.float64).reshape(-1, 3)
        edges, weights = rows[:, :2].astype(np.int64), rows[:, 2]
        assert phiz.chinese_whispers(edges, weights).tolist() == graph["labels"]
        five = phiz.chinese_whispers(edges, weights, iterations=5)
        assert five.tolist() == graph["labels_5_iterations"]


def test_shape_predictor_written_by_the_newest_dlib(golden: Path) -> None:
    folder = golden / "hipsterizer"
    value = json.loads((folder / "toy_shape_predictor.json").read_text())
    forest = read_shape_predictor(Cursor((folder / "toy_shape_predictor.dat").read_bytes(), "toy"))
    landmarker = ForestLandmarker(
        forest, name="t", identity="t", scheme="dog-6", runtime=Runtime(1)
    )
    for sample in value["samples"]:
        image = picture(folder / sample["image"])
        found = landmarker.place(image, np.array([sample["rect"]]))
        np.testing.assert_array_equal(found.points[0], sample["pred"])
