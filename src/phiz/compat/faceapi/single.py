"""One network at a time: faces that were cut out already go in, answers come out.

Each takes a picture or a list of pictures, of any sizes; a list gives a list.  Models are loaded
when they are first wanted; ``download`` is that of :func:`phiz.load`, ``runtime`` None the
default one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, overload

from phiz.checks import F32, U8
from phiz.compat.faceapi.boxes import Box
from phiz.compat.faceapi.landmarks import FaceLandmarks68
from phiz.compat.faceapi.networks import (
    ages_and_genders,
    descriptors,
    expressions,
    landmarks,
    mtcnn_faces,
)
from phiz.compat.faceapi.options import MtcnnOptions
from phiz.compat.faceapi.results import AgeAndGender, FaceExpressions, FaceResult
from phiz.compat.faceapi.source import Models, pixels_of
from phiz.imaging import ImageLike
from phiz.runtime import Runtime

__all__ = [
    "compute_face_descriptor",
    "detect_face_landmarks",
    "mtcnn",
    "predict_age_and_gender",
    "recognize_face_expressions",
]

Several: TypeAlias = "list[ImageLike] | tuple[ImageLike, ...]"


def _each(face: ImageLike | Several, run: Callable[[list[U8]], Any]) -> Any:
    """Run on a picture, or on a list."""
    if isinstance(face, (list, tuple)):
        return run([pixels_of(each) for each in face])
    return run([pixels_of(face)])[0]


@overload
def detect_face_landmarks(
    face: ImageLike, *, use_tiny: bool = ..., download: bool = ..., runtime: Runtime | None = ...
) -> FaceLandmarks68: ...


@overload
def detect_face_landmarks(
    face: Several, *, use_tiny: bool = ..., download: bool = ..., runtime: Runtime | None = ...
) -> list[FaceLandmarks68]: ...


def detect_face_landmarks(
    face: ImageLike | Several,
    *,
    use_tiny: bool = False,
    download: bool = False,
    runtime: Runtime | None = None,
) -> FaceLandmarks68 | list[FaceLandmarks68]:
    """Find the landmarks of a face.

    face: a face cut out of its picture, or a list of such; see :func:`phiz.imaging.as_image`.
    use_tiny: with the smaller network.
    """
    models = Models(download, runtime)

    def run(crops: list[U8]) -> list[FaceLandmarks68]:
        found = []
        for crop in crops:
            whole = Box(0, 0, crop.shape[1], crop.shape[0])
            found += landmarks(models, crop, [whole], use_tiny=use_tiny)
        return found

    result: FaceLandmarks68 | list[FaceLandmarks68] = _each(face, run)
    return result


def compute_face_descriptor(
    face: ImageLike | Several, *, download: bool = False, runtime: Runtime | None = None
) -> F32:
    """Describe a face; (128,) float32, or (n, 128) of a list of faces.  See the others."""
    models = Models(download, runtime)
    vectors: F32 = _each(face, lambda crops: descriptors(models, crops))
    return vectors


@overload
def recognize_face_expressions(
    face: ImageLike, *, download: bool = ..., runtime: Runtime | None = ...
) -> FaceExpressions: ...


@overload
def recognize_face_expressions(
    face: Several, *, download: bool = ..., runtime: Runtime | None = ...
) -> list[FaceExpressions]: ...


def recognize_face_expressions(
    face: ImageLike | Several, *, download: bool = False, runtime: Runtime | None = None
) -> FaceExpressions | list[FaceExpressions]:
    """Say how probable each expression of a face, or of each in a list, is."""
    models = Models(download, runtime)
    result: FaceExpressions | list[FaceExpressions] = _each(
        face, lambda crops: expressions(models, crops)
    )
    return result


@overload
def predict_age_and_gender(
    face: ImageLike, *, download: bool = ..., runtime: Runtime | None = ...
) -> AgeAndGender: ...


@overload
def predict_age_and_gender(
    face: Several, *, download: bool = ..., runtime: Runtime | None = ...
) -> list[AgeAndGender]: ...


def predict_age_and_gender(
    face: ImageLike | Several, *, download: bool = False, runtime: Runtime | None = None
) -> AgeAndGender | list[AgeAndGender]:
    """Estimate age and gender of a face, or of each in a list."""
    models = Models(download, runtime)
    result: AgeAndGender | list[AgeAndGender] = _each(
        face, lambda crops: ages_and_genders(models, crops)
    )
    return result


def mtcnn(
    image: ImageLike,
    options: MtcnnOptions | None = None,
    *,
    download: bool = False,
    runtime: Runtime | None = None,
) -> list[FaceResult]:
    """Find faces in a picture, each with MTCNN's own five points as its landmarks.

    ``detect_all_faces`` with MtcnnOptions leaves the points out, as the original does.
    """
    return mtcnn_faces(Models(download, runtime), pixels_of(image), options or MtcnnOptions())
