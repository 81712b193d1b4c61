"""What a task asks of faces that were found: each step returns them with one part more.

A face that shows no whole pixel to a step is left out: there is nothing to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from phiz.checks import U8
from phiz.compat.faceapi.boxes import Box
from phiz.compat.faceapi.detection import FaceDetection
from phiz.compat.faceapi.networks import ages_and_genders, descriptors, expressions, landmarks
from phiz.compat.faceapi.results import FaceResult
from phiz.compat.faceapi.source import Source, show, visible

__all__ = ["Step", "add_age_and_gender", "add_descriptors", "add_expressions", "add_landmarks"]

Step: TypeAlias = Callable[[Source, list[FaceResult]], list[FaceResult]]
Part: TypeAlias = Callable[[FaceResult], "FaceDetection | Box"]


def _seen(pixels: U8, faces: list[FaceResult], part: Part) -> tuple[list[FaceResult], list[Box]]:
    """Return the faces of which there is something to see, and where it is."""
    pairs = [(face, visible(pixels, part(face))) for face in faces]
    shown = [(face, place) for face, place in pairs if place is not None]
    return [face for face, _ in shown], [place for _, place in shown]


def add_landmarks(source: Source, faces: list[FaceResult], *, use_tiny: bool) -> list[FaceResult]:
    """Find landmarks."""
    pixels = source.pixels()
    faces, places = _seen(pixels, faces, lambda face: face.detection)
    found = landmarks(source.models, pixels, places, use_tiny=use_tiny) if places else []
    return [face.with_landmarks(own) for face, own in zip(faces, found, strict=True)]


def _crops(
    source: Source,
    faces: list[FaceResult],
    part: Part = lambda face: face.aligned_rect or face.detection,
) -> tuple[list[FaceResult], list[U8]]:
    pixels = source.pixels()
    faces, places = _seen(pixels, faces, part)
    return faces, [show(pixels, place) for place in places]


def add_expressions(source: Source, faces: list[FaceResult]) -> list[FaceResult]:
    """Say how probable each expression is."""
    faces, crops = _crops(source, faces)
    found = expressions(source.models, crops) if crops else []
    return [replace(face, expressions=own) for face, own in zip(faces, found, strict=True)]


def add_age_and_gender(source: Source, faces: list[FaceResult]) -> list[FaceResult]:
    """Estimate age and gender."""
    faces, crops = _crops(source, faces)
    found = ages_and_genders(source.models, crops) if crops else []
    return [
        replace(face, age=age, gender=gender, gender_probability=probability)
        for face, (age, gender, probability) in zip(faces, found, strict=True)
    ]


def _square(face: FaceResult) -> Box:
    assert face.landmarks is not None  # with_face_descriptors sees to it
    return face.landmarks.align(use_dlib_alignment=True)


def add_descriptors(source: Source, faces: list[FaceResult]) -> list[FaceResult]:
    """Describe faces that have landmarks."""
    faces, crops = _crops(source, faces, _square)
    found = list(descriptors(source.models, crops)) if crops else []
    return [replace(face, descriptor=own) for face, own in zip(faces, found, strict=True)]
