"""face-api.js's networks, run on parts of pictures, and their answers in its shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from phiz.checks import F32, F64, U8
from phiz.compat.faceapi.boxes import Box
from phiz.compat.faceapi.detection import FaceDetection
from phiz.compat.faceapi.landmarks import FaceLandmarks5, FaceLandmarks68
from phiz.compat.faceapi.options import (
    FaceDetectionOptions,
    MtcnnOptions,
    SsdMobilenetv1Options,
    TinyFaceDetectorOptions,
    TinyYolov2Options,
)
from phiz.compat.faceapi.results import AgeAndGender, FaceExpressions, FaceResult
from phiz.compat.faceapi.source import Models
from phiz.errors import OptionError
from phiz.values import Faces

__all__ = [
    "ages_and_genders",
    "check_options",
    "descriptors",
    "detections",
    "expressions",
    "landmarks",
    "mtcnn_faces",
]

_DETECTORS: Final[dict[type, str]] = {
    SsdMobilenetv1Options: "faceapi-ssd-mobilenetv1",
    TinyFaceDetectorOptions: "faceapi-tiny",
    TinyYolov2Options: "faceapi-tiny-yolov2",
    MtcnnOptions: "faceapi-mtcnn",
}


def check_options(options: FaceDetectionOptions) -> None:
    """Raise OptionError unless the options say which detector to run."""
    if type(options) not in _DETECTORS:
        wanted = ", ".join(each.__name__ for each in _DETECTORS)
        raise OptionError(f"options: wanted one of {wanted}, found {options!r}")


def _find(models: Models, pixels: U8, options: FaceDetectionOptions) -> tuple[Faces, F64]:
    """Return faces, and their boxes as ``x y width height`` (n, 4)."""
    faces: Faces = models.get(_DETECTORS[type(options)], options)(pixels)
    boxes = faces.boxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return faces, boxes


def _detection(box: F64, score: float, pixels: U8) -> FaceDetection:
    height, width = pixels.shape[:2]
    relative = Box(*(box / (width, height, width, height)).tolist())
    return FaceDetection(float(score), relative, (width, height))


def detections(models: Models, pixels: U8, options: FaceDetectionOptions) -> list[FaceDetection]:
    """Find faces, best score first."""
    faces, boxes = _find(models, pixels, options)
    return [_detection(box, score, pixels) for box, score in zip(boxes, faces.scores, strict=True)]


def mtcnn_faces(models: Models, pixels: U8, options: MtcnnOptions) -> list[FaceResult]:
    """Find faces and MTCNN's own five points, best score first."""
    faces, boxes = _find(models, pixels, options)
    assert faces.landmarks is not None  # MTCNN always finds them
    found = []
    for box, score, points in zip(boxes, faces.scores, faces.landmarks.points, strict=True):
        inside = FaceLandmarks5((points - box[:2]) / box[2:], (box[2], box[3]))
        found.append(FaceResult(_detection(box, score, pixels)).with_landmarks(inside))
    return found


def landmarks(
    models: Models, pixels: U8, places: Sequence[Box], *, use_tiny: bool
) -> list[FaceLandmarks68]:
    """Find landmarks in parts of a picture, of whole pixels, counted from each part's corner."""
    model = models.get("faceapi-landmarks-68-tiny" if use_tiny else "faceapi-landmarks-68")
    sides = [(place.x, place.y, place.right, place.bottom) for place in places]
    points = model(pixels, np.array(sides, np.float32).reshape(-1, 4)).points.astype(np.float64)
    return [
        FaceLandmarks68((own - place.top_left) / place.size, place.size)
        for own, place in zip(points, places, strict=True)
    ]


def descriptors(models: Models, crops: Sequence[U8]) -> F32:
    """Describe faces; (n, 128) float32."""
    vectors: F32 = models.get("faceapi-face-resnet")(list(crops)).vectors
    return vectors


def expressions(models: Models, crops: Sequence[U8]) -> list[FaceExpressions]:
    """Say how probable each expression is."""
    scores = models.get("faceapi-expression")(list(crops))
    rows = scores.probs.tolist()
    return [FaceExpressions(**dict(zip(scores.labels, row, strict=True))) for row in rows]


def ages_and_genders(models: Models, crops: Sequence[U8]) -> list[AgeAndGender]:
    """Estimate ages and genders."""
    scores = models.get("faceapi-age-gender")(list(crops))
    male = scores.probs[:, scores.labels.index("male")].astype(np.float64)
    return [
        AgeAndGender(years, "male", of_male)
        if of_male > 0.5
        else AgeAndGender(years, "female", 1 - of_male)
        for years, of_male in zip(scores.age.tolist(), male.tolist(), strict=True)
    ]
