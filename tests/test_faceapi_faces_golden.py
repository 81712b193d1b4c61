"""face-api.js's models of faces against its own outputs, kept in ../shared or PHIZ_SHARED.

Source: face-api.js 0.22.2 on TensorFlow.js's CPU and WebAssembly backends, and for the other
divisor @vladmandic/face-api 1.7.15; see the manifest beside the data.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import phiz
from phiz.geometry import FACEAPI_112, FACEAPI_150
from phiz.models.faceapi_classifier import EXPRESSIONS
from phiz.models.faceapi_crops import around_points, chip_crop, clip_boxes, square_of_face
from phiz.scores import Scores
from tests.test_faceapi_faces import age_gender, describer, expression, landmarker, sides
from tests.test_faceapi_nets import published

pytestmark = pytest.mark.shared


def corners(boxes: Any) -> np.ndarray:
    """Return boxes ``x y width height`` as ``x0 y0 x1 y1``."""
    array = np.asarray(boxes, float).reshape(-1, 4)
    return np.concatenate([array[:, :2], array[:, :2] + array[:, 2:]], axis=1)


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "faceapi"


def numbers(golden: Path, name: str) -> Any:
    return json.loads((golden / name).read_text("utf-8"))


def picture(shared: Path, name: str, sha256: str) -> np.ndarray:
    """Return a picture as face-api.js was given it, or skip: JPEG decoders differ."""
    kind, _, rest = name.partition("_")
    folders = {"ex": "faceapi", "test": "faceapi/test", "dlib": "dlib"}
    path = next((shared / "images" / folders[kind]).glob(f"{rest}.[jp][pn]g"))
    image = np.array(Image.open(path).convert("RGB"))
    if hashlib.sha256(image.tobytes()).hexdigest() != sha256:
        pytest.skip(f"{path.name} is decoded differently here")
    return image


def near(found: Any, want: Any, within: float) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(want, float), atol=within)


def by_label(rows: list[dict[str, Any]]) -> list[list[float]]:
    return [[row["expressions"][label] for label in EXPRESSIONS] for row in rows]


def check_ages(scores: Scores, rows: list[dict[str, Any]]) -> None:
    near(scores.age, [row["age"] for row in rows], 1e-3)
    best = [row[0] for row in scores.top(1)]
    assert [label for label, _ in best] == [row["gender"] for row in rows]
    near([score for _, score in best], [row["genderProbability"] for row in rows], 5e-5)


def test_fixed_chips(golden: Path) -> None:
    rows = list(numbers(golden, "chips.json").values())
    forked = numbers(golden, "vladmandic_1_7_15.json")["chips"]
    fork = [forked[row["name"]] for row in rows]
    images = [phiz.read_image(golden / "chips" / f"{row['name']}.png") for row in rows]
    for key, name in (
        ("landmarks68", "faceapi-landmarks-68"),
        ("landmarks68_tiny", "faceapi-landmarks-68-tiny"),
    ):
        find = landmarker(published(name), name)
        for image, row in zip(images, rows, strict=True):
            (points,) = find(image, [[0, 0, image.shape[1], image.shape[0]]]).points
            near(points, row[key], 0.02)
            if key == "landmarks68":
                wide = points.astype(float)
                near(sides(around_points(wide, 0.1)), row[f"{key}_align_minBbox"], 0.02)
                size = (float(image.shape[1]), float(image.shape[0]))
                near(sides(square_of_face(wide, size)), row[f"{key}_align_dlib"], 0)
    resnet = published("faceapi-face-resnet")
    near(describer(resnet)(images).vectors, [row["descriptor"] for row in rows], 1e-5)
    near(describer(resnet, 255)(images).vectors, [row["descriptor"] for row in fork], 1e-5)
    near(expression(published("faceapi-expression"))(images).probs, by_label(rows), 5e-5)
    xception = published("faceapi-age-gender")
    check_ages(age_gender(xception)(images), rows)
    check_ages(age_gender(xception, 255)(images), fork)


PICTURES = [
    *(f"dlib_2008_00{number}" for number in (1009, 1322, 2079, 2470, 2506, 4176, 7676)),
    *("dlib_2007_007763", "dlib_2009_004587", "dlib_Tom_Cruise_avp_2014_4", "dlib_bald_guys"),
    *(f"ex_bbt{number}" for number in range(1, 6)),
    *(f"ex_{mood}" for mood in EXPRESSIONS),
    *(f"test_{kind}" for kind in ("angry_cropped", "face1", "face_rectangular")),
    "test_surprised_cropped",
]
PIPELINES = {
    "pipeline_ssd": "faceapi-landmarks-68",
    "pipeline_tiny416_tinylandmarks": "faceapi-landmarks-68-tiny",
}


@pytest.fixture(scope="module")
def originals() -> dict[str, Any]:
    """The models with face-api.js's weights."""
    finders = {name: landmarker(published(name), name) for name in PIPELINES.values()}
    return {
        **finders,
        "describer": describer(published("faceapi-face-resnet")),
        "expression": expression(published("faceapi-expression")),
        "ages": age_gender(published("faceapi-age-gender")),
    }


@pytest.mark.parametrize("name", PICTURES)
def test_pipelines_from_the_originals_boxes(
    shared: Path, golden: Path, originals: dict[str, Any], name: str
) -> None:
    kept = numbers(golden, f"images/{name}.json")
    image = picture(shared, name, kept["rgb_sha256"])
    height, width = image.shape[:2]
    for pipeline, model in PIPELINES.items():
        rows = kept[pipeline]
        if not rows:
            continue
        boxes = corners([row["detection"]["box"] for row in rows])
        points = originals[model](image, boxes)
        near(points.points, [row["landmarks"] for row in rows], 0.02)
        seen = clip_boxes(boxes, width, height)
        for row, mine, crop in zip(rows, points.points.astype(float), seen, strict=True):
            near(sides(around_points(mine, 0.1)), row["alignedRect"], 0.02)
            size = (float(crop[2] - crop[0]), float(crop[3] - crop[1]))
            near(sides(square_of_face(mine, size)), row["dlibAlignedRect"], 0)
            if "landmark_crop" in row:
                near(sides(crop), row["landmark_crop"], 0)
                bounds = chip_crop(mine, FACEAPI_112, None, (height, width))
                near(sides(bounds), row["alignedRect_crop"], 0)
                square = chip_crop(mine, FACEAPI_150, crop, (height, width))
                near(sides(square), row["dlibAlignedRect_crop"], 0)
        chips = phiz.align(image, points, chip=FACEAPI_150, boxes=boxes)
        vectors = originals["describer"](chips).vectors
        near(vectors, [row["descriptor"] for row in rows], 1e-5)
        if pipeline == "pipeline_ssd":
            bounds = phiz.align(image, points, chip=FACEAPI_112)
            near(originals["expression"](bounds).probs, by_label(rows), 5e-5)
            check_ages(originals["ages"](bounds), rows)


def test_descriptors_of_the_gallery(shared: Path, golden: Path) -> None:
    kept = numbers(golden, "matcher.json")["descriptors"]
    folder = shared / "images" / "faceapi"
    images = [phiz.read_image(next(folder.glob(f"*/{name}.png"))) for name in kept]
    found = describer(published("faceapi-face-resnet"))(np.stack(images))
    near(found.vectors, list(kept.values()), 1e-5)


def test_rectangles_of_the_original(golden: Path) -> None:
    kept = numbers(golden, "geometry.json")
    for row in kept["boxes"]:
        (found,) = sides(clip_boxes(corners(row["box"]), row["W"], row["H"]))
        # Where a box shows nothing the original's sides are negative.
        near(found, np.array(row["clip"]).clip(0), 0)
        across = corners(row["box"]).reshape(2, 2)
        if (across > 0).all():
            near(sides(around_points(across, 0.1)), row["pad_20pct"], 1e-9)
    face_of = numbers(golden, "images/ex_bbt4.json")["pipeline_ssd"][0]
    points = np.array(face_of["landmarks"])
    near(sides(around_points(points, 0.1)), kept["align"]["noarg"], 1e-9)
    near(sides(around_points(points, 0.0)), kept["align"]["pad0"], 1e-9)
    crop = face_of["landmark_crop"]
    near(sides(square_of_face(points, (crop[2], crop[3]))), kept["align"]["dlib"], 0)
