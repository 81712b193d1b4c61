"""dlib's Python module on phiz."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from phiz.compat.dlib.detections import full_object_detection, full_object_detections
from phiz.compat.dlib.drectangles import drectangle
from phiz.compat.dlib.geometry import (
    center,
    centered_rect,
    centered_rects,
    dot,
    get_rect,
    grow_rect,
    length,
    polygon_area,
    scale_rect,
    shrink_rect,
    translate_rect,
)
from phiz.compat.dlib.lists import dpoints, points, rectangles, rectangless, vectors, vectorss
from phiz.compat.dlib.mmod import mmod_rectangle, mmod_rectangles, mmod_rectangless
from phiz.compat.dlib.pixels import rgb_pixel
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.vectors import vector

_HOME = {
    "bottom_up_clustering": "clustering",
    "chinese_whispers": "clustering",
    "chinese_whispers_clustering": "clustering",
    "cnn_face_detection_model_v1": "cnn",
    "face_recognition_model_v1": "recognition",
    "fhog_object_detector": "detectors",
    "get_frontal_face_detector": "detectors",
    "load_grayscale_image": "pictures",
    "load_rgb_alpha_image": "pictures",
    "load_rgb_image": "pictures",
    "save_image": "pictures",
    "shape_predictor": "predictor",
    "simple_object_detector": "detectors",
}
"""Where names are that are loaded when they are used."""

__all__ = [
    "center",
    "centered_rect",
    "centered_rects",
    "dot",
    "dpoint",
    "dpoints",
    "drectangle",
    "full_object_detection",
    "full_object_detections",
    "get_rect",
    "grow_rect",
    "length",
    "mmod_rectangle",
    "mmod_rectangles",
    "mmod_rectangless",
    "point",
    "points",
    "polygon_area",
    "rectangle",
    "rectangles",
    "rectangless",
    "rgb_pixel",
    "scale_rect",
    "shrink_rect",
    "translate_rect",
    "vector",
    "vectors",
    "vectorss",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"phiz.compat.dlib.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'dlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
