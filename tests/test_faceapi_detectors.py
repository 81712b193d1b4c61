"""face-api.js's SSD and tiny detectors: golden boxes, post-processing, batches, options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.formats.tfjs import read_tfjs
from phiz.geometry import box_iou, overlap_nms
from phiz.models.faceapi_squares import reshaped
from phiz.models.faceapi_ssd import SsdDetector, SsdOptions
from phiz.models.faceapi_yolo import YoloDetector, YoloOptions
from phiz.nets.faceapi import TFJS_ARCHITECTURES
from phiz.runtime import Runtime
from phiz.values import Faces
from tests.sources import need_faceapi

RUNTIME = Runtime(2)
SSD = TFJS_ARCHITECTURES["faceapi-ssd-mobilenetv1"]
MEAN = TFJS_ARCHITECTURES["faceapi-tiny"].pixels.mean
NAMES = ("faceapi-ssd-mobilenetv1", "faceapi-tiny", "faceapi-tiny-yolov2")
FOLDERS = {"ex": "faceapi", "test": "faceapi/test", "dlib": "dlib"}
Detector = SsdDetector | YoloDetector
Load = Callable[..., Detector]


class Fixed:
    """A session whose network says the same of every picture."""

    def __init__(self, **values: np.ndarray) -> None:
        self._values = values

    def run(self, feeds: Any) -> dict[str, np.ndarray]:
        (pixels,) = feeds.values()
        return {
            name: np.repeat(value[None], len(pixels), 0) for name, value in self._values.items()
        }


def ssd_of(
    boxes: np.ndarray,
    logits: np.ndarray,
    anchors: np.ndarray,
    options: SsdOptions | None = None,
) -> SsdDetector:
    """A detector whose network gives these (m, 4) moves and (m,) logits."""
    classes = np.zeros((1, len(logits), 3), np.float32)
    classes[0, :, 1] = logits
    session = Fixed(boxes=boxes[None].astype(np.float32), classes=classes)
    anchors = anchors.astype(np.float32)
    return SsdDetector(
        session,
        anchors,
        pixels=SSD.pixels,
        name="fixed",
        identity="fixed",
        runtime=RUNTIME,
        options=options,
    )


def yolo_of(cells: np.ndarray, options: YoloOptions | None = None) -> YoloDetector:
    """A detector whose network gives these (25, rows, columns) numbers."""
    session = Fixed(conv8=cells.astype(np.float32))
    return YoloDetector(
        session, mean=MEAN, name="fixed", identity="fixed", runtime=RUNTIME, options=options
    )


@pytest.fixture(scope="module")
def load() -> Load:
    """Return a function that makes a detector with its published weights, compiled once."""
    known: dict[str, Any] = {}

    def make(name: str, options: Any = None) -> Detector:
        arch = TFJS_ARCHITECTURES[name]
        if name not in known:
            manifest = need_faceapi(arch.file)
            networks = arch.networks(read_tfjs(manifest).tensors(), str(manifest))
            known[name] = compile_graph(networks.graphs[0], threads=2), networks.arrays
        session, arrays = known[name]
        common = {"name": name, "identity": name, "runtime": RUNTIME, "options": options}
        if "anchors" in arrays:
            return SsdDetector(session, arrays["anchors"], pixels=arch.pixels, **common)
        return YoloDetector(session, mean=arch.pixels.mean, **common)

    return make


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Return pictures that are decoded here as they were for face-api.js, and what it found."""
    found = {}
    for path in sorted((shared / "golden" / "faceapi" / "images").glob("*.json")):
        said = json.loads(path.read_text())
        prefix, name = said["file"].split("_", 1)
        with Image.open(shared / "images" / FOLDERS[prefix] / name) as file:
            pixels = np.array(file.convert("RGB"))
        if hashlib.sha256(pixels.tobytes()).hexdigest() == said["rgb_sha256"]:
            found[path.stem] = pixels, said
    assert len(found) >= 3  # those in PNG, whoever decodes them
    return found


def agree(faces: Faces, wanted: list[dict[str, Any]]) -> None:
    """Compare with face-api.js's x, y, width, height."""
    boxes = np.array([face["box"] for face in wanted]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    assert len(faces) == len(boxes)
    np.testing.assert_allclose(faces.boxes, boxes, rtol=0, atol=0.02)
    np.testing.assert_allclose(faces.scores, [f["score"] for f in wanted], rtol=0, atol=5e-5)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("faceapi-ssd-mobilenetv1", SsdOptions(), "ssd_minConfidence_0_5"),
        ("faceapi-ssd-mobilenetv1", SsdOptions(0.1), "ssd_minConfidence_0_1"),
        *(("faceapi-tiny", YoloOptions(side), f"tiny {side}") for side in (160, 320, 416, 608)),
        ("faceapi-tiny", YoloOptions(score_threshold=0.1), "tiny 416_score_0_1"),
        ("faceapi-tiny-yolov2", YoloOptions(), "tinyYolov2_416"),
    ],
    ids=str,
)
def test_the_originals_faces(
    load: Load, golden: dict[str, Any], name: str, options: Any, key: str
) -> None:
    detector = load(name, options)
    faces = detector([pixels for pixels, _ in golden.values()])
    for found, (_, said) in zip(faces, golden.values(), strict=True):
        wanted = said
        for part in key.split():
            wanted = wanted[part]
        agree(found, wanted)


@pytest.mark.shared
def test_the_forks_faces(load: Load, golden: dict[str, Any], shared: Path) -> None:
    """Its SSD takes the same pixels as the original's; the tiny detector's are divided by 255."""
    path = shared / "golden" / "faceapi" / "vladmandic_1_7_15.json"
    said = json.loads(path.read_text())["images"]
    detector = load("faceapi-tiny", YoloOptions(divisor=255))
    faces = detector([pixels for pixels, _ in golden.values()])
    for stem, found in zip(golden, faces, strict=True):
        agree(found, said[stem]["tiny416"])


def corners(boxes: Any) -> np.ndarray:
    array = np.array(boxes, float)
    return np.concatenate([array[:, :2], array[:, :2] + array[:, 2:]], axis=1)


@pytest.mark.shared
def test_the_originals_suppression(shared: Path) -> None:
    said = json.loads((shared / "golden" / "faceapi" / "geometry.json").read_text())
    nms = said["nms"]
    boxes, scores = corners(nms["boxes"]), np.array(nms["scores"])
    order = np.argsort(scores, kind="stable")[::-1]
    for most, key in ((0.4, "keep_iou_0_4"), (0.7, "keep_iou_0_7")):
        assert order[overlap_nms(boxes[order], most)].tolist() == nms[key]
    ssd = said["ssd_nms"]
    boxes, scores = np.array(ssd["boxes_yxyx"]), np.array(ssd["scores"])
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0.5]
    kept = order[overlap_nms(boxes[order], 0.5)]
    assert kept.tolist() == ssd["keep_max100_iou05_score05"]
    assert order[overlap_nms(boxes[order], 0.5, 3)].tolist() == ssd["keep_max3"]


@pytest.mark.shared
@pytest.mark.parametrize("pattern", "AB")
def test_the_originals_ssd_boxes(shared: Path, pattern: str) -> None:
    """Some rows, decoded one at a time, so that none suppresses another."""
    folder = shared / "golden" / "faceapi" / "raw"
    raw = np.load(folder / f"ssd_pattern{pattern}.npz")
    moves = raw["ssd_boxPredictions"].reshape(-1, 4)
    logits = raw["ssd_classPredictions"].reshape(-1, 3)[:, 1]
    boxes, scores = raw["ssd_boxes"], raw["ssd_scores"]
    anchors = np.load(folder / "ssd_patternA.npz")["ssd_anchors_extra_dim"].reshape(-1, 4)
    white = np.zeros((512, 512, 3), np.uint8)
    rows = np.random.default_rng(0).choice(len(boxes), 60, replace=False)
    for row in rows:
        detector = ssd_of(
            moves[row : row + 1],
            logits[row : row + 1],
            anchors[row : row + 1],
            SsdOptions(min_confidence=1e-9),
        )
        faces = detector(white)
        want = np.clip(boxes[row, [1, 0, 3, 2]], 0, 1) * 512
        np.testing.assert_allclose(faces.boxes[0], want, atol=2e-3)
        np.testing.assert_allclose(faces.scores[0], scores[row], rtol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_its_single_runs(
    load: Load, pictures: dict[str, np.ndarray], name: str
) -> None:
    detector = load(name)
    images = [picture[:600] for picture in list(pictures.values())[:6]] * 4
    images.insert(1, np.ascontiguousarray(images[0][::-1, ::3]))
    singles = [detector(image) for image in images]
    assert sum(len(faces) for faces in singles) >= 1
    for one, other in zip(singles, detector(images), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 5), (40, 900)], ids=str)
def test_small_and_long_pictures(load: Load, name: str, shape: tuple[int, int]) -> None:
    faces = load(name)(np.full((*shape, 3), 200, np.uint8), threshold=0.01)
    assert np.isfinite(faces.boxes).all()
    assert (faces.boxes[:, 2:] >= faces.boxes[:, :2]).all()
    if name == "faceapi-ssd-mobilenetv1":
        assert (faces.boxes >= 0).all()


def test_no_picture_is_no_work_and_an_empty_one_an_error() -> None:
    detector = yolo_of(np.zeros((25, 13, 13)))
    assert detector([]) == []
    with pytest.raises(ImageError):
        detector(np.zeros((0, 5, 3), np.uint8))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SsdOptions(min_confidence=0), "min_confidence"),
        (lambda: SsdOptions(min_confidence=1), "min_confidence"),
        (lambda: SsdOptions(min_confidence=None), "min_confidence"),  # type: ignore[arg-type]
        (lambda: SsdOptions(max_results=0), "max_results"),
        (lambda: SsdOptions(max_results=2.5), "max_results"),  # type: ignore[arg-type]
        (lambda: YoloOptions(input_size=0), "input_size"),
        (lambda: YoloOptions(input_size=100), "input_size"),
        (lambda: YoloOptions(input_size=96), "input_size"),
        (lambda: YoloOptions(input_size=640), "input_size"),
        (lambda: YoloOptions(input_size=416.0), "input_size"),  # type: ignore[arg-type]
        (lambda: YoloOptions(score_threshold=float("nan")), "score_threshold"),
        (lambda: YoloOptions(score_threshold=False), "score_threshold"),
        (lambda: YoloOptions(divisor=254), "divisor"),
    ],
)
def test_options_that_face_api_refuses(make: Callable[[], object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        make()


@pytest.mark.parametrize(
    "detector",
    [
        ssd_of(np.zeros((1, 4)), np.zeros(1), np.array([[0, 0, 1, 1]])),
        yolo_of(np.zeros((25, 13, 13))),
    ],
    ids=repr,
)
def test_call_keywords(detector: Detector) -> None:
    picture = np.zeros((20, 10, 3), np.uint8)
    assert len(detector(picture, upsample=0)) == len(detector(picture)) == 0  # 0.5 is not above
    assert len(detector(picture, threshold=0.4)) >= 1
    with pytest.raises(OptionError, match="do not double"):
        detector(picture, upsample=1)
    for threshold in (0, 1, -0.5):
        with pytest.raises(OptionError, match="above 0 and below 1"):
            detector(picture, threshold=threshold)


def test_a_network_of_another_size_is_refused() -> None:
    picture = np.zeros((20, 10, 3), np.uint8)
    with pytest.raises(ShapeError, match="12, 12"):
        yolo_of(np.zeros((25, 12, 12)))(picture)
    with pytest.raises(ShapeError, match="boxes: wanted shape"):
        ssd_of(np.zeros((2, 4)), np.zeros(2), np.zeros((3, 4)))(picture)


def test_numbers_without_bounds_are_no_faces() -> None:
    picture = np.zeros((20, 10, 3), np.uint8)
    wild = np.full((25, 13, 13), 1e30)
    assert len(yolo_of(wild)(picture)) == 0
    assert len(yolo_of(np.full((25, 13, 13), np.nan))(picture)) == 0
    moves = np.array([[1e38, 0, 0, 0], [0, 0, 1e38, 0], [np.nan, 0, 0, 0]])
    anchors = np.tile([0.0, 0, 1, 1], (3, 1))
    assert len(ssd_of(moves, np.full(3, 9), anchors)(picture)) == 1  # far off, cut to an edge


sides = st.integers(1, 700)


@given(st.integers(0, 2**32 - 1), sides, sides, st.floats(0.05, 0.95), st.integers(1, 9))
def test_what_the_ssd_decodes(
    seed: int, height: int, width: int, threshold: float, most: int
) -> None:
    random = np.random.default_rng(seed)
    low = random.uniform(0, 0.8, (50, 2))
    anchors = np.concatenate([low, low + random.uniform(0.02, 0.4, (50, 2))], axis=1)
    logits = random.normal(0, 2, 50).round(1)
    moves = random.normal(0, 1, (50, 4))
    detector = ssd_of(moves, logits, anchors, SsdOptions(threshold, most))
    faces = detector(np.zeros((height, width, 3), np.uint8))
    scores = 1 / (1 + np.exp(-logits))
    assert len(faces) <= most
    assert (len(faces) > 0) == bool((scores > threshold).any())
    if len(faces):
        assert faces.scores[0] == np.float32(scores.max())
    assert (np.diff(faces.scores) <= 0).all()
    assert (faces.scores > threshold).all()
    inside = np.array(reshaped(height, width, 512)[::-1]) / 512  # rounded, so is the end
    end = np.array([width, height]) / inside
    assert (faces.boxes >= 0).all()
    assert (faces.boxes[:, 2:] <= end * (1 + 1e-6)).all()


@given(st.integers(0, 2**32 - 1), sides, sides, st.sampled_from([128, 160, 416]))
def test_what_a_yolo_decodes(seed: int, height: int, width: int, side: int) -> None:
    """Against a loop over every anchor of every cell."""
    random = np.random.default_rng(seed)
    n = side // 32
    cells = random.normal(0, 0.5, (25, n, n)).astype(np.float32)
    cells[4::5] = random.normal(-3, 1.5, (5, n, n)).round(1)  # some scores are equal
    faces = yolo_of(cells, YoloOptions(side))(np.zeros((height, width, 3), np.uint8))
    rows, columns = reshaped(height, width, side)
    anchors = [
        (1.603231, 2.094468), (6.041143, 7.080126), (2.882459, 3.518061), (4.266906, 5.178857),
        (9.041765, 10.66308),
    ]  # fmt: skip
    found = []
    for row in range(n):
        for column in range(n):
            for k, anchor in enumerate(anchors):
                x, y, w, h, score = cells[5 * k : 5 * k + 5, row, column].astype(float)
                if 1 / (1 + np.exp(-score)) <= 0.5:
                    continue
                at = (column + 1 / (1 + np.exp(-x))) / n * side / columns * width
                down = (row + 1 / (1 + np.exp(-y))) / n * side / rows * height
                wide = np.exp(w) * anchor[0] / n * side / columns * width
                tall = np.exp(h) * anchor[1] / n * side / rows * height
                box = (at - wide / 2, down - tall / 2, at + wide / 2, down + tall / 2)
                found.append((1 / (1 + np.exp(-score)), len(found), box))
    kept: list[Any] = []
    for score, _, box in sorted(found, reverse=True):
        if all(box_iou(np.array([box]), np.array([other]))[0, 0] <= 0.4 for _, other in kept):
            kept.append((score, box))
    np.testing.assert_allclose(faces.scores, [score for score, _ in kept], rtol=1e-6)
    want = np.array([box for _, box in kept]).reshape(-1, 4)
    np.testing.assert_allclose(faces.boxes, want, rtol=1e-5, atol=1e-3)


@given(
    st.lists(st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(0, 20)] * 2), max_size=15),
    st.floats(0, 1),
)
def test_suppression_keeps_the_first_of_what_overlaps(
    rows: list[tuple[int, int, int, int]], most: float
) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows], float).reshape(-1, 4)
    kept = overlap_nms(boxes, most)
    overlaps = box_iou(boxes, boxes)
    assert (np.diff(kept) > 0).all()
    for index in range(len(boxes)):
        before = kept[kept < index]
        assert (index in kept) == bool((overlaps[index, before] <= most).all())


@pytest.mark.parametrize(
    ("size", "side", "want"),
    [((473, 710), 512, (341, 512)), ((710, 473), 416, (416, 277)), ((64, 101), 112, (71, 112)),
     ((1, 5000), 512, (1, 512))],
)  # fmt: skip
def test_what_a_picture_fills(size: tuple[int, int], side: int, want: tuple[int, int]) -> None:
    assert reshaped(*size, side) == want
