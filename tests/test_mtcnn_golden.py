"""MTCNN against outputs of face-api.js, kept in ../shared, stage by stage."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.kernels.suppress import suppress
from phiz.models import mtcnn
from phiz.models.mtcnn import MtcnnOptions
from phiz.models.mtcnn_boxes import calibrate, patches
from tests.test_faceapi_nets import published
from tests.test_mtcnn import detector_of

pytestmark = pytest.mark.shared

FOLDERS = {"dlib": "dlib", "ex": "faceapi", "test": "faceapi/test"}
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


def test_faces_of_the_original(golden: Known) -> None:
    detector = detector_of(published("faceapi-mtcnn"), MtcnnOptions(original_landmarks=True))
    found = detector([pixels for _, pixels, _ in golden])
    for faces, (_, _, said) in zip(found, golden, strict=True):
        boxes, scores, points = expected(said)
        np.testing.assert_array_equal(faces.boxes, boxes)
        np.testing.assert_allclose(faces.scores, scores, atol=5e-6)
        np.testing.assert_allclose(np.asarray(faces.landmarks), points, atol=0.005)


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
