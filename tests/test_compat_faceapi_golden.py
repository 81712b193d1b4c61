"""face-api.js's own outputs, kept in ../shared or PHIZ_SHARED, through its way of asking.

Source: face-api.js 0.22.2 on TensorFlow.js; see the manifest beside the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from phiz.compat import faceapi
from phiz.compat.faceapi import Box, FaceDetection, FaceLandmarks68, FaceResult
from phiz.runtime import Runtime

pytestmark = pytest.mark.shared

FOLDERS = {"ex": "faceapi", "test": "faceapi/test", "dlib": "dlib"}


@pytest.fixture(scope="module")
def golden(shared: Path) -> Callable[[str], Any]:
    return lambda name: json.loads((shared / "golden" / "faceapi" / name).read_text("utf-8"))


def sides(box: Box | FaceDetection) -> list[float]:
    if isinstance(box, FaceDetection):
        box = box.box
    return [box.x, box.y, box.width, box.height]


def near(found: Any, want: Any, within: float) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(want, float), 0, within)


# Golden outputs.


def pictures(shared: Path) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Yield the pictures that are decoded here as they were for face-api.js, and what it said."""
    for path in sorted((shared / "golden" / "faceapi" / "images").glob("*.json")):
        said = json.loads(path.read_text("utf-8"))
        prefix, name = said["file"].split("_", 1)
        with Image.open(shared / "images" / FOLDERS[prefix] / name) as file:
            pixels = np.array(file.convert("RGB"))
        if hashlib.sha256(pixels.tobytes()).hexdigest() == said["rgb_sha256"]:
            yield pixels, said


def agree(found: FaceResult, want: dict[str, Any]) -> None:
    near(sides(found.detection), want["detection"]["box"], 0.02)
    near(sides(found.detection.relative_box), want["detection"]["relBox"], 1e-4)
    near(found.detection.score, want["detection"]["score"], 5e-5)
    assert found.landmarks is not None
    assert found.unshifted_landmarks is not None
    assert found.aligned_rect is not None
    near(found.landmarks.positions, want["landmarks"], 0.02)
    box = found.detection.box
    near(found.unshifted_landmarks.positions + (box.x, box.y), want["landmarks"], 0.02)
    near(sides(found.aligned_rect), want["alignedRect"], 0.02)
    near(sides(found.landmarks.align(use_dlib_alignment=True)), want["dlibAlignedRect"], 0)
    near(found.descriptor, want["descriptor"], 1e-5)


def test_every_step_with_the_ssd(faceapi_runtime: Runtime, shared: Path) -> None:
    count = 0
    for pixels, said in pictures(shared):
        faces = faceapi.detect_all_faces(pixels, runtime=faceapi_runtime).with_face_landmarks()
        task = faces.with_face_expressions().with_age_and_gender().with_face_descriptors()
        for found, want in zip(task, said["pipeline_ssd"], strict=True):
            agree(found, want)
            assert found.expressions is not None
            assert found.landmarks is not None
            names = list(found.expressions)
            near(list(found.expressions.values()), [want["expressions"][n] for n in names], 5e-5)
            near(found.age, want["age"], 1e-3)
            assert found.gender == want["gender"]
            near(found.gender_probability, want["genderProbability"], 5e-5)
            assert list(found.landmarks.image_dims) == want["landmarks_imgDims"]
            count += 1
    assert count >= 1


def test_tiny_detector_and_tiny_landmarks(faceapi_runtime: Runtime, shared: Path) -> None:
    options = faceapi.TinyFaceDetectorOptions()
    for pixels, said in pictures(shared):
        faces = faceapi.detect_all_faces(pixels, options, runtime=faceapi_runtime)
        task = faces.with_face_landmarks(use_tiny=True).with_face_descriptors()
        for found, want in zip(task, said["pipeline_tiny416_tinylandmarks"], strict=True):
            agree(found, want)


def test_boxes_of_the_original(golden: Callable[[str], Any]) -> None:
    said = golden("geometry.json")
    boxes = [Box(*row["box"]) for row in said["boxes"]]
    for box, row in zip(boxes, said["boxes"], strict=True):
        assert sides(box.floor()) == row["floor"]
        assert sides(box.round()) == row["round"]
        assert sides(box.clip_at_image_borders(row["W"], row["H"])) == row["clip"]
        near(sides(box.to_square()), row["toSquare"], 1e-9)
        near(sides(box.pad(box.width * 0.2, box.height * 0.2)), row["pad_20pct"], 1e-9)
        near(sides(box.rescale(row["rescale_s"])), row["rescale"], 1e-9)
    for row in said["iou"]:
        pair = boxes[row["a"]], boxes[row["b"]]
        near(faceapi.iou(*pair), row["iou"], 1e-12)
        near(faceapi.iou(*pair, is_iou=False), row["iom"], 1e-12)
    for number, cut in said["round"]:
        assert faceapi.round_down(number) == cut


def original_face(golden: Callable[[str], Any]) -> tuple[FaceResult, dict[str, Any]]:
    """Return a face as the original found it."""
    kept = golden("images/ex_bbt4.json")
    said = kept["pipeline_ssd"][0]
    size, box = (kept["width"], kept["height"]), Box(*said["detection"]["box"])
    found = FaceDetection(said["detection"]["score"], box.rescale((1 / size[0], 1 / size[1])), size)
    inside = np.array(said["landmarks"]) - (box.x, box.y)
    crop = said["landmark_crop"][2:]
    return FaceResult(found).with_landmarks(FaceLandmarks68(inside / crop, tuple(crop))), said


def test_alignment_and_resizing_of_the_original(golden: Callable[[str], Any]) -> None:
    face, _ = original_face(golden)
    said = golden("geometry.json")
    points, inside = face.landmarks, face.unshifted_landmarks
    assert points is not None
    assert inside is not None
    for name, box in {
        "noarg": points.align(),
        "pad0": points.align(min_box_padding=0),
        "dlib": points.align(use_dlib_alignment=True),
        "unshifted_with_detection": inside.align(face.detection),
        "unshifted_with_detection_dlib": inside.align(face.detection, use_dlib_alignment=True),
    }.items():
        near(sides(box), said["align"][name], 1e-4)
    want = said["resizeResults"]
    (resized,) = faceapi.resize_results([face], tuple(want["to"]))
    assert resized.landmarks is not None
    assert resized.aligned_rect is not None
    near(sides(resized.detection), want["box"], 1e-4)
    near(resized.landmarks.positions, want["landmarks"], 1e-4)
    near(sides(resized.aligned_rect), want["alignedRect"], 1e-4)


def test_matching_of_the_original(golden: Callable[[str], Any]) -> None:
    said = golden("matcher.json")
    known = said["descriptors"]
    people = sorted({name.rstrip("12345") for name in known})
    matcher = faceapi.FaceMatcher(
        [faceapi.LabeledFaceDescriptors(who, [known[f"{who}{i}"] for i in "12"]) for who in people],
        said["distanceThreshold"],
    )
    for name, want in said["results"].items():
        match = matcher.find_best_match(known[name])
        assert (match.label, match.to_string()) == (want["best"], want["str"])
        near(match.distance, want["distance"], 1e-6)
        near(matcher.distances(known[name]), [want["all"][who] for who in people], 1e-6)
