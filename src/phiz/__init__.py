"""Faces: find them, align them, describe them, tell who is who.

    import phiz

    detector = phiz.load("dlib-hog-frontal")
    landmarker = phiz.load("dlib-landmarks-5")
    describer = phiz.load("dlib-face-resnet-v1")

    image = phiz.read_image("party.jpg")              # (h, w, 3) uint8 RGB
    faces = detector(image, upsample=1)               # boxes, scores
    points = landmarker(image, faces)                 # (n, 5, 2)
    chips = phiz.align(image, points)                 # (n, 150, 150, 3)
    people = describer(chips)                         # (n, 128), not normalised

or all of it at once: ``phiz.analyze("party.jpg")``.

Importing phiz loads NumPy and nothing else; the names below are imported when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phiz.clustering import chinese_whispers, cluster
    from phiz.errors import (
        DeviceError,
        DownloadError,
        FormatError,
        ImageError,
        IntegrityError,
        LicenceError,
        MissingExtra,
        ModelNotFound,
        OptionError,
        PhizError,
        ShapeError,
        SpaceError,
    )
    from phiz.geometry import DLIB_150, ChipSpec
    from phiz.identification import Identifications, References, identify
    from phiz.imaging import as_image, read_image
    from phiz.loading import load
    from phiz.models.align import align
    from phiz.models.boxed import crop_boxes
    from phiz.models.hog import HogOptions
    from phiz.models.mmod import CnnOptions
    from phiz.models.redaction import redact
    from phiz.pipeline import analyze
    from phiz.runtime import Runtime
    from phiz.scores import Scores
    from phiz.table import FaceTable
    from phiz.values import Descriptors, Faces, Landmarks, Verification
    from phiz.verification import verify

__version__ = "0.1.0"

_HOME = {
    "ChipSpec": "geometry",
    "CnnOptions": "models.mmod",
    "DLIB_150": "geometry",
    "Descriptors": "values",
    "DeviceError": "errors",
    "DownloadError": "errors",
    "FaceTable": "table",
    "Faces": "values",
    "FormatError": "errors",
    "HogOptions": "models.hog",
    "Identifications": "identification",
    "ImageError": "errors",
    "IntegrityError": "errors",
    "Landmarks": "values",
    "LicenceError": "errors",
    "MissingExtra": "errors",
    "ModelNotFound": "errors",
    "OptionError": "errors",
    "PhizError": "errors",
    "References": "identification",
    "Runtime": "runtime",
    "Scores": "scores",
    "ShapeError": "errors",
    "SpaceError": "errors",
    "Verification": "values",
    "align": "models.align",
    "analyze": "pipeline",
    "as_image": "imaging",
    "chinese_whispers": "clustering",
    "cluster": "clustering",
    "crop_boxes": "models.boxed",
    "identify": "identification",
    "load": "loading",
    "read_image": "imaging",
    "redact": "models.redaction",
    "verify": "verification",
}
_ROOMS = (
    "arrow",
    "clustering",
    "enrolment",
    "errors",
    "geometry",
    "imaging",
    "pipeline",
    "table",
    "values",
    "zoo",
)

__all__ = [
    "DLIB_150",
    "ChipSpec",
    "CnnOptions",
    "Descriptors",
    "DeviceError",
    "DownloadError",
    "FaceTable",
    "Faces",
    "FormatError",
    "HogOptions",
    "Identifications",
    "ImageError",
    "IntegrityError",
    "Landmarks",
    "LicenceError",
    "MissingExtra",
    "ModelNotFound",
    "OptionError",
    "PhizError",
    "References",
    "Runtime",
    "Scores",
    "ShapeError",
    "SpaceError",
    "Verification",
    "align",
    "analyze",
    "as_image",
    "chinese_whispers",
    "cluster",
    "crop_boxes",
    "identify",
    "load",
    "read_image",
    "redact",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"phiz.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"phiz.{name}")
    raise AttributeError(f"module 'phiz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
